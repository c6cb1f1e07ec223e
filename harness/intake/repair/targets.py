"""Which file of the tree each hunk of a damaged diff is for, and where in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from harness.intake.diff_paths import NO_FILE, check_headers, check_path
from harness.intake.repair.damaged_diff import DamagedDiff, DamagedFile, DamagedHunk, Item, key, unescaped
from harness.intake.repair.effort import Effort
from harness.intake.repair.placement import FileLines, Place, old_items, place_hunk, unwrapped
from harness.intake.repair.rebuild import DELIMITERS, WORDLESS, Kept
from harness.intake.repair.whitespace import Survey, survey
from harness.model.errors import UserError
from harness.model.tree import TreeFiles

STRIPPED = (1, 0, 2, 3)  # leading folders of a header's path that are left out, in the order tried
EXACT = 0.5  # what it counts that a hunk stands where its header says
UPWARDS = 2.0  # and what it takes off that it stands above the one before it
MAX_ASSIGNED = 4_000  # hunks times files that are tried
MAX_SEARCHED = 3  # old lines of a hunk that are looked for in the whole tree
MAX_HOLDING = 40  # files among those that hold such a line that are looked at
MAX_HINTS = 200  # files that a text without headers may be about
MAX_SEARCHES = 300  # of the whole tree, for one patch
MIN_SEARCHED = 8  # characters of a line worth searching a tree for

_TURNED = {"+": "-", "-": "+"}
LOST_HEADERS = "file headers lost: found by its lines"
NOT_FOUND = "?"  # for the path of hunks whose file is not known
SECOND = "its header stands in the text more than once: its hunks are taken for one diff"

Load = Callable[[str], FileLines | None]


@dataclass(slots=True)
class PlacedHunk:
    """A hunk on its way: where it is, in which file, with its items as they are read now."""

    hunk: DamagedHunk
    path: str
    items: list[Item]
    place: Place | None
    best: Place | None
    present: int | None = None


@dataclass(slots=True)
class Target:
    """A file of the tree that hunks are for. ``source`` is what the diff's header said; ``obstacle`` why no hunk can
    have a place in it, "" for none."""

    path: str
    file: FileLines
    source: DamagedFile
    is_new: bool
    is_gone: bool
    obstacle: str
    hunks: list[PlacedHunk]
    notes: list[str]


def targets_of(
    damaged: DamagedDiff, tree: TreeFiles, hints: Sequence[str], effort: Effort
) -> tuple[list[Target], list[str]]:
    """The files of the tree the hunks are for, each once; and what should be said of the headers."""
    notes: list[str] = []
    cache: dict[str, FileLines | None] = {}

    def load(path: str) -> FileLines | None:
        if path not in cache:
            data = tree.read(path)
            cache[path] = None if data is None else FileLines(data)
        return cache[path]

    by_path: dict[str, Target] = {}
    search = _Search(tree, hints, load, effort)
    for file in damaged.files:
        if not file.hunks:
            if file.git_headers:
                notes.append(f"the header of line {file.number} has no hunk: left out")
        elif file.old is None and file.new is None:
            _search_targets(file, search, by_path)
            notes.append("the diff's file headers were lost")
        else:
            target = _target(file, tree.name, load)
            known = by_path.setdefault(target.path, target)
            if known is target:
                continue
            if known.is_new or known.is_gone or target.is_new or target.is_gone:
                where = f"line {file.number} of the text"
                raise UserError(f"a second header for {target.path}", where=where, remedy="give one patch at a time")
            known.hunks += target.hunks
            if SECOND not in known.notes:
                known.notes.append(SECOND)
    return list(by_path.values()), notes


def _target(file: DamagedFile, tree: str, load: Load) -> Target:
    """The file that a header names. Raises UserError for a path or a mode that no patch may have."""
    where = f"line {file.number} of the text"
    names = [name for name in dict.fromkeys((file.new, file.old)) if name and name != NO_FILE]
    for name in names:
        check_path(name, where)
    path, lines = _resolved(names, load)
    check_path(path, where)
    _check_git_headers(path, file.git_headers, where)
    first = file.hunks[0]
    adds_all = first.old_start == first.old_count == 0 and (lines is None or bool(lines.lines))
    is_new = file.old == NO_FILE or adds_all or any(line.startswith("new file") for line in file.git_headers)
    is_gone = file.new == NO_FILE or any(line.startswith("deleted file") for line in file.git_headers)
    hunks = [PlacedHunk(hunk, path, hunk.items, None, None) for hunk in file.hunks]
    target = Target(path, lines or FileLines(b""), file, is_new, is_gone, "", hunks, [])
    target.obstacle = _obstacle(target, lines is not None, tree)
    if any(line.startswith(("old mode", "new mode")) for line in file.git_headers):
        target.notes.append("the change of its mode is left out")
    return target


def _check_git_headers(path: str, headers: Sequence[str], where: str) -> None:
    check_headers([f"diff --git a/{path} b/{path}", *headers], 0, lambda _: where)
    if any(line.startswith(("rename ", "copy ")) for line in headers):
        raise UserError("a renamed or copied file cannot be repaired", where=where, remedy="give its diff without that")


def _obstacle(target: Target, is_there: bool, tree: str) -> str:
    """Why no hunk can have a place in the file, "" where nothing is in the way."""
    if target.is_new:
        return f"{tree} has {target.path} already" if is_there else ""
    if not is_there:
        return f"{tree} has no {target.path}"
    deleted, size = sum(hunk.old_count for hunk in target.source.hunks), len(target.file.lines)
    if target.is_gone and deleted != size:
        return f"{deleted} lines are deleted with the file, which has {size} in {tree}"
    return ""


def _resolved(names: Sequence[str], load: Load) -> tuple[str, FileLines | None]:
    """The file's path in the tree: the header's, without as many leading folders as it takes."""
    for strip in STRIPPED:
        for name in names:
            parts = name.split("/")
            if strip < len(parts) and (found := load("/".join(parts[strip:]))) is not None:
                return "/".join(parts[strip:]), found
    parts = names[0].split("/") if names else ["?"]
    return "/".join(parts[1:] or parts), None


class _Search:
    """Looks for the files of hunks whose headers are lost, among ``hints`` first, then in the whole tree."""

    def __init__(self, tree: TreeFiles, hints: Sequence[str], load: Load, effort: Effort) -> None:
        self.tree = tree
        self.load = load
        self._hints = hints[:MAX_HINTS]
        self.effort = effort
        self._holding: dict[str, Sequence[str]] = {}

    @cached_property
    def hints(self) -> tuple[str, ...]:
        """Those that are files of the tree."""
        return tuple(hint for hint in self._hints if self.load(hint))

    def path_of(self, hunk: DamagedHunk, current: str | None) -> str | None:
        """The one file that holds the hunk's old lines; None where none or several do."""
        candidates = list(dict.fromkeys([*([current] if current else []), *self.hints]))
        share, best = self._best_file(hunk, candidates)
        if best is not None and share > 1.0:
            return best
        named: list[str] = []
        wanted = sorted(old_items(hunk.items), key=lambda pair: -len(pair[1]))
        for item, text in wanted[:MAX_SEARCHED]:
            if len(text) < MIN_SEARCHED:
                break
            found = self._files_with(item.text.strip())
            if found and (not named or set(found) & set(named)):
                named = [path for path in found if not named or path in named]
            if 0 < len(named) <= 2:
                break
        return self._best_file(hunk, [*candidates, *named[:MAX_HOLDING]])[1]

    def _files_with(self, line: str) -> Sequence[str]:
        if line not in self._holding:
            self._holding[line] = self.tree.holding(line) if len(self._holding) < MAX_SEARCHES else ()
        return self._holding[line]

    def _best_file(self, hunk: DamagedHunk, candidates: Sequence[str]) -> tuple[float, str | None]:
        """How well the hunk fits the best of the files (see _fit), and that file."""
        scored = [(self._fit(hunk, path), -at, path) for at, path in enumerate(candidates)]
        best = max(scored, default=(0.0, 0, ""))
        return (best[0], best[2]) if best[0] > 0 else (0.0, None)

    def _fit(self, hunk: DamagedHunk, path: str) -> float:
        """The share of the hunk's old lines that stand together in the file, and EXACT more where the header says."""
        lines = self.load(path)
        if lines is None:
            return 0.0
        place, _ = place_hunk(hunk.items, hunk.old_count, hunk.old_start - 1, lines, 0, self.effort)
        if place is None:
            return 0.0
        return place.matched / max(place.total, 1) + (EXACT if place.start + 1 == hunk.old_start else 0.0)

    def in_order_of_hints(self, hunks: Sequence[DamagedHunk]) -> list[str | None]:
        """The file of each hunk, None where that cannot be told: a diffstat names files in the order of the diff.

        The assignment that fits best, where no hunk is of a file before that of the hunk above it, and the hunks of
        one file go downwards.
        """
        files = self.hints
        if not files or len(hunks) * len(files) > MAX_ASSIGNED:
            return [None] * len(hunks)
        fits = [[self._fit(hunk, path) for path in files] for hunk in hunks]
        best = [fits[0]]
        back: list[list[int]] = []
        for at in range(1, len(hunks)):
            row: list[float] = []
            came: list[int] = []
            for to in range(len(files)):
                upwards = hunks[at].old_start < hunks[at - 1].old_start
                sources = [(best[-1][of] - (UPWARDS if of == to and upwards else 0.0), of) for of in range(to + 1)]
                value, source = max(sources)
                row.append(value + fits[at][to])
                came.append(source)
            best.append(row)
            back.append(came)
        chosen = [max(range(len(files)), key=lambda of: best[-1][of])]
        for came in reversed(back):
            chosen.append(came[chosen[-1]])
        return [files[of] if fits[at][of] >= 1.0 else None for at, of in enumerate(reversed(chosen))]


