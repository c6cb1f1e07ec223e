"""harness compare: two runs, or one series over all its trees."""

from __future__ import annotations

import sys

import click

from harness.cli.output import show_comparison, write_comparison
from harness.model.errors import UserError
from harness.reports.terminal import listener_for
from harness.runs.comparison import compare_runs, compare_trees
from harness.runs.workshop import Workshop


@click.command("compare")
@click.argument("names", nargs=-1, metavar="RUN RUN | --trees SERIES")
@click.option("--trees", "over_trees", metavar="SERIES", help="The series' newest results on each of its trees.")
@click.option("--html", "html", is_flag=True, help="Also write the HTML file, and print where it is.")
def compare_command(names: tuple[str, ...], over_trees: str | None, html: bool) -> int:
    """Compare two runs (exit 1: the second is worse), or the trees of a series (exit 1: it is worse on one)."""
    if bool(over_trees) == bool(names) or (names and len(names) != 2):
        raise UserError("two runs are compared, or --trees SERIES", remedy="harness runs lists the runs")
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        if over_trees:
            comparison = compare_trees(workshop.store, workshop.catalogue.series(over_trees).name)
        else:
            comparison = compare_runs(workshop.store, workshop.store.run(names[0]), workshop.store.run(names[1]))
        show_comparison(comparison)
        if html:
            click.echo(f"\nreport: {write_comparison(workshop, comparison)}")
    return comparison.exit_code
