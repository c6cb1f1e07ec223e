"""When the kernel has said its last words: neither before the report's last line, nor long after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.findings import ConsoleParser, parse_console
from harness.findings.watch import QUIET, ReportWatch
from harness.model.finding import Severity
from tests.findings.test_console_cases import CASES, FOLDER, case_name, read_case, symbols_of


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def console_of(name: str) -> bytes:
    return read_case(FOLDER / f"{name}.txt")[1]


@pytest.mark.slow
@pytest.mark.parametrize("path", CASES, ids=case_name)
def test_no_report_is_complete_before_all_is_said_that_names_it(path: Path) -> None:
    """Nor before its end mark, where it is the only report and has one."""
    _, console = read_case(path)
    found = parse_console(console, symbols_of(path).get)
    fatal = [finding for finding in found if finding.severity is Severity.FATAL]
    parser, complete = ConsoleParser(), None
    for number, line in enumerate(console.splitlines(keepends=True), 1):
        for at in range(0, len(line), 5):
            parser.feed(line[at : at + 5])
        if complete is None and parser.fatal_report_complete:
            complete = number
    parser.close()
    assert parser.fatal_report_complete is bool(fatal)
    if complete is None:
        return
    lines = console.splitlines(keepends=True)
    until = [f for f in parse_console(b"".join(lines[:complete]), symbols_of(path).get) if f.severity is Severity.FATAL]
    assert until[0].title == fatal[0].title
    ends = [number for number, line in enumerate(lines, 1) if b"---[ end " in line and number > fatal[0].first_line]
    if ends and len(found) == 1 and found[0].kind != "early-exception" and b"[#2]" not in console:
        assert complete >= ends[0]


@pytest.mark.parametrize(
    ("name", "at_once"),
    [("6.1/bug", True), ("6.1-booted-crash", False), ("2.5.31-bk/early-bug", True), ("2.6.9/bug", False)],
)
def test_a_watcher_is_told_of_a_complete_fatal_report(name: str, at_once: bool) -> None:
    """At once where the kernel prints an end, else when it is silent behind it."""
    clock = Clock()
    watch = ReportWatch(clock)
    console = console_of(name)
    assert watch.feed(console) is at_once
    clock.now += QUIET - 1
    assert watch.feed(b"") is at_once
    clock.now += 2
    assert watch.feed(b"")


def test_a_kernel_that_dies_in_its_dump_is_dead_when_it_is_silent() -> None:
    clock = Clock()
    watch = ReportWatch(clock)
    console = console_of("3.0.1/bug")
    assert not watch.feed(console[: console.index(b"Call Trace")])
    clock.now += QUIET + 1
    assert watch.feed(b"")


def test_silence_after_no_report_or_one_that_kills_nobody_says_nothing() -> None:
    clock = Clock()
    for name in ("clean-6.1-boot", "6.1-refcount", "6.1/sleep"):
        watch = ReportWatch(clock)
        watch.feed(console_of(name))
        clock.now += 1000
        assert not watch.feed(b""), name
        assert not watch.close(), name


def test_a_panic_whose_guest_is_gone_at_once_is_told_at_the_end() -> None:
    watch = ReportWatch(Clock())
    assert not watch.feed(console_of("2.5-panic-root"))
    assert watch.close()


def test_bytes_keep_a_dying_kernel_alive() -> None:
    clock = Clock()
    watch = ReportWatch(clock)
    for line in console_of("2.6.9/bug").splitlines(keepends=True):
        clock.now += QUIET - 1
        assert not watch.feed(line)
