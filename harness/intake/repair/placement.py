"""Where in a file a hunk belongs: by its old lines, compared without whitespace, some of them lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.intake.repair.damaged_diff import Item, key

# an archive that hides addresses puts x's for the domain
_HIDDEN = re.compile(r"@x{3,}[.x]*|@\.\.\.|\(at\)|<at>| at ")
MAX_CANDIDATES = 400
MIN_SHARE = 0.6  # of a hunk's old lines that must stand in the tree for it to have a place


def same_line(given: str, line: str) -> bool:
    """Whether two keys are one line, an address that an archive hid counted as equal."""
    if given == line:
        return True
    if "@" in given and (hidden := re.search(r"@x{3,}[.x]*", given)):
        head, tail = given[: hidden.start() + 1], given[hidden.end() :]
        return line.startswith(head) and line.endswith(tail) and len(line) >= len(head) + len(tail)
    return False


@dataclass(frozen=True, slots=True)
class Place:
    """A window of the file, ``start`` from 0; ``matched`` of ``total`` old lines of the hunk stand in it in order.

    ``missing`` are numbers (in the text) of removed or context lines that do not.
    """

    start: int
    end: int
    matched: int
    total: int
    missing: tuple[int, ...]
    removed_missing: int
    rivals: int = 0


class FileLines:
    """A tree's file, with where each line stands when whitespace is left out."""

    def __init__(self, data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        self.ends_without_newline = bool(text) and not text.endswith("\n")
        self.lines = text.split("\n")
        if not self.lines[-1]:
            self.lines.pop()
        self.keys = [key(line) for line in self.lines]
        self.at: dict[str, list[int]] = {}
        for index, text_key in enumerate(self.keys):
            self.at.setdefault(text_key, []).append(index)


def old_items(items: Sequence[Item]) -> list[tuple[Item, str]]:
    """Removed and context lines that say something, with their keys."""
    found = []
    for item in items:
        if item.mark not in ("+", "\\"):
            text = key(item.text)
            if text:
                found.append((item, text))
    return found


def _fit(wanted: Sequence[tuple[Item, str]], file: FileLines, start: int, end: int) -> Place:
    """How many of the hunk's old lines stand in lines[start:end], in order, skipping those that do not."""
    at = start
    matched = 0
    missing: list[int] = []
    removed_missing = 0
    last_hit = 0
    keys = file.keys
    for index, (item, text) in enumerate(wanted):
        found = next((n for n in range(at, end) if keys[n] == text), None)
        if found is None and "@x" in text:
            found = next((n for n in range(at, end) if same_line(text, keys[n])), None)
        if found is None:
            # the tail of a line that was wrapped is part of the line above
            missing.append(item.number)
            removed_missing += item.mark == "-" and text != "-"
        else:
            matched += 1
            at = found + 1
            last_hit = index
    # what stands behind the last line found, without a mark, is what the archive put there
    tail = sum(1 for item, _ in wanted[last_hit + 1 :] if item.mark == "")
    return Place(start, end, matched, len(wanted) - tail, tuple(missing), removed_missing)


def place_hunk(
    items: Sequence[Item], old_count: int, expected: int, file: FileLines, after: int
) -> tuple[Place | None, Place | None]:
    """(the place, or None; the best place looked at). ``expected`` is where the header puts it (from 0).

    Hunks come in order: none begins before ``after``.
    """
    wanted = old_items(items)
    size = len(file.lines)
    if not wanted:
        # only blank context is left: the header's word is all there is
        start = min(max(expected, after), size)
        place = Place(start, min(start + old_count, size), 0, 0, (), 0)
        return (place if old_count <= size - start else None), place
    tried: dict[int, Place] = {}

    def look(start: int) -> Place | None:
        if start < after or start + old_count > size or start < 0:
            return None
        if start not in tried:
            tried[start] = _fit(wanted, file, start, start + old_count)
        return tried[start]

    direct = look(expected)
    if direct is not None and direct.matched >= direct.total and not direct.removed_missing:
        return direct, direct
    by_rarity = sorted((len(file.at.get(text, ())), index) for index, (_, text) in enumerate(wanted))
    candidates: dict[int, None] = {}
    for hits, index in by_rarity:
        if not 0 < hits <= 60:
            continue
        for position in file.at[wanted[index][1]]:
            # the line is at least as far into the window as there are old lines before it
            for start in range(position - index, position - old_count, -1):
                candidates[start] = None
                if len(candidates) >= MAX_CANDIDATES * 4:
                    break
        if len(candidates) >= MAX_CANDIDATES:
            break
    for start in candidates:
        look(start)
    if not tried:
        return None, None
    best = max(tried.values(), key=lambda p: (p.matched - 2 * p.removed_missing, -abs(p.start - expected)))
    rivals = sum(
        1
        for p in tried.values()
        if p.matched == best.matched
        and p.removed_missing == best.removed_missing
        and abs(p.start - best.start) > old_count
    )
    found = Place(best.start, best.end, best.matched, best.total, best.missing, best.removed_missing, rivals)
    good = best.removed_missing == 0 and best.matched >= MIN_SHARE * best.total and best.matched > 0
    return (found if good else None), found
