"""A named tree made ready to be patched or built: its era, its toolchain, its content with the fix-ups it needs."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.era import Era, Toolchain
from harness.model.errors import UserError
from harness.model.tree import Prefix, Tree, TreeContent
from harness.runs.workshop import Workshop
from harness.trees.series_prefixes import baseline
from harness.trees.worktrees import Worktree


@dataclass(frozen=True, slots=True)
class TreeBase:
    """What every use of a tree starts from; ``base`` is its content with the fix-ups."""

    tree: Tree
    era: Era
    toolchain: Toolchain
    content: TreeContent
    base: Prefix


def tree_base(workshop: Workshop, name: str, toolchain: str | None = None) -> TreeBase:
    """The tree ready to be patched, fetched where it is not here, for its era's toolchain or another one.

    Raises TreeUnavailable, and UserError where a fix-up's text is not in the tree or the toolchain is too old for it.
    """
    tree, era, chosen = _definitions(workshop, name, toolchain)
    return _with_fixups(workshop, tree, era, chosen, workshop.library.ensure(tree, workshop.notice))


def present_tree_base(workshop: Workshop, name: str) -> TreeBase | None:
    """As ``tree_base`` for its era's toolchain, without fetching anything; None where the tree is not here."""
    tree, era, chosen = _definitions(workshop, name, None)
    content = workshop.library.present(tree)
    return _with_fixups(workshop, tree, era, chosen, content) if content is not None else None


def _definitions(workshop: Workshop, name: str, toolchain: str | None) -> tuple[Tree, Era, Toolchain]:
    tree = workshop.catalogue.tree(name)
    era = workshop.catalogue.era_of(tree)
    chosen = workshop.catalogue.toolchain(toolchain or era.toolchain)
    check_tools(era, chosen)
    return tree, era, chosen


def _with_fixups(workshop: Workshop, tree: Tree, era: Era, toolchain: Toolchain, content: TreeContent) -> TreeBase:
    fixups = workshop.catalogue.fixups(tree.kernel_version, era, toolchain)
    return TreeBase(tree, era, toolchain, content, baseline(workshop.library.store, content, fixups))


def worktree(workshop: Workshop, content: TreeContent) -> Worktree:
    """The tree's working folder, named by content, so that a changed tree gets its own."""
    return Worktree(workshop.library.store, workshop.layout.cache / "work" / f"{content.name}-{content.tree_id[:12]}")


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
