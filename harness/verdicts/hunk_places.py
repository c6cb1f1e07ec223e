"""Where a hunk's lines stand in a file: exactly, elsewhere, with fuzz, or nearly; pure comparison of lines."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.model.hunk import FileChange, HunkLines

MAX_FUZZ = 2  # context lines given up at each end, as GNU patch does by default
MAX_WINDOWS = 8  # places looked at closely for a hunk that has none
MAX_HUNK = 500  # lines of a hunk compared closely; a longer one is compared by its beginning
MAX_CLOSE = 1000  # damaged hunks of one file that are compared closely; more are damage done on purpose
MAX_STARTS = 10_000  # places tried for a hunk none of whose lines is rare
SLACK = 8  # lines that the lost lines of a damaged hunk may have taken from its window
NEARLY = 0.6
"""Share of a damaged hunk's old lines from which on it counts as found with fuzz."""

_WORD = re.compile(r"\w{3}")


class Fit(enum.StrEnum):
    """How a hunk fits a file. A damaged hunk is compared without whitespace, by the share of its lines in order:
    CLEAN and OFFSET then mean all of them, FUZZ at least NEARLY."""

    CLEAN = "clean"
    OFFSET = "offset"
    FUZZ = "fuzz"
    MISSING = "missing"
    NO_FILE = "file missing"


@dataclass(frozen=True, slots=True)
class Place:
    """``line`` is where the first old line stands, counted from 0 (None: nowhere); ``offset`` how many lines that is
    from the header's; ``fuzz`` the context lines given up; ``share`` of old lines found, 0 to 1 (0 for a whole hunk
    that has no place: it is not looked for closely)."""

    fit: Fit
    line: int | None
    offset: int = 0
    fuzz: int = 0
    share: float = 1.0


@dataclass(slots=True)
class FileLines:
    """A file's lines with an index of where each stands; the second index, without whitespace, is made when needed."""

    lines: tuple[str, ...]
    _exact: dict[str, list[int]] = field(default_factory=dict)
    _squeezed: tuple[str, ...] = ()
    _loose: dict[str, list[int]] = field(default_factory=dict)

    @staticmethod
    def of(data: bytes) -> FileLines:
        """The lines of a file's bytes, decoded as a patch's are: what is not UTF-8 stays distinguishable."""
        text = data.decode("utf-8", "surrogateescape")
        return FileLines(tuple(text.removesuffix("\n").split("\n")) if text else ())

    @property
    def exact(self) -> dict[str, list[int]]:
        """Line -> where it stands."""
        if not self._exact:
            for at, line in enumerate(self.lines):
                self._exact.setdefault(line, []).append(at)
        return self._exact

    @property
    def squeezed(self) -> tuple[str, ...]:
        """The lines without any whitespace."""
        if not self._squeezed:
            self._squeezed = tuple("".join(line.split()) for line in self.lines)
        return self._squeezed

    @property
    def loose(self) -> dict[str, list[int]]:
        """Line without whitespace -> where it stands; blank lines are left out."""
        if not self._loose:
            for at, line in enumerate(self.squeezed):
                if line:
                    self._loose.setdefault(line, []).append(at)
        return self._loose


def place(file: FileLines, hunk: HunkLines, damaged: bool, shift: int = 0) -> Place:
    """Where the hunk's old lines stand. ``shift`` is how far the hunk before it was from its header's line.

    Of several places the one nearest to the header's line is taken.
    """
    old = hunk.old
    if damaged:
        return _loose_place(file, hunk)
    expected = max(0, hunk.start - 1) + shift if hunk.count else hunk.start + shift
    if not old:
        return Place(Fit.CLEAN, min(expected, len(file.lines)))
    found = _nearest(file, old, expected)
    if found is not None:
        offset = found - expected + shift
        return Place(Fit.OFFSET if offset != 0 else Fit.CLEAN, found, offset)
    before, after = _context(hunk)
    for fuzz in range(1, MAX_FUZZ + 1):
        head, tail = min(fuzz, before), min(fuzz, after)
        kept = old[head : len(old) - tail]
        if not kept or not (head or tail):
            break
        found = _nearest(file, kept, expected + head)
        if found is not None:
            return Place(Fit.FUZZ, found - head, found - head - expected + shift, fuzz, len(kept) / len(old))
    return Place(Fit.MISSING, None, share=0.0)


