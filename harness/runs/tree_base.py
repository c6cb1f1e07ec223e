"""A named tree made ready to be patched or built: its era, its toolchain, its content with the fix-ups it needs."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.era import Era, Toolchain
from harness.model.errors import UserError
from harness.model.tree import Prefix, Tree, TreeContent
from harness.runs.workshop import Workshop
from harness.trees.series_prefixes import baseline


@dataclass(frozen=True, slots=True)
class TreeBase:
    """What every use of a tree starts from; ``base`` is its content with the fix-ups."""

    tree: Tree
    era: Era
    toolchain: Toolchain
    content: TreeContent
    base: Prefix


def tree_base(workshop: Workshop, name: str, fetch: bool = True, toolchain: str | None = None) -> TreeBase | None:
    """The tree ready to be patched, for its era's toolchain or another one; None where it is not here and may not be
    fetched.

    Raises TreeUnavailable, and UserError where a fix-up's text is not in the tree or the toolchain is too old for it.
    """
    tree = workshop.catalogue.tree(name)
    era = workshop.catalogue.era_of(tree)
    chosen = workshop.catalogue.toolchain(toolchain or era.toolchain)
    check_tools(era, chosen)
    content = workshop.library.ensure(tree, workshop.notice) if fetch else workshop.library.present(tree)
    if content is None:
        return None
    fixups = workshop.catalogue.fixups(tree.kernel_version, era, chosen)
    return TreeBase(tree, era, chosen, content, baseline(workshop.library.store, content, fixups))


def check_tools(era: Era, toolchain: Toolchain) -> None:
    """Raises UserError where the toolchain says that a tool is older than the era's kernels build with."""
    have = dict(toolchain.tools)
    for tool, oldest in era.expects:
        if tool in have and have[tool] < oldest:
            raise UserError(
                f"era {era.name} builds with {tool} {oldest} or newer, toolchain {toolchain.name} has {have[tool]}",
                where=era.where,
                remedy="name another toolchain",
            )
