"""harness clean: gives disk space back."""

from __future__ import annotations

import click

from harness.cli.output import print_rows
from harness.config.layout import find_layout
from harness.config.yaml_file import nearest
from harness.model.errors import UserError
from harness.runs.cleaning import DEFAULT, PARTS, nothing_at_work, removable, remove


@click.command("clean")
@click.argument("parts", nargs=-1, metavar="[PART...]")
@click.option("--list", "only_list", is_flag=True, help="Show the parts and their sizes; remove nothing.")
@click.option("--all", "everything", is_flag=True, help="Remove the whole cache. Results are never removed.")
def clean_command(parts: tuple[str, ...], only_list: bool, everything: bool) -> int:
    """Remove parts of the cache (default: working folders and leftovers). Everything in it can be made again."""
    for name in parts:
        if name not in PARTS:
            raise UserError(f"no part {name!r} of the cache", remedy=nearest(name, PARTS))
    layout = find_layout()
    found = removable(layout)
    if only_list:
        print_rows(("part", "MiB", "what losing it costs"), [(p.name, str(p.size >> 20), p.cost) for p in found])
        return 0
    chosen = set(PARTS) if everything else set(parts or DEFAULT)
    freed = 0
    with nothing_at_work(layout):
        for part in found:
            if part.name in chosen:
                remove(part)
                freed += part.size
                click.echo(f"removed {part.path} ({part.size >> 20} MiB)")
    click.echo(f"{freed >> 20} MiB freed")
    return 0
