"""A repair for a reader: a table of its hunks, what was done to a hunk's lines, and a hunk shown beside the tree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.intake.repair import Grade, Repair, RepairedHunk, RepairedLine
from harness.model.plain_text import clean

COLUMN = 56  # characters of each side of a hunk shown beside the tree
MAX_SHOWN = 60  # lines of one hunk that are shown
TAB = "→"

HUNK_COLUMNS = ("line", "file", "hunk", "in the tree", "given", "from the tree", "lost", "guessed", "sure")


def hunk_rows(repair: Repair) -> Iterator[tuple[str, ...]]:
    """One row for each hunk, of HUNK_COLUMNS."""
    for hunk in repair.hunks:
        kinds = Counter(_kind(line) for line in hunk.lines)
        place = f"line {hunk.start}" if hunk.start is not None else "no place"
        sure = f"{int(hunk.confidence * 100)}%" if hunk.start is not None else "-"
        counts = [str(kinds[kind]) for kind in ("given", "tree", "lost", "guessed")]
        yield str(hunk.number), clean(hunk.path), hunk.header, place, *counts, sure


def _kind(line: RepairedLine) -> str:
    if line.given is None:
        return "lost"
    if line.mark != "+" and line.grade is not Grade.GIVEN:
        return "tree"
    return "given" if line.grade in (Grade.GIVEN, Grade.IMPLIED) else "guessed"


def notes_of(repair: Repair) -> Iterator[str]:
    """What a reader should know beside the table: of the text, of files, of hunks."""
    yield from (clean(note) for note in repair.notes)
    for file in repair.files:
        yield from (f"{clean(file.path)}: {clean(note)}" for note in file.notes)
        for hunk in file.hunks:
            where = f"{clean(hunk.path)} {hunk.header}"
            if hunk.reason:
                yield f"{where}: no place: {clean(hunk.reason)}"
            yield from (f"{where}: {clean(note)}" for note in hunk.notes)


def _shown(text: str, width: int) -> str:
    plain = clean(text.replace("\t", TAB + " " * 7), width * 4)
    return plain if len(plain) <= width else plain[: width - 1] + "…"


def beside_tree(hunk: RepairedHunk) -> Iterator[str]:
    """The hunk as the text has it, beside what the tree has there; a line lost from the text has an empty left side."""
    yield f"{clean(hunk.path)} {hunk.header}, line {hunk.number} of the text"
    if hunk.start is None:
        first, window = hunk.nearest or (0, ())
        heading = f"nearest in the tree, from line {first}" if window else "nothing like it in the tree"
        yield f"  {'the text':{COLUMN}} | {heading}"
        left = [(line.mark, line.given if line.given is not None else "") for line in hunk.lines]
        for at in range(min(max(len(left), len(window)), MAX_SHOWN)):
            mark, given = left[at] if at < len(left) else (" ", "")
            right = _shown(window[at], COLUMN) if at < len(window) else ""
            yield f"  {mark}{_shown(given, COLUMN - 1):{COLUMN - 1}} | {right}".rstrip()
        return
    yield f"  {'the text':{COLUMN}} | repaired, from line {hunk.start} of the tree"
    for line in hunk.lines[:MAX_SHOWN]:
        given = f"{line.mark}{_shown(line.given, COLUMN - 1)}" if line.given is not None else ""
        doubt = f"  ({clean(line.why)})" if line.given is None else ""
        yield f"  {given:{COLUMN}} | {line.mark}{_shown(line.text, COLUMN - 1)}{doubt}".rstrip()


def guesses(hunk: RepairedHunk) -> tuple[int, ...]:
    """Indexes of the hunk's lines that are guessed."""
    return tuple(at for at, line in enumerate(hunk.lines) if line.grade is Grade.GUESSED)


def around(lines: Sequence[RepairedLine], at: int, reach: int = 3) -> Iterator[str]:
    """A line in its place, an arrow in front of it."""
    for index in range(max(at - reach, 0), min(at + reach + 1, len(lines))):
        line = lines[index]
        yield f"{'>' if index == at else ' '} {line.mark}{_shown(line.text, 100)}"
