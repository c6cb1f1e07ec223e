"""The habits of one C file where the kernel lets its authors choose, learned from its lines."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from harness.intake.repair.c_line import LONGEST, blanks, columns, indent_of, squeeze

_ONE_SPACE = re.compile(r"[a-z0-9)'\"][.!?] [A-Z_`(\"'@%&]")
_TWO_SPACES = re.compile(r"[a-z0-9)'\"][.!?]  [A-Z_`(\"'@%&]")
_CONDITION = re.compile(r"(?:\} )?(?:else )?(?:if|while|for|switch)\b")


class Continued(NamedTuple):
    """A line that continues what an open bracket on the line above began: where it stands."""

    number: int  # of the line, from 0
    context: str  # header, condition, call; with "-" in front where nothing follows the bracket on its line
    kinds: tuple[str, ...]  # all ways to describe its indentation
    callee: str  # the word before the bracket


class Spaced(NamedTuple):
    """A gap of some kind in a line of the file."""

    number: int
    gap: str
    column: int  # of what follows the gap


def continuation_kinds(statement: str, column: int, indent: str) -> tuple[str, ...]:
    """Ways to describe ``indent`` below a statement indented by ``statement`` with a bracket's text at ``column``."""
    found = []
    if indent == blanks(column):
        found.append("aligned")
    for count in range(6):
        if indent == statement + "\t" * count:
            found.append(f"tabs{count}")
    if indent == "\t" * (column // 8):
        found.append("floor")
    elif indent == "\t" * (column // 8 + 1):
        found.append("ceiling")
    if indent == statement + "    ":
        found.append("four")
    return tuple(found)


def open_bracket(line: str) -> int | None:
    """Index of the last parenthesis that ``line`` leaves open."""
    depth = 0
    for at in range(min(len(line), LONGEST) - 1, -1, -1):
        if line[at] == ")":
            depth += 1
        elif line[at] == "(":
            if depth == 0:
                return at
            depth -= 1
    return None


def callee_before(line: str, at: int) -> str:
    """The word that ends at index ``at`` of ``line``."""
    start = end = len(line[:at].rstrip())
    while start > 0 and (line[start - 1].isalnum() or line[start - 1] == "_"):
        start -= 1
    return line[start:end]


def continuations(lines: Iterable[str], start: int = 0) -> list[Continued]:
    """The first continuation lines among ``lines``, numbered from ``start``."""
    found: list[Continued] = []
    above: tuple[str, int, str, str] | None = None
    for number, line in enumerate(lines, start):
        if above is not None and line and line[0] in " \t":
            kinds = continuation_kinds(above[0], above[1], indent_of(line))
            if kinds:
                found.append(Continued(number, above[2], kinds, above[3]))
        above = None
        if "(" in line and line[0] != "#" and line.count("(") > line.count(")"):
            at = open_bracket(line)
            if at is not None:
                indent = indent_of(line)
                text = line[len(indent) : LONGEST]
                context = "header" if not indent else "condition" if _CONDITION.match(text) else "call"
                if text.startswith("*"):
                    continue
                if not line[at + 1 :].strip(" \t\\"):
                    context = "-" + context
                above = (indent, columns(line[: at + 1]), context, callee_before(line, at))
    return found


@dataclass(frozen=True, slots=True)
class Style:
    """What one file does where the kernel lets it choose.

    ``lines``: the file; ``index``: numbers of the lines with a squeezed text; ``moved``: the same for lines that the
    patch takes out of other files; ``unit``: one level of indentation; the others: where the file chose, in order of
    line numbers (``stops``: full stops inside comments; ``labels``: indentation of goto labels).
    """

    lines: tuple[str, ...]
    index: dict[str, list[int]]
    moved: tuple[str, ...]
    moved_index: dict[str, list[int]]
    unit: str
    continued: tuple[Continued, ...]
    stops: tuple[Spaced, ...]
    comments: tuple[Spaced, ...]
    backslashes: tuple[Spaced, ...]
    defines: tuple[Spaced, ...]
    macros: tuple[Spaced, ...]
    labels: tuple[Spaced, ...]

    @classmethod
    def of(cls, lines: Sequence[str], moved: Sequence[str] = ()) -> Style:
        """The habits of the file that has these ``lines`` (without line ends).

        ``moved``: lines that the same patch removes from other files; they may come back in this one.
        """
        index: dict[str, list[int]] = {}
        stops: list[Spaced] = []
        comments: list[Spaced] = []
        backslashes: list[Spaced] = []
        defines: list[Spaced] = []
        macros: list[Spaced] = []
        labels: list[Spaced] = []
        units: Counter[str] = Counter()
        for number, whole in enumerate(lines):
            line = whole[:LONGEST]
            words = line.split()
            squeezed = " ".join(words)
            index.setdefault(squeezed, []).append(number)
            if not words:
                continue
            first = line[0]
            if first in " \t":
                units["\t" if first == "\t" else line[:4] if line[:4] == "    " else "?"] += 1
            last = words[-1]
            if last[-1] == ":" and len(words) == 1 and last != "default:" and last[:-1].isidentifier():
                labels.append(Spaced(number, indent_of(line), 0))
            if "*" in line and (". " in line or "! " in line or "? " in line):
                stops.extend(Spaced(number, " ", 0) for _ in _ONE_SPACE.findall(line))
                stops.extend(Spaced(number, "  ", 0) for _ in _TWO_SPACES.findall(line))
            if "/*" in line and first != "/" and not line.lstrip().startswith("/*"):
                _space(comments, number, line, line.find("/*"))
            if last == "\\":
                _space(backslashes, number, line, line.rindex("\\"))
            if first == "#" and words[0] == "#define" and len(words) > 2:
                _space_define(number, line, words, defines, macros)
        moved_index: dict[str, list[int]] = {}
        for number, line in enumerate(moved):
            moved_index.setdefault(squeeze(line[:LONGEST]), []).append(number)
        return cls(
            tuple(lines),
            index,
            tuple(moved),
            moved_index,
            "    " if units["    "] > 3 * units["\t"] and units["    "] > 10 else "\t",
            tuple(continuations(lines)),
            tuple(stops),
            tuple(comments),
            tuple(backslashes),
            tuple(defines),
            tuple(macros),
            tuple(labels),
        )


def _space(found: list[Spaced], number: int, line: str, at: int) -> None:
    start = len(line[:at].rstrip())
    if 0 < start < at:
        found.append(Spaced(number, line[start:at], columns(line[:at])))


def _space_define(number: int, line: str, words: list[str], defines: list[Spaced], macros: list[Spaced]) -> None:
    at = line.find(words[1])
    end = at + len(words[1])
    if "(" in words[1]:
        depth = 0
        for end in range(at, len(line)):
            depth += (line[end] == "(") - (line[end] == ")")
            if depth == 0 and line[end] == ")":
                break
        end += 1
        found = macros
    else:
        found = defines
    value = end
    while value < len(line) and line[value] in " \t":
        value += 1
    if end < value < len(line):
        found.append(Spaced(number, line[end:value], columns(line[:value])))


_Entry = TypeVar("_Entry", Spaced, Continued)


def nearest(found: Sequence[_Entry], number: int, count: int) -> list[tuple[int, _Entry]]:
    """The ``count`` entries nearest to line ``number``, each with its distance in lines."""
    middle = bisect_left(found, (number,))
    window = found[max(0, middle - count) : middle + count]
    return sorted(((abs(entry[0] - number), entry) for entry in window), key=lambda pair: pair[0])[:count]
