"""Repair by what goes in and what comes out: each way of damage on a small invented file, and what is never done."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.repair.damage import SINGLE, damage
from harness.intake.repair import THRESHOLD, Grade, Repair, RepairedLine, new_content, repair_diff
from harness.model.errors import UserError
from tests.intake.memory_tree import MemoryTree

PATH = "mm/pantry.c"
PANTRY = """\
/*
 * mm/pantry.c - jars on shelves
 */
#include <linux/jar.h>

#define SHELVES\t\t4

struct pantry {
\tstruct jar\t*jars[SHELVES];
\tint\t\topen;\t\t/* jars that are open */
};

static struct pantry pantry;

/* The jar of a shelf, opened. */
static struct jar *jar_take(struct pantry *p, int shelf)
{
\tstruct jar *jar = p->jars[shelf];

\tif (!jar)
\t\treturn NULL;

\tp->open++;
\tjar_open(jar);
\treturn jar;
}

static void jar_put(struct pantry *p, struct jar *jar)
{
\tif (jar->empty) {
\t\tjar_wash(jar);
\t\tjar->empty = 0;
\t}

\tp->open--;
\tjar_close(jar);
}

int pantry_count(struct pantry *p)
{
\tint shelf, count = 0;

\tfor (shelf = 0; shelf < SHELVES; shelf++) {
\t\tif (p->jars[shelf])
\t\t\tcount++;
\t}

\treturn count;
}

