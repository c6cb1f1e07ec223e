"""What must hold for any bytes a guest can send: no exception, no dependence on pieces, no escapes, bounded results."""

from __future__ import annotations

import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.findings import parse_console
from harness.findings.report import MAX_LINES

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
LINES = sorted({line for path in CASES for line in path.read_bytes().split(b"\n")})

lines = st.one_of(
    st.sampled_from(LINES),
    st.binary(max_size=40),
    st.sampled_from([b"\x1b[31m", b"\0\0BUG: ", b"\xc2\x9b31m", b"\x1b]0;BUG: x", b"\r", b"[   12.345678] ", b"page:"]),
)
consoles = st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r\n", b"", b"\n\n"])), max_size=40).map(
    lambda parts: b"".join(line + end for line, end in parts)
)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing(data: bytes) -> None:
    parse_console(data)


@quick
@given(consoles, st.lists(st.integers(min_value=1, max_value=200), max_size=20))
def test_pieces_do_not_change_the_result(data: bytes, sizes: list[int]) -> None:
    pieces, start = [], 0
    for size in sizes:
        pieces.append(data[start : start + size])
        start += size
    pieces.append(data[start:])
    assert parse_console(pieces) == parse_console(data)


@quick
@given(consoles)
def test_lines_before_do_not_change_the_result(data: bytes) -> None:
    """The quick path over clean blocks and the slow path over lines agree."""
    padding = b"nothing to see\n" * 5000
    moved = parse_console(padding + data)
    assert [(f.title, f.first_line - 5000, f.last_line - 5000, f.lines) for f in moved] == [
        (f.title, f.first_line, f.last_line, f.lines) for f in parse_console(data)
    ]


@quick
@given(consoles)
def test_what_comes_out_is_clean_and_bounded(data: bytes) -> None:
    count = data.count(b"\n") + 1
    for finding in parse_console(data):
        assert 1 <= finding.first_line <= finding.last_line <= count
        assert 1 <= len(finding.lines) <= MAX_LINES
        for text in (finding.title, finding.function or "", *finding.lines, *finding.frames):
            assert not any((ord(c) < 32 and c != "\t") or 0x7F <= ord(c) <= 0x9F for c in text)


def test_hostile_lines_cost_linear_time() -> None:
    """Each of these would take minutes with one nested repetition in the patterns."""
    hostile = [
        b"BUG: " + b"a" * 200_000,
        b"BUG: KASAN: " + b"x " * 100_000,
        b"WARNING: CPU: 1 PID: 1 at " + b"a/" * 100_000,
        b"INFO: task " + b"a:1" * 60_000,
        b"[<c0123456>] " * 20_000,
        b"BUG: x\nCall Trace:\n" + b"a.b$c" * 40_000 + b"+0x",
        b"[ 1.000000] " * 20_000,
        b"\x1b[" * 100_000,
        b"=" * 200_000,
        b"(" * 100_000 + b")" * 100_000,
    ]
    start = time.perf_counter()
    for line in hostile:
        parse_console(line + b"\n" + b"WARNING: possible recursive locking detected\n" + line + b"\n")
    assert time.perf_counter() - start < 2.0


def test_a_guest_that_never_stops_reporting_is_bounded() -> None:
    frame = b" [<ffffffff810e5a3d>] foo+0x1/0x2\n"
    endless = parse_console(b"BUG: scheduling while atomic: a/1/2\nCall Trace:\n" + frame * 20_000)
    assert len(endless) == 1
    assert len(endless[0].lines) == MAX_LINES
    assert endless[0].last_line < 5_000
