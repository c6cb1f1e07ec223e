"""The damage that benchmarks/repair does to clean patches: each way by example, and against the real damaged texts."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

import pytest

from benchmarks.repair.appliers import TOOLS, Attempt
from benchmarks.repair.cases import Case, from_history, from_series
from benchmarks.repair.clean import Part, changed, diffstat, parse, render, touched
from benchmarks.repair.compare import Outcome, Result, Task, judged, outcomes
from benchmarks.repair.damage import DEFAULT, SINGLE, Left, damage, damaged, left, way
from benchmarks.repair.failures import described, visible
from benchmarks.repair.table import confidence_table, grades_table, ours_table, reasons_table, share, tools_table
from harness.intake.repair import Grade, Repair, RepairedFile, RepairedHunk, RepairedLine

REPOSITORY = Path(__file__).resolve().parents[2]
OWN = REPOSITORY / "benchmarks" / "repair" / "own"
SEEDS = REPOSITORY.parent / "shared" / "seeds"

MAIL = """\
box: test & set <box@example.org>

A body that quotes "one" line.
---
 mm/box.c | 7 ++++++-
 1 file changed, 6 insertions(+), 1 deletion(-)

diff --git a/mm/box.c b/mm/box.c
index 0123456..789abcd 100644
--- a/mm/box.c
+++ b/mm/box.c
@@ -10,6 +10,11 @@ static int box_state_of_some_long_name(void *argument)
 {
 \tint  a;
\x20
-\tif (a < 1 && b)
+\t/*
+\t * Why not.
+\t */
+\tif (box_is_a_long_name(first_argument, second) && "and so on" && a_third_one)
+
+#endif
 \t\treturn a;\t
 }
"""
HUNK = MAIL[MAIL.index("@@") :].split("\n")
SPACELESS = [
    "- if (a < 1 && b)",
    "+ /*",
    "+ * Why not.",
    "+ */",
    '+ if (box_is_a_long_name(first_argument, second) && "and so on" && a_third_one)',
]


def body(name: str) -> list[str]:
    """The lines of MAIL's hunk after the damage, its header left out."""
    lines = damaged(parse(MAIL), way(name), Random(1))
    return [str(line) for line in lines if line.part.in_hunk]


def test_parts_of_a_mail() -> None:
    lines = parse(MAIL)
    assert render(lines) == MAIL.replace("index 0123456..789abcd 100644\n", "")
    assert [line.part for line in lines[4:6]] == [Part.STAT, Part.STAT]
    assert touched(lines) == ("mm/box.c",) and changed(lines) == 7
    assert [line.part.value for line in lines[-12:]] == [*"   -++++++", " ", " "]
    assert [str(line) for line in diffstat(lines)] == [
        " mm/box.c | 7 ++++++-",
        " 1 file changed, 6 insertions(+), 1 deletion(-)",
    ]
    with pytest.raises(ValueError, match="ends in a hunk"):
        parse("\n".join(MAIL.split("\n")[:-2]) + "\n")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("leading-space", ["{", "int  a;", "", *SPACELESS, "+", "+#endif", "return a;\t", "}"]),
        ("tabs-collapsed", [" {", " int a;", " ", *SPACELESS, "+", "+#endif", " return a; ", " }"]),
        ("blank-context", [*HUNK[1:3], *HUNK[4:-1]]),
        ("brace-comment", [*HUNK[2:5], HUNK[6], *HUNK[8:-2]]),
        ("trailing-space", [*HUNK[1:3], "", *HUNK[4:11], " \t\treturn a;", " }"]),
        (
            "wrapped",
            [
                *HUNK[1:8],
                '+\tif (box_is_a_long_name(first_argument, second) && "and so on" &&',
                "a_third_one)",
                *HUNK[9:-1],
            ],
        ),
        ("one-word", [*HUNK[2:9], HUNK[11]]),  # a tab behind a mark separates words, too
        ("as-004", ["int a;", "", *SPACELESS, "return a;"]),
    ],
)
def test_hunk_after(name: str, expected: list[str]) -> None:
    assert body(name) == expected


def test_html_and_quotes() -> None:
    assert body("html-escaped")[3] == "-\tif (a &lt; 1 &amp;&amp; b)"
    assert "&quot;and so on&quot;" in body("html-escaped")[7]
    text = damage(MAIL, "html-escaped+quoted", Random(3))
    assert all(line.startswith(">") for line in text.splitlines()[1:])
    assert "> -\tif (a &lt; 1 &amp;&amp; b)\n" in text and "\n>\n" in text
    assert damage(MAIL, "quoted+html-escaped", Random(3)).count("&gt; ") > 10


