"""Where a hunk stands in a file: at its line, elsewhere, with fuzz, nowhere; damaged ones by what is left of them."""

from __future__ import annotations

import difflib
import itertools
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.intake.file_changes import file_changes
from harness.model.hunk import FileChange, HunkLines
from harness.model.series import Patch
from harness.verdicts.hunk_conflicts import MAX_CONFLICTS, MAX_LINES, conflicts
from harness.verdicts.hunk_places import FileLines, Fit, applied, in_order, nearest_window, place, places

FILE = [
    "#include <linux/mm.h>",
    "",
    "static int shrink(struct zone *zone)",
    "{",
    "\tint freed = 0;",
    "",
    "\twhile (!list_empty(&zone->inactive)) {",
    "\t\tstruct page *page = lru_to_page(&zone->inactive);",
    "",
    "\t\tif (!page_count(page))",
    "\t\t\tcontinue;",
    "\t\tfreed += release(page);",
    "\t}",
    "\treturn freed;",
    "}",
    "",
    "static int grow(struct zone *zone)",
    "{",
    "\treturn zone->pages++;",
    "}",
]


def changed(old: list[str], new: list[str], damage: str = "", name: str = "a/mm/vmscan.c") -> FileChange:
    """The change from old to new, as its diff says it."""
    diff = "\n".join(difflib.unified_diff(old, new, name, "b/mm/vmscan.c", lineterm=""))
    return one(diff, damage)


def one(diff: str, damage: str = "") -> FileChange:
    """The only change of a diff."""
    (change,) = file_changes(Patch(1, "s", "a", None, None, "", diff, (), 0, 0, "box", damage=damage))
    return change


def edited(at: int, *lines: str) -> list[str]:
    """FILE with one line replaced."""
    return [*FILE[:at], *lines, *FILE[at + 1 :]]


def file_of(lines: list[str]) -> FileLines:
    """As a tree's file."""
    return FileLines.of("".join(f"{line}\n" for line in lines).encode())


CHANGE = changed(FILE, edited(9, "\t\tif (page_count(page) == 0)"))


def test_at_its_line_and_elsewhere() -> None:
    (spot,) = places(file_of(FILE), CHANGE)
    assert (spot.fit, spot.line, spot.offset) == (Fit.CLEAN, 6, 0)
    (spot,) = places(file_of(["/* one */", "/* two */", *FILE]), CHANGE)
    assert (spot.fit, spot.line, spot.offset) == (Fit.OFFSET, 8, 2)
    (spot,) = places(file_of(FILE[2:]), CHANGE)
    assert (spot.fit, spot.line, spot.offset) == (Fit.OFFSET, 4, -2)


def test_the_nearest_of_several() -> None:
    (spot,) = places(file_of([*FILE, *FILE, *FILE]), CHANGE)
    assert spot.line == 6
    (spot,) = places(file_of(["x", *FILE, *FILE]), CHANGE)
    assert spot.line == 7


@pytest.mark.parametrize(
    ("at", "line", "fuzz"),
    [
        (6, "\twhile (1) {", 1),
        (12, "\t} /* while */", 1),
        (7, "\t\tstruct page *page = first();", 2),
        (8, "\t\tnew();", 0),
    ],
)
def test_fuzz_gives_up_outer_context_only(at: int, line: str, fuzz: int) -> None:
    file = file_of(edited(at, line))
    spot = place(file, CHANGE.hunks[0], False)
    assert (spot.fit, spot.fuzz) == ((Fit.FUZZ, fuzz) if fuzz else (Fit.MISSING, 0))
    if fuzz:
        result = applied(file, CHANGE.hunks, [spot])
        assert result is not None
        assert "\t\tif (page_count(page) == 0)" in result.decode().split("\n")
        assert line in result.decode().split("\n"), "what the tree has there stays"


