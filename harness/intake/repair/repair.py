"""A damaged diff and the tree it was made for, to a patch that ``git apply`` takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.intake.diff_paths import NO_FILE, check_diff_paths
from harness.intake.repair.c_layout import Guess, Layout, Style
from harness.intake.repair.c_structure import Structure, states_of
from harness.intake.repair.damaged_diff import (
    DamagedDiff,
    DamagedFile,
    DamagedHunk,
    Item,
    key,
    read_damaged,
    unescaped,
)
from harness.intake.repair.grades import Grade, Repair, RepairedFile, RepairedHunk, RepairedLine, weakest
from harness.intake.repair.placement import FileLines, Place, old_items, place_hunk, unwrapped
from harness.intake.repair.rebuild import CONTEXT, Frame, Piece, Rebuilt, rebuild
from harness.intake.repair.whitespace import Survey, expanded, guess_plain, survey, unexpanded
from harness.model.errors import UserError
from harness.model.tree import TreeFiles

THRESHOLD = 0.5  # confidence in a hunk's lines below which nothing is written
MARGIN = 4.0  # cost by which the next best reading of a hunk must be dearer for a line to be called implied
FUZZ = 2  # lines of context at a hunk's edge that may differ, as in patch(1)
MAX_STRIP = 4  # leading folders of a path that are tried to be left out
MAX_SEARCHED = 3  # old lines of a hunk that are looked for in the whole tree

_C_SUFFIXES = (".c", ".h")


@dataclass(slots=True)
class _Placed:
    """A hunk on its way: where it is, in which file, with its items as they are read now."""

    hunk: DamagedHunk
    path: str
    items: list[Item]
    place: Place | None
    best: Place | None


@dataclass(slots=True)
class _Target:
    """A file of the tree that hunks are for. ``source`` is what the diff's header said."""

    path: str
    file: FileLines
    source: DamagedFile
    is_new: bool
    is_gone: bool
    exists: bool
    hunks: list[_Placed]
    notes: list[str]


def repair_diff(text: str, tree: TreeFiles, *, hints: Sequence[str] = (), threshold: float = THRESHOLD) -> Repair:
    """Rebuilds the diff in ``text`` for ``tree``, which it was made for, or nearly.

    ``hints`` are paths that the diff may be about, for a text that lost its headers. Hunks without a place in the tree
    go to ``Repair.rejected``. Raises UserError for a text without a hunk, one beyond the bounds, and a path that no
    patch may touch; a hunk less sure than ``threshold`` makes ``Repair.refusal``.
    """
    damaged = read_damaged(text)
    if not any(file.hunks for file in damaged.files):
        raise UserError("no hunk in this text", remedy="give the whole mail: a hunk begins with @@ -a,b +c,d @@")
    targets, notes = _targets(damaged, tree, (*hints, *damaged.hints))
    notes += _undo_entities(targets)
    for target in targets:
        _place_all(target)
    found = _survey_of(targets)
    files = tuple(_repaired_file(target, found, tree) for target in targets)
    return _concluded(files, [*_text_notes(damaged, found), *notes], threshold)


def _text_notes(damaged: DamagedDiff, found: Survey) -> Iterator[str]:
    """What was wrong with the text as a whole."""
    if damaged.quote:
        yield f"quoting {damaged.quote.strip()!r} taken off"
    if damaged.spaces:
        yield "characters that look like blanks made blanks"
    if found.expanded:
        yield "tabs were blanks: leading ones made tabs again"
    elif found.leading is False:
        yield "indentation lost: that of added lines is guessed"
    if found.inner is False and not found.expanded:
        yield "runs of blanks and tabs collapsed: those of added lines are guessed"
    if found.trailing is False:
        yield "blanks at the end of lines lost: added lines are taken to have had none"


# -- files -----------------------------------------------------------------------------------------------------------


