"""From what a user calls a tree to its files: a name, a folder, or a revision of a git directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.config.yaml_file import nearest
from harness.model.errors import UserError
from harness.model.tree import TreeFiles
from harness.runs.workshop import Workshop
from harness.trees.git_objects import GitObjects
from harness.trees.tree_files import FolderFiles, GitTreeFiles, TreeLines


def named_tree_files(workshop: Workshop, name: str) -> GitTreeFiles:
    """The files of a tree of configs/trees, fetched where it is not here. Raises TreeUnavailable."""
    content = workshop.library.ensure(workshop.catalogue.tree(name), workshop.notice)
    return GitTreeFiles(GitObjects(workshop.library.store.path), content.commit, name)


def source_text(workshop: Workshop, tree_id: str) -> Callable[[str, int], str]:
    """Reads (file, line) of a tree in the object store by its git tree id; "" for what is not there."""
    store = workshop.library.store.path
    lines = TreeLines(GitObjects(store), tree_id) if tree_id and store.is_dir() else None

    def text(file: str, line: int) -> str:
        found = lines(file) if lines is not None else None
        return found[line - 1] if found is not None and 0 < line <= len(found) else ""

    return text


def tree_files(workshop: Workshop, text: str) -> TreeFiles:
    """The files of ``text``: the name of a tree, the folder of one, or DIR@REVISION of a git directory (bare or not).

    A name wins over a folder of the same name: "./NAME" is the folder. Raises UserError for what is none of them,
    TreeUnavailable for a named tree that cannot be had.
    """
    if text in workshop.catalogue.tree_names():
        return named_tree_files(workshop, text)
    if text and Path(text).is_dir():
        if (Path(text) / "HEAD").is_file() and (Path(text) / "objects").is_dir():
            raise UserError("a git directory", where=text, remedy=f"give a revision of it: {text}@REVISION")
        return FolderFiles(Path(text))
    folder, at, revision = text.rpartition("@")
    if at and folder:
        return GitTreeFiles(GitObjects(Path(folder)), revision, text)
    raise UserError(
        f"no tree, folder or git revision {text[:200]!r}",
        remedy=f"give DIR, DIR@REVISION or a name; {nearest(text, workshop.catalogue.tree_names())}",
    )
