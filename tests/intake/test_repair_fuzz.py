"""Whatever the text, repair answers in bounded time with a patch inside the tree, a refusal, or one line of error."""

from __future__ import annotations

import os
import re
import time
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks.repair.cases import Case, from_series
from benchmarks.repair.clean import Part, parse
from benchmarks.repair.compare import tree_of
from benchmarks.repair.damage import SINGLE, damage
from harness.intake.repair import Grade, Repair, repair_diff
from harness.model.errors import HarnessError, UserError
from tests.intake.memory_tree import MemoryTree

pytestmark = pytest.mark.slow

OWN = Path(__file__).resolve().parents[2] / "benchmarks" / "repair" / "own"
# HARNESS_FUZZ=5000 pytest tests/intake/test_repair_fuzz.py: more, and larger texts, than the quick suite has time for
EXAMPLES = int(os.environ.get("HARNESS_FUZZ", "15"))
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SIZE = 1000 if EXAMPLES > 1000 else 60  # lines of the texts that are made to cost time
SECONDS = 4 + SIZE / 50  # of processor time for one of them, on a slow machine

FORGED = (
    "--- a/../../etc/passwd",
    "+++ b/../../etc/passwd",
    "--- /etc/passwd",
    "+++ /dev/null",
    "--- /dev/null",
    "+++ b/.git/config",
    "diff --git a/mm/shelf.c b/.git/hooks/post-checkout",
    "rename to ../shelf.c",
    "copy to .git/config",
    "new file mode 120000",
    "new file mode 160000",
    "old mode 104755",
    "GIT binary patch",
    "Binary files a/mm/shelf.c and b/mm/shelf.c differ",
    "@@ -1 +1 @@",
    "@@ -0,0 +1,3 @@",
    "@@ -1,99999999 +1,99999999 @@",
    "@@ -99999999,3 +99999999,3 @@",
    "@@ -3,0 +2,0 @@",
    "@@ @@",
    "\\ No newline at end of file",
    "Index: mm/shelf.c",
    "+\x1b]0;owned\x07",
    "+\r",
    "\r",
    "+\udcff\udcfe",
    "+\u2028}",
    "> > +quoted",
    "",
    "+",
    "-",
    "}",
    "-- ",
)


@cache
def cases() -> tuple[Case, ...]:
    return tuple(from_series(OWN, str(OWN / "tree")))


@cache
def whole_tree() -> dict[str, bytes]:
    root = OWN / "tree"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def check_inside(repair: Repair, tree: MemoryTree) -> None:
    """Its diff is well-formed, stands on the tree's own lines, and names files of the tree or new ones inside it."""
    assert repair.grade in set(Grade) and 0 <= repair.confidence <= 1
    said = [repair.refusal, *repair.notes]
    for file in repair.files:
        said += [*file.notes, *(note for hunk in file.hunks for note in (hunk.reason, *hunk.notes))]
    assert all("\n" not in text and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text) for text in said), said
    changes = any(line.mark != " " for hunk in repair.hunks for line in hunk.lines)
    assert repair.refusal or repair.diff or repair.unplaced or not changes
    for diff in (repair.diff, repair.rejected):
        parse(diff)
    old, path, at = "", "", 0
    for line in parse(repair.diff):
        if line.part is Part.NAME and line.text.startswith("--- "):
            old = line.text[4:].split("\t")[0]
        elif line.part is Part.NAME and line.text.startswith("+++ "):
            new = line.text[4:].split("\t")[0]
            path = (old if new == "/dev/null" else new).partition("/")[2]
            parts = path.split("/")
            assert path and not path.startswith("/") and ".." not in parts and ".git" not in parts, line
            assert path in tree.files or old == "/dev/null", line
        elif line.part is Part.HUNK:
            at = int(line.text[4:].split(" ")[0].split(",")[0]) - 1
        elif line.part in (Part.CONTEXT, Part.REMOVED):
            data = tree.files[path].decode("utf-8", "surrogateescape").split("\n")
            assert data[at] == line.text, (path, at + 1)
            at += 1