def test_headers() -> None:
    for name, stat in (("headers-dropped", False), ("headers-dropped-diffstat", True)):
        text = damage(MAIL, name, Random(1))
        assert "diff --git" not in text and "+++ " not in text and "--- a" not in text
        assert "@@ -10,6 +10,11 @@" in text and ("mm/box.c | 7" in text) is stat
    quilt = damage(MAIL, "as-002-003", Random(1)).splitlines()
    at = next(at for at, line in enumerate(quilt) if line.startswith("Index: "))
    assert quilt[at].endswith("/mm/box.c") and set(quilt[at + 1]) == {"="}
    assert quilt[at + 2].startswith("--- ") and quilt[at + 2].endswith(".orig/mm/box.c")
    assert quilt[at + 4] == "@@ -10,6 +10,11 @@ static int box_state_of_some_long_name(v"
    assert "box: test & set <box@xxxxxxxxxxx>" in quilt
    dated = damage(MAIL, "as-004", Random(1))
    assert "\n@@ -10,6 +10,11 @@\n" in dated and " Aug " in dated and "diff -ur linux" in dated


def test_navigation_is_outside_of_the_patch() -> None:
    text = damage(MAIL, "navigation", Random(1))
    clean = render(parse(MAIL))
    before, _, behind = text.partition(clean)
    assert "Messages in this thread" in before and "To unsubscribe from this list" in behind


@pytest.mark.parametrize("name", DEFAULT)
def test_same_seed_same_damage(name: str) -> None:
    patches = sorted(OWN.glob("*.patch"))
    assert len(patches) == 6
    for patch in patches:
        text = patch.read_text()
        once = damage(text, name, Random(7))
        assert once == damage(text, name, Random(7))
        assert (once == render(parse(text))) is (name == "none" or once == damage(text, "none", Random(7)))


def test_what_is_left() -> None:
    lines = parse(MAIL)
    for name, expected in (
        ("none", Left.INTACT),
        ("html-escaped+quoted", Left.INTACT),
        ("wrapped", Left.INTACT),
        ("headers-dropped", Left.INTACT),
        ("blank-context", Left.INTACT),
        ("leading-space", Left.RESTORABLE),
        ("brace-comment", Left.RESTORABLE),
        ("one-word", Left.GONE),  # "#endif"
        ("as-004", Left.GONE),
    ):
        assert left(lines, way(name), Random(1)) is expected, name


def _diff_of_seed(name: str, first: str, footer: str) -> list[str]:
    if not SEEDS.is_dir():
        pytest.skip("the damaged texts do not lie beside this checkout")
    lines = (SEEDS / name).read_text().split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith(first))
    return lines[start : next(at for at, line in enumerate(lines) if at > start and line.startswith(footer))]


def test_seed_004_has_nothing_left_to_lose() -> None:
    """Its archive's rule, as damage.py states it, takes nothing more from the text that it already took from."""
    lines = _diff_of_seed("004_page-release-race.txt", "diff -ur ", "To unsubscribe")
    as_prose = parse("\n".join(f"{line}" for line in lines if not line.startswith(("---", "+++", "diff"))))
    for step in ("leading-space", "tabs-collapsed", "trailing-space", "one-word"):
        assert damaged(as_prose, way(step), Random(1)) == as_prose, step
    assert any(line.startswith("+ *") for line in lines) and "+{" not in lines and "}" not in lines


@pytest.mark.parametrize("name", ["002_memcg-lockless-page-cgroup.txt", "003_migration-by-kernel.txt"])
def test_seeds_002_and_003_keep_single_words(name: str) -> None:
    lines = _diff_of_seed(name, "Index: ", "To unsubscribe")
    as_prose = parse("\n".join(line for line in lines if not line.startswith(("---", "+++"))))
    for step in ("leading-space", "tabs-collapsed", "trailing-space"):
        assert damaged(as_prose, way(step), Random(1)) == as_prose, step
    assert {"{", "}"} & set(lines)


def _git(folder: Path, *arguments: str) -> str:
    told = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip()