def _context(hunk: HunkLines) -> tuple[int, int]:
    """How many context lines stand before and after the changes."""
    marks = [line[:1] for line in hunk.lines]
    changed = [at for at, mark in enumerate(marks) if mark != " "]
    return (changed[0], len(marks) - 1 - changed[-1]) if changed else (0, 0)


def _nearest(file: FileLines, old: Sequence[str], expected: int) -> int | None:
    """Where the lines stand together, nearest to ``expected``."""
    count = len(old)
    if tuple(old) == file.lines[max(0, expected) : max(0, expected) + count] and expected >= 0:
        return expected
    rarest, at = min(((file.exact.get(line, ()), at) for at, line in enumerate(old)), key=lambda found: len(found[0]))
    if len(rarest) > MAX_STARTS:
        rarest = sorted(rarest, key=lambda where: abs(where - at - expected))[:MAX_STARTS]
    starts = (where - at for where in rarest)
    fitting = [s for s in starts if s >= 0 and file.lines[s : s + count] == tuple(old)]
    return min(fitting, key=lambda start: abs(start - expected), default=None)


def _weight(squeezed: str) -> float:
    """A line of a brace or a comment's end says little of where one is."""
    return 1.0 if _WORD.search(squeezed) else 0.25


def _loose_old(hunk: HunkLines) -> list[tuple[str, str]]:
    """(mark, text without whitespace) of the old lines that are not blank."""
    old = [line for line in hunk.lines if not line.startswith("+")][:MAX_HUNK]
    return [(line[:1], text) for line in old if (text := "".join(line[1:].split()))]


def _loose_place(file: FileLines, hunk: HunkLines) -> Place:
    old = _loose_old(hunk)
    if not old:
        return Place(Fit.CLEAN, max(0, hunk.start - 1))
    lost = max(0, hunk.count - len(hunk.old))
    best = _best_window(file, old, hunk.start - 1, max(hunk.count, len(old)) + SLACK, lost)
    # As with GNU patch's fuzz, context may differ and what is removed may not.
    if best.share < NEARLY or not best.removed:
        return Place(Fit.MISSING, None, share=best.share)
    offset = best.first - max(0, hunk.start - 1)
    # Lines lost at its beginning move a hunk by a few lines without saying anything of the tree.
    near = -1 <= offset <= max(3, hunk.count - len(old))
    if best.share < 1.0:
        return Place(Fit.FUZZ, best.first, 0 if near else offset, share=best.share)
    return Place(Fit.CLEAN if near else Fit.OFFSET, best.first, 0 if near else offset)


@dataclass(frozen=True, slots=True)
class Window:
    """Lines ``start`` to ``end`` (0-based, exclusive) of a file that come nearest to a hunk's old lines. ``first`` is
    where the first of those found stands, ``share`` how much of them is found in order, by weight; ``removed``
    whether all lines that the hunk removes are among them."""

    start: int
    end: int
    first: int
    share: float
    removed: bool


def nearest_window(file: FileLines, hunk: HunkLines) -> Window:
    """The part of the file that comes nearest to what the hunk wants to find, whitespace apart."""
    return _best_window(file, _loose_old(hunk), hunk.start - 1, len(hunk.old) + SLACK, 0)


