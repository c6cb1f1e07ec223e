"""Patches on a tree in the object store: prefixes, conflicts, fix-ups, where a line comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.errors import UserError
from harness.model.series import Patch, Provenance
from harness.model.tree import Applied, Fixup, Prefix, TreeContent
from harness.trees.object_store import ObjectStore
from harness.trees.series_prefixes import SeriesConflict, baseline, line_origin, prefixes
from harness.trees.worktrees import Worktree
from tests.trees.conftest import Tarred


@pytest.fixture
def content(store: ObjectStore, tarred: Tarred) -> TreeContent:
    """The small tree, imported."""
    commit = store.import_tar(tarred(), "refs/harness/trees/small", "small")
    return TreeContent("small", store.tree_of(commit), commit, "tarball", True)


def patch(index: int, diff: str, subject: str = "") -> Patch:
    """A patch of mm/x.c."""
    text = f"diff --git a/mm/x.c b/mm/x.c\n--- a/mm/x.c\n+++ b/mm/x.c\n{diff}"
    return Patch(index, subject or f"patch {index}", "A", None, None, "", text, ("mm/x.c",), 1, 0, f"box:{index}")


TOP = "@@ -1,3 +1,4 @@\n int a;\n+int top;\n int b;\n int c;\n"
END = "@@ -6,3 +6,4 @@\n int f;\n int g;\n+int end;\n int h;\n"
LOST = "@@ -2,3 +2,4 @@\n int b;\n int nobody;\n+int lost;\n int d;\n"


def fixup(**words: object) -> Fixup:
    """A fix-up of mm/x.c."""
    values: dict[str, object] = {
        "name": "f", "file": "mm/x.c", "find": "int c;", "replace": "long c;", "reason": "r", **words,
    }  # fmt: skip
    return Fixup(**values)  # type: ignore[arg-type]


def test_a_fixup_that_the_tree_does_not_need_is_left_out(store: ObjectStore, content: TreeContent) -> None:
    needed, mended = fixup(), fixup(name="g", find="char gone;", unless="int c;")
    base = baseline(store, content, (mended, needed))
    assert [done.name for done in base.fixups] == ["f"]
    assert base.subject == "baseline (fix-ups: f)"
    with pytest.raises(UserError, match="fix-up g: its text stands 0 times, 1 expected"):
        baseline(store, content, (fixup(name="g", find="char gone;", unless="nor this"),))


def test_prefixes_in_order(store: ObjectStore, content: TreeContent) -> None:
    base = baseline(store, content, ())
    assert (base.patches, base.tree_id) == (0, content.tree_id)
    applied = prefixes(store, base, [patch(1, TOP), patch(2, END)])
    assert [prefix.patches for prefix in applied] == [0, 1, 2]
    assert applied[1].applied is Applied.CLEAN
    assert "int end;" in store.git("show", f"{applied[2].commit}:mm/x.c")
    # The same again gives the same commits: that is what builds are keyed by.
    assert prefixes(store, base, [patch(1, TOP), patch(2, END)]) == applied


def test_a_conflict_names_patch_and_hunk(store: ObjectStore, content: TreeContent) -> None:
    with pytest.raises(SeriesConflict) as error:
        prefixes(store, baseline(store, content, ()), [patch(1, TOP), patch(2, LOST, "lost"), patch(3, END)])
    assert str(error.value) == (
        "box:2: patch 2 ('lost') does not apply to small: hunks at mm/x.c:2; "
        "patches 1 to 1 do: --patches 0,1 runs those, --keep-going all that apply"
    )
    assert [prefix.patches for prefix in error.value.applied] == [0, 1]
    assert error.value.exit_code == 2


def test_an_offset_is_noted(store: ObjectStore, content: TreeContent) -> None:
    applied = prefixes(store, baseline(store, content, ()), [patch(1, TOP), patch(2, END)])
    assert applied[2].applied is Applied.OFFSET, "the first patch moved the lines of the second"


def said(prefixes: Sequence[Prefix]) -> list[tuple[Applied | None, str]]:
    """How each patch went in."""
    return [(prefix.applied, prefix.detail) for prefix in prefixes[1:]]


def test_how_far_an_offset_is(store: ObjectStore, content: TreeContent) -> None:
    two = TOP + "@@ -3,3 +4,4 @@\n int f;\n int g;\n+int end;\n int h;\n"
    applied = prefixes(store, baseline(store, content, ()), [patch(1, two)])
    assert said(applied) == [(Applied.OFFSET, "1 of 2 hunks, by up to 3 lines")]


def test_a_repaired_patch_stays_one(store: ObjectStore, content: TreeContent) -> None:
    repaired = replace(
        patch(1, TOP), provenance=Provenance.REPAIRED, repairs=("least sure line guessed", "indentation lost")
    )
    moved = replace(patch(2, END), provenance=Provenance.REPAIRED, repairs=("least sure line proved",))
    applied = prefixes(store, baseline(store, content, ()), [repaired, moved])
    assert said(applied) == [
        (Applied.REPAIRED, "least sure line guessed"),
        (Applied.REPAIRED, "least sure line proved; with offset: 1 of 1 hunks, by up to 1 line"),
    ]


def test_what_the_tree_has_already(store: ObjectStore, content: TreeContent) -> None:
    base = baseline(store, content, ())
    applied = prefixes(store, base, [patch(1, TOP), patch(2, TOP, "again"), patch(3, END)])
    assert [state for state, _ in said(applied)] == [Applied.CLEAN, Applied.PRESENT, Applied.OFFSET]
    assert applied[1].tree_id == applied[2].tree_id
    assert applied[1].commit != applied[2].commit, "each patch has a commit of its own"
    assert line_origin(store, applied, 3, "mm/x.c", 2) == 1


def test_a_diff_made_the_wrong_way_round(store: ObjectStore, content: TreeContent) -> None:
    turned = (
        "--- linux-2.5.31-new/mm/x.c\tSun Aug 25 21:40:57 2002\n"
        "+++ linux-2.5.31.orig/mm/x.c\tSun Aug 25 18:30:38 2002\n"
        "@@ -1,4 +1,3 @@\n int a;\n-int top;\n int b;\n int c;\n"
    )
    wrong = replace(patch(1, ""), diff=turned)
    applied = prefixes(store, baseline(store, content, ()), [wrong])
    assert said(applied) == [(Applied.REVERSED, "+++ names the original: linux-2.5.31.orig/mm/x.c")]
    assert "int top;" in store.git("show", f"{applied[1].commit}:mm/x.c")
    # What only looks as if it were turned round is in the tree already: taking it out would be a guess.
    plain = replace(wrong, diff=turned.replace(".orig", "-cae"))
    assert said(prefixes(store, baseline(store, content, ()), [plain]))[0][0] is Applied.PRESENT


def merged_diff(store: ObjectStore, content: TreeContent) -> Patch:
    """A patch of the tree's own mm/x.c with its blob id, which touches int f."""
    blob = store.git("rev-parse", f"{content.commit}:mm/x.c")[:12]
    text = (
        f"diff --git a/mm/x.c b/mm/x.c\nindex {blob}..{'1' * 12} 100644\n--- a/mm/x.c\n+++ b/mm/x.c\n"
        "@@ -3,6 +3,6 @@\n int c;\n int d;\n int e;\n-int f;\n+long f;\n int g;\n int h;\n"
    )
    return replace(patch(2, "", "merge me"), diff=text)