def _targets(damaged: DamagedDiff, tree: TreeFiles, hints: Sequence[str]) -> tuple[list[_Target], list[str]]:
    """The files of the tree the hunks are for, each once for a header, or for a run of hunks without one."""
    targets: list[_Target] = []
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
        target = _Target(path, lines or FileLines(b""), file, is_new, is_gone, lines is not None or is_new, [], [])
        if not target.exists:
            target.notes.append(f"no such file in {tree.name}")
        target.hunks = [_Placed(hunk, path, hunk.items, None, None) for hunk in file.hunks]
        targets.append(target)
    return targets, notes


def _check_path(path: str, number: int) -> None:
    check_diff_paths(f"--- a/{path}\n", f"line {number} of the text")


def _resolved(file: DamagedFile, tree: TreeFiles, is_new: bool, load: object) -> tuple[str, FileLines | None]:
    """The file's path in the tree: the header's, without as many leading folders as it takes."""
    names = [name for name in (file.new, file.old) if name and name != NO_FILE]
    assert callable(load)
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
    load: object,
    targets: list[_Target],
    notes: list[str],
) -> None:
    """Finds the file of each hunk of a diff whose headers are lost: by its lines."""
    assert callable(load)
    current: _Target | None = None
    for hunk in file.hunks:
        path = _found_path(hunk, current.path if current else None, tree, hints, load)
        if path is None:
            current = _Target(
                "?", FileLines(b""), file, False, False, False, [], ["file headers lost, and no file found"]
            )
            targets.append(current)
        elif current is None or path != current.path:
            current = _Target(path, load(path), file, False, False, True, [], ["file headers lost: found by its lines"])
            targets.append(current)
        current.hunks.append(_Placed(hunk, current.path, hunk.items, None, None))
    notes.append("the diff's file headers were lost")


def _found_path(
    hunk: DamagedHunk, current: str | None, tree: TreeFiles, hints: Sequence[str], load: object
) -> str | None:
    """The one file that holds the hunk's old lines; None where none or several do."""
    assert callable(load)
    wanted = sorted(old_items(hunk.items), key=lambda pair: -len(pair[1]))
    candidates = list(dict.fromkeys([*([current] if current else []), *(hint for hint in hints if load(hint))]))
    best = _best_file(hunk, candidates, load)
    if best is not None:
        return best
    named: list[str] = []
    for item, text in wanted[:MAX_SEARCHED]:
        if len(text) < 8:
            break
        found = tree.holding(item.text.strip())
        if found and (not named or set(found) & set(named)):
            named = [path for path in found if not named or path in named]
        if 0 < len(named) <= 2:
            break
    return _best_file(hunk, named[:40], load)


def _best_file(hunk: DamagedHunk, candidates: Sequence[str], load: object) -> str | None:
    assert callable(load)
    scored: list[tuple[float, int, str]] = []
    for path in candidates:
        lines = load(path)
        if lines is None:
            continue
        place, _ = place_hunk(hunk.items, hunk.old_count, hunk.old_start - 1, lines, 0)
        if place is not None:
            scored.append((place.matched / max(place.total, 1), -abs(place.start + 1 - hunk.old_start), path))
    return max(scored)[2] if scored else None


# -- the text as a whole ---------------------------------------------------------------------------------------------


def _undo_entities(targets: Sequence[_Target]) -> list[str]:
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


def _place_all(target: _Target) -> None:
    """Finds each hunk's place; one that begins before the hunk above ends is looked for behind it."""
    delta = after = 0
    for placed in target.hunks:
        hunk = placed.hunk
        placed.items = unwrapped(replace(hunk, items=placed.items), target.file)
        if not target.exists:
            continue
        start = hunk.old_start - 1 if hunk.old_count else hunk.old_start
        placed.place, placed.best = place_hunk(placed.items, hunk.old_count, start + delta, target.file, after)
        if placed.place is not None:
            delta, after = placed.place.start - start, placed.place.end


def _survey_of(targets: Sequence[_Target]) -> Survey:
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


# -- hunks -----------------------------------------------------------------------------------------------------------