def test_cases_of_a_history(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q")
    (tmp_path / "mm").mkdir()
    box = tmp_path / "mm" / "box.c"
    for number in range(5):
        box.write_text("int a;\n" * 9 + f"int b = {number};\n")
        (tmp_path / "Makefile").write_text(f"obj-y := {number}\n")
        if number == 3:
            (tmp_path / "mm" / "new.c").write_text("int c;\n")
        _git(tmp_path, "add", "-A")
        _git(tmp_path, "commit", "-qm", f"box: {number}\n\n+ no patch line\n@@ neither @@")
    box.write_text("int d;\n" * 500)
    _git(tmp_path, "commit", "-qam", "box: too large")
    source = f"{tmp_path}@HEAD~5..HEAD"
    cases = list(from_history(source, ["mm"], 10, 1, 400))
    assert [case.text for case in cases] == [case.text for case in from_history(source, ["mm"], 10, 1, 400)]
    assert len(cases) == 4 and len({case.name for case in cases}) == 4
    assert len(list(from_history(source, ["mm"], 2, 1, 400))) == 2
    for case in cases:
        assert set(case.before) == {"mm/box.c"} and "index " not in case.text and case.hunks == 1
        assert "Makefile" not in case.text and "new.c" not in case.text
        task = Task(case, ("none", "quoted"), ("git apply", "patch"), 1)
        assert [outcome.result for outcome in outcomes(task)] == [Result.IDENTICAL] * 2 + [Result.FAILED] * 2
    with pytest.raises(ValueError, match="no git history"):
        list(from_history(str(tmp_path), [], 1, 1, 400))


def test_own_patches_apply_one_after_the_other() -> None:
    cases = list(from_series(OWN, str(OWN / "tree")))
    assert len(cases) == 6 and all(case.before != case.after for case in cases)
    assert cases[1].before["mm/shelf.c"] == cases[0].after["mm/shelf.c"]


def _outcome(result: Result, grade: Grade, ours: str = MAIL) -> Outcome:
    """Ours made the diff of ``ours``, all of its lines of one grade."""
    lines = parse(MAIL)
    case = Case("0123", lines, {"mm/box.c": b"a"}, {"mm/box.c": b"b"}, "/nowhere@HEAD")
    made = tuple(
        RepairedLine(line.mark, line.text, None, None, grade, "whitespace", "as line 7", 0.9)
        for line in parse(ours)
        if line.part.in_hunk
    )
    hunk = RepairedHunk("mm/box.c", 1, "@@ -10,6 +10,11 @@", "", 10, 10, made, 0.5)
    repair = Repair((RepairedFile("mm/box.c", (), (hunk,)),), ours, "", grade, 0.5, "", ("a note",))
    attempt = Attempt(None, "", repair, refused=result is Result.REFUSED)
    tally = {(str(grade), "whitespace: as line N"): (6, 7, 6.3)}
    return Outcome(case, "leading-space", "harness", result, attempt, Left.RESTORABLE, lines, 0.1, added=tally)


def test_judgement() -> None:
    case = _outcome(Result.WRONG, Grade.PROVED).case
    assert judged(case, Attempt({"mm/box.c": b"b"})) is Result.IDENTICAL
    assert judged(case, Attempt({"mm/box.c": b"a"})) is Result.WRONG
    assert judged(case, Attempt({"mm/box.c": b"b", "mm/other.c": b"x"})) is Result.WRONG
    assert judged(case, Attempt(None, "conflict")) is Result.FAILED
    assert judged(case, Attempt(None, "no place", refused=True)) is Result.REFUSED


def test_tables() -> None:
    assert share(2999, 3000) == "99.9" and share(3, 3) == "100" and share(0, 0) == "–"
    found = [_outcome(Result.IDENTICAL, Grade.PROVED), _outcome(Result.WRONG, Grade.PROVED)]
    assert "| `leading-space` | 1 | 50.0 | 2 | 50.0 | 0 | – |" in tools_table(found, ["leading-space"], ["harness"])
    assert "| `leading-space` | 2 | 1 | 0 | 0 | 1 | 0 | 1 | 0 | 0 |" in ours_table(found, ["leading-space"])
    assert "| `leading-space` | – | 12/14 (85.7) | – | – | – |" in grades_table(found, ["leading-space"])
    assert "| 0.50 to 0.60 | 2 | 50.0 | 50.0 |" in confidence_table(found)
    assert "| proved whitespace: as line N | 2 | 14 | 85.7 | 90.0 |" in reasons_table(found)


def test_a_failure_shows_truth_against_ours() -> None:
    ours = MAIL.replace("+\t * Why not.", "+\t* Why not.").replace("return a;\t", "return a;\x1b[1m")
    shown = list(described(_outcome(Result.WRONG, Grade.GUESSED, ours)))
    assert any(line.endswith("T |+→       * Why not.") for line in shown), shown
    assert any("O |+→      * Why not. " in line and "‹guessed 0.90 whitespace: as line 7›" in line for line in shown)
    assert not any("\x1b" in line for line in shown)
    assert visible("a\tb ") == "a→      b·"


def test_ways_and_tools_of_the_table() -> None:
    wanted = {"leading-space", "tabs-collapsed", "blank-context", "brace-comment", "trailing-space", "wrapped"}
    wanted |= {"html-escaped", "quoted", "headers-dropped", "navigation", "as-002-003", "as-004"}
    assert wanted <= set(SINGLE) and list(TOOLS) == ["git apply", "patch", "wiggle", "harness"]


def test_every_way_is_described() -> None:
    readme = (OWN.parent / "README.md").read_text()
    assert all(f"\n| `{name}` | " in readme for name in SINGLE)
