"""harness series import: a series from wherever it was posted to series/NAME."""

from __future__ import annotations

import json
import sys

import click

from harness.cli.series_log import series_lines, series_object
from harness.reports.terminal import listener_for
from harness.runs.series_import import import_series
from harness.runs.workshop import Workshop


@click.command("import")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--name", help="Name of the series (default: made from its title).")
@click.option("--replace", is_flag=True, help="Put these mails in place of those that NAME has.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/series.md) instead of the log.")
def import_command(sources: tuple[str, ...], name: str | None, replace: bool, as_json: bool) -> int:
    """Write series/NAME from SOURCE: a mbox (compressed or not), a maildir, mails, a folder of patches with or without
    a quilt series file, text copied from a web archive, commits of a git repository (DIR@A..B), a message id, or the
    address of a message in a list archive. What it is is seen from its content.
    """
    with listener_for(sys.stderr) as listener:
        done = import_series(Workshop(listener), sources, name, replace_old=replace)
    if as_json:
        click.echo(json.dumps({"state": done.state, "folder": str(done.folder), **series_object(done.series)}))
        return 0
    for line in series_lines(done.series):
        click.echo(line)
    click.echo(f"\n{done.state}: {done.folder}")
    if any(patch.damage for patch in done.series.patches):
        click.echo(f"damaged patches are mended by: harness series repair {done.name} --tree TREE -o FILE")
    elif done.series.missing:
        click.echo("before it can run, the missing patches are needed: import all of it with --replace")
    elif done.state == "imported":
        click.echo(f"run it by: harness run {done.name} --tree TREE")
    return 0