def check_nothing_invented(repair: Repair) -> None:
    """An added line that the text lacks holds no statement; one that it has says what the text says."""
    for hunk in repair.hunks:
        for line in hunk.lines:
            if line.mark == "+" and line.given is None:
                assert not re.search(r"\w", line.text), line


def repaired(text: str, files: dict[str, bytes]) -> Repair | None:
    tree = MemoryTree(files)
    try:
        repair = repair_diff(text, tree)
    except HarnessError as error:
        assert str(error) and "\n" not in str(error) and "\x1b" not in str(error)
        return None
    check_inside(repair, tree)
    check_nothing_invented(repair)
    return repair


@FUZZ
@given(st.text(max_size=200))
@example("@@ -1 +1 @@\n+")
@example("--- a/mm/shelf.c\n+++ b/mm/shelf.c\n@@ -1,0 +1,1 @@\n+\n")
@example("--- /dev/null\n+++ b/../x.c\n@@ -0,0 +1 @@\n+a\n")
def test_any_text(text: str) -> None:
    repaired(text, whole_tree())


lines = st.lists(
    st.one_of(
        st.sampled_from(FORGED),
        st.sampled_from([line for case in cases() for line in case.text.split("\n")]),
        st.text(alphabet="+- @\\/*{}()\t\x1b\r;ab,1", max_size=20),
    ),
    max_size=25,
)


@FUZZ
@given(lines)
def test_any_lines_of_patches(some: list[str]) -> None:
    repaired("\n".join(some), whole_tree())


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[Case, str]:
    """A case and its text after some ways of damage, then with lines lost, doubled, moved, forged and cut short."""
    case = draw(st.sampled_from(cases()))
    ways = draw(st.lists(st.sampled_from(sorted(SINGLE)), min_size=1, max_size=2))
    some = damage(case.text, "+".join(ways), Random(draw(st.integers(0, 9)))).split("\n")
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(some) - 1))
        match draw(st.integers(0, 4)):
            case 0:
                del some[at]
            case 1:
                some.insert(at, some[draw(st.integers(0, len(some) - 1))])
            case 2:
                some.insert(at, draw(st.sampled_from(FORGED)))
            case 3:
                some[at] = some[at][: draw(st.integers(0, 8))]
            case _:
                some[at] = draw(st.sampled_from(("+", "-", " ", ""))) + some[at]
        if not some:
            break
    return case, "\n".join(some)


@FUZZ
@given(spoiled())
def test_spoiled_patches(found: tuple[Case, str]) -> None:
    case, text = found
    repaired(text, {**whole_tree(), **case.before})


@pytest.mark.parametrize("hunk", ["@@ -3,0 +2,0 @@", "@@ -1 +1 @@"])
def test_a_diff_without_changes_is_refused(hunk: str) -> None:
    repair = repaired(f"--- a/mm/shelf.c\n+++ b/mm/shelf.c\n{hunk}\n", whole_tree())
    assert repair is None or repair.refusal


def _seconds(text: str, files: dict[str, bytes]) -> float:
    started = time.process_time()
    repaired(text, files)
    return time.process_time() - started