def _repaired_file(target: _Target, found: Survey, tree: TreeFiles) -> RepairedFile:
    is_c = target.path.endswith(_C_SUFFIXES)
    states = states_of(target.file.lines) if is_c else []
    writer = _Writer(target.file, found, is_c)
    hunks: list[RepairedHunk] = []
    for placed in target.hunks:
        rebuilt = _rebuilt(placed, target.file, states, is_c, found)
        if rebuilt is None or placed.place is None:
            hunks.append(_unplaced_hunk(placed, target, found, tree, is_c))
            continue
        lines = writer.write(placed.place, rebuilt)
        hunks.append(_placed_hunk(placed, placed.place, rebuilt, lines))
    return RepairedFile(target.path, _headers(target), tuple(hunks), tuple(target.notes))


def _rebuilt(
    placed: _Placed, file: FileLines, states: Sequence[Structure], is_c: bool, found: Survey
) -> Rebuilt | None:
    place = placed.place
    if place is None:
        return None
    nothing = Structure()
    frame = Frame(
        tuple(file.lines[place.start : place.end]),
        tuple(file.keys[place.start : place.end]),
        placed.hunk.new_count,
        states[place.start] if is_c else nothing,
        states[place.end] if is_c else nothing,
        place.start,
        len(file.lines) - place.end,
        is_c,
        found.leading is True and not found.expanded,
    )
    rebuilt = rebuild(placed.items, frame)
    return rebuilt if rebuilt is not None and _is_credible(placed.items, rebuilt) else None


def _is_credible(items: Sequence[Item], rebuilt: Rebuilt) -> bool:
    """Whether the hunk is about this place: all but FUZZ lines of context at its edges stand in the tree."""
    changed = [n for n, item in enumerate(items) if item.mark in ("+", "-")]
    known = {piece.number for piece in rebuilt.pieces}
    for n, item in enumerate(items):
        if item.number in known or not item.text.strip() or item not in rebuilt.left_out:
            continue
        if item.mark == "-" and key(item.text) != "-":
            return False
        at_head = n < FUZZ and (not changed or n < changed[0])
        at_tail = changed and n > changed[-1]
        inner = sum(i.mark in (" ", "") and i.number in known for i in items[n:])
        if not at_head and not (at_tail and inner <= FUZZ):
            return False
    return True


def _placed_hunk(placed: _Placed, place: Place, rebuilt: Rebuilt, lines: tuple[RepairedLine, ...]) -> RepairedHunk:
    notes: list[str] = []
    confidence = rebuilt.sure if rebuilt.lost or rebuilt.left_out else 1.0
    offset = place.start + 1 - placed.hunk.old_start if placed.hunk.old_count else 0
    if offset:
        notes.append(f"the tree has it {abs(offset)} lines {'below' if offset > 0 else 'above'}")
    if rebuilt.off_counts:
        confidence *= 0.5
        notes.append(
            f"the header counts {placed.hunk.new_count} new lines, {placed.hunk.new_count + rebuilt.off_counts} were "
            "found: the tree and C's structure were believed"
        )
    odd = [item for item in rebuilt.left_out if item.text.strip()]
    inner = [item for item in odd if _is_inside(item, lines, placed.items)]
    for item in inner:
        confidence *= 0.8
        notes.append(f"context of line {item.number} differs from the tree, whose line was taken (fuzz)")
    if place.rivals:
        confidence /= 1 + place.rivals
        notes.append(f"{place.rivals} other places fit as well")
    hunk = placed.hunk
    return RepairedHunk(
        placed.path,
        hunk.number,
        hunk.header,
        hunk.section,
        hunk.old_start,
        place.start + 1,
        lines,
        confidence,
        notes=tuple(notes),
    )


def _is_inside(item: Item, lines: Sequence[RepairedLine], items: Sequence[Item]) -> bool:
    """Whether an item that was left out stood where the hunk's lines stand, and not behind it as a footer does."""
    old = new = 0
    for other in items:
        if other.number == item.number:
            break
        old, new = old + (other.mark != "+"), new + (other.mark != "-")
    return old < sum(line.mark != "+" for line in lines) or new < sum(line.mark != "-" for line in lines)


