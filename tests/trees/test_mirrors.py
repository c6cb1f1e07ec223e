"""One git directory for every tree: found by pins, then by tag, never by a branch's name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.errors import TreeUnavailable
from harness.model.tree import Pin, PinKind, Source, SourceKind, Tree
from harness.trees.mirrors import Mirror
from harness.trees.sources import TreeLibrary
from tests.trees.conftest import git

NOWHERE = "https://no-such-host.invalid/linux.git"


def wanted(revision: str, *pins: Pin) -> Source:
    return Source(SourceKind.GIT, NOWHERE, revision, pins)


@pytest.mark.parametrize("bare", [False, True])
def test_found_by_each_pin_and_by_tag(history: Path, tmp_path: Path, bare: bool) -> None:
    folder = history
    if bare:
        folder = tmp_path / "bare.git"
        git(tmp_path, "clone", "-q", "--bare", str(history), str(folder))
    mirror = Mirror(folder)
    commit, tree = git(history, "log", "-1", "--format=%H %T", "v4~2").split()
    tagged, tagged_tree = git(history, "log", "-1", "--format=%H %T", "v4").split()
    assert mirror.commit_of(wanted("v9", Pin(PinKind.COMMIT, commit))) == commit
    assert mirror.commit_of(wanted("v9", Pin(PinKind.TREE, tree))) == commit
    assert mirror.commit_of(wanted("v0..v4", Pin(PinKind.TREE, tree))) == commit
    assert mirror.commit_of(wanted("v7..v8", Pin(PinKind.TREE, tree))) == commit
    assert mirror.commit_of(wanted("v4")) == tagged
    assert mirror.commit_of(wanted(commit)) == commit
    # The commit ids of an import are its own; the content is the same.
    assert mirror.commit_of(wanted("v4", Pin(PinKind.COMMIT, "1" * 40), Pin(PinKind.TREE, tagged_tree))) == tagged


def test_not_found_where_it_is_not_the_pinned(history: Path) -> None:
    mirror = Mirror(history)
    for pin in (Pin(PinKind.COMMIT, "1" * 40), Pin(PinKind.TREE, "1" * 40)):
        with pytest.raises(TreeUnavailable, match=rf"its v4 is tree [0-9a-f]{{40}}, pinned is {pin.kind} 1111"):
            mirror.commit_of(wanted("v4", pin))
    assert mirror.commit_of(wanted("v5")) is None
    assert mirror.commit_of(wanted("1" * 40)) is None
    assert mirror.commit_of(wanted(git(history, "symbolic-ref", "--short", "HEAD"))) is None
    assert mirror.commit_of(wanted("--all")) is None


def test_a_tree_comes_from_the_mirror_that_has_it(history: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.git"
    git(tmp_path, "init", "-q", "--bare", str(other))
    told: list[str] = []
    library = TreeLibrary(tmp_path / "cache", (tmp_path / "gone", other, history))
    commit, tree_id = git(history, "log", "-1", "--format=%H %T", "v4").split()
    tree = Tree("v4", "4", "old", (wanted("v4", Pin(PinKind.TREE, tree_id), Pin(PinKind.COMMIT, commit)),))
    content = library.ensure(tree, told.append)
    assert (content.commit, content.pinned) == (commit, True)
    assert str(history) in content.source and any(str(history) in line for line in told)
    assert library.verify(tree) == content
    # Once it is here, nothing is asked.
    shutil.rmtree(history)
    assert library.ensure(tree, told.append) == content


def test_what_is_learned_from_a_mirror_holds_for_the_source_itself(history: Path, tmp_path: Path) -> None:
    source = wanted("v4")
    found = TreeLibrary(tmp_path / "cache", (history,)).learn(Tree("v4", "4", "old", (source,)), lambda _: None)
    assert found.source == source
    # The server's history may have other commit ids.
    assert found.pins == (Pin(PinKind.TREE, git(history, "rev-parse", "v4^{tree}")),)
    own = replace(source, location=str(history))
    found = TreeLibrary(tmp_path / "second").learn(Tree("v4", "4", "old", (own,)), lambda _: None)
    assert [pin.kind for pin in found.pins] == [PinKind.COMMIT, PinKind.TREE]


def test_why_no_mirror_helped(history: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    library = TreeLibrary(tmp_path / "cache", (tmp_path / "gone", tmp_path / "plain", history))
    with pytest.raises(TreeUnavailable) as failure:
        library.ensure(Tree("v9", "9", "old", (wanted("v9"),)), lambda _: None)
    told = str(failure.value)
    assert "gone: no such git directory" in told and "plain: not a git directory" in told
    assert "no-such-host.invalid" in told and "mirrors:" in told and "\n" not in told


def test_an_overlays_tree_pin_is_not_looked_for(history: Path, tmp_path: Path) -> None:
    commit, tree_id = git(history, "log", "-1", "--format=%H %T", "v0").split()
    patch = tmp_path / "x.patch"
    patch.write_text("--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-SUBLEVEL = 4\n+SUBLEVEL = 0\n")
    from harness.model.tree import Overlay

    source = replace(wanted("v4", Pin(PinKind.TREE, tree_id)), overlay=(Overlay(str(patch)),))
    library = TreeLibrary(tmp_path / "cache", (history,))
    content = library.ensure(Tree("back", "4", "old", (source,)), lambda _: None)
    assert content.tree_id == tree_id and content.commit != commit and content.pinned


def test_what_the_store_has_by_its_pin_is_not_fetched_again(history: Path, tmp_path: Path) -> None:
    commit, tree_id = git(history, "log", "-1", "--format=%H %T", "v4").split()
    local = Source(SourceKind.GIT, str(history), "v4", (Pin(PinKind.TREE, tree_id),))
    library = TreeLibrary(tmp_path / "cache")
    library.ensure(Tree("v4", "4", "old", (local,)), lambda _: None)
    moved = Tree("v4", "4", "old", (wanted("v4", Pin(PinKind.TREE, tree_id)),))
    here = library.present(moved)
    assert here is not None and (here.commit, here.pinned) == (commit, True)
    assert library.present(Tree("v4", "4", "old", (wanted("v4"),))) is None  # nothing says that it is the same
    assert library.present(Tree("v4", "4", "old", (wanted("v4", Pin(PinKind.TREE, "1" * 40)),))) is None


def test_damaged_objects_are_found_and_named(history: Path, tmp_path: Path) -> None:
    library = TreeLibrary(tmp_path / "cache")
    trees = [Tree(tag, "4", "old", (Source(SourceKind.GIT, str(history), tag, ()),)) for tag in ("v0", "v4")]
    contents = [library.ensure(tree, lambda _: None) for tree in trees]
    assert [library.verify(tree) for tree in trees] == contents
    blob = library.store.git("rev-parse", f"{contents[1].commit}:Makefile")
    path = library.store.path / "objects" / blob[:2] / blob[2:]
    for pack in (library.store.path / "objects" / "pack").glob("*.pack"):
        kept = tmp_path / pack.name
        pack.rename(kept)
        with kept.open("rb") as packed:
            git(library.store.path, "unpack-objects", "-q", stdin=packed)
        pack.with_suffix(".idx").unlink()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-3])
    library = TreeLibrary(tmp_path / "cache")
    assert library.verify(trees[0]) == contents[0]
    with pytest.raises(TreeUnavailable, match=r"its objects are damaged: .*harness clean trees work"):
        library.verify(trees[1])
