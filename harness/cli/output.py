"""What the verbs print: results as tables, reports as files. The only output besides the listeners' progress."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from harness.config.whole_file import write_whole
from harness.model.cell import CellResult
from harness.model.errors import InfrastructureError, UserError
from harness.model.finding import CONSOLE, KERNEL_LOG, FrameTouch
from harness.model.noise import NoiseEntry
from harness.model.plain_text import clean
from harness.model.series import Series
from harness.model.tree import PatchState
from harness.reports import tables
from harness.reports.applied import applied_lines
from harness.reports.html import ReportContext, compare_page, run_page
from harness.reports.run_view import Source
from harness.reports.trace import SourceText, trace_lines
from harness.results.comparison import Comparison
from harness.results.store import CellRow
from harness.results.summary import RunSummary
from harness.runs.applying import application
from harness.runs.plan import RunPlan
from harness.runs.tree_files import source_text
from harness.runs.workshop import Workshop
from harness.verdicts.hunk_conflicts import HunkConflict

__all__ = [
    "print_rows",
    "show_application",
    "show_applied",
    "show_cell",
    "show_comparison",
    "show_conflicts",
    "show_plan",
    "show_summary",
    "write_comparison",
    "write_file",
    "write_report",
]


MAX_TRACES = 4
"""Traces shown of a cell; the others are in its console."""


def print_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output."""
    tables.show(sys.stdout, tables.listing(header, rows))


def show_summary(summary: RunSummary) -> None:
    """A run's tables and conclusion."""
    tables.show(sys.stdout, tables.run_result(summary))


def show_cell(
    result: CellResult,
    entries: Mapping[str, NoiseEntry],
    touched: Mapping[int, Mapping[int, FrameTouch]],
    text: SourceText,
) -> None:
    """A cell's outcome, its findings, what known noise (``entries``) suppresses, the findings' traces in the source,
    and where its files are. ``touched`` as in CellRow.touched_frames; ``text`` reads the source of its kernel."""
    click.echo(f"cell {result.key}\n{result.outcome}{f': {clean(result.reason)}' if result.reason else ''}")
    reached = f", user space after {result.user_space:.1f} s" if result.user_space is not None else ""
    click.echo(f"{result.seconds:.1f} s{reached}{f', {clean(result.guest)}' if result.guest else ''}\n")
    if result.findings:
        tables.show(sys.stdout, tables.findings_table(result.findings))
    for line in tables.suppressed_lines(result.findings, entries):
        click.echo(line)
    for place, finding in enumerate(result.findings[:MAX_TRACES]):
        if finding.source:
            lines = trace_lines(finding.source, touched.get(place, {}), text)
            click.echo()
            tables.show(sys.stdout, tables.TraceTable(finding.title, lines))
    click.echo()
    rows = [(CONSOLE, result.console), ("report", result.report)]
    if result.kernel_log:
        rows.append((f"{KERNEL_LOG} (from guest RAM)", result.kernel_log))
    if result.samples:
        rows.append(("samples of the processors", result.samples))
    if result.output:
        rows.append(("output of the command", result.output))
    print_rows(("file", "path"), rows)
    click.echo(f"\nrepeat it: harness repro {result.key[:16]}")


def show_comparison(value: Comparison) -> None:
    """A comparison's tables and conclusion."""
    tables.show(sys.stdout, tables.comparison(value))


def show_plan(plan: RunPlan) -> None:
    """A run's plan: builds, boots, time, disk."""
    rows = []
    for build in plan.builds:
        number = str(build.patches)
        state = {True: "at hand", False: "to build", None: "to build"}[build.at_hand]
        rows.append(
            (build.tree, number, clean(build.subject), state, "" if build.at_hand else f"{build.seconds:.0f} s")
        )
    print_rows(("tree", "patches", "subject", "kernel", "expected"), rows)
    click.echo()
    todo = plan.cells - plan.cells_at_hand
    print_rows(("tree", "stressor", "because"), [tuple(map(clean, row)) for row in plan.stressors])
    click.echo(f"\nboots: {plan.cells}, {plan.cells_at_hand} at hand, {todo} to do")
    click.echo(f"expected: about {plan.seconds / 60:.0f} min, {plan.disk_bytes >> 20} MiB of disk")
    for tree, why in plan.unavailable:
        click.echo(f"{tree}  unavailable: {clean(why)}")
    for tree in dict.fromkeys(state.tree for state in plan.patches):
        click.echo(f"\n{tree}")
        show_applied([state for state in plan.patches if state.tree == tree])
    for note in plan.notes:
        click.echo(f"note: {clean(note)}")


