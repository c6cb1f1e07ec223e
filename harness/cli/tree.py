"""harness tree: the pinned kernel trees."""

from __future__ import annotations

import sys

import click

from harness.cli.output import print_rows
from harness.model.errors import TreeUnavailable
from harness.reports.terminal import listener_for
from harness.runs.workshop import Workshop


@click.group("tree")
def tree_command() -> None:
    """List, fetch and verify the pinned kernel trees."""


@tree_command.command("list")
def list_trees() -> int:
    """Every tree: version, era, whether it is here, its content and where it can be had."""
    rows = []
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        for name in workshop.catalogue.tree_names():
            tree = workshop.catalogue.tree(name)
            here = workshop.library.present(tree)
            pin = "" if here is None else ("pinned" if here.pinned else "not pinned: " + here.pin_note)
            content = here.tree_id[:12] if here else "not here"
            sources = "; ".join(f"{s.kind} {s.location} {s.revision or ''}".strip() for s in tree.sources)
            rows.append((name, tree.version, workshop.catalogue.era_of(tree).name, content, pin, sources))
    print_rows(("tree", "version", "era", "content", "pin", "sources"), rows)
    return 0


@tree_command.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def fetch_trees(names: tuple[str, ...]) -> int:
    """Fetch trees and check them against their pins."""
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        for tree in [workshop.catalogue.tree(name) for name in names]:
            content = workshop.library.ensure(tree, workshop.notice)
            click.echo(f"{tree.name}: tree {content.tree_id} from {content.source}" + _note(content.pin_note))
    return 0


@tree_command.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME...]")
def verify_trees(names: tuple[str, ...]) -> int:
    """Check the stored objects of trees (all that are here, unless named) byte for byte and against their pins."""
    worst = 0
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        trees = [workshop.catalogue.tree(name) for name in names or workshop.catalogue.tree_names()]
        for tree in trees:
            if not names and workshop.library.present(tree) is None:
                click.echo(f"{tree.name}: not here")
                continue
            try:
                content = workshop.library.verify(tree)
                click.echo(f"{tree.name}: good, tree {content.tree_id}" + _note(content.pin_note))
            except TreeUnavailable as error:
                click.echo(f"{tree.name}: {error}")
                worst = error.exit_code
    return worst


def _note(note: str) -> str:
    return f" ({note})" if note else ""