class _Writer:
    """Puts whitespace into the added lines of a file's hunks, in order, knowing all that stands above them."""

    def __init__(self, file: FileLines, found: Survey, is_c: bool) -> None:
        self.file = file
        self.found = found
        self.is_c = is_c
        self.layout = Layout.begin(Style.of(file.lines)) if is_c else None
        self.at = 0

    def _feed(self, line: str) -> None:
        if self.layout is not None:
            self.layout = self.layout.feed(line)

    def write(self, place: Place, rebuilt: Rebuilt) -> tuple[RepairedLine, ...]:
        for line in self.file.lines[self.at : place.start]:
            self._feed(line)
        self.at = place.end
        pieces = rebuilt.pieces
        lines: list[RepairedLine] = []
        before = self.file.lines[place.start - 1] if place.start else ""
        for index, piece in enumerate(pieces):
            if piece.mark != "+":
                line = self._old_line(pieces, index, rebuilt)
            else:
                line = self._added_line(pieces, index, rebuilt, before, place)
            lines.append(line)
            if piece.mark != "-":
                self._feed(line.text)
                before = line.text
        return tuple(lines)

    def _old_line(self, pieces: Sequence[Piece], index: int, rebuilt: Rebuilt) -> RepairedLine:
        piece = pieces[index]
        if piece.number is not None:
            if piece.given == piece.text and not piece.wrapped:
                return RepairedLine(piece.mark, piece.text, piece.given, piece.number, Grade.GIVEN)
            what = "unwrapped" if piece.wrapped else "whitespace"
            return RepairedLine(piece.mark, piece.text, piece.given, piece.number, Grade.PROVED, what, "as in the tree")
        if index in rebuilt.unsure:
            return RepairedLine(
                piece.mark,
                piece.text,
                None,
                None,
                Grade.GUESSED,
                "lost line",
                "the tree has it about here",
                rebuilt.sure,
            )
        changes_lost = any(p.number is None and p.mark != " " for p in pieces)
        beside = [pieces[n].mark for n in (index - 1, index + 1) if 0 <= n < len(pieces)]
        is_proved = piece.mark == " " and not changes_lost and "+" not in beside
        grade = Grade.PROVED if is_proved else Grade.IMPLIED
        why = "the tree has it here" if is_proved else "the tree has it, and the counts leave no other reading"
        return RepairedLine(piece.mark, piece.text, None, None, grade, "lost line", why, rebuilt.sure)

    def _added_line(
        self, pieces: Sequence[Piece], index: int, rebuilt: Rebuilt, before: str, place: Place
    ) -> RepairedLine:
        piece = pieces[index]
        found = self.found
        text = piece.text
        grade, what, why, sure = Grade.GIVEN, "", "", 1.0
        if found.expanded:
            guess = self._guess(pieces, index, before, place)
            text = unexpanded(text, found.counts_mark)
            if expanded(guess.line, found.counts_mark).rstrip() == piece.text.rstrip():
                text = guess.line
            if text != piece.text:
                grade, what, why = Grade.IMPLIED, "whitespace", "tabs were made blanks"
        elif not found.intact or piece.number is None:
            guess = self._delimiter(pieces, index, before) or self._guess(pieces, index, before, place)
            text, sure, why = guess.line, guess.sure, guess.why
            grade = Grade.GUESSED if text else Grade.GIVEN
            what = "whitespace" if text else ""
        elif found.leading is None or found.inner is None or found.trailing is not True:
            grade, why = Grade.IMPLIED, "nothing shows that blanks were lost, nor that all were kept"
        if piece.number is None:
            what = "lost line"
            unsure = index in rebuilt.unsure
            grade = Grade.GUESSED if unsure or not found.intact else Grade.IMPLIED
            why = "the counts want a line more, C's structure one of these here"
            sure = rebuilt.sure
        elif piece.wrapped:
            what = "unwrapped"
            grade = weakest([grade, Grade.IMPLIED])
            why = why or "the rest of the line stood below it"
        return RepairedLine("+", text, piece.given, piece.number, grade, what, why, sure)

    def _delimiter(self, pieces: Sequence[Piece], index: int, before: str) -> Guess | None:
        """A lost line of a comment, beside lines of it that kept their indentation."""
        piece = pieces[index]
        if piece.number is not None or not self.found.intact:
            return None
        if piece.text.startswith("/*"):
            below = next((p.text for p in pieces[index + 1 :] if p.mark != "-"), "")
            indent = below[: len(below) - len(below.lstrip(" \t"))]
            if below.lstrip().startswith("*") and indent.endswith(" "):
                return Guess(indent[:-1] + piece.text, 0.97, "above the comment's text")
        elif piece.text in ("*", "*/") and before.lstrip().startswith(("*", "/*")):
            indent = before[: len(before) - len(before.lstrip(" \t"))]
            gap = " " if before.lstrip().startswith("/*") else ""
            return Guess(indent + gap + piece.text, 0.97, "as the comment's line above")
        return None

    def _guess(self, pieces: Sequence[Piece], index: int, before: str, place: Place) -> Guess:
        piece = pieces[index]
        removed = _removed_near(pieces, index)
        squeezed = " ".join(piece.text.split())
        indented: bool | None = None
        if piece.number is not None and self.found.keeps_one:
            indented = piece.text[:1] == " "
        if self.layout is None:
            return guess_plain(squeezed, indented=indented, removed=removed, before=before)
        after = [p.text for p in pieces[index + 1 :] if p.mark == " "][:4]
        after += self.file.lines[place.end : place.end + 4 - len(after)]
        return self.layout.guess(squeezed, indented=indented, removed=removed, after=after)


