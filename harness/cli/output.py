"""What the verbs print: results as tables, reports as files. The only output besides the listeners' progress."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from harness.model.errors import UserError
from harness.reports import tables
from harness.reports.html import ReportContext, compare_page, run_page
from harness.reports.wording import clean as safe
from harness.results.comparison import Comparison
from harness.results.summary import RunSummary
from harness.runs.plan import RunPlan
from harness.runs.workshop import Workshop

__all__ = ["print_rows", "safe", "show_comparison", "show_plan", "show_summary", "write_comparison", "write_report"]


def print_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output."""
    tables.show(sys.stdout, tables.listing(header, rows))


def show_summary(summary: RunSummary) -> None:
    """A run's tables and conclusion."""
    tables.show(sys.stdout, tables.run_result(summary))


def show_comparison(value: Comparison) -> None:
    """A comparison's tables and conclusion."""
    tables.show(sys.stdout, tables.comparison(value))


def show_plan(plan: RunPlan) -> None:
    """A run's plan: builds, boots, time, disk."""
    rows = []
    for build in plan.builds:
        number = str(build.patches)
        state = {True: "at hand", False: "to build", None: "to build"}[build.at_hand]
        rows.append((build.tree, number, safe(build.subject), state, "" if build.at_hand else f"{build.seconds:.0f} s"))
    print_rows(("tree", "patches", "subject", "kernel", "expected"), rows)
    todo = plan.cells - plan.cells_at_hand
    click.echo(f"\nboots: {plan.cells} ({', '.join(plan.stressors)}), {plan.cells_at_hand} at hand, {todo} to do")
    click.echo(f"expected: about {plan.seconds / 60:.0f} min, {plan.disk_bytes >> 20} MiB of disk")
    for tree, why in plan.unavailable:
        click.echo(f"{tree}  unavailable: {safe(why)}")
    for note in plan.notes:
        click.echo(f"note: {safe(note)}")


def write_report(workshop: Workshop, summary: RunSummary, output: Path | None = None) -> Path:
    """Writes a run's HTML file (default: results/reports/RUN.html) and returns its path."""
    page = run_page(summary, report_context(workshop, summary))
    return _write(output or workshop.layout.results / "reports" / f"{summary.run.id}.html", page)


def write_comparison(workshop: Workshop, value: Comparison) -> Path:
    """Writes a comparison's HTML file and returns its path."""
    name = "".join(c if c.isalnum() or c in "-." else "-" for c in value.heading)[:120]
    page = compare_page(value, report_context(workshop))
    return _write(workshop.layout.results / "reports" / f"compare-{name}.html", page)


def report_context(workshop: Workshop, summary: RunSummary | None = None) -> ReportContext:
    """How a report reads consoles, and what it says of the series beside the run's own rows."""

    def excerpt(cell: str, first: int, last: int) -> list[str]:
        path = workshop.store.cell_folder(cell) / "console"
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
    try:
        spec = workshop.catalogue.series(str(summary.run.arguments.get("series", summary.run.series)))
    except UserError:  # the series' folder is gone since: the run itself is all there is to show
        return ReportContext(excerpt=excerpt)
    posted = f"{spec.posted}, {', '.join(spec.lists)}" if spec.lists else spec.posted
    return ReportContext(excerpt=excerpt, posted=posted, summary=spec.summary)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with new.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    new.rename(path)
    return path
