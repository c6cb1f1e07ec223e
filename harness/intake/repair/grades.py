"""What a repair says of its own work."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Grade(enum.StrEnum):
    """How sure a line of a repaired patch is, the surest first."""

    GIVEN = "given"  # the author's line as it stood
    PROVED = "proved"  # the tree has it
    IMPLIED = "implied"  # the hunk's counts and C's grammar leave no other reading
    GUESSED = "guessed"  # from style


_ORDER = list(Grade)


def weakest(grades: list[Grade]) -> Grade:
    """The least sure of them; GIVEN where there is none."""
    return max(grades, key=_ORDER.index, default=Grade.GIVEN)


@dataclass(frozen=True, slots=True)
class RepairedLine:
    """A line of a repaired hunk.

    ``mark`` is " ", "-" or "+"; ``given`` the text it was made from, None for a line that the text had lost, and
    ``number`` its line there. ``what`` says what was done ("" for nothing), ``why`` on which ground; ``sure`` is
    between 0 and 1.
    """

    mark: str
    text: str
    given: str | None
    number: int | None
    grade: Grade
    what: str = ""
    why: str = ""
    sure: float = 1.0


@dataclass(frozen=True, slots=True)
class RepairedHunk:
    """A hunk of a repaired patch; ``start`` is its first line in the tree's file (from 1), None where it has no place.
    ``old_start`` is what its header said.

    ``reason`` says why it has none, ``nearest`` the lines (from which on) that come nearest. ``confidence`` is the
    probability, as far as it can be told, that the lines and their order are the author's; whitespace is judged line by
    line (``RepairedLine.sure``).
    """

    path: str
    number: int
    header: str
    section: str
    old_start: int
    start: int | None
    lines: tuple[RepairedLine, ...]
    confidence: float
    reason: str = ""
    notes: tuple[str, ...] = ()
    nearest: tuple[int, tuple[str, ...]] | None = None

    @property
    def grade(self) -> Grade:
        return weakest([line.grade for line in self.lines])

    @property
    def old_count(self) -> int:
        return sum(line.mark != "+" for line in self.lines)

    @property
    def new_count(self) -> int:
        return sum(line.mark != "-" for line in self.lines)


@dataclass(frozen=True, slots=True)
class RepairedFile:
    """``headers`` are the lines before the first hunk."""

    path: str
    headers: tuple[str, ...]
    hunks: tuple[RepairedHunk, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repair:
    """What came of a damaged diff.

    ``diff`` is what ``git apply`` takes: the hunks that have a place in the tree, "" where the repair is refused;
    ``rejected`` the others, well-formed too. ``refusal`` says in one line why nothing should be written.
    """

    files: tuple[RepairedFile, ...]
    diff: str
    rejected: str
    grade: Grade
    confidence: float
    refusal: str
    notes: tuple[str, ...]

    @property
    def hunks(self) -> tuple[RepairedHunk, ...]:
        return tuple(hunk for file in self.files for hunk in file.hunks)

    @property
    def unplaced(self) -> tuple[RepairedHunk, ...]:
        return tuple(hunk for hunk in self.hunks if hunk.start is None)