void pantry_init(void)
{
\tmemset(&pantry, 0, sizeof(pantry));
}
"""
# Each a change of one place: the lines there before and after.
EDITS = {
    "member": ("\tint\t\topen;\t", "\tspinlock_t\tlock;\n\tint\t\topen;\t"),
    "condition": ("\tif (!jar)\n", "\tif (!jar || jar->weight < 1 || &jar == p->jars)\n"),
    "block": ("\tp->open--;\n", "\tif (!--p->open) {\n\t\tpantry_close(p);\n\t\tp->closed = 1;\n\t}\n"),
    "unbrace": ("SHELVES; shelf++) {\n\t\tif (p->jars[shelf])\n\t\t\tcount++;\n\t}\n",
                "SHELVES; shelf++)\n\t\tcount += !!p->jars[shelf];\n"),
    "comment": ("\tmemset(&", "\t/*\n\t * Nobody has it yet.\n\t */\n\tmemset(&"),
    "long": ("\tmemset(&pantry, 0, sizeof(pantry));\n",
             "\tmemset(&pantry, 0, sizeof(pantry) + sizeof(a_thing_with_a_long_name_1) + sizeof(another_thing));\n"),
}  # fmt: skip
KERNEL_TREE = {PATH: PANTRY.encode(), "mm/cellar.c": b"int bottles;\n", "include/linux/jar.h": b"struct jar;\n"}
TREE = MemoryTree(KERNEL_TREE)


def edited(*names: str, text: str = PANTRY) -> str:
    for name in names:
        old, new = EDITS[name]
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def diff_of(before: str, after: str, path: str = PATH) -> str:
    old, new = f"a/{path}" if before else "/dev/null", f"b/{path}" if after else "/dev/null"
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), old, new)
    return f"diff --git a/{path} b/{path}\n" + "".join(lines)


def mail(*names: str) -> str:
    return f"mm: change the pantry\n\n---\n {PATH} | 3 +++\n\n" + diff_of(PANTRY, edited(*names))


def hunk(header: str, *lines: str, path: str = PATH) -> str:
    """A diff of one hunk."""
    return f"--- a/{path}\n+++ b/{path}\n{header}\n" + "".join(f"{line}\n" for line in lines)


def result(repair: Repair, files: Mapping[str, bytes] = KERNEL_TREE) -> dict[str, bytes | None]:
    """The files of the tree that the repair changes, as they are then."""
    return {file.path: new_content(file, files.get(file.path)) for file in repair.files}


def applied(repair: Repair, folder: Path, files: Mapping[str, bytes] = KERNEL_TREE) -> dict[str, bytes | None]:
    """The same as git apply makes them, with no option."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    words = ["git", "apply", "-"]
    data = repair.diff.encode("utf-8", "surrogateescape")
    ended = subprocess.run(words, cwd=folder, input=data, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    found = {file.path: folder / file.path for file in repair.files}
    return {path: place.read_bytes() if place.exists() else None for path, place in found.items()}


def lines_of(repair: Repair) -> list[RepairedLine]:
    return [line for one in repair.hunks for line in one.lines]


def whole(repair: Repair, *names: str) -> bool:
    """Whether it is repaired, and to the right content."""
    return not repair.refusal and not repair.unplaced and result(repair)[PATH] == edited(*names).encode()


# --- each way of damage alone ----------------------------------------------------------------------------------------

ALL = ("member", "condition", "block", "unbrace")


@pytest.mark.parametrize(
    ("way", "names", "grade"),
    [
        ("none", ALL, Grade.GIVEN),
        ("quoted", ALL, Grade.GIVEN),
        ("html-escaped", ALL, Grade.GIVEN),
        ("html-escaped+quoted", ALL, Grade.GIVEN),
        ("navigation", ALL, Grade.GIVEN),
        ("headers-dropped", ALL, Grade.GIVEN),
        ("headers-dropped-diffstat", ALL, Grade.GIVEN),
        ("wrapped", ("long",), Grade.IMPLIED),
        ("trailing-space", ALL, Grade.IMPLIED),
        ("tabs-expanded", ALL, Grade.IMPLIED),
        ("blank-context", ("member", "unbrace"), Grade.IMPLIED),
        ("brace-comment", ("comment",), Grade.IMPLIED),
        ("brace-comment", ("block",), Grade.IMPLIED),
        ("leading-space", ALL, Grade.GUESSED),
        ("tabs-collapsed", ALL, Grade.GUESSED),
        ("leading-space+headers-dropped", ALL, Grade.GUESSED),
        ("as-002-003", ALL, Grade.GUESSED),
        ("as-004", ("member", "condition"), Grade.GUESSED),
    ],
)
def test_a_way_of_damage(way: str, names: tuple[str, ...], grade: Grade) -> None:
    repair = repair_diff(damage(mail(*names), way, Random(1)), TREE)
    assert whole(repair, *names), (repair.refusal, repair.diff)
    # No surer than the way allows: GIVEN may be less sure only where the text cannot show that nothing was lost.
    assert list(Grade).index(repair.grade) >= list(Grade).index(grade)
    if way in ("none", "quoted", "html-escaped", "navigation", "headers-dropped"):
        assert repair.grade in (Grade.GIVEN, Grade.IMPLIED) and repair.confidence == 1.0


def test_old_lines_are_the_trees() -> None:
    repair = repair_diff(damage(mail(*ALL), "as-002-003", Random(1)), TREE)
    tree = PANTRY.split("\n")
    for one in repair.hunks:
        assert one.start is not None
        old = [line.text for line in one.lines if line.mark != "+"]
        assert old == tree[one.start - 1 : one.start - 1 + len(old)]
        assert all(line.grade in (Grade.GIVEN, Grade.PROVED) for line in one.lines if line.mark != "+")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_and_blanks_that_are_none(end: str) -> None:
    text = diff_of(PANTRY, edited(*ALL))
    assert whole(repair_diff(text.replace("\n", end), TREE), *ALL)
    shifted = text.replace("\n ", "\n\u00a0").replace("  ", "\u00a0 ").replace("\n", end)
    repair = repair_diff(shifted, TREE)
    assert whole(repair, *ALL)
    assert "characters that look like blanks made blanks" in repair.notes


def test_all_that_stands_behind_the_last_hunk_is_left_out() -> None:
    footers = [
        "-- \n2.39.2\n",
        "-\nTo unsubscribe from this list: send the line \"unsubscribe x\" in\nthe body of a message\n",
        "_______________________________________________\nlist mailing list\n",
        "\nTo unsubscribe from this list: send the line\nPlease read the FAQ at http://lists.example.org/\n",
        "\n\n  Last update: 2005-03-22 13:28    [W:0.030 seconds]\n",
        "[next in thread] [prev in thread]\n",
    ]  # fmt: skip
    for footer in footers:
        for way in ("none", "leading-space"):
            repair = repair_diff(damage(mail("condition"), way, Random(1)) + footer, TREE)
            assert whole(repair, "condition"), (footer, repair.diff)


def test_headers_of_several_files_lost() -> None:
    cellar = "".join(f"int bottle_{number};\n" for number in range(30))
    files = {**KERNEL_TREE, "mm/cellar.c": cellar.encode()}
    text = diff_of(PANTRY, edited(*ALL)) + diff_of(cellar, cellar.replace("_15;", "_15 = 3;"), "mm/cellar.c")
    bare = "".join(f"{line}\n" for line in text.splitlines() if not line.startswith(("diff ", "--- ", "+++ ")))
    repair = repair_diff(bare, MemoryTree(files))
    assert not repair.refusal and [file.path for file in repair.files] == [PATH, "mm/cellar.c"]
    assert result(repair, files) == {
        PATH: edited(*ALL).encode(), "mm/cellar.c": cellar.replace("_15;", "_15 = 3;").encode(),
    }  # fmt: skip
    assert "the diff's file headers were lost" in repair.notes


def test_headers_that_are_left() -> None:
    body = diff_of(PANTRY, edited("block")).split("\n", 3)[3]
    for header in (
        f"Index: linux-2.6/{PATH}\n{'=' * 67}\n--- linux-2.6.orig/{PATH}\n+++ linux-2.6/{PATH}\n",
        f"Index: {PATH}\n",
        f"diff -ur linux-2.5.31/{PATH} linux/{PATH}\n",
        f"--- linux-2.5.31/{PATH}\tMon Aug 26 10:22:11 2002\n+++ linux/{PATH}\tMon Aug 26 10:30:00 2002\n",
        f"--- {PATH}~step\n+++ {PATH}\n",
        f"--- 25/{PATH}~step Mon Aug 26 10:22:11 2002\n+++ 25-akpm/{PATH} Mon Aug 26 10:22:11 2002\n",
    ):
        assert whole(repair_diff(header + body, TREE), "block"), header


# --- files that come and go ------------------------------------------------------------------------------------------

NEW = "int lids;\n\nint lids_count(void)\n{\n\treturn lids;\n}\n"


@pytest.mark.parametrize(
    "header",
    [
        "--- /dev/null\n+++ b/mm/lids.c\n",
        "diff --git a/mm/lids.c b/mm/lids.c\nnew file mode 100644\n--- /dev/null\n+++ b/mm/lids.c\n",
        "--- linux/mm/lids.c Thu Jan 1 01:00:00 1970\n+++ mine/mm/lids.c Mon Aug 26 10:30:00 2002\n",
        "diff -urN linux/mm/lids.c mine/mm/lids.c\n",
    ],
)
def test_a_new_file(header: str, tmp_path: Path) -> None:
    body = "@@ -0,0 +1,6 @@\n" + "".join(f"+{line}\n" for line in NEW.splitlines())
    repair = repair_diff(header + body, TREE)
    assert repair.refusal == "" and repair.grade is not Grade.PROVED
    assert result(repair) == applied(repair, tmp_path) == {"mm/lids.c": NEW.encode()}
    again = repair_diff(header + body, MemoryTree({**KERNEL_TREE, "mm/lids.c": b"int other;\n"}))
    assert again.refusal and (again.diff, again.unplaced[0].reason) == ("", "a small tree has mm/lids.c already")


def test_a_new_file_that_was_stripped() -> None:
    text = damage("x\n\n" + diff_of("", NEW, "mm/lids.c"), "leading-space+brace-comment", Random(1))
    repair = repair_diff(text, TREE)
    assert result(repair) == {"mm/lids.c": NEW.encode()} and repair.grade is Grade.GUESSED


@pytest.mark.parametrize(
    "header",
    [
        "--- a/mm/cellar.c\n+++ /dev/null\n",
        "diff --git a/mm/cellar.c b/mm/cellar.c\ndeleted file mode 100644\n--- a/mm/cellar.c\n+++ /dev/null\n",
        "--- linux/mm/cellar.c Mon Aug 26 10:22:11 2002\n+++ mine/mm/cellar.c Thu Jan 1 00:00:00 1970\n",
    ],
)
def test_a_deleted_file(header: str, tmp_path: Path) -> None:
    repair = repair_diff(header + "@@ -1,1 +0,0 @@\n-int bottles;\n", TREE)
    assert repair.refusal == "" and result(repair) == applied(repair, tmp_path) == {"mm/cellar.c": None}
    # What the tree has beyond the patch's lines is not deleted unseen.
    longer = {**KERNEL_TREE, "mm/cellar.c": b"int bottles;\nint corks;\n"}
    again = repair_diff(header + "@@ -1,1 +0,0 @@\n-int bottles;\n", MemoryTree(longer))
    assert again.refusal and "1 lines are deleted with the file, which has 2" in again.unplaced[0].reason


@pytest.mark.parametrize("after", ["int a;\nint b;\nint z;\n", "int a;\nint b;\nint z;", "int a;\nint y;\nint c;"])
def test_no_newline_at_the_end(after: str, tmp_path: Path) -> None:
    files = {"mm/lid.c": b"int a;\nint b;\nint c;"}
    (tmp_path / "old").write_bytes(files["mm/lid.c"])
    (tmp_path / "new").write_text(after)
    words = ["git", "diff", "--no-index", "--no-prefix", "old", "new"]
    text = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True).stdout
    text = "--- a/mm/lid.c\n+++ b/mm/lid.c\n" + text[text.index("@@") :]
    assert "No newline" in text
    repair = repair_diff(text, MemoryTree(files))
    assert result(repair, files) == applied(repair, tmp_path, files) == {"mm/lid.c": after.encode()}