def _best_window(file: FileLines, old: Sequence[tuple[str, str]], expected: int, size: int, lost: int) -> Window:
    """``old`` are marks and lines without whitespace, ``lost`` how many more there were."""
    best = Window(0, 0, 0, 0.0, False)
    texts = [text for _, text in old]
    total = sum(map(_weight, texts))
    for start in _starts(file, texts, expected, size):
        end = min(len(file.lines), start + size)
        near = file.squeezed[start:end]
        pairs = in_order(texts, near)
        if not pairs:
            continue
        found = {of_hunk for of_hunk, _ in pairs}
        matched = {of_file for _, of_file in pairs}
        # Lines of the file between those found are others' unless the hunk lost so many.
        between = [text for at in range(min(matched), max(matched)) if at not in matched and (text := near[at])]
        strange = sum(sorted(map(_weight, between))[lost:])
        share = min(1.0, sum(_weight(texts[at]) for at in found) / (total + strange))
        nearer = abs(start - expected) < abs(best.start - expected)
        if share > best.share + 1e-9 or (share > best.share - 1e-9 and nearer):
            removed = all(at in found for at, (mark, _) in enumerate(old) if mark == "-")
            # What was not found before the first line that was counts as standing right before it.
            best = Window(start, end, max(0, start + pairs[0][1] - pairs[0][0]), share, removed)
    return best


def in_order(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """A longest common subsequence as (place in one, place in other), first to last.

    Bit-parallel, after Hyyrö (2004): a row of the table is one integer of as many bits as ``other`` has lines, so that
    text in which every line is like every other takes no longer than any.
    """
    where: dict[str, int] = {}
    for at, text in enumerate(other):
        where[text] = where.get(text, 0) | 1 << at
    full = (1 << len(other)) - 1
    rows = [full]  # bit j is 0 where the subsequence grows with line j of other
    for text in one:
        row = rows[-1]
        both = row & where.get(text, 0)
        rows.append((row + both | row - both) & full)
    pairs = []
    i, j = len(one), len(other) - 1
    while i > 0 and j >= 0:
        if rows[i] >> j & 1:
            j -= 1
        elif not rows[i - 1] >> j & 1:
            i -= 1
        else:
            pairs.append((i - 1, j))
            i, j = i - 1, j - 1
    return pairs[::-1]


def _starts(file: FileLines, old: Sequence[str], expected: int, size: int) -> Iterator[int]:
    """Where the window may begin: at the header's line, and where the hunk's rare lines say, most of them first."""
    votes: dict[int, float] = {}
    for at, text in enumerate(old):
        where = file.loose.get(text, ())
        for position in where[:200]:
            start = (position - at) // SLACK * SLACK
            votes[start] = votes.get(start, 0.0) + _weight(text) / len(where)
    yield max(0, min(expected - SLACK // 2, len(file.lines)))
    for start in sorted(votes, key=lambda s: -votes[s])[:MAX_WINDOWS]:
        yield max(0, start - SLACK // 2)


def applied(file: FileLines, hunks: Sequence[HunkLines], places: Sequence[Place]) -> bytes | None:
    """The file's bytes with the hunks applied at their places; None where one has none or two overlap."""
    lines: list[str] = []
    at = 0
    for hunk, found in zip(hunks, places, strict=True):
        if found.line is None or found.line < at:
            return None
        before, after = _context(hunk)
        head, tail = min(found.fuzz, before), min(found.fuzz, after)
        kept = hunk.lines[head : len(hunk.lines) - tail]
        lines += file.lines[at : found.line + head]
        lines += [line[1:] for line in kept if not line.startswith("-")]
        at = found.line + head + sum(not line.startswith("+") for line in kept)
    lines += file.lines[at:]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def places(file: FileLines, change: FileChange) -> tuple[Place, ...]:
    """Where each hunk of a change stands; one found with offset moves where the next is expected."""
    found = []
    shift = 0
    for number, hunk in enumerate(change.hunks):
        close = number < MAX_CLOSE or not change.damaged
        spot = place(file, hunk, change.damaged, shift) if close else Place(Fit.MISSING, None, share=0.0)
        if spot.line is not None:
            shift = spot.offset
        found.append(spot)
    return tuple(found)
