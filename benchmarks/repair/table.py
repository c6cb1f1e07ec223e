"""The outcomes as Markdown tables and as plain rows."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence

from benchmarks.repair.appliers import OURS
from benchmarks.repair.compare import Outcome, Result, Tally
from benchmarks.repair.damage import Left

GRADES = ("given", "proved", "implied", "guessed")
_SURE = ("given", "proved")
_CONFIDENCES = (0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0, 1.01)


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

    Then ours alone, of two kinds of patches whose number is given: "restorable", of which no word of an added line was
    lost; "provable", of which every added and removed line survived, or comes back by rule (an entity, a quote mark).
    """
    rows = []
    for way in ways:
        of_way = [outcome for outcome in found if outcome.way == way]
        row = [f"`{way}`", str(len({outcome.case.name for outcome in of_way}))]
        row += [_identical([outcome for outcome in of_way if outcome.tool == tool]) for tool in tools]
        for kinds in ((Left.INTACT, Left.RESTORABLE), (Left.INTACT,)):
            row.append(str(sum(outcome.left in kinds for outcome in of_way if outcome.tool == tools[0])))
            if OURS in tools:
                row.append(_identical([o for o in of_way if o.tool == OURS and o.left in kinds]))
        rows.append(row)
    head = ["way", "patches", *tools]
    for kind in ("restorable", "provable"):
        head += [kind, f"{OURS} of these"] if OURS in tools else [kind]
    return _markdown(head, rows)


def _identical(outcomes: Sequence[Outcome]) -> str:
    return share(sum(outcome.result is Result.IDENTICAL for outcome in outcomes), len(outcomes))


def wrong_table(found: Sequence[Outcome], ways: Sequence[str], tools: Sequence[str]) -> str:
    """Share of patches, in per cent, that a tool took without complaint although a file differs from the truth."""
    rows = []
    for way in ways:
        row = [f"`{way}`"]
        for tool in tools:
            results = [outcome.result for outcome in found if (outcome.way, outcome.tool) == (way, tool)]
            row.append(share(results.count(Result.WRONG), len(results)))
        rows.append(row)
    return _markdown(["taken, but wrong", *tools], rows)


def ours_table(found: Sequence[Outcome], ways: Sequence[str]) -> str:
    """What ours did, in patches; wrong ones by the grade of the patch, which is its weakest line's.

    "only blanks": of the wrong ones, those that differ from the truth only in blanks within lines.
    """
    rows = []
    for way in ways:
        ours = [outcome for outcome in found if outcome.way == way and outcome.tool == OURS]
        count = Counter(outcome.result for outcome in ours)
        wrong = Counter(outcome.attempt.grade for outcome in ours if outcome.result is Result.WRONG)
        row = [f"`{way}`", str(len(ours)), str(count[Result.IDENTICAL]), str(count[Result.REFUSED])]
        row += [str(count[Result.FAILED]), str(count[Result.WRONG]), str(sum(o.only_blanks for o in ours))]
        row += [str(sum(wrong[grade] for grade in _SURE)), str(wrong["implied"]), str(wrong["guessed"])]
        rows.append(row)
    head = ["way", "patches", "identical", "refused", "failed", "wrong", "only blanks"]
    return _markdown([*head, "wrong at proved", "at implied", "at guessed"], rows)


def grades_table(found: Sequence[Outcome], ways: Sequence[str]) -> str:
    """Lines by grade: those that are the author's of all, added lines; and context with removed ones at the end."""
    rows = []
    for way in ways:
        ours = [outcome for outcome in found if outcome.way == way and outcome.tool == OURS]
        added = _summed(outcome.added for outcome in ours)
        old = _summed(outcome.old for outcome in ours)
        row = [f"`{way}`", *(_right_of_all(added, grade) for grade in GRADES), _right_of_all(old, None)]
        rows.append(row)
    return _markdown(["added lines right of all", *GRADES, "old lines"], rows)


def reasons_table(found: Sequence[Outcome]) -> str:
    """Added lines by what ours says of them: how many are the author's, beside how sure ours is; most wrong first."""
    added = _summed(outcome.added for outcome in found if outcome.tool == OURS)
    rows = [
        [f"{grade} {said}".strip(), str(whole - right), str(whole), share(right, whole), f"{100 * sure / whole:.1f}"]
        for (grade, said), (right, whole, sure) in added.items()
    ]
    rows.sort(key=lambda row: (-int(row[1]), -int(row[2])))
    return _markdown(["added lines: why", "wrong", "all", "right %", "sure %"], rows)


def _summed(tallies: Iterable[Tally]) -> Tally:
    total: Tally = {}
    for tally in tallies:
        for kind, (right, whole, sure) in tally.items():
            before = total.get(kind, (0, 0, 0.0))
            total[kind] = before[0] + right, before[1] + whole, before[2] + sure
    return total


def _right_of_all(tally: Tally, grade: str | None) -> str:
    of_grade = [(right, whole) for (its, _), (right, whole, _) in tally.items() if grade in (None, its)]
    right = sum(right for right, _ in of_grade)
    whole = sum(whole for _, whole in of_grade)
    return f"{right}/{whole} ({share(right, whole)})" if whole else "–"


def confidence_table(found: Sequence[Outcome]) -> str:
    """Patches of all damaged ways by the confidence that ours has in them, refused ones left out.

    "lines right": identical to the truth, or but for blanks within lines, which is what confidence is about.
    """
    ours = [outcome for outcome in found if outcome.tool == OURS and outcome.attempt.repair is not None]
    taken = [outcome for outcome in ours if outcome.result in (Result.IDENTICAL, Result.WRONG)]
    rows = []
    for low, high in itertools.pairwise(_CONFIDENCES):
        of_step = [o for o in taken if low <= o.attempt.confidence < high]
        if not of_step:
            continue
        identical = sum(o.result is Result.IDENTICAL for o in of_step)
        right = identical + sum(o.only_blanks for o in of_step)
        label = f"{low:.2f} to {high:.2f}" if high <= 1 else "1.00"
        shares = [share(identical, len(of_step)), share(right, len(of_step))]
        rows.append([label, str(len(of_step)), *shares])
    return _markdown(["confidence", "patches", "identical %", "lines right %"], rows)


def as_row(outcome: Outcome) -> dict[str, object]:
    """One outcome for a JSON file: to compare two runs by."""
    return {
        "case": outcome.case.name,
        "way": outcome.way,
        "tool": outcome.tool,
        "result": str(outcome.result),
        "only blanks": outcome.only_blanks,
        "left": str(outcome.left),
        "grade": outcome.attempt.grade,
        "confidence": round(outcome.attempt.confidence, 4),
        "reason": outcome.attempt.reason,
        "seconds": round(outcome.seconds, 4),
    }
