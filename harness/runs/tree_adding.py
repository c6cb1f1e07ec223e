"""A tree that a user names becomes a definition: fetched once, pinned by what came."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config.tree_file import NAME, SourceSchema, TreeSchema, is_url, tree_from, tree_text
from harness.config.user_settings import own_trees_folder
from harness.config.whole_file import write_whole
from harness.model.era import Era
from harness.model.errors import UserError
from harness.model.tree import SourceKind, Tree, TreeContent
from harness.model.version import KernelVersion
from harness.runs.workshop import Workshop
from harness.trees.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class AddedTree:
    """The definition that was written, what was fetched for it, and the era it will be built as."""

    tree: Tree
    content: TreeContent
    era: Era
    path: Path
    note: str = ""


def add_tree(
    workshop: Workshop,
    name: str,
    version: str | None,
    source: SourceSchema,
    *,
    era: str | None,
    user: bool,
    environment: dict[str, str],
) -> AddedTree:
    """Fetches ``source``, and writes the definition of ``name`` with the pins of what was fetched.

    ``version`` None: as the tree's Makefile says. ``user``: into the user's own configuration, not the repository's.
    Raises UserError for a name that is taken, a version that belongs to no era, a path that only this machine has in a
    definition for everybody; TreeUnavailable where the source cannot be had.
    """
    if not NAME.match(name):
        raise UserError(f"{name[:80]!r} is no tree's name", remedy="letters, digits, and . _ + - after the first")
    if name in workshop.catalogue.tree_names():
        where = workshop.catalogue.tree(name).where
        raise UserError(f"there is a tree {name} already", where=where, remedy="choose another name")
    if version is not None:
        try:
            KernelVersion.parse(version)
        except ValueError as error:
            raise UserError(str(error), where="--version") from None
    layout = workshop.layout
    folder = own_trees_folder(layout.root, environment) if user else layout.configs / "trees"
    path = folder / f"{name}.yaml"
    if path.exists():
        raise UserError("the file is there already", where=str(path), remedy="choose another name")
    # Paths on a command line count from the current folder.
    tree = tree_from(TreeSchema(name=name, version=version or "0", era=era, sources=[source]), Path.cwd(), "--")
    (wanted,) = tree.sources
    local = [] if wanted.kind is SourceKind.DEBIAN else [wanted.location]
    for location in (*local, *(overlay.location for overlay in wanted.overlay)):
        if not user and not is_url(location) and location.startswith("/"):
            raise UserError(
                f"{location} is a path that only this machine has", remedy="add --user: it goes into your configuration"
            )
    if era is not None or version is not None:
        workshop.catalogue.era_of(tree)  # before anything is fetched
    fetched = workshop.library.learn(tree, workshop.notice)
    told = makefile_version(workshop.library.store, fetched.content.commit)
    if version is None and told is None:
        raise UserError("its Makefile names no version", where=name, remedy="give --version")
    note = ""
    if version is not None and told is not None and KernelVersion.parse(told) != KernelVersion.parse(version):
        note = f"its Makefile says {told}, not {version}"
    pinned = replace(fetched.source, pins=fetched.pins)
    tree = replace(tree, version=version or str(told), sources=(pinned,), where=str(path))
    chosen = workshop.catalogue.era_of(tree)
    with workshop.library.store.lock(f"tree-{name}"):
        if path.exists():  # written while this one was fetched
            raise UserError("the file is there already", where=str(path), remedy="choose another name")
        write_whole(path, tree_text(tree))
    workshop.library.adopt(tree, fetched.content)
    return AddedTree(tree, fetched.content, chosen, path, note)


def makefile_version(store: ObjectStore, commit: str) -> str | None:
    """The version that a tree's top Makefile says ("2.6.22-rc2"), None where it says none that could be read."""
    text = store.file_of(commit, "Makefile")
    if text is None:
        return None
    values: dict[str, str] = dict(
        re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION)[ \t]*=[ \t]*(\S*)", text, re.MULTILINE)
    )
    numbers = [values.get(key, "") for key in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
    version = ".".join(number for number in numbers if number) + values.get("EXTRAVERSION", "")
    try:
        KernelVersion.parse(version)
    except ValueError:
        return None
    return version