def test_a_three_way_merge(store: ObjectStore, content: TreeContent) -> None:
    first = patch(1, "@@ -1,5 +1,5 @@\n int a;\n int b;\n-int c;\n+long c;\n int d;\n int e;\n")
    applied = prefixes(store, baseline(store, content, ()), [first, merged_diff(store, content)])
    assert said(applied)[1] == (Applied.THREE_WAY, "merged with the file it was made from")
    assert store.git("show", f"{applied[2].commit}:mm/x.c").split("\n")[2:6] == [
        "long c;",
        "int d;",
        "int e;",
        "long f;",
    ]


def test_a_merge_with_a_conflict_is_none(store: ObjectStore, content: TreeContent) -> None:
    first = patch(1, "@@ -4,5 +4,5 @@\n int d;\n int e;\n-int f;\n+char f;\n int g;\n int h;\n")
    three = [first, merged_diff(store, content), patch(3, TOP)]
    with pytest.raises(SeriesConflict, match=r"hunks at mm/x\.c:3"):
        prefixes(store, baseline(store, content, ()), three)
    applied = prefixes(store, baseline(store, content, ()), three, keep_going=True)
    assert [state for state, _ in said(applied)] == [Applied.CLEAN, Applied.CONFLICT, Applied.CLEAN]
    assert "<<<<" not in store.git("show", f"{applied[3].commit}:mm/x.c"), "nothing of the failed merge is left"


def test_keep_going_leaves_out_and_says_so(store: ObjectStore, content: TreeContent) -> None:
    needs_lost = "@@ -2,4 +2,4 @@\n int b;\n int nobody;\n-int lost;\n+long lost;\n int d;\n"
    four = [patch(1, TOP), patch(2, LOST, "lost"), patch(3, needs_lost, "on lost"), patch(4, END)]
    applied = prefixes(store, baseline(store, content, ()), four, keep_going=True)
    assert said(applied)[1:3] == [
        (Applied.CONFLICT, "hunks at mm/x.c:2"),
        (Applied.CONFLICT, "hunks at mm/x.c:2; patch 2, left out before it, changes the same file"),
    ]
    assert [prefix.left_out for prefix in applied] == [(), (), (2,), (2, 3), (2, 3)]
    assert applied[1].commit == applied[2].commit == applied[3].commit
    assert applied[4].tree_id == prefixes(store, baseline(store, content, ()), [four[0], four[3]])[2].tree_id
    assert prefixes(store, baseline(store, content, ()), four, keep_going=True) == applied, "as recorded"
    with pytest.raises(SeriesConflict) as error:  # the record of what keeps going does not hide the conflict
        prefixes(store, baseline(store, content, ()), four)
    assert error.value.patch.index == 2


