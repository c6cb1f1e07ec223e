"""harness runs, harness show: what was run, read back from the store."""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime

import click

from harness.cli.output import print_rows, show_cell, show_summary
from harness.model.cell import Outcome
from harness.reports.run_json import cell_object, run_object
from harness.reports.terminal import listener_for
from harness.runs.summary import summarize
from harness.runs.tree_files import source_text
from harness.runs.workshop import Workshop

_CELL = re.compile(r"[0-9a-f]{8,64}")


@click.command("runs")
@click.option("--series", help="Only runs of this series.")
def runs_command(series: str | None) -> int:
    """List the runs, newest first."""
    rows = []
    with listener_for(sys.stderr) as listener:
        for run in Workshop(listener).store.runs(series):
            began = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M")
            state = "unfinished" if run.finished is None else f"exit {run.exit_code}"
            rows.append((run.id, run.kind, began, state, run.conclusion))
    print_rows(("run", "kind", "began", "state", "conclusion"), rows)
    return 0


@click.command("show")
@click.argument("run", default="last", metavar="[RUN|CELL]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every warning of the builds.")
def show_command(run: str, as_json: bool) -> int:
    """Show RUN (its name, a beginning of it, or "last"): its tables and exit code, by today's noise and policy.

    Where those make another exit code of it than it had at its end, a note says so. A run without an end is shown as
    far as it got, with exit code 4. The beginning of a cell's key (8 or more digits, as a run's report gives it) shows
    that cell: outcome, findings with what is suppressed and why and with their traces in the source, and where its
    console, its report and, of a kernel that died, its log from guest RAM are; exit code 1 where it has findings.
    """
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        if _CELL.fullmatch(run) and not any(row.id.startswith(run) for row in workshop.store.runs()):
            result = workshop.store.find_cell(run)
            entries = workshop.interpretation.reasons(finding.noise for finding in result.findings)
            tree_id, touched = workshop.store.newest_source(result.key)
            if as_json:
                click.echo(json.dumps(cell_object(result, entries, touched)))
            else:
                show_cell(result, entries, touched, source_text(workshop, tree_id))
            return 1 if result.outcome is Outcome.FINDING else 0
        summary = summarize(workshop.store, workshop.store.run(run))
    if as_json:
        click.echo(json.dumps(run_object(summary)))
    else:
        show_summary(summary)
    had = summary.run.exit_code
    if summary.run.finished is None or had is None:
        return 4
    if summary.run.kind == "bisect":  # what it was judged by is not in its tables
        return had
    if had != summary.exit_code:
        click.echo(f"note: at its end the exit code was {had}: noise or policy have changed since", err=True)
    return summary.exit_code