# --- places ----------------------------------------------------------------------------------------------------------

LOOP = (" {", " \tint shelf, count = 0;", " ", "-\tfor (shelf = 0; shelf < SHELVES; shelf++) {",
        "+\tfor (shelf = 0; shelf < SHELVES; ++shelf) {", " \t\tif (p->jars[shelf])", " \t\t\tcount++;",
        " \t}")  # fmt: skip
LOOPED = PANTRY.replace("shelf++)", "++shelf)").encode()
AT = PANTRY.split("\n").index("\tint shelf, count = 0;")  # the line before it, counted from 1


def test_an_offset_is_found_and_noted(tmp_path: Path) -> None:
    repair = repair_diff(hunk("@@ -3,7 +3,7 @@", *LOOP), TREE)
    (one,) = repair.hunks
    assert (one.start, one.old_start) == (AT, 3) and f"the tree has it {AT - 3} lines below" in one.notes
    assert f"@@ -{AT},7 +{AT},7 @@" in repair.diff
    assert result(repair) == applied(repair, tmp_path) == {PATH: LOOPED}


@pytest.mark.parametrize("where", ["head", "tail"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_fuzz(where: str, count: int) -> None:
    """Up to two lines of context at an edge may differ; three may not."""
    lines = [line if line.strip() else " \tother();" for line in LOOP]
    files = {PATH: PANTRY.replace("count = 0;\n\n\tfor", "count = 0;\n\tother();\n\tfor").encode()}
    at = range(count) if where == "head" else range(len(lines) - count, len(lines))
    for index in at:
        lines[index] = f" \tnowhere({index});"
    repair = repair_diff(hunk(f"@@ -{AT},7 +{AT},7 @@", *lines), MemoryTree(files))
    (one,) = repair.hunks
    if count <= 2:
        assert one.start is not None and sum("(fuzz)" in note for note in one.notes) == count
        assert result(repair, files)[PATH] == files[PATH].replace(b"shelf++)", b"++shelf)")
        assert one.confidence < 1
    else:
        assert one.start is None and "nowhere(" in one.reason and repair.refusal


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (" \t\tif (p->jars[shelf])", "1 of its 7 old lines is nowhere in the file, first: 'other(p)'"),
        ("-\tfor (shelf = 0; shelf < SHELVES; shelf++) {", "1 of its 7 old lines is nowhere in the file"),
    ],
)
def test_a_mismatch_inside_is_no_place(change: str, reason: str) -> None:
    lines = [f"{line[0]}\tother(p)" if line == change else line for line in LOOP]
    lines += [" ", " \treturn count;"]
    repair = repair_diff(hunk(f"@@ -{AT},9 +{AT},9 @@", *lines), TREE)
    assert repair.refusal == "no hunk has a place in this tree" and repair.diff == ""
    (one,) = repair.unplaced
    assert reason in one.reason and one.confidence == 0
    assert one.nearest is not None and "\tint shelf, count = 0;" in one.nearest[1]
    assert "+\tfor (shelf = 0; shelf < SHELVES; ++shelf) {" in repair.rejected


