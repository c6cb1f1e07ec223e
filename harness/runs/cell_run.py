"""Running one cell: boot, watch, read what the guest said, decide the outcome."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.findings.parser import findings_of, folded
from harness.findings.silent_death import silent_death
from harness.findings.source_places import source_places
from harness.findings.watch import ReportWatch
from harness.guests.kernel_symbols import read_symbols
from harness.guests.qemu import OWN_DISK, Boot, boot_words, disk_boot_words, printable, run_guest
from harness.guests.sampling import write_samples
from harness.guests.ssh_keys import Login, write_own_disk
from harness.guests.ssh_visit import CommandVisit
from harness.model.cell import Cell, CellResult, Ending, Outcome, Proof, Stressor
from harness.model.command import OUTPUT, CommandResult
from harness.model.era import Era
from harness.model.finding import CONSOLE, KERNEL_LOG, Finding
from harness.model.guest import SAMPLES, GuestEnd, GuestLimits, GuestResult
from harness.model.version import KernelVersion
from harness.runs.command_ending import command_ending, command_proof
from harness.stressors.own_findings import own_findings
from harness.stressors.proof import judge
from harness.stressors.report_port import StressorReport, parse_report
from harness.verdicts.cell_rules import NO_RULES, SILENTLY, CellRules, Circumstances, decide, judged

# A guest under TCG on a loaded machine is an order of magnitude slower than its own clock says.
BOOT_SECONDS = 180.0
SLOWNESS = 4.0
SILENCE_SECONDS = 75.0
VISIT_SECONDS = 300.0
SOURCE_SECONDS = 10.0  # processor time for the source of all findings of a cell: two, cold, of a 6.1
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class CellTask:
    """A cell with what is needed to run it, and the rules that judge it: ``version`` is its tree's, None where it is
    not known. A cell with a command has a ``disk`` image instead of an ``initrd``, and the ``login`` key's file."""

    cell: Cell
    stressor: Stressor
    era: Era
    kernel: Path
    initrd: Path | None
    qemu: str
    vmlinux: Path | None = None
    rules: CellRules = NO_RULES
    version: KernelVersion | None = None
    disk: Path | None = None
    login: Path | None = None

    @property
    def circumstances(self) -> Circumstances:
        """Where its console is from."""
        cell = self.cell
        return Circumstances(cell.tree, self.version, cell.stressor, cell.accelerator.value)

    @property
    def boot(self) -> Boot:
        """The guest as QEMU gets it."""
        cell = self.cell
        if self.disk is not None:
            words = disk_boot_words(self.era, cell.guest)
        else:
            words = boot_words(self.era, cell.guest, cell.stressor, cell.seconds, cell.seed, max(2, cell.guest.cpus))
        return Boot(self.qemu, self.kernel, self.initrd, cell.guest, cell.accelerator, words, self.vmlinux, self.disk)

    @property
    def limits(self) -> GuestLimits:
        """Wall and silence limits for the cell's duration."""
        if self.cell.command:
            # Its time is counted from its start, by who started it, and what comes before and after has its own.
            return GuestLimits(wall=BOOT_SECONDS + self.cell.seconds + VISIT_SECONDS, silence=SILENCE_SECONDS)
        return GuestLimits(wall=BOOT_SECONDS + SLOWNESS * self.cell.seconds, silence=SILENCE_SECONDS)


def run_cell(
    task: CellTask, temporary: Path, progress: Callable[[str], None], cancelled: Callable[[], bool]
) -> CellResult:
    """Boots the cell's guest and says what became of it. The artefacts lie in a folder of its own below ``temporary``,
    named after this process, until the store takes them; the caller removes ``Path(result.console).parent``."""
    temporary.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"cell-{os.getpid()}-", dir=temporary))
    try:
        if task.cell.command:
            result, command = _visited(task, folder, progress, cancelled)
            return read_cell(task, result, command)
        result = run_guest(task.boot, folder, task.limits, ReportWatch(), progress, cancelled)
        return read_cell(task, result)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _visited(
    task: CellTask, folder: Path, progress: Callable[[str], None], cancelled: Callable[[], bool]
) -> tuple[GuestResult, CommandResult]:
    """Boots the guest and runs the cell's command in it."""
    assert task.login is not None
    login = Login(task.login, write_own_disk(folder / OWN_DISK))
    visit = CommandVisit(login, task.cell.command, task.cell.seconds, folder / OUTPUT)
    try:
        result = run_guest(task.boot, folder, task.limits, ReportWatch(), progress, cancelled, visit)
    finally:
        visit.leave()
    return result, visit.result()


