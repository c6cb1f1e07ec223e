"""A commit of a range found by its content, over a local folder and over git's transport."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.tree_file import TreeSchema
from harness.config.yaml_file import parse_yaml
from harness.model.errors import TreeUnavailable, UserError
from harness.model.tree import Pin, PinKind, Source, SourceKind, Tree
from harness.trees.object_store import ObjectStore
from harness.trees.sources import TreeLibrary
from tests.trees.conftest import git


@pytest.mark.parametrize("by_url", [False, True])
def test_the_commit_with_that_content(history: Path, tmp_path: Path, by_url: bool) -> None:
    wanted, tree_id = git(history, "log", "-1", "--format=%H %T", "v4~2").split()
    location = history.as_uri() if by_url else str(history)
    source = Source(SourceKind.GIT, location, "v0..v4", (Pin(PinKind.TREE, tree_id),))
    library = TreeLibrary(tmp_path / "cache")
    content = library.ensure(Tree("between", "1", "old", (source,)), lambda _: None)
    assert (content.commit, content.tree_id, content.pinned) == (wanted, tree_id, True)
    assert library.store.git("show", f"{content.commit}:Makefile") == "SUBLEVEL = 2"
    assert library.verify(Tree("between", "1", "old", (source,))) == content


@pytest.mark.parametrize("by_url", [False, True])
def test_content_that_is_not_in_the_range(history: Path, tmp_path: Path, by_url: bool) -> None:
    tree_id = git(history, "log", "-1", "--format=%T", "v0")
    location = history.as_uri() if by_url else str(history)
    store = ObjectStore(tmp_path / "trees")
    with pytest.raises(TreeUnavailable, match=rf"no commit of v0\.\.v4 has the tree {tree_id}"):
        store.fetch_content(location, "v0..v4", tree_id, "refs/harness/trees/x")
    with pytest.raises(TreeUnavailable, match=r"v0\.\.v9 cannot be fetched"):
        store.fetch_content(location, "v0..v9", tree_id, "refs/harness/trees/x")


@pytest.mark.parametrize(
    "rest",
    [
        "revision: v0..v4",
        "revision: v0..",
        f"revision: ..v4\n    pins: [{{tree: {'a' * 40}}}]",
        f"revision: v0..v4\n    pins: [{{commit: {'a' * 40}}}]",
    ],
)
def test_a_range_needs_both_ends_and_a_tree_pin(rest: str) -> None:
    text = f"name: x\nversion: '1'\nera: old\nsources:\n  - git: https://example.org/x.git\n    {rest}\n"
    with pytest.raises(UserError, match="needs a tree pin to find its commit by"):
        parse_yaml(text.encode(), TreeSchema, "x.yaml")