def test_what_a_hunk_without_a_place_needs() -> None:
    text = hunk("@@ -3,3 +3,3 @@", " a();", "-b();", "+c();", " d();")
    (one,) = repair_diff(text, TREE, needs="patches 1 to 3 of its series (not here)").unplaced
    assert one.reason.endswith("; it needs patches 1 to 3 of its series (not here)")
    (one,) = repair_diff(text.replace("pantry", "attic"), TREE).unplaced
    assert one.reason == "a small tree has no mm/attic.c"


def test_what_has_a_place_goes_on_without_what_has_none(tmp_path: Path) -> None:
    text = hunk(f"@@ -{AT},7 +{AT},7 @@", *LOOP) + "@@ -60,2 +60,3 @@\n one();\n+two();\n three();\n"
    repair = repair_diff(text, TREE)
    assert (len(repair.hunks), len(repair.unplaced), repair.refusal) == (2, 1, "")
    assert result(repair) == applied(repair, tmp_path) == {PATH: LOOPED}
    assert "+two();" in repair.rejected and "+two();" not in repair.diff


def test_one_file_under_two_headers_is_one_diff(tmp_path: Path) -> None:
    first = diff_of(PANTRY, edited("member"))
    second = diff_of(PANTRY, edited("block"))
    repair = repair_diff(first + second, TREE)
    assert [file.path for file in repair.files] == [PATH]
    assert result(repair) == applied(repair, tmp_path) == {PATH: edited("member", "block").encode()}