def read_cell(task: CellTask, result: GuestResult, command: CommandResult | None = None) -> CellResult:
    """The outcome from what the guest left, and from what became of the command that was its stressor."""
    report = parse_report(_read(result.report_path), task.cell.stressor)
    names = partial(_function_at, task.vmlinux)
    reported = folded(findings_of(_pieces(result.console_path), names))
    if result.kernel_log_path:
        reported = with_kernel_log(reported, folded(findings_of(_pieces(result.kernel_log_path), names)))
    findings = (*with_source(reported, task.vmlinux), *own_findings(task.cell.stressor, report))
    proof: Proof | None
    if command is not None:
        proof = did = command_proof(command, _read(command.output).decode("utf-8", "replace"))
        ending = command_ending(result, command, did) or ending_of(result, report, proof)
    else:
        seen = dict(result.sampling.functions) if result.sampling else None
        proof = judge(task.stressor, report, task.version, task.cell.seconds, seen) if report.after else None
        ending = ending_of(result, report, proof)
    findings = judged(findings, task.rules, task.circumstances)
    outcome, reason = decide(ending, findings)
    if outcome is Outcome.HUNG:
        death = silent_death(result.end, report.user_space, result.cpus, result.detail)
        findings = (*findings, *judged((death,), task.rules, task.circumstances))
        outcome, reason = decide(ending, findings)
    return CellResult(
        key=task.cell.key,
        outcome=outcome,
        reason=reason,
        findings=findings,
        proof=proof,
        seconds=result.seconds,
        user_space=round(result.user_space, 2) if result.user_space is not None else None,
        console=result.console_path,
        report=result.report_path,
        command_line=printable(task.boot),
        guest=report.guest,
        kernel_log=result.kernel_log_path,
        samples=_samples(result),
        ending=ending,
        output=command.output if command is not None else "",
    )


def _samples(result: GuestResult) -> str:
    """The artefact with the samples, written; "" where there is nothing to write."""
    if result.sampling is None:
        return ""
    path = Path(result.console_path).with_name(SAMPLES)
    write_samples(path, result.sampling)
    return str(path)


def _pieces(path: str) -> Iterator[bytes]:
    # In pieces, so that only those findings are held that are kept.
    with contextlib.suppress(FileNotFoundError), Path(path).open("rb") as handle:
        while piece := handle.read(_PIECE):
            yield piece


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return b""


def _function_at(vmlinux: Path | None, address: int) -> str | None:
    """The name for an address in a trace without names."""
    try:
        return read_symbols(vmlinux).function_at(address) if vmlinux is not None else None
    except (OSError, ValueError):
        return None


def with_source(findings: tuple[Finding, ...], vmlinux: Path | None) -> tuple[Finding, ...]:
    """The findings with their traces in the source, as far as the vmlinux tells in SOURCE_SECONDS; never an error."""
    if vmlinux is None or not findings:
        return findings
    places = source_places(vmlinux, read_symbols)
    until = time.thread_time() + SOURCE_SECONDS
    found = tuple(replace(one, source=places.frames(one, until - time.thread_time())) for one in findings)
    places.let_go()
    return found


def with_kernel_log(console: tuple[Finding, ...], log: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The console's findings and those that only the kernel's log has.

    The log's end is the console's end, so a report stands in both unless the console lost it. One that is whole in the
    log takes the place of its torn kin on the console; a torn one of the log (its beginning is overwritten) adds
    something only where the console has nothing.
    """
    found = list(console)
    titles = {finding.title for finding in console}
    for finding in log:
        if finding.title in titles or (finding.corrupted and found):
            continue
        torn = next((f for f in found if f.corrupted and f.artefact == CONSOLE and f.kind == finding.kind), None)
        if torn is not None:
            found.remove(torn)
        found.append(replace(finding, artefact=KERNEL_LOG))
    return tuple(found)


def ending_of(result: GuestResult, report: StressorReport, proof: Proof | None) -> Ending:
    """What the guest's end alone says. Pure.

    What the harness or QEMU did comes first and is never the kernel's; then hangs and deaths; only then whether the
    stressor did its work. Only a guest that ended properly with its proof is a pass.
    """
    if result.end is GuestEnd.QEMU_FAILED:
        return Ending(Outcome.HARNESS_FAILURE, result.detail)
    if result.end is GuestEnd.FLOODED:
        return Ending(Outcome.DID_NOT_EXERCISE, f"flooded: {result.detail}")
    if result.end is GuestEnd.WALL_LIMIT and report.user_space:
        return Ending(Outcome.TIMED_OUT, result.detail)
    if result.end in (GuestEnd.HUNG, GuestEnd.WALL_LIMIT):
        where = "in user space" if report.user_space else "before user space"
        return Ending(Outcome.HUNG, f"hung {where}: {result.detail}")
    if not report.done:
        where = "after" if report.user_space else "before"
        how = f": {result.detail}" if result.detail else ""
        return Ending(Outcome.HUNG, f"died{SILENTLY} {where} user space was reached{how}")
    if report.foreign:
        many = report.foreign > 1
        told = f"{report.foreign} line{'s' * many} on the report port {'are' if many else 'is'} no report"
        return Ending(Outcome.DID_NOT_EXERCISE, f'{told}, the first: "{report.first_foreign}"')
    if report.skip is not None:
        return Ending(Outcome.NOT_IN_THIS_KERNEL, report.skip)
    if report.ok is not True:
        return Ending(Outcome.DID_NOT_EXERCISE, f"the stressor failed: {report.error or 'no reason given'}")
    if proof is None or not proof.satisfied:
        return Ending(Outcome.DID_NOT_EXERCISE, "; ".join(proof.missing) if proof else "the guest reported no counters")
    return Ending(Outcome.PASS, proof.summary)
