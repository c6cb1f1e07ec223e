"""Which frames a series touched: lines carried through later patches, and bodies of functions."""

from __future__ import annotations

import difflib
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.model.finding import FrameTouch, SourceFrame
from harness.verdicts.touched_frames import Change, Mark, body_at, changes_of, functions_at, marks_of, touched_frames

RMAP = """\
/* rmap.c */
#include "x.h"

static int one(int a)
{
	a += 1;
	return a;
}

int two(struct page *page,
	int flags)
{
	if (flags)
		return one(flags);
out:
	return 0;
}

static inline int three(void) { return 3; }

struct operations op = {
	.one = one,
};

#define FOUR(x) do { \\
	two(x); \\
} while (0)
""".split("\n")


def line(text: str) -> int:
    return next(number for number, one in enumerate(RMAP, 1) if text in one)


@pytest.mark.parametrize(
    ("at", "first", "last"),
    [
        ("a += 1", "static int one", "\treturn a;"),
        ("static int one", "static int one", "\treturn a;"),
        ("if (flags)", "int two", "\treturn 0;"),
        ("int flags)", "int two", "\treturn 0;"),
        ("out:", "int two", "\treturn 0;"),
    ],
)
def test_a_body_is_from_its_signature_to_its_closing_brace(at: str, first: str, last: str) -> None:
    assert body_at(RMAP, line(at)) == (line(first), line(last) + 1)


def test_a_body_on_one_line_and_what_is_no_body() -> None:
    assert body_at(RMAP, line("three")) == (line("three"), line("three"))
    for text in ("/* rmap.c", "#include", ".one = one", "FOUR", "two(x);"):
        assert body_at(RMAP, line(text)) is None, text
    assert body_at(RMAP, 0) is None and body_at(RMAP, 1000) is None and body_at([], 1) is None


def test_git_diffs_are_read() -> None:
    diff = (
        "diff --git a/mm/rmap.c b/mm/rmap.c\nindex 1..2 100644\n--- a/mm/rmap.c\n+++ b/mm/rmap.c\n"
        "@@ -3,0 +4,2 @@ int two(void)\n+one\n+++ b/mm/fake.c\n@@ -9,2 +11,0 @@\n-a\n-b\n"
        "diff --git a/old.c b/new.c\nsimilarity index 90%\nrename from old.c\nrename to new.c\n"
        "--- a/old.c\n+++ b/new.c\n@@ -1 +1 @@\n-x\n+y\n"
        "diff --git a/gone.c b/gone.c\ndeleted file mode 100644\n--- a/gone.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        "diff --git a/born.c b/born.c\nnew file mode 100644\n--- /dev/null\n+++ b/born.c\n@@ -0,0 +1 @@\n+x\n"
    )
    assert changes_of(diff) == {
        "mm/rmap.c": ("mm/rmap.c", (Change(3, 0, 4, 2), Change(9, 2, 11, 0))),
        "new.c": ("old.c", (Change(1, 1, 1, 1),)),
        "born.c": ("born.c", (Change(0, 0, 1, 1),)),
    }
    assert changes_of("") == {}
    with pytest.raises(ValueError, match="cannot be read"):
        changes_of("--- a/x\n+++ b/x\n@@ -1,5 +1,5 @@\n x\n")


def test_a_renamed_file_keeps_its_marks() -> None:
    marks = marks_of(
        [(1, {"old.c": ("old.c", (Change(4, 0, 5, 2),))}), (2, {"new.c": ("old.c", (Change(1, 1, 1, 3),))})]
    )
    assert marks == {"new.c": (Mark(1, 3, 2), Mark(7, 2, 1))}


def changes(before: list[str], after: list[str]) -> tuple[Change, ...]:
    """As git numbers them: a part without lines has the line before it."""
    found = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag != "equal":
            found.append(Change(a + (b > a), b - a, c + (d > c), d - c))
    return tuple(found)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.integers(0, 6), max_size=12), min_size=1, max_size=5))
def test_marks_are_the_lines_that_a_blame_would_name(versions: list[list[int]]) -> None:
    """Each line is followed through the versions by itself; marks must say the same."""
    owners = [0] * len(versions[0])
    patches = []
    for number, (before, after) in enumerate(itertools.pairwise(versions), 1):
        old, new = list(map(str, before)), list(map(str, after))
        patches.append((number, {"f": ("f", changes(old, new))}))
        now: list[int] = []
        for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            now += owners[a:b] if tag == "equal" else [number] * (d - c)
        owners = now
    marks = marks_of(patches).get("f", ())
    told = [0] * len(owners)
    for mark in marks:
        assert mark.count >= 0 and mark.line + mark.count <= len(owners) + 1
        for place in range(mark.line, mark.line + mark.count):
            assert told[place - 1] == 0, "two patches own one line"
            told[place - 1] = mark.patch
    assert told == owners


def test_frames_are_touched_by_line_or_by_their_functions_body() -> None:
    marks = {
        "mm/rmap.c": (Mark(line("a += 1"), 1, 2), Mark(line("out:"), 0, 1), Mark(line("out:"), 1, 3)),
        "mm/other.c": (Mark(1, 5, 1),),
    }
    frames = [
        SourceFrame("one", "mm/rmap.c", line("a += 1"), inlined=True),
        SourceFrame("one", "mm/rmap.c", line("return a;")),
        SourceFrame("two", "mm/rmap.c", line("return one(flags)")),
        SourceFrame("three", "mm/rmap.c", line("three")),
        SourceFrame("elsewhere", "mm/page_alloc.c", 7),
        SourceFrame("two", "", 0),
        SourceFrame("three", "", 0),
        SourceFrame("unknown", "", 0),
        SourceFrame("gone", "mm/gone.c", 3),
    ]
    found = touched_frames(frames, marks, lambda file: RMAP if file == "mm/rmap.c" else None)
    assert found == {
        0: FrameTouch((2,), True),
        1: FrameTouch((2,), False),
        2: FrameTouch((1, 3), False),
        5: FrameTouch((1, 3), False),
    }


def test_lines_taken_away_between_functions_touch_none() -> None:
    marks = {"mm/rmap.c": (Mark(line("return a;") + 1, 0, 1), Mark(line("return a;") + 2, 1, 1))}
    frames = [SourceFrame("one", "mm/rmap.c", line("return a;")), SourceFrame("two", "mm/rmap.c", line("if (flags)"))]
    assert touched_frames(frames, marks, lambda _: RMAP) == {}


def test_the_functions_that_lines_are_in() -> None:
    assert functions_at(RMAP, [(line("a += 1"), 1)]) == ("one",)
    assert functions_at(RMAP, [(line("int flags)"), 1), (line("a += 1"), 1)]) == ("two", "one")
    assert functions_at(RMAP, [(1, len(RMAP))]) == ("one", "two", "three")
    assert functions_at(RMAP, [(line(".one = one"), 1), (1, 2)]) == ()


def test_lines_taken_away_between_functions_are_in_none() -> None:
    assert functions_at(RMAP, [(line("\treturn a;"), 0)]) == ("one",)
    assert functions_at(RMAP, [(line("\treturn a;") + 1, 0)]) == ()
    assert functions_at(RMAP, [(0, 0), (len(RMAP) + 5, 3)]) == ()