# --- what the counts say ---------------------------------------------------------------------------------------------


def test_counts_that_are_wrong_are_said_or_refused() -> None:
    right = hunk(f"@@ -{AT},7 +{AT},7 @@", *LOOP)
    assert whole_loop(repair_diff(right, TREE))
    for header in (f"@@ -{AT},7 +{AT},12 @@", f"@@ -{AT},9 +{AT},12 @@", f"@@ -{AT},7 +{AT},5 @@"):
        repair = repair_diff(hunk(header, *LOOP), TREE)
        grades = {line.grade for line in lines_of(repair)}
        assert repair.refusal or Grade.GUESSED in grades or repair.hunks[0].confidence < 1, repair.diff
        assert repair.refusal or repair.grade not in (Grade.GIVEN, Grade.PROVED)


def whole_loop(repair: Repair) -> bool:
    return not repair.refusal and result(repair)[PATH] == LOOPED


def test_a_hunk_that_cannot_be_told_is_refused() -> None:
    """Braces lost where every place is as good as another."""
    body = [f"+\tmove_{number}(p);" for number in range(8)]
    lines = [" \tp->open--;", " \tjar_close(jar);", *body, " }", " "]
    at = PANTRY.split("\n").index("\tp->open--;") + 1
    repair = repair_diff(hunk(f"@@ -{at},4 +{at},16 @@", *lines), TREE)
    assert repair.refusal.startswith(f"hunk @@ -{at},4 +{at},16 @@ of {PATH} (line 3 of the text) is only ")
    assert repair.refusal.endswith(f"% sure, {THRESHOLD:.0%} is wanted")
    assert repair.diff == "" and repair.confidence < THRESHOLD


def test_the_threshold_is_the_callers() -> None:
    text = damage(mail("comment"), "brace-comment", Random(1))
    sure = repair_diff(text, TREE, threshold=0.0)
    assert 0 < sure.confidence < 1 and sure.diff
    strict = repair_diff(text, TREE, threshold=sure.confidence + (1 - sure.confidence) / 2)
    assert strict.refusal and strict.diff == "" and strict.hunks == sure.hunks


def test_no_hunk_is_an_error() -> None:
    for text in ("", "hello\n", mail("block")[:60]):
        with pytest.raises(UserError, match="no hunk in this text"):
            repair_diff(text, TREE)


# --- grades ----------------------------------------------------------------------------------------------------------