def test_a_damaged_diff_is_not_given_to_git(store: ObjectStore, content: TreeContent) -> None:
    damaged = replace(patch(1, TOP), damage="box:7: malformed")
    with pytest.raises(
        SeriesConflict, match=r"its diff is damaged \(box:7: malformed\) and needs harness series repair"
    ):
        prefixes(store, baseline(store, content, ()), [damaged])


def test_what_the_tree_lacks_and_has(store: ObjectStore, content: TreeContent) -> None:
    gone = TOP.replace("int c;", "int z;") + "--- a/mm/gone.c\n+++ b/mm/gone.c\n@@ -1 +1 @@\n-x\n+y\n"
    new = "diff --git a/Makefile b/Makefile\nnew file mode 100644\n--- /dev/null\n+++ b/Makefile\n@@ -0,0 +1 @@\n+x\n"
    two = [patch(1, gone), replace(patch(2, ""), diff=new, files=("Makefile",))]
    applied = prefixes(store, baseline(store, content, ()), [*two, patch(3, END)], keep_going=True)
    assert said(applied)[:2] == [
        (Applied.CONFLICT, "hunks at mm/x.c:1; the tree has no mm/gone.c"),
        (Applied.CONFLICT, "the tree has Makefile already"),
    ]


def test_lines_of_a_patch_left_out_are_nobodys(store: ObjectStore, content: TreeContent) -> None:
    base = baseline(store, content, [fixup()])
    applied = prefixes(store, base, [patch(1, LOST), patch(2, END)], keep_going=True)
    assert line_origin(store, applied, 1, "mm/x.c", 3) is None, "the fix-up's, not patch 1's"
    assert line_origin(store, applied, 2, "mm/x.c", 8) == 2


@pytest.mark.parametrize("path", ["../../outside", ".git/config", "/etc/passwd"])
def test_a_patch_that_leaves_the_tree_is_refused(store: ObjectStore, content: TreeContent, path: str) -> None:
    text = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
    hostile = Patch(1, "s", "A", None, None, "", text, (path,), 1, 0, "box")
    with pytest.raises(SeriesConflict):
        prefixes(store, baseline(store, content, ()), [hostile])


def test_a_fixup(store: ObjectStore, content: TreeContent) -> None:
    base = baseline(store, content, [fixup()])
    assert base.tree_id != content.tree_id
    assert "fix-ups: f" in base.subject
    assert store.git("show", f"{base.commit}:mm/x.c").splitlines()[2] == "long c;"
    latin = baseline(store, content, [fixup(file="mm/latin.c", find="int j;", replace="long j;")])
    blob = store.git("rev-parse", f"{latin.commit}:mm/latin.c")
    assert store.git("cat-file", "-s", blob) == str(len(b"/* J\xf6rg */\nlong j;\n")), "other bytes stay as they are"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"find": "int gone;"}, "its text stands 0 times, 1 expected"),
        ({"find": "int", "count": 2}, "its text stands 8 times, 2 expected"),
        ({"file": "mm/gone.c"}, "no such file in the tree"),
    ],
)
def test_a_fixup_whose_text_is_gone(
    store: ObjectStore, content: TreeContent, words: dict[str, object], told: str
) -> None:
    with pytest.raises(UserError, match=f"small:mm/.*fix-up f: {told}"):
        baseline(store, content, [fixup(**words)])


def test_where_a_line_comes_from(store: ObjectStore, content: TreeContent) -> None:
    base = baseline(store, content, [fixup()])
    applied = prefixes(store, base, [patch(1, TOP.replace("int c", "long c")), patch(2, END)])
    assert line_origin(store, applied, 2, "mm/x.c", 2) == 1
    assert line_origin(store, applied, 2, "mm/x.c", 9) == 2
    assert line_origin(store, applied, 1, "mm/x.c", 8) is None, "the tree's own, before patch 2"
    assert line_origin(store, applied, 2, "mm/x.c", 4) is None, "the fix-up's"
    for file, line in (("mm/x.c", 0), ("mm/x.c", 99), ("mm/none.c", 1), ("-x", 1), ("/etc/passwd", 1)):
        assert line_origin(store, applied, 2, file, line) is None


def test_a_working_folder_moves_between_prefixes(store: ObjectStore, content: TreeContent, tmp_path: Path) -> None:
    applied = prefixes(store, baseline(store, content, ()), [patch(1, TOP)])
    worktree = Worktree(store, tmp_path / "work")
    source = worktree.check_out(applied[0])
    untouched = (source / "Makefile").stat().st_mtime_ns
    (source / "left-over.o").write_text("x")
    (source / "mm" / "x.c").write_text("changed by hand")
    worktree.check_out(applied[1])
    assert "int top;" in (source / "mm" / "x.c").read_text()
    assert not (source / "left-over.o").exists()
    assert (source / "Makefile").stat().st_mtime_ns == untouched, "what is equal keeps its time stamp"
    assert isinstance(applied[1], Prefix)
