"""A hunk that does not apply, shown beside the lines of the tree that come nearest to it; bounded in every way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from harness.model.hunk import FileChange, HunkLines
from harness.verdicts.hunk_places import FileLines, Fit, Place, Window, nearest_window, place, places

MAX_CONFLICTS = 12  # hunks shown of one patch
MAX_LINES = 24  # lines shown of one hunk, and of the tree


@dataclass(frozen=True, slots=True)
class HunkConflict:
    """A hunk without a place. ``line`` is its line in the old file by its header; ``old`` what it wants to find, the
    marks in front; ``why`` in a few words.

    ``tree`` are the tree's lines that come nearest, ``tree_line`` the number of the first (0: there are none); the
    marks of both say which lines are on the other side too: "=" and "!" in ``tree``.
    """

    path: str
    line: int
    why: str
    old: tuple[str, ...]
    tree: tuple[str, ...]
    tree_line: int


def conflicts(changes: Sequence[FileChange], read: Callable[[str], bytes | None]) -> tuple[HunkConflict, ...]:
    """The hunks of one patch that have no place in the tree that ``read`` reads, git's rules: no fuzz."""
    return tuple(islice(_conflicts(changes, read), MAX_CONFLICTS))


def _conflicts(changes: Sequence[FileChange], read: Callable[[str], bytes | None]) -> Iterator[HunkConflict]:
    for change in changes:
        data = read(change.path)
        if change.created:
            if data:
                yield HunkConflict(change.path, 0, "the tree has that file already", (), (), 0)
            continue
        if data is None:
            yield HunkConflict(change.path, 0, "the tree has no such file", (), (), 0)
            continue
        file = FileLines.of(data)
        for hunk, spot in zip(change.hunks, places(file, change), strict=True):
            if spot.fit in (Fit.MISSING, Fit.FUZZ):
                yield _conflict(change, hunk, file, spot)


def _conflict(change: FileChange, hunk: HunkLines, file: FileLines, spot: Place) -> HunkConflict:
    window = nearest_window(file, hunk)
    if spot.line is not None:  # with fuzz: the place is known
        first_line = max(0, spot.line)
        window = Window(first_line, first_line + len(hunk.old), first_line, spot.share, True)
    wanted = {"".join(line.split()) for line in hunk.old} - {""}
    marked = [
        ("=" if "".join(line.split()) in wanted or not line.strip() else "!") + line
        for line in file.lines[window.start : window.end]
    ]
    # Blank and foreign lines at the window's ends are there by its size only.
    first = next((at for at, line in enumerate(marked) if line[0] == "=" and line[1:].strip()), 0)
    last = next((at for at in range(len(marked) - 1, -1, -1) if marked[at][0] == "=" and marked[at][1:].strip()), -1)
    kept = marked[first : last + 1] if spot.line is None else marked
    old = tuple(line for line in hunk.lines if not line.startswith("+"))
    if place(file, _turned(hunk), False).fit in (Fit.CLEAN, Fit.OFFSET):
        why = "what it makes is in the file already"
    elif spot.fuzz:
        why = f"it would fit with fuzz {spot.fuzz}, which git does not take"
    elif kept:
        why = f"{window.share:.0%} of its lines are nearest at line {window.start + first + 1}"
    else:
        why = "none of its lines is in the file"
    shown = kept[:MAX_LINES] if kept else []
    return HunkConflict(
        change.path, hunk.start, why, old[:MAX_LINES], tuple(shown), window.start + first + 1 if shown else 0
    )


def _turned(hunk: HunkLines) -> HunkLines:
    """The hunk that takes this one back."""
    turn = {"+": "-", "-": "+", " ": " "}
    lines = tuple(turn[line[0]] + line[1:] for line in hunk.lines)
    return HunkLines(hunk.at, hunk.start, len(hunk.new), lines)
