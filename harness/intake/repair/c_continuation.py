"""Where the first line stands that continues an open bracket: a choice between ways, weighed by the file's habits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from harness.intake.repair.c_line import TAB, WIDTH, blanks, columns
from harness.intake.repair.c_style import Continued

WAYS = ("aligned", "floor", "ceiling", "four", "tabs0", "tabs1", "tabs2", "tabs3", "tabs4", "tabs5")


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
    "- aligned": -0.48,
    "- ceiling": -0.42,
    "- floor": -0.23,
    "- four": 0.17,
    "- tabs0": -0.14,
    "- tabs1": 1.35,
    "- tabs2": 1.16,
    "- tabs3": -0.56,
    "- tabs4": -0.50,
    "- tabs5": -0.08,
    "below": 1.69,
    "call aligned": 1.44,
    "call ceiling": 0.38,
    "call floor": 0.32,
    "call four": -1.42,
    "call tabs0": -2.04,
    "call tabs1": 0.49,
    "call tabs2": 1.06,
    "call tabs3": 0.74,
    "call tabs4": 0.54,
    "call tabs5": 0.55,
    "called": 0.33,
    "called removed": -0.20,
    "condition aligned": 1.68,
    "condition ceiling": 0.10,
    "condition floor": -0.39,
    "condition four": 0.05,
    "condition tabs0": -1.23,
    "condition tabs1": 0.14,
    "condition tabs2": 1.43,
    "condition tabs3": 0.70,
    "condition tabs4": 0.64,
    "condition tabs5": -0.35,
    "equal": -1.86,
    "far": 1.25,
    "header aligned": 1.91,
    "header ceiling": 1.16,
    "header floor": 0.68,
    "header four": -1.91,
    "header tabs0": -2.08,
    "header tabs1": 0.15,
    "header tabs2": 0.82,
    "header tabs3": 0.79,
    "header tabs4": 0.60,
    "header tabs5": 0.59,
    "much room": 0.26,
    "near": 0.55,
    "nearest": 0.32,
    "removed": 0.04,
    "room": 0.16,
    "similar": 1.53,
    "string aligned": 1.42,
    "string ceiling": -0.10,
    "string floor": -0.32,
    "string four": -0.37,
    "string tabs0": -1.17,
    "string tabs1": 1.38,
    "string tabs2": 1.75,
    "string tabs3": 0.57,
    "string tabs4": -0.40,
    "string tabs5": -0.26,
    "wide": -2.76,
    "wider": -1.82,
}