def test_every_line_says_what_it_is() -> None:
    repair = repair_diff(damage(mail("comment"), "leading-space+brace-comment", Random(1)), TREE)
    assert whole(repair, "comment")
    by_text = {line.text: line for line in lines_of(repair)}
    context = by_text["void pantry_init(void)"]
    assert (context.grade, context.given) == (Grade.GIVEN, "void pantry_init(void)")
    tree_line = by_text["\tmemset(&pantry, 0, sizeof(pantry));"]
    assert (tree_line.grade, tree_line.why) == (Grade.PROVED, "as in the tree")
    added = by_text["\t * Nobody has it yet."]
    assert (added.grade, added.mark, added.what) == (Grade.GUESSED, "+", "whitespace")
    assert added.given is not None and added.number is not None and added.why and 0 < added.sure <= 1
    lost = by_text["\t/*"]
    assert (lost.given, lost.number, lost.what) == (None, None, "lost line") and lost.grade is Grade.GUESSED


def test_an_added_line_is_never_proved() -> None:
    for way in ("none", "leading-space", "tabs-expanded", "trailing-space", "brace-comment", "as-004"):
        repair = repair_diff(damage(mail(*ALL, "comment"), way, Random(1)), TREE)
        assert not any(line.mark == "+" and line.grade is Grade.PROVED for line in lines_of(repair))


def test_nothing_shows_that_blanks_were_kept() -> None:
    """An added line beside context that has no blanks to lose cannot be called the author's."""
    files = {"mm/x.c": b"a;\nb;\nc;\nd;\n"}
    repair = repair_diff("--- a/mm/x.c\n+++ b/mm/x.c\n@@ -1,4 +1,5 @@\n a;\n b;\n+x;\n c;\n d;\n", MemoryTree(files))
    (added,) = (line for line in lines_of(repair) if line.mark == "+")
    assert (added.text, added.grade) == ("x;", Grade.IMPLIED)


# --- never a statement -----------------------------------------------------------------------------------------------

WORDLESS = {"", "{", "}", "};", "/*", "/**", "*/", "*"}
STATEMENTS = (
    "\tjar_open(jar);", "\tp->open++;", "\tif (jar)", "\t\treturn;", "\tif (p) {", "\t\tp->open = 0;", "\t}", "",
    "\t/*", "\t * A note.", "\t */", "\tfor (;;)", "#ifdef CONFIG_LID", "#endif", "out:", "\treturn 0;", "}", "{",
    "int lid(struct jar *jar)", "\tint i;", "\tcall(one,\n\t     two);",
)  # fmt: skip


@st.composite
def damaged_changes(draw: st.DrawFn) -> tuple[bytes, bytes, str]:
    """(file, the file changed, the damaged diff of the change)."""
    text = "\n".join(draw(st.lists(st.sampled_from(STATEMENTS), min_size=12, max_size=60)))
    lines = f"{PANTRY}{text}\n{PANTRY}".split("\n")[:-1]
    after = list(lines)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(after) - 1))
        removed = draw(st.integers(0, 3))
        added = draw(st.lists(st.sampled_from(STATEMENTS), max_size=5))
        after[at : at + removed] = "\n".join(added).split("\n") if added else []
    before, changed = "\n".join(lines) + "\n", "\n".join(after) + "\n"
    ways = draw(st.lists(st.sampled_from(sorted(SINGLE)), min_size=1, max_size=2, unique=True))
    if before == changed:
        changed += "int more;\n"
    return before.encode(), changed.encode(), damage("x\n\n" + diff_of(before, changed), "+".join(ways), Random(1))


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged_changes())
def test_no_statement_is_invented_and_nothing_wrong_is_called_proved(case: tuple[bytes, bytes, str]) -> None:
    before, after, text = case
    files = {PATH: before}
    try:
        repair = repair_diff(text, MemoryTree(files))
    except UserError as error:
        assert "no hunk in this text" in str(error)
        return
    for line in lines_of(repair):
        if line.mark == "+" and line.given is None:
            assert line.text.strip() in WORDLESS, line
        elif line.mark == "+" and line.given is not None:
            assert line.text.split() == line.given.split() or "".join(line.text.split()) == "".join(line.given.split())
    if repair.diff and not repair.unplaced and result(repair, files).get(PATH) != after:
        assert repair.grade not in (Grade.GIVEN, Grade.PROVED), repair.diff


