"""harness clean: gives disk space back."""

from __future__ import annotations

import shutil
import time

import click

from harness.cli.output import print_rows
from harness.config.layout import Layout, find_layout
from harness.config.yaml_file import nearest
from harness.model.errors import UserError
from harness.results.store import Store
from harness.runs.cleaning import (
    DEFAULT,
    PARTS,
    days_since,
    expendables,
    limit,
    nothing_at_work,
    parse_size,
    removable,
    remove,
    remove_expendable,
)


@click.command("clean")
@click.argument("parts", nargs=-1, metavar="[PART...]")
@click.option("--list", "only_list", is_flag=True, help="Show the parts and their sizes; remove nothing.")
@click.option("--all", "everything", is_flag=True, help="Remove the whole cache. Results are never removed.")
@click.option("--keep-days", type=click.FloatRange(0, 36500), metavar="N", help="Remove what was not used for N days.")
@click.option("--max-size", metavar="SIZE", help="Remove the oldest until the cache is no larger: 20G, 800M.")
@click.option("--force", is_flag=True, help="With a limit: kernels that harness repro needs, too.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
def clean_command(
    parts: tuple[str, ...], only_list: bool, everything: bool, keep_days: float | None, max_size: str | None,
    force: bool, dry_run: bool,
) -> int:  # fmt: skip
    """Remove parts of the cache (default: working folders and leftovers). Everything in it can be made again.

    With a limit it is left-overs first, then working folders and finished kernels by age; what an unfinished run goes
    on with stays, and so does what a recorded result is repeated from.
    """
    for name in parts:
        if name not in PARTS:
            raise UserError(f"no part {name!r} of the cache", remedy=nearest(name, PARTS))
    limited = keep_days is not None or max_size is not None
    if limited and (parts or everything):
        raise UserError("a limit is for the whole cache", remedy="leave out the parts and --all")
    if force and not limited:
        raise UserError("--force is for a limit", remedy="give --keep-days or --max-size")
    layout = find_layout()
    if limited:
        return _to_limits(layout, keep_days, None if max_size is None else parse_size(max_size), force, dry_run)
    found = removable(layout)
    if only_list:
        print_rows(("part", "MiB", "what losing it costs"), [(p.name, str(p.size >> 20), p.cost) for p in found])
        free = shutil.disk_usage(next(p for p in (layout.cache, *layout.cache.parents) if p.exists())).free
        click.echo(f"{sum(p.size for p in found) >> 20} MiB at {layout.cache}, {free >> 20} MiB of the disk are free")
        return 0
    chosen = [part for part in found if part.name in (set(PARTS) if everything else set(parts or DEFAULT))]
    if dry_run:
        for part in chosen:
            click.echo(f"would remove {part.path} ({part.size >> 20} MiB)")
        return 0
    freed = 0
    with nothing_at_work(layout):
        for part in chosen:
            remove(part)
            freed += part.size
            click.echo(f"removed {part.path} ({part.size >> 20} MiB)")
    click.echo(f"{freed >> 20} MiB freed")
    return 0


def _to_limits(layout: Layout, keep_days: float | None, max_size: int | None, force: bool, dry_run: bool) -> int:
    now = time.time()
    store = Store(layout.store_url, layout.results) if (layout.results / "harness.sqlite").is_file() else None
    total = sum(part.size for part in removable(layout))
    taken = limit(expendables(layout, store), total, keep_days, max_size, force, now)
    word = "would remove" if dry_run else "removed"

    def told(words: str, size: int, used: float) -> str:
        return f"{words} ({size >> 20} MiB, used {days_since(used, now):.0f} days ago)"

    if dry_run:
        for one in taken.removed:
            click.echo(told(f"{word} {one.path}", one.size, one.used))
    elif taken.removed:
        with nothing_at_work(layout):
            for one in taken.removed:
                remove_expendable(one)
                click.echo(told(f"{word} {one.path}", one.size, one.used))
    for one in taken.kept:
        click.echo(told(f"kept {one.path}: {one.needed}", one.size, one.used))
    freed = sum(one.size for one in taken.removed)
    click.echo(f"{freed >> 20} MiB {'would be freed' if dry_run else 'freed'}, {taken.left >> 20} MiB left")
    if max_size is not None and taken.left > max_size:
        rest = "--force, " if any(not one.always for one in taken.kept) else ""
        click.echo(
            f"still more than {max_size >> 20} MiB: {rest}harness clean ccache or harness clean trees gives more"
        )
    return 0
