"""The outcomes as Markdown tables and as plain rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.repair.appliers import OURS
from benchmarks.repair.compare import Outcome, Result
from benchmarks.repair.damage import Left

GRADES = ("given", "proved", "implied", "guessed")
_SURE = ("given", "proved")


def share(part: int, whole: int) -> str:
    """Per cent, rounded down at the upper end: 100 % is said of all only."""
    if whole == 0:
        return "–"
    percent = 100 * part / whole
    return f"{min(percent, 99.9):.1f}" if part < whole else "100"


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def tools_table(found: Sequence[Outcome], ways: Sequence[str], tools: Sequence[str]) -> str:
    """Share of patches, in per cent, whose files are byte-identical to the truth, per way and tool.

    "best": the share of which no word of an added line was lost, so that a perfect tool could restore it. "provable":
    the patches of which every added and removed line survived (or is undone by rule), and ours among these only.
    """
    rows = []
    for way in ways:
        of_way = [outcome for outcome in found if outcome.way == way]
        row = [f"`{way}`", str(len({outcome.case.name for outcome in of_way}))]
        for tool in tools:
            of_tool = [outcome for outcome in of_way if outcome.tool == tool]
            row.append(share(sum(outcome.result is Result.IDENTICAL for outcome in of_tool), len(of_tool)))
        some = [outcome for outcome in of_way if outcome.tool == tools[0]]
        row.append(share(sum(outcome.left is not Left.GONE for outcome in some), len(some)))
        row.append(str(sum(outcome.left is Left.INTACT for outcome in some)))
        if OURS in tools:
            ours = [outcome for outcome in of_way if outcome.tool == OURS and outcome.left is Left.INTACT]
            row.append(share(sum(outcome.result is Result.IDENTICAL for outcome in ours), len(ours)))
        rows.append(row)
    head = ["way", "patches", *tools, "best", "provable", *([f"{OURS} of these"] if OURS in tools else [])]
    return _markdown(head, rows)


def ours_table(found: Sequence[Outcome], ways: Sequence[str]) -> str:
    """What ours did where it did not restore the truth, in patches; and its grades, identical of all of a grade."""
    rows = []
    for way in ways:
        ours = [outcome for outcome in found if outcome.way == way and outcome.tool == OURS]
        count = Counter(outcome.result for outcome in ours)
        wrong = Counter(outcome.attempt.grade for outcome in ours if outcome.result is Result.WRONG)
        row = [f"`{way}`", share(count[Result.IDENTICAL], len(ours)), str(count[Result.REFUSED])]
        row += [str(count[Result.FAILED]), f"{sum(wrong[grade] for grade in _SURE)}"]
        row += [str(wrong["implied"]), str(wrong["guessed"])]
        for grade in GRADES:
            of_grade = [outcome for outcome in ours if outcome.attempt.grade == grade and outcome.attempt.diff]
            right = sum(outcome.result is Result.IDENTICAL for outcome in of_grade)
            row.append(f"{right}/{len(of_grade)}" if of_grade else "–")
        rows.append(row)
    head = ["way", "identical %", "refused", "failed", "wrong at proved", "at implied", "at guessed"]
    return _markdown([*head, *(f"{grade}: right/all" for grade in GRADES)], rows)


def as_row(outcome: Outcome) -> dict[str, object]:
    """One outcome for a JSON file: to compare two runs by."""
    return {
        "case": outcome.case.name,
        "way": outcome.way,
        "tool": outcome.tool,
        "result": str(outcome.result),
        "left": str(outcome.left),
        "grade": outcome.attempt.grade,
        "confidence": round(outcome.attempt.confidence, 4),
        "reason": outcome.attempt.reason,
        "seconds": round(outcome.seconds, 4),
    }
