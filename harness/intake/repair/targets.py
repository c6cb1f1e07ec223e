"""Which file of the tree each hunk of a damaged diff is for, and where in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from harness.intake.diff_paths import NO_FILE, check_diff_paths
from harness.intake.repair.damaged_diff import DamagedDiff, DamagedFile, DamagedHunk, Item, key, unescaped
from harness.intake.repair.placement import FileLines, Place, old_items, place_hunk, unwrapped
from harness.intake.repair.rebuild import DELIMITERS, Kept
from harness.intake.repair.whitespace import Survey, survey
from harness.model.tree import TreeFiles

STRIPPED = (1, 0, 2, 3)  # leading folders of a header's path that are left out, in the order tried
MAX_SEARCHED = 3  # old lines of a hunk that are looked for in the whole tree
MAX_HOLDING = 40  # files among those that hold such a line that are looked at
MIN_SEARCHED = 8  # characters of a line worth searching a tree for

Load = Callable[[str], FileLines | None]


@dataclass(slots=True)
class PlacedHunk:
    """A hunk on its way: where it is, in which file, with its items as they are read now."""

    hunk: DamagedHunk
    path: str
    items: list[Item]
    place: Place | None
    best: Place | None


@dataclass(slots=True)
class Target:
    """A file of the tree that hunks are for. ``source`` is what the diff's header said."""

    path: str
    file: FileLines
    source: DamagedFile
    is_new: bool
    is_gone: bool
    exists: bool
    hunks: list[PlacedHunk]
    notes: list[str]


def targets_of(damaged: DamagedDiff, tree: TreeFiles, hints: Sequence[str]) -> tuple[list[Target], list[str]]:
    """The files of the tree the hunks are for, each once for a header, or for a run of hunks without one."""
    targets: list[Target] = []
    notes: list[str] = []
    cache: dict[str, FileLines | None] = {}

    def load(path: str) -> FileLines | None:
        if path not in cache:
            data = tree.read(path)
            cache[path] = None if data is None else FileLines(data)
        return cache[path]

    for file in damaged.files:
        if not file.hunks:
            continue
        if file.old is None and file.new is None:
            _search_targets(file, tree, hints, load, targets, notes)
            continue
        is_new = file.old == NO_FILE or any(line.startswith("new file") for line in file.git_headers)
        is_gone = file.new == NO_FILE or any(line.startswith("deleted file") for line in file.git_headers)
        path, lines = _resolved(file, tree, is_new, load)
        _check_path(path, file.number)
        target = Target(path, lines or FileLines(b""), file, is_new, is_gone, lines is not None or is_new, [], [])
        if not target.exists:
            target.notes.append(f"no such file in {tree.name}")
        target.hunks = [PlacedHunk(hunk, path, hunk.items, None, None) for hunk in file.hunks]
        targets.append(target)
    return targets, notes


def _check_path(path: str, number: int) -> None:
    check_diff_paths(f"--- a/{path}\n", f"line {number} of the text")


def _resolved(file: DamagedFile, tree: TreeFiles, is_new: bool, load: Load) -> tuple[str, FileLines | None]:
    """The file's path in the tree: the header's, without as many leading folders as it takes."""
    names = [name for name in (file.new, file.old) if name and name != NO_FILE]
    for strip in (1, 0, 2, 3):
        for name in names:
            parts = name.split("/")
            if strip < len(parts) and (found := load("/".join(parts[strip:]))) is not None:
                return "/".join(parts[strip:]), found
    parts = names[0].split("/") if names else ["?"]
    return "/".join(parts[1:] or parts), None


def _search_targets(
    file: DamagedFile,
    tree: TreeFiles,
    hints: Sequence[str],
    load: Load,
    targets: list[Target],
    notes: list[str],
) -> None:
    """Finds the file of each hunk of a diff whose headers are lost: by its lines."""
    current: Target | None = None
    for hunk in file.hunks:
        path = _found_path(hunk, current.path if current else None, tree, hints, load)
        if path is None:
            current = Target(
                "?", FileLines(b""), file, False, False, False, [], ["file headers lost, and no file found"]
            )
            targets.append(current)
        elif current is None or path != current.path:
            lines = load(path) or FileLines(b"")
            current = Target(path, lines, file, False, False, True, [], ["file headers lost: found by its lines"])
            targets.append(current)
        current.hunks.append(PlacedHunk(hunk, current.path, hunk.items, None, None))
    notes.append("the diff's file headers were lost")


def _found_path(
    hunk: DamagedHunk, current: str | None, tree: TreeFiles, hints: Sequence[str], load: Load
) -> str | None:
    """The one file that holds the hunk's old lines; None where none or several do."""
    candidates = list(dict.fromkeys([*([current] if current else []), *(hint for hint in hints if load(hint))]))
    share, best = _best_file(hunk, candidates, load)
    if best is not None and share >= 1.0:
        return best
    named: list[str] = []
    wanted = sorted(old_items(hunk.items), key=lambda pair: -len(pair[1]))
    for item, text in wanted[:MAX_SEARCHED]:
        if len(text) < MIN_SEARCHED:
            break
        found = tree.holding(item.text.strip())
        if found and (not named or set(found) & set(named)):
            named = [path for path in found if not named or path in named]
        if 0 < len(named) <= 2:
            break
    return _best_file(hunk, [*candidates, *named[:MAX_HOLDING]], load)[1]


def _best_file(hunk: DamagedHunk, candidates: Sequence[str], load: Load) -> tuple[float, str | None]:
    """The share of the hunk's old lines that stand together in the best of the files, and that file."""
    scored: list[tuple[float, int, str]] = []
    for path in candidates:
        lines = load(path)
        if lines is None:
            continue
        place, _ = place_hunk(hunk.items, hunk.old_count, hunk.old_start - 1, lines, 0)
        if place is not None:
            scored.append((place.matched / max(place.total, 1), -abs(place.start + 1 - hunk.old_start), path))
    if not scored:
        return 0.0, None
    best = max(scored)
    return best[0], best[2]


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


def kept_kinds(targets: Sequence[Target]) -> Kept:
    """Which lines without words are still among the changed ones."""
    changed = [item.text for t in targets for p in t.hunks for item in p.items if item.mark in ("+", "-")]
    words = [text for text in changed if text.strip() in DELIMITERS]
    return Kept(
        blank=any(not text.strip() for text in changed),
        flat=any(text[:1] not in (" ", "\t") for text in words),
        indented=any(text[:1] in (" ", "\t") for text in words),
    )


def place_all(target: Target, marks_kept: bool) -> None:
    """Finds each hunk's place; one that begins before the hunk above ends is looked for behind it."""
    delta = after = 0
    for placed in target.hunks:
        hunk = placed.hunk
        placed.items = unwrapped(replace(hunk, items=placed.items), target.file, marks_kept)
        if not target.exists:
            continue
        start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
        placed.place, placed.best = place_hunk(placed.items, hunk.old_count, start + delta, target.file, after)
        if placed.place is not None:
            delta, after = placed.place.start - start, placed.place.end


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
        found = next((n for n in range(at, place.end) if file.keys[n] == text), None)
        if found is not None and (text or found == at):
            yield item, file.lines[found]
            at = found + 1


def _pairs_anywhere(items: Sequence[Item], file: FileLines) -> Iterator[tuple[Item, str]]:
    for item in items:
        places = file.at.get(key(item.text), ()) if item.mark not in ("+", "\\") and item.text.strip() else ()
        if len(places) == 1:
            yield item, file.lines[places[0]]
