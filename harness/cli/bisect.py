"""harness bisect: which patch of a series brings a title."""

from __future__ import annotations

import sys

import click

from harness.cli.output import print_rows
from harness.model.plain_text import clean
from harness.reports.terminal import listener_for
from harness.runs.bisect import Bisect
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop


@click.command("bisect")
@click.argument("series")
@click.option("--title", required=True, help="The finding, as harness show prints it.")
@click.option("--tree", help="On this tree (default: the one that showed it).")
@click.option("--stressor", "stressors", multiple=True, metavar="NAME", help="Only these (default: that showed it).")
@click.option(
    "--most", "most", default=20, show_default=True, type=click.IntRange(1, 1000), help="Most runs of a prefix."
)
@click.option("--duration", type=click.IntRange(1, 86_400), metavar="SECONDS", help="Time of each stressor.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**31 - 1))
@click.option("--mail", metavar="PATH", help="Mbox or folder with the series' mail.")
def bisect_command(
    series: str, title: str, tree: str | None, stressors: tuple[str, ...], most: int, duration: int | None, seed: int,
    mail: str | None,
) -> int:  # fmt: skip
    """First prefix of SERIES at which a finding appears. Both ends are verified first.

    Exit code 0: the patch is named with 95 % confidence; 4: with less, the ends do not differ, or more than one
    patch is left.
    """
    request = RunRequest(
        series=series, trees=(tree,) if tree else (), stressors=stressors, duration=duration, seed=seed, mail=mail
    )
    with listener_for(sys.stderr) as listener:
        report = Bisect(Workshop(listener), request, title, most).execute()
    print_rows(
        ("patches applied", "runs that show it", "runs"),
        [(str(p.patches), str(p.hits), str(p.runs) if p.runs else "not testable") for p in report.probes],
    )
    click.echo("")
    result = report.result
    where = f"{clean(report.title)} on {report.tree}"
    if result.first_bad is not None:
        click.echo(f"{where}: patch {result.first_bad} is the first that shows it: {clean(report.subject)}")
        click.echo(f"confidence {result.confidence:.1%} that no clean prefix on the way was luck")
        if report.own_line:
            click.echo(f"the report is printed by {report.own_line}, a line of the series itself")
    else:
        click.echo(f"{where}: {clean(result.reason)}")
    return report.exit_code
