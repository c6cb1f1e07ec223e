"""What becomes of a cell: the order of the questions, as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.cell import Outcome, Proof
from harness.model.finding import CONSOLE, KERNEL_LOG, Finding, Severity
from harness.model.guest import GuestEnd, GuestResult
from harness.runs.cell_run import ending_of, with_kernel_log
from harness.runs.execute import source_locations
from harness.stressors.report_port import StressorReport
from harness.verdicts.cell_rules import NO_RULES, decide, judged
from harness.verdicts.cell_rules import NOWHERE as SOMEWHERE

PROVEN = Proof((), True, (), "work +9")
UNPROVEN = Proof((), False, ("work +0: less than 1 (why)",), "")
DONE = StressorReport(True, "", ok=True, done=True)
RUNNING = StressorReport(True, "")
NOWHERE = StressorReport(False, "")
SKIPPED = StressorReport(True, "", ok=True, skip="no NUMA", done=True)
FAILED = StressorReport(True, "", ok=False, error="mount: EPERM", done=True)


def finding(severity: Severity) -> Finding:
    """One report of the kernel."""
    return Finding("k", f"a {severity} report", "f", severity, 1, 2, ())


@pytest.mark.parametrize(
    ("end", "severities", "report", "proof", "outcome", "reason"),
    [
        (GuestEnd.POWER_OFF, "", DONE, PROVEN, Outcome.PASS, "work +9"),
        (GuestEnd.POWER_OFF, "notice", DONE, PROVEN, Outcome.PASS, "work +9"),
        (GuestEnd.POWER_OFF, "", DONE, UNPROVEN, Outcome.DID_NOT_EXERCISE, "work +0"),
        (GuestEnd.POWER_OFF, "", DONE, None, Outcome.DID_NOT_EXERCISE, "no counters"),
        (GuestEnd.POWER_OFF, "", SKIPPED, PROVEN, Outcome.NOT_IN_THIS_KERNEL, "no NUMA"),
        (GuestEnd.POWER_OFF, "", FAILED, PROVEN, Outcome.DID_NOT_EXERCISE, "mount: EPERM"),
        (GuestEnd.POWER_OFF, "", RUNNING, PROVEN, Outcome.HUNG, "died without a word after user space"),
        (GuestEnd.POWER_OFF, "", NOWHERE, None, Outcome.HUNG, "died without a word before user space"),
        (GuestEnd.POWER_OFF, "warning", DONE, PROVEN, Outcome.FINDING, "a warning report"),
        (GuestEnd.POWER_OFF, "warning fatal", DONE, PROVEN, Outcome.FINDING, "a fatal report and 1 more"),
        (GuestEnd.CRASHED, "fatal", RUNNING, None, Outcome.FINDING, "a fatal report"),
        (GuestEnd.CRASHED, "fatal", NOWHERE, None, Outcome.FINDING, "a fatal report"),
        (GuestEnd.HUNG, "error", RUNNING, None, Outcome.FINDING, "an error report"),
        (GuestEnd.HUNG, "", RUNNING, None, Outcome.HUNG, "hung in user space"),
        (GuestEnd.HUNG, "notice", NOWHERE, None, Outcome.HUNG, "hung before user space"),
        (GuestEnd.WALL_LIMIT, "", RUNNING, None, Outcome.TIMED_OUT, "told"),
        (GuestEnd.WALL_LIMIT, "", NOWHERE, None, Outcome.HUNG, "hung before user space"),
        (GuestEnd.RESET, "", NOWHERE, None, Outcome.HUNG, "died without a word before user space was reached: told"),
        (GuestEnd.RESET, "fatal", NOWHERE, None, Outcome.FINDING, "a fatal report"),
        (GuestEnd.FLOODED, "", RUNNING, None, Outcome.DID_NOT_EXERCISE, "flooded"),
        (GuestEnd.FLOODED, "warning", RUNNING, None, Outcome.FINDING, "a warning report"),
        (GuestEnd.QEMU_FAILED, "", DONE, PROVEN, Outcome.HARNESS_FAILURE, "told"),
        (GuestEnd.QEMU_FAILED, "fatal", DONE, PROVEN, Outcome.HARNESS_FAILURE, "told"),
    ],
)
def test_outcomes(
    end: GuestEnd, severities: str, report: StressorReport, proof: Proof | None, outcome: Outcome, reason: str
) -> None:
    result = GuestResult(end, 1.0, 0.2, "c", "r", "told")
    findings = tuple(finding(Severity(name)) for name in severities.split())
    decided, why = decide(ending_of(result, report, proof), judged(findings, NO_RULES, SOMEWHERE))
    assert decided is outcome
    assert reason.replace("an error", "a error") in why


def named(title: str, *, corrupted: bool = False, kind: str = "bug", artefact: str = CONSOLE) -> Finding:
    """One report of the kernel, whole or torn."""
    return Finding(kind, title, "f", Severity.FATAL, 1, 2, (), corrupted, artefact=artefact)


def test_a_report_that_only_the_log_has_says_so() -> None:
    (found,) = with_kernel_log((), (named("BUG in x"),))
    assert (found.artefact, found.origin) == (KERNEL_LOG, "from guest RAM")
    ending = ending_of(GuestResult(GuestEnd.HUNG, 1.0, None, "c", "r", "told"), NOWHERE, None)
    outcome, reason = decide(ending, (found,))
    told = "BUG in x (from guest RAM); the guest hung before user space: told"
    assert (outcome, reason) == (Outcome.FINDING, told)


def test_what_the_console_has_is_not_said_twice() -> None:
    console = (named("BUG in x"), named("kernel panic: y", kind="panic"))
    assert with_kernel_log(console, console) == console
    assert with_kernel_log(console, ()) == console
    # The log is shorter than the console: its oldest report has lost its beginning.
    assert with_kernel_log(console, (named("BUG at x.c", corrupted=True),)) == console


def test_a_report_that_the_console_tore_is_taken_whole_from_the_log() -> None:
    torn, panic = named("BUG at x.c", corrupted=True), named("kernel panic: y", kind="panic")
    whole = named("BUG in x")
    assert with_kernel_log((torn, panic), (whole,)) == (panic, replace(whole, artefact=KERNEL_LOG))
    assert with_kernel_log((), (torn,)) == (replace(torn, artefact=KERNEL_LOG),)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("WARNING: CPU: 0 PID: 6 at mm/huge_memory.c:12 f+0x1/0x2", ("mm/huge_memory.c:12",)),
        ("kernel BUG at /source/mm/x.c:7!", ("mm/x.c:7",)),
        ("include/linux/page-flags.h:99 suspicious rcu_dereference_check() usage!", ("include/linux/page-flags.h:99",)),
        ("at ../../mm/x.c:7", ("mm/x.c:7",)),
        ("no place, x.c: 7 and y.txt:3", ()),
        ("mm/x.c:12345678", ()),
    ],
)
def test_the_place_that_a_report_names(line: str, found: tuple[str, ...]) -> None:
    report = Finding("k", "t", "f", Severity.WARNING, 1, 9, ("---[ cut here ]---", line, "x", "y", "far/away.c:1"))
    assert source_locations(report) == found
    assert Path(line).name
