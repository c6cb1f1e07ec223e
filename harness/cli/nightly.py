"""harness nightly: the night's runs, compared with the last night's."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from harness.cli.output import show_comparison, show_summary, write_report
from harness.config.nightly_file import load_nightly
from harness.model.plain_text import clean
from harness.reports.terminal import listener_for
from harness.runs.nightly import run_night, timer_units, worst_code
from harness.runs.workshop import Workshop


@click.command("nightly")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Default: configs/nightly.yaml.")
@click.option("--install", is_flag=True, help="Print a systemd timer and a cron line; run nothing.")
def nightly_command(config: Path | None, install: bool) -> int:
    """Run the night once. Exit code: the worst of its series (worse than the baseline or than last night: 1)."""
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        plan = load_nightly(config or workshop.layout.configs / "nightly.yaml")
        if install:
            command = shutil.which("harness") or str(Path(sys.argv[0]).resolve())
            click.echo(timer_units(command, workshop.layout.root, plan.at), nl=False)
            return 0
        results = run_night(workshop, plan)
    for result in results:
        click.echo(f"\n== {result.series}")
        if result.summary is not None:
            show_summary(result.summary)
            click.echo(f"report: {write_report(workshop, result.summary)}")
        if result.against is not None:
            click.echo("\nagainst the last night:")
            show_comparison(result.against)
        elif result.error is None:
            click.echo("\nno last night to compare with")
        if result.error is not None:
            click.echo(f"failed: {clean(str(result.error))}")
    return worst_code(result.exit_code for result in results)
