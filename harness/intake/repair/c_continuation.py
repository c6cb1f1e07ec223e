"""Where the first line stands that continues an open bracket: a choice between ways, weighed by the file's habits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from harness.intake.repair.c_line import TAB, WIDTH, blanks, columns
from harness.intake.repair.c_style import Continued


def ways(statement: str, column: int) -> dict[str, str]:
    """Each way to indent a line below a statement indented by ``statement`` whose bracket's text is at ``column``."""
    return {
        "aligned": blanks(column),
        "floor": "\t" * (column // TAB),
        "ceiling": "\t" * (column // TAB + 1),
        "four": statement + "    ",
        **{f"tabs{count}": statement + "\t" * count for count in range(6)},
    }


def share(evidence: Sequence[tuple[float, Continued]], way: str, context: str) -> float:
    """Weight of the continuation lines in ``evidence`` that may be described by ``way``, over the weight of all."""
    mine = total = 0.0
    for weight, entry in evidence:
        if (entry.context[0] == "-") != (context == "-"):
            continue
        counted = weight if entry.context == context else weight / 2
        total += counted
        if way in entry.kinds:
            mine += counted
    return mine / (total + 1.0)


@dataclass(frozen=True, slots=True)
class Question:
    """A line to place below an open bracket.

    ``statement``: indentation of its statement; ``column``: of the text after the bracket; ``callee``: the word
    before the bracket; ``near``, ``removed``: continuation lines of the file and of the change, with their weight;
    ``equal``, ``similar``, ``below``: indentation of removed lines of the same text, of a similar one, of the
    continuation line below; ``following``: first word of the next line of the change, if it continues this one.
    """

    text: str
    statement: str
    column: int
    context: str
    callee: str
    near: Sequence[tuple[float, Continued]]
    removed: Sequence[tuple[float, Continued]]
    equal: Sequence[str]
    similar: str | None
    below: str | None
    following: str


def features(question: Question) -> dict[str, dict[str, float]]:
    """What speaks for and against each indentation, by name."""
    found: dict[str, dict[str, float]] = {}
    context = question.context
    near, removed = question.near, question.removed
    first = next((entry for _, entry in near if entry.context == context), None)
    called = [(1.0, entry) for _, entry in near if entry.callee == question.callee]
    called_removed = [(1.0, entry) for _, entry in removed if entry.callee == question.callee]

    def best(row: dict[str, float], name: str, value: float) -> None:
        row[name] = max(row.get(name, -9.0), value)

    for way, indent in ways(question.statement, question.column).items():
        if way == "floor" and question.column % TAB == 0:
            continue
        row = found.setdefault(indent, {})
        row[f"{context} {way}"] = 1.0
        best(row, "near", log(0.05 + share(near, way, context)))
        if first is not None:
            best(row, "nearest", float(way in first.kinds))
        if removed:
            best(row, "removed", log(0.05 + share(removed, way, context)))
        if called:
            best(row, "called", log(0.05 + share(called, way, context)))
        if called_removed:
            best(row, "called removed", log(0.05 + share(called_removed, way, context)))
    if question.below is not None:
        found.setdefault(question.below, {})["below"] = 1.0
    if question.similar is not None:
        found.setdefault(question.similar, {})["similar"] = 1.0
    end = question.text.rstrip(" \\")
    following = len(question.following)
    for indent, row in found.items():
        width = columns(indent) + len(end)
        row["equal"] = float(indent in question.equal)
        row["wide"] = float(width > WIDTH)
        row["wider"] = max(0, width - WIDTH) / 10
        if following:
            row["room"] = float(width + 1 + following <= WIDTH)
            row["much room"] = float(width + 1 + following <= WIDTH - 16)
        if question.column > 40:
            row["far"] = columns(indent) / 40
    return found


def choose(rows: dict[str, dict[str, float]]) -> tuple[str, float]:
    """The indentation for which most speaks, and its share of the probability."""
    scores = {
        indent: sum(_WEIGHTS.get(name, 0.0) * value for name, value in row.items()) for indent, row in rows.items()
    }
    best = max(scores, key=lambda indent: scores[indent])
    return best, 1.0 / sum(exp(score - scores[best]) for score in scores.values())


_WEIGHTS: dict[str, float] = {
    "- aligned": -0.56,
    "- ceiling": -0.52,
    "- floor": -0.49,
    "- four": -0.10,
    "- tabs0": -0.66,
    "- tabs1": 1.71,
    "- tabs2": 1.26,
    "- tabs3": -0.64,
    "- tabs4": -0.55,
    "- tabs5": -0.19,
    "bare - aligned": -1.60,
    "bare - ceiling": -0.69,
    "bare - four": -0.95,
    "bare - tabs0": 1.11,
    "bare - tabs1": 0.83,
    "bare - tabs2": -0.93,
    "bare - tabs3": -0.74,
    "bare - tabs4": 0.25,
    "bare - tabs5": -0.06,
    "bare aligned": -0.05,
    "bare ceiling": 0.92,
    "bare floor": -0.25,
    "bare four": -0.17,
    "bare tabs0": -0.12,
    "bare tabs1": 2.16,
    "bare tabs2": 0.30,
    "bare tabs3": 0.71,
    "bare tabs4": 1.21,
    "bare tabs5": 0.33,
    "below": 1.03,
    "call aligned": 1.64,
    "call ceiling": 0.35,
    "call floor": 0.37,
    "call four": -1.12,
    "call tabs0": -1.90,
    "call tabs1": 0.63,
    "call tabs2": 1.25,
    "call tabs3": 0.80,
    "call tabs4": 0.67,
    "call tabs5": 0.57,
    "called": 0.31,
    "called removed": -0.18,
    "condition aligned": 1.83,
    "condition ceiling": 0.10,
    "condition floor": -0.24,
    "condition four": -0.09,
    "condition tabs0": -1.68,
    "condition tabs1": 0.19,
    "condition tabs2": 1.63,
    "condition tabs3": 0.87,
    "condition tabs4": 0.38,
    "condition tabs5": -0.57,
    "equal": -1.49,
    "far": 1.40,
    "header aligned": 2.08,
    "header ceiling": 1.19,
    "header floor": 0.65,
    "header four": -1.78,
    "header tabs0": -1.96,
    "header tabs1": 0.33,
    "header tabs2": 1.01,
    "header tabs3": 0.99,
    "header tabs4": 0.60,
    "header tabs5": 0.72,
    "much room": 0.31,
    "near": 0.47,
    "nearest": 0.31,
    "removed": 0.06,
    "room": 0.31,
    "similar": 1.40,
    "string aligned": 1.50,
    "string ceiling": 0.09,
    "string floor": -0.12,
    "string four": -0.30,
    "string tabs0": -1.20,
    "string tabs1": 1.12,
    "string tabs2": 1.75,
    "string tabs3": 0.49,
    "string tabs4": -0.39,
    "string tabs5": -0.24,
    "wide": -2.41,
    "wider": -2.13,
}