def _removed_near(pieces: Sequence[Piece], index: int) -> list[str]:
    """Lines removed by the change that the added line at ``index`` is part of, the group's before the hunk's."""
    group: list[str] = []
    at = index
    while at >= 0 and pieces[at].mark != " ":
        if pieces[at].mark == "-":
            group.append(pieces[at].text)
        at -= 1
    group.reverse()
    return group + [p.text for p in pieces if p.mark == "-" and p.text not in group]


def _unplaced_hunk(placed: _Placed, target: _Target, found: Survey, tree: TreeFiles, is_c: bool) -> RepairedHunk:
    """A hunk the tree has no place for: its lines as the text gives them, whitespace as far as it can be told."""
    hunk = placed.hunk
    lines: list[RepairedLine] = []
    layout = Layout.begin(Style.of(target.file.lines)) if is_c else None
    if layout is not None and hunk.section:
        layout = layout.feed(hunk.section)
        if not hunk.section.endswith(("{", ";")):
            layout = layout.feed("{")
    old, new = hunk.old_count, hunk.new_count
    removed: list[str] = []
    before = ""
    for item in placed.items:
        mark = item.mark or " "
        if mark == "\\":
            continue
        if (mark != "+" and old <= 0) or (mark != "-" and new <= 0):
            break
        old, new = old - (mark != "+"), new - (mark != "-")
        places = target.file.at.get(key(item.text), ()) if mark != "+" and item.text.strip() else ()
        if len({target.file.lines[n] for n in places}) == 1:
            text = target.file.lines[places[0]]
            line = RepairedLine(
                mark, text, item.text, item.number, Grade.IMPLIED, "whitespace", "such a line is in the file"
            )
        elif found.intact:
            line = RepairedLine(mark, item.text, item.text, item.number, Grade.GIVEN)
        else:
            squeezed = " ".join(item.text.split())
            indented = item.text[:1] == " " if found.keeps_one and item.mark else None
            guess = (
                layout.guess(squeezed, indented=indented, removed=removed, after=())
                if layout is not None
                else guess_plain(squeezed, indented=indented, removed=removed, before=before)
            )
            line = RepairedLine(
                mark, guess.line, item.text, item.number, Grade.GUESSED, "whitespace", guess.why, guess.sure
            )
        lines.append(line)
        if mark == "-":
            removed.append(line.text)
        else:
            before = line.text
            if layout is not None:
                layout = layout.feed(line.text)
    notes = [f"{max(old, 0)} old and {max(new, 0)} new lines are lost"] if old > 0 or new > 0 else []
    reason = _reason(placed, target, tree)
    return RepairedHunk(
        placed.path,
        hunk.number,
        hunk.header,
        hunk.section,
        hunk.old_start,
        None,
        tuple(lines),
        0.0,
        reason,
        tuple(notes),
    )


