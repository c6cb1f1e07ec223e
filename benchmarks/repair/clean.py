"""A clean patch mail as lines of which each knows what part of the patch it is."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_STAT = re.compile(r" (\S+ +\| +\d+ [+-]*|\d+ files? changed.*)$")
# Nothing that says what the result must be: a blob id or a similarity would answer the question that is asked.
_LEFT_OUT = re.compile(r"(index [0-9a-f]+\.\.|old mode |new mode |similarity index )")


class Part(enum.Enum):
    """What a line of a patch mail is."""

    PROSE = "prose"
    STAT = "diffstat"
    NAME = "file header"
    HUNK = "hunk header"
    CONTEXT = " "
    REMOVED = "-"
    ADDED = "+"
    NO_NEWLINE = "\\"

    @property
    def in_hunk(self) -> bool:
        return self in (Part.CONTEXT, Part.REMOVED, Part.ADDED)


@dataclass(frozen=True, slots=True)
class Line:
    """One line. ``mark`` is what stands before the text: the diff's own mark, or what damage made of it.

    ``hunk`` counts the hunks of the whole patch from 0; -1 outside of hunks.
    """

    part: Part
    text: str
    mark: str = ""
    hunk: int = -1

    def __str__(self) -> str:
        return self.mark + self.text

    def with_text(self, text: str) -> Line:
        return replace(self, text=text)


Lines = tuple[Line, ...]


def parse(text: str) -> Lines:
    """The lines of a well-formed patch mail or diff; index and mode lines are left out.

    Raises ValueError where a hunk is not what its header says.
    """
    found: list[Line] = []
    raw = text.split("\n")
    if raw[-1] == "":
        raw.pop()
    in_diff, hunk, old, new = False, -1, 0, 0
    for at, line in enumerate(raw):
        header = HUNK.match(line)
        if old > 0 or new > 0:
            part = Part(line[:1] or " ") if line[:1] in ("", " ", "-", "+", "\\") else None
            if part is None:
                raise ValueError(f"line {at + 1}: the hunk lacks {old} old and {new} new lines")
            old -= part in (Part.CONTEXT, Part.REMOVED)
            new -= part in (Part.CONTEXT, Part.ADDED)
            found.append(Line(part, line[1:], line[:1] or " ", hunk))
        elif in_diff and header:
            hunk += 1
            old, new = (int(count) if count is not None else 1 for count in header.group(2, 4))
            found.append(Line(Part.HUNK, line, "", hunk))
        elif in_diff and line.startswith("\\ "):
            found.append(Line(Part.NO_NEWLINE, line[1:], "\\", hunk))
        elif line.startswith("diff --git ") or (
            line.startswith("--- ") and raw[at + 1 : at + 2] and raw[at + 1][:4] == "+++ "
        ):
            in_diff = True
            found.append(Line(Part.NAME, line))
        elif in_diff and line.startswith("+++ "):
            found.append(Line(Part.NAME, line))
        elif in_diff and _LEFT_OUT.match(line):
            continue
        elif in_diff and line == "-- ":
            in_diff = False
            found.append(Line(Part.PROSE, line))
        else:
            found.append(Line(Part.STAT if _STAT.match(line) and not in_diff else Part.PROSE, line))
    if old > 0 or new > 0:
        raise ValueError("the text ends in a hunk")
    return tuple(found)


def render(lines: Iterable[Line]) -> str:
    """The text of the lines, each ended by a newline."""
    return "".join(f"{line}\n" for line in lines)


def changed(lines: Iterable[Line]) -> int:
    """Added and removed lines."""
    return sum(line.part in (Part.ADDED, Part.REMOVED) for line in lines)


def touched(lines: Iterable[Line]) -> tuple[str, ...]:
    """Paths of the files after the change, the first component (``b/``) taken off, in their order."""
    names = (line.text[4:].split("\t")[0] for line in lines if line.part is Part.NAME and line.text[:4] == "+++ ")
    return tuple(name.partition("/")[2] for name in names)


def diffstat(lines: Sequence[Line]) -> Lines:
    """What ``git diff --stat`` would print above the diff."""
    counts: dict[str, list[int]] = {}
    path = ""
    for line in lines:
        if line.part is Part.NAME and line.text.startswith("+++ "):
            path = line.text[4:].split("\t")[0].partition("/")[2]
            counts[path] = [0, 0]
        elif line.part in (Part.ADDED, Part.REMOVED):
            counts[path][line.part is Part.REMOVED] += 1
    width = max(map(len, counts), default=0)
    digits = max((len(str(added + removed)) for added, removed in counts.values()), default=1)
    scale = min(1.0, 50 / max([1, *(added + removed for added, removed in counts.values())]))
    rows = [
        f" {name:<{width}} | {added + removed:>{digits}} {'+' * round(added * scale)}{'-' * round(removed * scale)}"
        for name, (added, removed) in counts.items()
    ]
    added, removed = (sum(pair[side] for pair in counts.values()) for side in (0, 1))
    total = f" {len(counts)} file{'s' * (len(counts) != 1)} changed"
    total += f", {added} insertion{'s' * (added != 1)}(+)" * (added > 0)
    total += f", {removed} deletion{'s' * (removed != 1)}(-)" * (removed > 0)
    return tuple(Line(Part.STAT, row) for row in [*rows, total])
