"""harness series: what series there are, and what is in one."""

from __future__ import annotations

import sys

import click

from harness.cli.output import print_rows, safe, show_application
from harness.cli.series_base import base_command
from harness.intake.touched_functions import patch_functions
from harness.reports.terminal import listener_for
from harness.runs.preparation import series_for, series_trees
from harness.runs.workshop import Workshop


@click.group("series")
def series_command() -> None:
    """List the series of this checkout, show one, or find the tree it was made for."""


series_command.add_command(base_command)


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
@click.argument("series")
@click.option("--tree", help="As applied to this tree: a port where the series has one.")
@click.option("--mail", metavar="PATH", help="Mbox or folder with the series' mail.")
def show_series(series: str, tree: str | None, mail: str | None) -> int:
    """SERIES as a log: index, subject, files, functions, provenance; once per tree where patches differ."""
    failed = 0
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        spec = workshop.catalogue.series(series)
        click.echo(f"{spec.title}\n{spec.posted}, {', '.join(spec.lists)}; {spec.patches} patches")
        if spec.message_ids:
            click.echo(f"cover: {spec.message_ids[0]}")
        for place in series_trees(spec, [tree] if tree else [], workshop):
            click.echo(f"\n{place.tree}" + (f": {place.note}" if place.note else ""))
            try:
                patches = series_for(workshop, spec, place, mail).patches
            except Exception as error:
                if tree or mail:
                    raise
                click.echo(f"  unavailable: {safe(str(error))}")
                failed += 1
                continue
            for patch in patches:
                when = f"{patch.date:%Y-%m-%d %H:%M} UTC" if patch.date else "undated"
                click.echo(
                    f"  {patch.index}  {safe(patch.subject)}  (+{patch.added} -{patch.removed}, {patch.provenance})"
                )
                click.echo(
                    f"     {safe(patch.author)}, {when}" + (f", <{safe(patch.message_id)}>" if patch.message_id else "")
                )
                click.echo(f"     files: {safe(', '.join(patch.files))}")
                functions = patch_functions(patch)
                if functions:
                    click.echo(f"     functions: {safe(', '.join(functions))}")
            if tree:
                show_application(workshop, series_for(workshop, spec, place, mail), tree)
    return 3 if failed and failed == len(spec.trees) else 0