HEADER = "--- a/mm/x.c\n+++ b/mm/x.c\n"
SAME = b"\tx = 0;\n" * (4 * SIZE)
SOME = "x = 0;\n"
N = SIZE


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("one long line", HEADER + "@@ -1,3 +1,3 @@\n-" + "a " * 500 * N + "\n+b\n"),
        ("brackets", HEADER + "@@ -1,3 +1,3 @@\n x = 0;\n+" + "(" * 100 * N + "\n x = 0;\n"),
        (
            "the same line",
            HEADER + f"@@ -1,{2 * N} +1,{2 * N + 3} @@\n" + "x = 0;\n" * N + "+y = 0;\n" + "x = 0;\n" * N,
        ),
        ("all lines lost", HEADER + f"@@ -1,{3 * N} +1,{3 * N} @@\n+y = 0;\n"),
        ("huge counts", HEADER + "@@ -1,99999 +1,99999 @@\n x = 0;\n+y = 0;\n"),
        ("many hunks", HEADER + "".join(f"@@ -{n},1 +{n},2 @@\nx = 0;\n+y = 0;\n" for n in range(1, 2 * N))),
        ("many headers", HEADER * 3 * N + "@@ -1,1 +1,2 @@\nx = 0;\n+y = 0;\n"),
        (
            "many added",
            HEADER + f"@@ -1,6 +1,{3 * N + 6} @@\n" + "x = 0;\n" * 3 + "+if (y) {\n" * 2 * N + "x = 0;\n" * 3,
        ),
        ("no headers", "@@ -1,9 +1,9 @@\n" + "x = 0;\n-\n+}\n" * N),
        ("entities", HEADER + "@@ -1,2 +1,3 @@\n x = 0;\n+" + "&amp;" * 50 * N + "&" * 50 * N + "\n x = 0;\n"),
        ("braces", HEADER + f"@@ -1,{2 * N} +1,{2 * N + 9} @@\n" + "}\n" * N + "+}\n" * 9 + "}\n" * N),
        ("blanks", HEADER + f"@@ -1,{2 * N} +1,{2 * N + 9} @@\n" + "\n" * N + "+\n" * 9 + "\n" * N),
        ("hidden addresses", HEADER + f"@@ -1,{2 * N} +1,{2 * N} @@\n" + "a@xxxxx.x\n" * 2 * N),
        ("one file, many headers", (HEADER + "@@ -1,1 +1,2 @@\nx = 0;\n+y = 0;\n") * 5 * N),
        (
            "not C",
            HEADER.replace("x.c", "x.txt")
            + f"@@ -1,{N} +1,{2 * N} @@\n"
            + "".join(f"-x = 0; {n} {'abc ' * 20}\n" for n in range(N))
            + "".join(f"+x = 0; {n} {'abd ' * 20}\n" for n in range(2 * N)),
        ),
        ("quotes", "\n".join(">" * n + " +x = 0;" for n in range(N))),
    ],
    ids=lambda value: value if len(value) < 20 else "text",
)
def test_time_is_bounded(name: str, text: str) -> None:
    assert _seconds(text, {"mm/x.c": SAME, "mm/x.txt": SAME}) < SECONDS


def test_a_search_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEADER + "@@ -1,40 +1,80 @@\n" + "x = 0;\n+if (y) {\n" * 20
    assert repaired(text, {"mm/x.c": SAME}) is not None
    monkeypatch.setattr("harness.intake.repair.effort.MAX_EFFORT", 10_000)
    with pytest.raises(UserError, match="the search ends at the hunk of line 4: more readings"):
        repair_diff(text, MemoryTree({"mm/x.c": SAME}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HEADER + "@@ -1,1 +1,1 @@\n" * 70_000, "more than 65536 hunks"),
        (HEADER + "x\n" * 200_001, "more than 200000 lines"),
        (HEADER + "@@ -1,999999999 +1,1 @@\n", "hunk header of line 3 counts 999999999 lines"),
    ],
    ids=["hunks", "lines", "counts"],
)
def test_what_is_too_large_is_refused(text: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        repair_diff(text, MemoryTree({"mm/x.c": SAME}))


@pytest.mark.parametrize("twice", [False, True], ids=["lost", "doubled"])
def test_a_statement_lost_or_doubled_is_never_passed_over(twice: bool) -> None:
    """A patch whole but for one added line: what its counts then say must not be made up for by anything else."""
    passed: list[str] = []
    for case in cases():
        for at, line in enumerate(case.lines):
            if line.part is Part.ADDED and re.search(r"\w", line.text):
                spoilt = [*case.lines[:at], *([line] * 2 if twice else []), *case.lines[at + 1 :]]
                repair = repair_diff("\n".join(map(str, spoilt)) + "\n", tree_of(case))
                if not repair.refusal and not repair.unplaced:
                    passed.append(f"{case.name}: {line.text}")
    assert passed == []
