"""harness series: what series there are, and what is in one."""

from __future__ import annotations

import json
import sys

import click

from harness.cli.output import print_rows, show_application
from harness.cli.series_base import base_command
from harness.cli.series_import import import_command
from harness.cli.series_log import patch_lines, series_lines, series_object
from harness.cli.series_repair import repair_command
from harness.model.plain_text import clean
from harness.model.series import Series, SeriesSpec
from harness.reports.terminal import listener_for
from harness.runs.preparation import series_for, series_trees
from harness.runs.series_import import named_or_source, read_source
from harness.runs.workshop import Workshop


@click.group("series")
def series_command() -> None:
    """List the series of this checkout, show or import one, find the tree it was made for, repair its patches."""


series_command.add_command(import_command)
series_command.add_command(base_command)
series_command.add_command(repair_command)


@series_command.command("list")
def list_series() -> int:
    """Every series with its trees."""
    with listener_for(sys.stderr) as listener:
        catalogue = Workshop(listener).catalogue
        rows = []
        for name in catalogue.series_names():
            spec = catalogue.series(name)
            trees = ", ".join(t.tree + (" (port)" if t.port else "") for t in spec.trees)
            rows.append((name, spec.posted, str(spec.patches), trees, spec.title))
    print_rows(("series", "posted", "patches", "trees", "title"), rows)
    return 0


@series_command.command("show")
@click.argument("series", metavar="SERIES|SOURCE")
@click.option("--tree", help="As applied to this tree: a port where the series has one.")
@click.option("--mail", metavar="PATH", help="Mbox or folder with the series' mail.")
@click.option("--json", "as_json", is_flag=True, help="Print the mails' series as one JSON object (docs/series.md).")
def show_series(series: str, tree: str | None, mail: str | None, as_json: bool) -> int:
    """SERIES as a log: index, subject, author, date, files, functions, trailers, provenance; what is missing, what it
    needs, what came before; once per tree where patches differ. A SOURCE (see series import) is shown as it is.
    """
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        spec = named_or_source(workshop, series)
        if spec is None or as_json or (not spec.trees and tree is None):
            found = series_for(workshop, spec, None, mail, damaged=True) if spec else read_source(workshop, [series])
            _show(found, as_json)
            return 0
        return _show_on_trees(workshop, spec, tree, mail)


def _show(series: Series, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(series_object(series)))
        return
    for line in series_lines(series):
        click.echo(line)


def _show_on_trees(workshop: Workshop, spec: SeriesSpec, tree: str | None, mail: str | None) -> int:
    """The series' facts, then its patches for each tree. Exit code 3 where they can be had for none."""
    failed = 0
    click.echo(f"{clean(spec.title)}\n{clean(', '.join((spec.posted, *spec.lists)))}; {spec.patches} patches")
    if spec.message_ids:
        click.echo(f"cover: {clean(spec.message_ids[0])}")
    places = series_trees(spec, [tree] if tree else [], workshop)
    for place in places:
        click.echo(f"\n{place.tree}" + (f": {clean(place.note)}" if place.note else ""))
        try:
            found = series_for(workshop, spec, place, mail, damaged=tree is None)
        except Exception as error:
            if tree or mail:
                raise
            click.echo(f"  unavailable: {clean(str(error))}")
            failed += 1
            continue
        if place.port is None:
            for line in series_lines(found):
                click.echo(line)
        else:
            for patch in found.patches:
                for line in patch_lines(patch):
                    click.echo(line)
        if tree:
            show_application(workshop, found, tree)
    return 3 if failed and failed == len(places) else 0