def _reason(placed: _Placed, target: _Target, tree: TreeFiles) -> str:
    """Why a hunk has no place in the tree."""
    if not target.exists:
        return f"{tree.name} has no {target.path}"
    wanted = old_items(placed.items)
    absent = [item for item, text in wanted if text not in target.file.at]
    best = placed.best
    if absent:
        shown = " ".join(absent[0].text.split())[:60]
        return f"{len(absent)} of its {len(wanted)} old lines are nowhere in the file, first: {shown!r}"
    if best is not None:
        return f"only {best.matched} of its {best.total} old lines stand together (line {best.start + 1})"
    return "the file is shorter than the hunk"


# -- output ----------------------------------------------------------------------------------------------------------


def _headers(target: _Target) -> tuple[str, ...]:
    path = target.path
    old = NO_FILE if target.is_new else f"a/{path}"
    new = NO_FILE if target.is_gone else f"b/{path}"
    lines = [f"diff --git a/{path} b/{path}"]
    if target.is_new:
        lines.append("new file mode 100644")
    elif target.is_gone:
        lines.append("deleted file mode 100644")
    return (*lines, f"--- {old}", f"+++ {new}")


def _hunk_text(hunk: RepairedHunk, old_start: int, new_start: int) -> Iterator[str]:
    old, new = hunk.old_count, hunk.new_count
    section = f" {hunk.section}" if hunk.section else ""
    yield f"@@ -{old_start if old else max(old_start - 1, 0)},{old} +{new_start if new else max(new_start - 1, 0)},{new} @@{section}"
    for line in hunk.lines:
        yield line.mark + line.text


def _diff_text(files: Sequence[RepairedFile], *, placed: bool) -> str:
    """The hunks that have a place, or those that have none, as a diff."""
    out: list[str] = []
    for file in files:
        chosen = [hunk for hunk in file.hunks if (hunk.start is not None) == placed and _changes(hunk)]
        if not chosen:
            continue
        out += file.headers
        delta = 0
        for hunk in chosen:
            out += _hunk_text(hunk, start := hunk.start or hunk.old_start, start + delta)
            delta += hunk.new_count - hunk.old_count
    return "".join(f"{line}\n" for line in out)


def _changes(hunk: RepairedHunk) -> bool:
    return any(line.mark != " " for line in hunk.lines)


def _concluded(files: tuple[RepairedFile, ...], notes: Sequence[str], threshold: float) -> Repair:
    hunks = [hunk for file in files for hunk in file.hunks]
    placed = [hunk for hunk in hunks if hunk.start is not None]
    confidence = min((hunk.confidence for hunk in placed), default=0.0)
    refusal = ""
    if not placed:
        refusal = "no hunk has a place in this tree"
    else:
        doubtful = [hunk for hunk in placed if hunk.confidence < threshold]
        if doubtful:
            worst = min(doubtful, key=lambda hunk: hunk.confidence)
            refusal = (
                f"hunk {worst.header} of {worst.path} (line {worst.number} of the text) is only "
                f"{worst.confidence:.0%} sure, {threshold:.0%} is wanted"
            )
    grade = weakest([hunk.grade for hunk in placed])
    diff = "" if refusal else _diff_text(files, placed=True)
    return Repair(files, diff, _diff_text(files, placed=False), grade, confidence, refusal, tuple(notes))


__all__ = ["CONTEXT", "MARGIN", "THRESHOLD", "repair_diff"]
