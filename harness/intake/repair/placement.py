"""Where in a file a hunk belongs: by its old lines, compared without whitespace, some of them lost."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from harness.intake.repair.damaged_diff import DamagedHunk, Item, key
from harness.intake.repair.effort import Effort

# an archive that hides addresses puts x's for the domain
HIDDEN = re.compile(r"@x{3,}[.x]*")
MAX_CANDIDATES = 400
MIN_SHARE = 0.6  # of a hunk's old lines that must stand in the tree for it to have a place


def same_line(given: str, line: str) -> bool:
    """Whether two keys are one line, an address that an archive hid counted as equal."""
    if given == line:
        return True
    if "@" in given and (hidden := HIDDEN.search(given)):
        head, tail = given[: hidden.start() + 1], given[hidden.end() :]
        return line.startswith(head) and line.endswith(tail) and len(line) >= len(head) + len(tail)
    return False


@dataclass(frozen=True, slots=True)
class Place:
    """A window of the file, ``start`` from 0; ``matched`` of ``total`` old lines of the hunk stand in it in order.

    ``removed_missing`` of its removed lines do not.
    """

    start: int
    end: int
    matched: int
    total: int
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
        self._hidden: dict[str, list[int]] = {}
        self._same: dict[str, str | None] = {}

    def only(self, text_key: str) -> str | None:
        """The line that all lines with this key are; None where there is none, or they differ in whitespace."""
        if text_key not in self._same:
            found = {self.lines[n] for n in self.at.get(text_key, ())}
            self._same[text_key] = found.pop() if len(found) == 1 else None
        return self._same[text_key]

    def find(self, text_key: str, start: int, end: int) -> int | None:
        """The first of lines[start:end] with this key."""
        return _first(self.at.get(text_key, ()), start, end)

    def find_alike(self, text_key: str, start: int, end: int) -> int | None:
        """As find; where there is none, the first that differs in a hidden address only."""
        found = self.find(text_key, start, end)
        if found is None and "@x" in text_key:
            if text_key not in self._hidden:
                self._hidden[text_key] = [n for n, line in enumerate(self.keys) if same_line(text_key, line)]
            found = _first(self._hidden[text_key], start, end)
        return found


def _first(places: Sequence[int], start: int, end: int) -> int | None:
    index = bisect_left(places, start)
    return places[index] if index < len(places) and places[index] < end else None


WRAP_MIN = 60  # columns; no mailer wraps earlier
MAX_TAILS = 3  # lines that one line may have been wrapped to, beyond its first
FOOTER = re.compile(
    r"\s*(?:To unsubscribe|More majordomo|Please read the FAQ|Last update|the body of a message|_{20}|https?:|"
    r"Previous message|Next message|Messages sorted|From: |Date: |Subject: |In reply to)",
    re.IGNORECASE,
)


def unwrapped(hunk: DamagedHunk, file: FileLines, marks_kept: bool) -> list[Item]:
    """The hunk's items with wrapped lines made one again: old lines where the tree has the whole, added ones where
    the line was long enough to be wrapped, and what follows is no line of the file's, or has lost no mark
    (``marks_kept``)."""
    items = list(hunk.items)
    is_rest = bool(items) and not items[0].mark and (marks_kept or key(items[0].text) not in file.at)
    if is_rest and items[0].text.strip() and len(hunk.section) > WRAP_MIN // 3:
        items.pop(0)  # the rest of the hunk's header
    joined: list[Item] = []
    at = 0
    while at < len(items):
        item, taken = _joined(items, at, file, marks_kept)
        joined.append(item)
        at += taken
    return joined


def _joined(items: Sequence[Item], at: int, file: FileLines, marks_kept: bool) -> tuple[Item, int]:
    """The item at ``at`` with its tails, and how many items that takes."""
    item = items[at]
    text = item.text
    if item.mark == "\\" or not text.strip():
        return item, 1
    tails = items[at + 1 : at + 1 + MAX_TAILS]
    if item.mark == "+":
        taken = 1
        for tail in tails:
            if tail.mark or not tail.text.strip() or FOOTER.match(tail.text):
                break
            last = text.rsplit("\n", 1)[-1].expandtabs(8)
            width = len(last) + 2 + len(tail.text.split(None, 1)[0])
            if width <= (WRAP_MIN // 2 if marks_kept else WRAP_MIN):
                break
            if not marks_kept and key(tail.text) in file.at:
                break
            text = f"{text.rstrip()}\n{tail.text.strip()}"
            taken += 1
        return (item, 1) if taken == 1 else (Item("+", text.replace("\n", " "), item.number, True), taken)
    if key(text) in file.at:
        return item, 1
    for taken, tail in enumerate(tails, 2):
        text = f"{text.rstrip()} {tail.raw.strip()}"
        if key(text) in file.at:
            return Item(item.mark, text, item.number, True), taken
    return item, 1


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
    removed_missing = 0
    last_hit = 0
    for index, (item, text) in enumerate(wanted):
        found = file.find_alike(text, at, end)
        if found is None:
            # a lone "--" ends a mail
            removed_missing += item.mark == "-" and text != "-"
        else:
            matched += 1
            at = found + 1
            last_hit = index
    # what stands behind the last line found, without a mark, is what the archive put there
    tail = sum(1 for item, _ in wanted[last_hit + 1 :] if item.mark != "-")
    return Place(start, end, matched, len(wanted) - tail, removed_missing)


def place_hunk(
    items: Sequence[Item], old_count: int, expected: int, file: FileLines, after: int, effort: Effort
) -> tuple[Place | None, Place | None]:
    """(the place, or None; the best place looked at). ``expected`` is where the header puts it (from 0).

    Hunks come in order: none begins before ``after``.
    """
    wanted = old_items(items)
    size = len(file.lines)
    if not wanted:
        # only blank context is left: the header's word is all there is
        start = min(max(expected, after), size)
        place = Place(start, min(start + old_count, size), 0, 0, 0)
        return (place if old_count <= size - start else None), place
    tried: dict[int, Place] = {}

    def look(start: int) -> Place | None:
        if start < after or start + old_count > size or start < 0:
            return None
        if start not in tried:
            effort.spend(len(wanted), wanted[0][0].number)
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
    found = Place(best.start, best.end, best.matched, best.total, best.removed_missing, rivals)
    good = best.removed_missing == 0 and best.matched >= MIN_SHARE * best.total and best.matched > 0
    return (found if good else None), found