def _search_targets(file: DamagedFile, search: _Search, by_path: dict[str, Target]) -> None:
    """Finds the file of each hunk of a diff whose headers are lost: by its lines."""
    current: str | None = None
    for hunk, hinted in zip(file.hunks, search.in_order_of_hints(file.hunks), strict=True):
        current = hinted or search.path_of(hunk, current)
        path = current or NOT_FOUND
        if path not in by_path:
            lines = search.load(path) if current else None
            obstacle, told = ("", [LOST_HEADERS]) if lines else ("no file of the tree has its lines", [])
            by_path[path] = Target(path, lines or FileLines(b""), file, False, False, obstacle, [], told)
        by_path[path].hunks.append(PlacedHunk(hunk, path, hunk.items, None, None))


def undo_entities(targets: Sequence[Target]) -> list[str]:
    """Takes HTML entities back where old lines show that the tree has what they stand for."""
    as_entity = as_text = raw = 0
    for target in targets:
        for placed in target.hunks:
            for item in placed.items:
                raw += any(c in item.text for c in "<>") or "& " in item.text or "&&" in item.text
                if unescaped(item.text) == item.text:
                    continue
                if item.mark == "+":
                    continue
                as_entity += key(unescaped(item.text)) in target.file.at
                as_text += key(item.text) in target.file.at
    some = any(
        unescaped(item.text) != item.text for target in targets for placed in target.hunks for item in placed.items
    )
    if not some or as_text > as_entity or (not as_entity and raw):
        return []
    for target in targets:
        for placed in target.hunks:
            placed.items = [replace(item, text=unescaped(item.text)) for item in placed.items]
    ground = "as the tree's lines show" if as_entity else "as no bare < or > is left"
    return [f"HTML entities undone, {ground}"]