def show_applied(states: Sequence[PatchState]) -> None:
    """How the patches of a series go into one tree."""
    for line in applied_lines(states):
        click.echo(f"  {line.words}")


def show_application(workshop: Workshop, series: Series, tree: str) -> None:
    """How a series goes into a tree that is here, with the hunks of what does not apply."""
    found = application(workshop, series, tree)
    if found is None:
        click.echo(f"\n{tree} is not here, so nothing was applied: harness tree fetch {tree}")
        return
    click.echo(f"\napplied to {tree}")
    show_applied(found.states)
    for patch, conflicts in found.conflicts:
        click.echo(f"\npatch {patch} does not apply", err=True)
        show_conflicts(conflicts)


def show_conflicts(conflicts: Sequence[HunkConflict]) -> None:
    """Hunks that do not apply, each with what it wants to find and what the tree has nearest, on standard error."""
    for conflict in conflicts:
        click.echo(f"{clean(conflict.path)}:{conflict.line}: {clean(conflict.why)}", err=True)
        if conflict.old:
            click.echo("  the patch wants:", err=True)
        for line in conflict.old:
            click.echo(f"    {clean(line.expandtabs())}", err=True)
        if conflict.tree:
            click.echo("  the tree has (= a line of the hunk, ! another):", err=True)
        for number, line in enumerate(conflict.tree, conflict.tree_line):
            click.echo(f"    {number:6} {clean(line.expandtabs())}", err=True)


def write_report(workshop: Workshop, summary: RunSummary, output: Path | None = None) -> Path:
    """Writes a run's HTML file (default: results/reports/RUN.html) and returns its path."""
    page = run_page(summary, report_context(workshop, summary))
    return write_file(output or workshop.layout.results / "reports" / f"{summary.run.id}.html", page)


def write_comparison(workshop: Workshop, value: Comparison) -> Path:
    """Writes a comparison's HTML file and returns its path."""
    name = "".join(c if c.isalnum() or c in "-." else "-" for c in value.heading)[:120]
    page = compare_page(value, report_context(workshop))
    return write_file(workshop.layout.results / "reports" / f"compare-{name}.html", page)


def report_context(workshop: Workshop, summary: RunSummary | None = None) -> ReportContext:
    """How a report reads consoles, and what it says of the series beside the run's own rows."""

    def excerpt(cell: str, artefact: str, first: int, last: int) -> list[str]:
        path = workshop.store.cell_folder(cell) / (KERNEL_LOG if artefact == KERNEL_LOG else CONSOLE)
        try:
            with path.open("rb") as handle:
                return [
                    line.decode("utf-8", "replace")
                    for number, line in enumerate(handle, 1)
                    if first <= number <= min(last, first + 400)
                ]
        except OSError:
            return []

    if summary is None:
        return ReportContext(excerpt=excerpt)
    source = source_of(workshop, summary)
    try:
        spec = workshop.catalogue.series(str(summary.run.arguments.get("series", summary.run.series)))
    except UserError:  # the series' folder is gone since: the run itself is all there is to show
        return ReportContext(excerpt=excerpt, source=source)
    posted = f"{spec.posted}, {', '.join(spec.lists)}" if spec.lists else spec.posted
    return ReportContext(excerpt=excerpt, posted=posted, summary=spec.summary, source=source)


def source_of(workshop: Workshop, summary: RunSummary) -> Source:
    """Lines of the source of a run's kernels, read from the object store."""
    trees = {(tree.row.tree, k.row.patches): k.row.tree_id for tree in summary.trees for k in tree.kernels}
    readers: dict[str, SourceText] = {}

    def line(cell: CellRow, file: str, number: int) -> str:
        tree_id = trees.get((cell.tree, cell.patches), "")
        if tree_id not in readers:
            readers[tree_id] = source_text(workshop, tree_id)
        return readers[tree_id](file, number)

    return line


def write_file(path: Path, text: str) -> Path:
    """Writes ``path`` whole or not at all, and returns it; bytes kept by surrogateescape come out as they were.

    Raises InfrastructureError where it cannot be written.
    """
    path = path.resolve()  # what a link names is written, not the link
    try:
        write_whole(path, text)
    except OSError as error:
        raise InfrastructureError(f"cannot be written: {error.strerror or error}", where=str(path)) from None
    return path
