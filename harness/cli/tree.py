"""harness tree: the pinned kernel trees."""

from __future__ import annotations

import os
import sys

import click

from harness.cli.output import print_rows
from harness.config.tree_file import source_of
from harness.model.errors import TreeUnavailable, UserError
from harness.model.plain_text import clean
from harness.model.tree import Source
from harness.reports.terminal import listener_for
from harness.runs.cleaning import folder_size
from harness.runs.tree_adding import add_tree
from harness.runs.workshop import Workshop


@click.group("tree")
def tree_command() -> None:
    """List, fetch, verify and add the pinned kernel trees."""


@tree_command.command("list")
def list_trees() -> int:
    """Every tree: version, era, whether it is here and what it takes on disk, its content and where it can be had."""
    rows = []
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        for name in workshop.catalogue.tree_names():
            tree = workshop.catalogue.tree(name)
            here = workshop.library.present(tree)
            pin = "" if here is None else ("pinned" if here.pinned else "not pinned: " + here.pin_note)
            content = here.tree_id[:12] if here else "not here"
            size = str(workshop.library.size(here) >> 20) if here else ""
            sources = ", ".join(_short(source) for source in tree.sources)
            rows.append((name, tree.version, workshop.catalogue.era_of(tree).name, content, size, pin, sources))
        store = folder_size(workshop.library.store.path)
    print_rows(("tree", "version", "era", "content", "MiB", "pin", "sources"), rows)
    click.echo(
        f"object store: {store >> 20} MiB (what trees share is counted in each of them); the rest: harness clean --list"
    )
    return 0


def _short(source: Source) -> str:
    """A source in a few words: what it is called, without the way there."""
    parts = [part for part in source.location.removesuffix(".git").split("/") if part not in ("repo", "")]
    revision = source.revision or ""
    if len(revision) == 40 and revision.isalnum():
        revision = revision[:12]
    return f"{source.kind} {parts[-1] if parts else source.location} {revision}".strip()


@tree_command.command("add")
@click.argument("name")
@click.option("--version", "version", metavar="V", help="Kernel version, such as 2.6.22-rc2; default: its Makefile's.")
@click.option("--git", "git_url", metavar="URL", help="A git repository: a URL, or a local git directory.")
@click.option("--revision", metavar="R", help="With --git: tag, branch or commit; with --debian: version.")
@click.option("--tarball", metavar="FILE", help="A tarball: a path or a URL.")
@click.option("--directory", metavar="DIR", help="A plain folder.")
@click.option("--debian", metavar="PACKAGE", help="A Debian source package, such as linux-source-6.1.")
@click.option("--suite", metavar="SUITE", help="With --debian: the release that has it.")
@click.option("--overlay", "overlays", multiple=True, metavar="PATCH", help="A patch file on top (may be repeated).")
@click.option("--era", metavar="ERA", help="Build and boot it as this era's; default: its version's.")
@click.option("--user", is_flag=True, help="Write it into your own configuration, not into configs/trees.")
def add_tree_command(
    name: str, version: str | None, git_url: str | None, revision: str | None, tarball: str | None,
    directory: str | None, debian: str | None, suite: str | None, overlays: tuple[str, ...], era: str | None,
    user: bool,
) -> int:  # fmt: skip
    """Define a tree NAME of one source: fetch it, and pin what came."""
    given = {"git": git_url, "tarball": tarball, "directory": directory, "debian": debian}
    named = {key: value for key, value in given.items() if value is not None}
    if len(named) != 1:
        raise UserError("name one source", remedy="one of --git, --tarball, --directory, --debian")
    fields = named | {key: value for key, value in (("revision", revision), ("suite", suite)) if value is not None}
    source = source_of(fields, overlays)
    with listener_for(sys.stderr) as listener:
        added = add_tree(
            Workshop(listener), name, version, source, era=era, user=user, environment=dict(os.environ)
        )  # fmt: skip
    click.echo(f"{name}: version {added.tree.version}, era {added.era.name}: {clean(added.era.summary)}")
    for pin in added.tree.sources[0].pins:
        click.echo(f"  {pin.kind} {pin.value}")
    if added.note:
        click.echo(f"note: {clean(added.note)}")
    click.echo(f"written: {added.path}")
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
        # git reads all of it, whatever it is asked for.
        if any(workshop.library.present(tree) is not None for tree in trees):
            workshop.notice("reading every object of the store that holds the trees")
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