def marks_are_kept(targets: Sequence[Target]) -> bool:
    """Whether lines of context still have the blank in front of them."""
    marks = [item.mark for t in targets for placed in t.hunks for item in placed.items if item.text.strip()]
    return marks.count(" ") > marks.count("")


@dataclass(frozen=True, slots=True)
class Losses:
    """Which kinds of context lines the archive lost: what it lost there it may have lost among the changes, too."""

    blank: bool = False
    delimiter: bool = False
    words: bool = False

    @property
    def any(self) -> bool:
        return self.blank or self.delimiter or self.words


def losses_of(targets: Sequence[Target]) -> Losses:
    """What the windows have beyond the old lines of the text."""
    lost: set[str] = set()
    for target in targets:
        for placed in target.hunks:
            if placed.place is not None:
                window = Counter(target.file.keys[placed.place.start : placed.place.end])
                window.subtract(key(item.text) for item in placed.items if item.mark != "+")
                lost |= {text for text, count in window.items() if count > 0}
    return Losses("" in lost, any(text and text in WORDLESS for text in lost), any(t not in WORDLESS for t in lost))


def kept_kinds(targets: Sequence[Target]) -> Kept:
    """Which lines without words are still among the changed ones."""
    changed = [item.text for t in targets for p in t.hunks for item in p.items if item.mark in ("+", "-")]
    words = [text for text in changed if text.strip() in DELIMITERS]
    return Kept(
        blank=any(not text.strip() for text in changed),
        flat=any(text[:1] not in (" ", "\t") for text in words),
        indented=any(text[:1] in (" ", "\t") for text in words),
    )