# --- git apply takes it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["none", "as-002-003", "brace-comment", "headers-dropped"])
def test_git_apply_takes_it(way: str, tmp_path: Path) -> None:
    repair = repair_diff(damage(mail("member", "block", "comment"), way, Random(1)), TREE)
    assert applied(repair, tmp_path) == result(repair)


# --- what no patch may do --------------------------------------------------------------------------------------------

BODY = f"@@ -{AT},7 +{AT},7 @@\n" + "".join(f"{line}\n" for line in LOOP)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("--- a/../../etc/passwd\n+++ b/../../etc/passwd\n", 'path with ".."'),
        ("--- /etc/passwd\n+++ /etc/passwd\n", "absolute path"),
        ("--- a/.git/config\n+++ b/.git/config\n", "path inside .git"),
        ("--- a/mm/.GIT/x\n+++ b/mm/.GIT/x\n", "path inside .git"),
        (f"--- a/{PATH}\n+++ b/mm/../../x.c\n", 'path with ".."'),
        ("Index: ../../etc/passwd\n", 'path with ".."'),
        ("diff -u ../x.c ../y.c\n", 'path with ".."'),
        ("--- /dev/null\n+++ b/../x.c\n", 'path with ".."'),
        ("--- a/mm/\x1b[2Jx.c\n+++ b/mm/\x1b[2Jx.c\n", "control character"),
        (f"diff --git a/{PATH} b/{PATH}\nrename from {PATH}\nrename to ../x.c\n--- a/{PATH}\n+++ b/../x.c\n", '".."'),
        (f"diff --git a/{PATH} b/x.c\nrename from {PATH}\nrename to .git/x\n--- a/{PATH}\n+++ b/x.c\n", ".git"),
        (f"diff --git a/{PATH} b/x.c\ncopy from {PATH}\ncopy to x.c\n--- a/{PATH}\n+++ b/x.c\n", "renamed or copied"),
        ("diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n", "symbolic link"),
        ("diff --git a/x b/x\nnew file mode 160000\n--- /dev/null\n+++ b/x\n", "submodule"),
        ("diff --git a/x b/x\nnew file mode 104755\n--- /dev/null\n+++ b/x\n", "setuid"),
        (f"diff --git a/{PATH} b/{PATH}\nold mode 100644\nnew mode 104755\n--- a/{PATH}\n+++ b/{PATH}\n", "setuid"),
        (f"diff --git a/{PATH} b/{PATH}\ndeleted file mode 120000\n--- a/{PATH}\n+++ /dev/null\n", "symbolic link"),
    ],
)
def test_refused_headers(header: str, why: str) -> None:
    files = {**KERNEL_TREE, "etc/passwd": PANTRY.encode(), "../etc/passwd": PANTRY.encode(), ".git/x": b""}
    with pytest.raises(UserError) as caught:
        repair_diff(header + BODY, MemoryTree(files))
    error = str(caught.value)
    assert why in error and "line 1 of the text" in error and "\n" not in error and "\x1b" not in error


def test_what_is_left_out_of_git_headers_is_said() -> None:
    header = f"diff --git a/{PATH} b/{PATH}\nold mode 100644\nnew mode 100755\n--- a/{PATH}\n+++ b/{PATH}\n"
    repair = repair_diff(header + BODY + "diff --git a/x b/x\nold mode 100644\nnew mode 100755\n", TREE)
    assert whole_loop(repair)
    assert repair.files[0].notes == ("the change of its mode is left out",)
    assert "the header of line 15 has no hunk: left out" in repair.notes


def test_a_blank_line_removed_at_the_end_of_a_file_is_no_footer() -> None:
    files = {"mm/end.c": b"int a;\nint b;\nint c;\n\n"}
    text = "--- a/mm/end.c\n+++ b/mm/end.c\n@@ -1,4 +1,3 @@\n int a;\n int b;\n int c;\n-\n"
    repair = repair_diff(text, MemoryTree(files))
    assert not repair.refusal
    assert result(repair, files)["mm/end.c"] == b"int a;\nint b;\nint c;\n"
