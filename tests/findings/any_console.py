"""What must hold for any bytes of a console, for hypothesis and the fuzzer."""

from __future__ import annotations

from collections.abc import Sequence

from harness.findings import ConsoleParser, parse_console
from harness.findings.parser import MAX_OPEN, folded
from harness.findings.report import MAX_FRAMES, MAX_LINES, MAX_TITLE
from harness.findings.watch import ReportWatch
from harness.model.finding import Finding, Severity


def check_console(data: bytes, sizes: Sequence[int] = (1, 7, 64, 3)) -> tuple[Finding, ...]:
    """Parse it whole and in pieces of ``sizes`` in turn, and check what is found. Raises AssertionError."""
    found = parse_console(data)
    parser, watch, pieces = ConsoleParser(), ReportWatch(lambda: 0.0), []
    told = False
    start = turn = 0
    while start < len(data):
        piece = data[start : start + sizes[turn % len(sizes)]]
        start, turn = start + len(piece), turn + 1
        pieces += parser.feed(piece)
        now = watch.feed(piece)
        assert now or not told, "a death is taken back"
        told = now
        assert len(parser._open) <= MAX_OPEN
    pieces += parser.close()
    assert sorted(pieces, key=lambda f: (f.first_line, f.last_line)) == list(found), "pieces change what is found"
    assert watch.close() is any(finding.severity is Severity.FATAL for finding in found)
    lines = data.count(b"\n") + 1
    for finding in found:
        check_finding(finding, lines)
    assert sum(finding.repeats for finding in folded(found)) == len(found)
    return found


def check_finding(finding: Finding, lines: int) -> None:
    """Bounded, printable, and within the console's ``lines``."""
    assert 1 <= finding.first_line <= finding.last_line <= lines
    assert 1 <= len(finding.lines) <= MAX_LINES
    assert 1 <= len(finding.title) <= MAX_TITLE
    assert len(finding.frames) <= MAX_FRAMES
    for text in (finding.title, finding.signature, finding.function or "", *finding.lines, *finding.frames):
        assert not any((ord(c) < 32 and c != "\t") or 0x7F <= ord(c) <= 0x9F for c in text), repr(text)