def place_all(target: Target, marks_kept: bool, effort: Effort) -> None:
    """Finds each hunk's place; one that begins before the hunk above ends is looked for behind it."""
    delta = after = 0
    for placed in target.hunks:
        hunk = placed.hunk
        placed.items = unwrapped(replace(hunk, items=placed.items), target.file, marks_kept)
        if target.obstacle:
            continue
        start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
        placed.place, placed.best = place_hunk(placed.items, hunk.old_count, start + delta, target.file, after, effort)
        removes = any(item.mark == "-" and key(item.text) not in WORDLESS for item in placed.items)
        if placed.place is None or placed.place.matched < placed.place.total or not removes:
            placed.present = present_at(placed, target.file, effort)
        if placed.present is not None:
            placed.place = None
        if placed.place is not None:
            delta, after = placed.place.start - start, placed.place.end


def present_at(placed: PlacedHunk, file: FileLines, effort: Effort) -> int | None:
    """The line where the file has what the hunk makes of it, every line of it; None where it does not."""
    hunk = placed.hunk
    turned = [replace(item, mark=_TURNED.get(item.mark, item.mark)) for item in placed.items]
    if not any(item.mark == "-" and key(item.text) not in WORDLESS for item in turned):
        return None
    found, _ = place_hunk(turned, hunk.new_count, hunk.new_start - 1, file, 0, effort)
    return found.start + 1 if found is not None and found.matched == found.total > 1 else None


def survey_of(targets: Sequence[Target]) -> Survey:
    pairs: list[tuple[Item, str]] = []
    added: list[Item] = []
    for target in targets:
        for placed in target.hunks:
            added += [item for item in placed.items if item.mark == "+"]
            if placed.place is None:
                pairs += _pairs_anywhere(placed.items, target.file)
            else:
                pairs += _pairs(placed.items, target.file, placed.place)
    return survey(pairs, added)


def _pairs(items: Sequence[Item], file: FileLines, place: Place) -> Iterator[tuple[Item, str]]:
    """Old lines with the tree's, in order; a blank one only where the line above it was found."""
    at = place.start
    for item in items:
        if item.mark in ("+", "\\"):
            continue
        text = key(item.text)
        found = file.find(text, at, place.end)
        if found is not None and (text or found == at):
            yield item, file.lines[found]
            at = found + 1


def _pairs_anywhere(items: Sequence[Item], file: FileLines) -> Iterator[tuple[Item, str]]:
    for item in items:
        places = file.at.get(key(item.text), ()) if item.mark not in ("+", "\\") and item.text.strip() else ()
        if len(places) == 1:
            yield item, file.lines[places[0]]
