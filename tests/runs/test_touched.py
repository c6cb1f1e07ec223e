"""Frames that patches touched, told from the prefixes in an object store."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from harness.model.finding import Finding, FrameTouch, Severity, SourceFrame
from harness.model.series import Patch
from harness.model.tree import Fixup, TreeContent
from harness.runs.touched import SeriesTouch
from harness.trees.object_store import ObjectStore
from harness.trees.series_prefixes import baseline, prefixes
from tests.trees.conftest import Tarred, store, tarred

__all__ = ["store", "tarred"]

BEFORE = "int a;\n\nint one(void)\n{\n\ta = 1;\n\treturn a;\n}\n\nint two(void)\n{\n\ta = 2;\n\treturn one();\n}\n"
FIRST = BEFORE.replace("int a;\n", "int a;\nint b;\nint c;\n").replace("\ta = 1;\n", "\ta = 7;\n")
SECOND = FIRST.replace("\ta = 2;\n", "").replace("int a;\n", "/* more\n * lines */\nint a;\n")


def patch(index: int, before: str, after: str) -> Patch:
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), "a/mm/y.c", "b/mm/y.c")
    diff = f"diff --git a/mm/y.c b/mm/y.c\n{''.join(lines)}"
    return Patch(index, f"patch {index}", "A", None, None, "", diff, ("mm/y.c",), 1, 0, f"box:{index}")


def finding(*frames: tuple[str, int]) -> Finding:
    source = tuple(SourceFrame(function, "mm/y.c", number) for function, number in frames)
    return Finding("oops", "t", None, Severity.FATAL, 1, 1, ("x",), source=source)


def at(function: str, text: str, what: str) -> tuple[str, int]:
    return function, text.splitlines().index(what) + 1


@pytest.fixture
def touch(store: ObjectStore, tarred: Tarred, tmp_path: Path) -> SeriesTouch:
    """Two patches on a tree with a fix-up in one()."""
    source = BEFORE.replace("\treturn a;\n", "\treturn A;\n")
    path = tarred(files={"linux/Makefile": b"VERSION = 6\n", "linux/mm/y.c": source.encode()})
    commit = store.import_tar(path, "refs/harness/trees/small", "small")
    content = TreeContent("small", store.tree_of(commit), commit, "tarball", True)
    base = baseline(store, content, (Fixup("f", "mm/y.c", "return A;", "return a;", "r"),))
    return SeriesTouch(store, prefixes(store, base, [patch(1, BEFORE, FIRST), patch(2, FIRST, SECOND)]))


def test_the_patch_is_named_in_the_numbering_of_its_own_prefix(touch: SeriesTouch) -> None:
    one = finding(at("one", FIRST, "\ta = 7;"), at("one", FIRST, "\treturn a;"), at("two", FIRST, "\ta = 2;"))
    assert touch.frames(1, one) == {0: FrameTouch((1,), True), 1: FrameTouch((1,), False)}
    two = finding(at("one", SECOND, "\ta = 7;"), at("one", SECOND, "\treturn a;"), at("two", SECOND, "\treturn one();"))
    # Of two() only a line was taken away.
    assert touch.frames(2, two) == {0: FrameTouch((1,), True), 1: FrameTouch((1,), False), 2: FrameTouch((2,), False)}


def test_the_baseline_and_a_finding_without_source_have_no_marks(touch: SeriesTouch) -> None:
    assert touch.frames(0, finding(("one", 5))) == {}
    assert touch.frames(2, finding()) == {}
    assert touch.frames(2, finding(("one", 999), ("one", 0))) == {}
