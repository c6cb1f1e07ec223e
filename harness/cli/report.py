"""harness report: the HTML file of a run."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.output import write_report
from harness.reports.terminal import listener_for
from harness.runs.summary import summarize
from harness.runs.workshop import Workshop


@click.command("report")
@click.argument("run", default="last")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
def report_command(run: str, output: Path | None) -> int:
    """Write RUN's report, one HTML file that opens from disk, and print where it is."""
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        summary = summarize(workshop.store, workshop.store.run(run))
        click.echo(str(write_report(workshop, summary, output)))
    return 0
