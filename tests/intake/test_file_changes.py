"""Patches as file changes to compare with a tree, whole and damaged."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.intake.file_changes import file_changes
from harness.model.series import Patch

SEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "seeds"


def patch(diff: str, damage: str = "") -> Patch:
    """A patch with that diff."""
    return Patch(1, "s", "a", None, None, "", diff, (), 0, 0, "box", damage=damage)


WHOLE = """diff --git a/mm/swap.c b/mm/swap.c
index 3a442f1..ac617dc 100644
--- a/mm/swap.c
+++ b/mm/swap.c
@@ -10,3 +10,4 @@ int put(void)
 a
+b
 c

diff --git a/mm/new.c b/mm/new.c
new file mode 100644
index 0000000..1111111
--- /dev/null
+++ b/mm/new.c
@@ -0,0 +1 @@
+int x;
\\ No newline at end of file
diff --git a/tool b/tool
old mode 100644
new mode 100755
"""


def test_a_whole_diff() -> None:
    swap, new = file_changes(patch(WHOLE))
    assert (swap.path, swap.old_blob, swap.created, swap.damaged) == ("mm/swap.c", "3a442f1", False, False)
    (hunk,) = swap.hunks
    assert (hunk.at, hunk.start, hunk.count) == (5, 10, 3)
    assert (hunk.old, hunk.new) == (("a", "c", ""), ("a", "b", "c", ""))
    assert (new.path, new.created, new.hunks[0].new) == ("mm/new.c", True, ("int x;",))
    assert new.old_blob.strip("0") == ""


def test_what_a_header_says_of_its_file() -> None:
    text = (
        "--- linux-2.5.31-bk7/mm/swap.c Sun Aug 25 18:30:38 2002\n"
        "+++ linux-2.5.31-cae/mm/swap.c Sun Aug 25 21:40:57 2002\n"
        "@@ -1,2 +1,1 @@\n-a\n b\n"
    )
    for damage in ("", "damaged"):
        (change,) = file_changes(patch(text, damage))
        assert change.path == "mm/swap.c"
        assert change.old_name.startswith("linux-2.5.31-bk7/mm/swap.c")
        assert change.old_time == datetime(2002, 8, 25, 18, 30, 38)


def test_a_damaged_diff_ends_with_its_counts() -> None:
    text = (
        "Index: linux/mm/swap.c\n=====\n--- linux.orig/mm/swap.c\n+++ linux/mm/swap.c\n@@ -3,3 +3,3 @@\nvoid f(void)\n"
        "-a &amp;&amp; b;\n+c;\nint d;\n\n\\ /\nLast update: today\n@@ -9,9 +9,9 @@\n-x\n"
        "To unsubscribe from this list\nmore\n"
    )
    (change,) = file_changes(patch(text, "line 6: no context line"))
    assert change.damaged
    assert [hunk.old for hunk in change.hunks] == [("void f(void)", "a && b;", "int d;"), ("x",)]
    # A diff that claims to be whole and is not is read in the same way.
    assert file_changes(patch(text)) == (change,)


@pytest.mark.parametrize(
    ("name", "hunks"),
    [
        ("002_memcg-lockless-page-cgroup.txt",
         {"mm/memcontrol.c": 10, "mm/memory.c": 3, "include/linux/mm_types.h": 1}),
        ("003_migration-by-kernel.txt",
         {"mm/migrate.c": 5, "include/linux/rmap.h": 2, "mm/rmap.c": 3, "include/linux/migrate.h": 1}),
        ("004_page-release-race.txt",
         {"include/linux/mm.h": 2, "include/linux/pagemap.h": 1, "mm/swap.c": 3, "mm/vmscan.c": 3}),
    ],
)  # fmt: skip
def test_the_archives_diffs(name: str, hunks: dict[str, int]) -> None:
    if not (SEEDS / name).is_file():
        pytest.skip("the archives' pages do not lie beside this checkout")
    text = (SEEDS / name).read_text()
    start = min(at for word in ("\nIndex: ", "\ndiff -ur ") if (at := text.find(word)) >= 0)
    changes = file_changes(patch(text[start + 1 :], "damaged"))
    assert {change.path: len(change.hunks) for change in changes} == hunks
    last = changes[-1].hunks[-1]
    assert not any("unsubscribe" in line or "Last update" in line for line in last.lines)


@given(st.text("+- @,0123456789abIndex:dif/\n\\&;>", max_size=400), st.booleans())
def test_any_text_is_read(text: str, damage: bool) -> None:
    for change in file_changes(patch(f"--- a/x\n+++ b/x\n{text}", "damaged" if damage else "")):
        assert all(line[:1] in ("+", "-", " ") for hunk in change.hunks for line in hunk.lines)