def test_a_removed_line_that_differs_has_no_place() -> None:
    spot = place(file_of(edited(9, "\t\tif (!page_mapped(page))")), CHANGE.hunks[0], False)
    assert spot.fit is Fit.MISSING and spot.line is None
    assert 0.5 < nearest_window(file_of(edited(9, "\t\tif (!page_mapped(page))")), CHANGE.hunks[0]).share < 1
    assert place(file_of([]), CHANGE.hunks[0], False).fit is Fit.MISSING


lines = st.lists(
    st.sampled_from(["", "{", "}", "\treturn 0;", "\tx++;", "int a;", "int b;", "/*", " */", "é"]), max_size=40
)


@settings(max_examples=150, deadline=None)
@given(old=lines, new=lines, before=lines, damage=st.booleans())
@example(["", "{", "{", "{", "", "{", "", "/*"], ["", "{", "{", "{", "", "{", ""], [], True)
def test_any_diff_fits_the_file_it_was_made_from(
    old: list[str], new: list[str], before: list[str], damage: bool
) -> None:
    if old == new or not old:
        return
    change = changed(old, new)
    file = file_of(old)
    spots = places(file, change)
    assert {spot.fit for spot in spots} == {Fit.CLEAN}
    assert applied(file, change.hunks, spots) == "".join(f"{line}\n" for line in new).encode()
    for spot in places(file_of([*before, *old]), change):
        assert spot.fit in (Fit.CLEAN, Fit.OFFSET)
    if damage:
        diff = "\n".join(difflib.unified_diff(old, new, "a/x", "b/x", lineterm="", n=3))
        damaged = one(diff, "damaged")
        for hunk, spot in zip(damaged.hunks, places(file, damaged), strict=True):
            # Blank lines and punctuation alone are no place to find again.
            telling = any(character.isalnum() for line in hunk.old for character in line)
            assert spot.fit in (Fit.CLEAN, Fit.OFFSET, Fit.FUZZ) or not telling


def stripped(diff: str, lose: tuple[str, ...] = ()) -> str:
    """As a web archive keeps it: no leading whitespace, no trailing, some lines lost."""
    kept = [line for line in diff.split("\n") if line[1:].strip() not in lose or line.startswith(("---", "+++", "@@"))]
    return "\n".join(line[0] + line[1:].lstrip() if line[:1] in "+-" else line.strip() for line in kept)


DIFF = "\n".join(
    difflib.unified_diff(FILE, edited(9, "\t\tif (page_count(page) == 0)"), "a/mm/v.c", "b/mm/v.c", lineterm="")
)


def test_a_damaged_hunk_by_what_is_left_of_it() -> None:
    hunk = one(stripped(DIFF), "damaged").hunks[0]
    assert place(file_of(FILE), hunk, True).fit is Fit.CLEAN
    moved = place(file_of(["/* text */"] * 30 + FILE), hunk, True)
    assert (moved.fit, moved.offset) == (Fit.OFFSET, 30)
    lost = one(stripped(DIFF, ("}", "")), "damaged").hunks[0]
    assert len(lost.old) < len(hunk.old)
    assert place(file_of(FILE), lost, True).fit is Fit.CLEAN, "lost lines are not held against the tree"
    # Other context is fuzz; another removed line is no place, as it is for patch.
    assert place(file_of(edited(7, "\t\tfirst();")), hunk, True).fit is Fit.FUZZ
    assert place(file_of(edited(9, "\t\tif (!page_mapped(page))")), hunk, True).fit is Fit.MISSING
    assert place(file_of([*FILE[:10], *(["\tnew_code();"] * 12), *FILE[10:]]), hunk, True).fit is not Fit.CLEAN


def test_a_large_file_is_searched_at_once() -> None:
    many = [f"\tcall_{number % 700}(page, {number % 13});" for number in range(60_000)]
    hunk = one(stripped(DIFF), "damaged").hunks[0]
    assert place(file_of(many + FILE), hunk, True).fit is Fit.OFFSET
    assert nearest_window(file_of(many), hunk).share < 0.6


