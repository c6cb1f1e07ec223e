"""One finding of a console for each title and signature, with its count."""

from __future__ import annotations

from dataclasses import replace

from harness.findings.parser import MAX_FINDINGS, findings_of, folded, parse_console
from harness.model.finding import KERNEL_LOG, Severity

BOOT = b"[    0.0] Linux version 6.1.0\n"


def warning(function: str = "frog_leap") -> bytes:
    return (
        f"[    5.0] WARNING: CPU: 0 PID: 7 at mm/frog.c:12 {function}+0x12/0x34\n[    5.0] Call Trace:\n"
        f"[    5.0]  {function}_by+0x12/0x34\n[    5.0] ---[ end trace 0000000000000000 ]---\n"
    ).encode()


def test_the_first_stands_for_all_of_its_title() -> None:
    one, other, *rest = folded(parse_console(BOOT + warning() + warning("toad") + warning() * 9))
    assert not rest
    assert (one.function, one.first_line, one.repeats) == ("frog_leap", 2, 10)
    assert (other.function, other.first_line, other.repeats) == ("toad", 6, 1)


def test_nothing_that_differs_in_what_counts_is_folded() -> None:
    (one,) = parse_console(BOOT + warning())
    others = [
        replace(one, title="WARNING in toad"),
        replace(one, signature="other"),
        replace(one, severity=Severity.FATAL),
        replace(one, corrupted=True),
        replace(one, artefact=KERNEL_LOG),
    ]
    assert [finding.repeats for finding in folded([one, *others, one, *others])] == [2] * 6


def test_counts_add_up() -> None:
    (one,) = parse_console(BOOT + warning())
    assert folded(folded([one, one]) + folded([one]))[0].repeats == 3


def test_a_guest_with_another_title_each_time_is_bounded_and_nothing_is_lost() -> None:
    kept = folded(findings_of(warning(f"frog_{number}") for number in range(3 * MAX_FINDINGS)))
    assert len(kept) == MAX_FINDINGS
    assert sum(finding.repeats for finding in kept) == 3 * MAX_FINDINGS


def test_a_first_title_of_its_kind_is_kept_however_many_there_are() -> None:
    flood = b"".join(warning(f"frog_{number}") for number in range(2 * MAX_FINDINGS))
    panic = b"[    9.0] Kernel panic - not syncing: no frogs\n"
    assert folded(parse_console(flood + panic))[-1].title == "kernel panic: no frogs"