@given(one=lines, other=lines)
def test_a_longest_common_subsequence(one: list[str], other: list[str]) -> None:
    pairs = in_order(one, other)
    assert all(one[i] == other[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in itertools.pairwise(pairs))
    table = [[0] * (len(other) + 1)]
    for text in one:
        row = [0]
        for j, other_text in enumerate(other):
            row.append(table[-1][j] + 1 if text == other_text else max(row[-1], table[-1][j + 1]))
        table.append(row)
    assert len(pairs) == table[-1][-1]


def test_text_that_is_all_alike_takes_no_time() -> None:
    """Every line like every other: the worst there is for finding a place."""
    alternating = ["\tx = x + 1;" if number * number % 7 < 3 else "\ty = y + 2;" for number in range(100_000)]
    body = tuple(f" {line}" for line in alternating[3:3000:3])
    one_hunk = HunkLines(1, 50, len(body), ("-never there", *body))
    begun = time.monotonic()
    for damaged in (False, True):
        assert place(file_of(alternating), one_hunk, damaged).fit is Fit.MISSING
    many = FileChange("x", "", None, "", False, True, (HunkLines(1, 1, 1, ("-nowhere at all",)),) * 20_000)
    assert {spot.fit for spot in places(file_of(alternating), many)} == {Fit.MISSING}
    assert time.monotonic() - begun < 20  # seconds; it takes less than one on an idle machine


# What does not apply, shown


def tree_of(lines: list[str]) -> dict[str, bytes]:
    """A tree of one file."""
    return {"mm/vmscan.c": "".join(f"{line}\n" for line in lines).encode()}


def test_a_conflict_shows_both_sides() -> None:
    lines = ["/* new head */", *edited(9, "\t\tif (!page_mapped(page))")]
    (conflict,) = conflicts([CHANGE], tree_of(lines).get)
    assert (conflict.path, conflict.line, conflict.tree_line) == ("mm/vmscan.c", 7, 8)
    assert conflict.why.endswith("% of its lines are nearest at line 8")
    assert "-\t\tif (!page_count(page))" in conflict.old and not any(line.startswith("+") for line in conflict.old)
    assert "!\t\tif (!page_mapped(page))" in conflict.tree
    assert conflict.tree[0] == "=\twhile (!list_empty(&zone->inactive)) {"


def test_what_kind_of_conflict() -> None:
    def why(lines: list[str] | None) -> str:
        tree = tree_of(lines) if lines is not None else dict[str, bytes]()
        (conflict,) = conflicts([CHANGE], tree.get)
        return conflict.why

    assert why(None) == "the tree has no such file"
    assert why(["int unrelated;"] * 40) == "none of its lines is in the file"
    assert why(edited(9, "\t\tif (page_count(page) == 0)")) == "what it makes is in the file already"
    assert why(edited(6, "\twhile (1) {")) == "it would fit with fuzz 1, which git does not take"
    assert conflicts([CHANGE], tree_of(FILE).get) == ()
    new = one("--- /dev/null\n+++ b/mm/vmscan.c\n@@ -0,0 +1 @@\n+int x;\n")
    assert [found.why for found in conflicts([new], tree_of(FILE).get)] == ["the tree has that file already"]
    assert conflicts([new], dict[str, bytes]().get) == ()


def test_what_is_shown_is_bounded() -> None:
    old = [f"line {number};" for number in range(2000)]
    new = [line if number % 20 else f"changed {number};" for number, line in enumerate(old)]
    tree = [
        line.replace("line 40;", "other;") if number % 20 else f"strange {number};" for number, line in enumerate(old)
    ]
    change = changed(old, new)
    assert len(change.hunks) == 100
    found = conflicts([change], tree_of(tree).get)
    assert len(found) == MAX_CONFLICTS
    wide = FileChange("mm/vmscan.c", "", None, "", False, False, (
        HunkLines(1, 1, 900, (*(f" line {number};" for number in range(900)), "-never there")),
    ))  # fmt: skip
    (conflict,) = conflicts([wide], tree_of(old).get)
    assert max(len(conflict.old), len(conflict.tree)) <= MAX_LINES
