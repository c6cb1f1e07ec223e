"""A damaged diff and the tree it was made for, to a patch that ``git apply`` takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from harness.intake.diff_paths import NO_FILE
from harness.intake.repair.c_structure import Structure, states_of
from harness.intake.repair.c_style import Style
from harness.intake.repair.damaged_diff import DamagedDiff, Item, key, read_damaged
from harness.intake.repair.effort import Effort
from harness.intake.repair.grades import Grade, Repair, RepairedFile, RepairedHunk, RepairedLine, weakest
from harness.intake.repair.hunk_lines import LineWriter, unplaced_lines
from harness.intake.repair.placement import HIDDEN, FileLines, Place, old_items
from harness.intake.repair.rebuild import CONTEXT, Frame, Kept, Rebuilt, rebuild
from harness.intake.repair.targets import (
    LOST_HEADERS,
    Losses,
    PlacedHunk,
    Target,
    kept_kinds,
    losses_of,
    marks_are_kept,
    place_all,
    present_at,
    survey_of,
    targets_of,
    undo_entities,
)
from harness.intake.repair.whitespace import Survey
from harness.model.errors import UserError
from harness.model.tree import TreeFiles

THRESHOLD = 0.6  # confidence in a hunk's lines below which nothing is written: two readings are about as likely
BLANK_DOUBT = 0.85  # by which each lost added line that is taken for a blank one lowers the confidence
BLOCK_DOUBT = 0.5  # a lost "{" of its own in a function: the kernel's style has it behind a statement, which is lost
UNSEEN = 0.4  # and a changed line of a kind that no line of context is seen to have been lost of
UNSEEN_DELIMITER = 0.8  # the same for a brace or a comment delimiter, which C's structure asks for
MAX_FUNCTION = 5_000  # lines above a hunk that are looked at for the function it is in
SECTION = 80  # characters of it, as git has it
PRESENT = "already in the tree"
FUZZ = 2  # lines of context at a hunk's edge that may differ, as in patch(1)

_C_SUFFIXES = (".c", ".h")


def repair_diff(
    text: str,
    tree: TreeFiles,
    *,
    hints: Sequence[str] = (),
    threshold: float = THRESHOLD,
    first_line: int = 1,
    needs: str = "",
) -> Repair:
    """Rebuilds the diff in ``text`` for ``tree``, which it was made for, or nearly.

    ``hints`` are paths that the diff may be about, for a text that lost its headers; ``first_line`` is where the text
    begins in its file; ``needs`` says what else the diff was made on top of, for a hunk that has no place. Hunks
    without a place in the tree go to ``Repair.rejected``; one less sure than ``threshold`` makes ``Repair.refusal``.
    Raises UserError for a text without a hunk, one beyond the bounds, and a path that no patch may touch.
    """
    damaged = read_damaged(text, first_line)
    if not any(file.hunks for file in damaged.files):
        raise UserError("no hunk in this text", remedy="give the whole mail: a hunk begins with @@ -a,b +c,d @@")
    effort = Effort()
    targets, notes = targets_of(damaged, tree, (*hints, *damaged.hints), effort)
    notes += undo_entities(targets)
    marks_kept = marks_are_kept(targets)
    for target in targets:
        place_all(target, marks_kept, effort)
    found = survey_of(targets)
    kept, losses = kept_kinds(targets), losses_of(targets)
    files = tuple(_repaired_file(target, found, kept, losses, needs, effort) for target in targets)
    return concluded(files, [*_text_notes(damaged, found), *notes], threshold)


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


def _repaired_file(
    target: Target, found: Survey, kept: Kept, losses: Losses, needs: str, effort: Effort
) -> RepairedFile:
    is_c = target.path.endswith(_C_SUFFIXES)
    states = states_of(target.file.lines) if is_c else []
    writer = LineWriter(target.file, found, is_c)
    hunks: list[RepairedHunk] = []
    for placed in target.hunks:
        rebuilt = _rebuilt(placed, target.file, states, is_c, found, kept, effort)
        if rebuilt is None or placed.place is None:
            placed.present = placed.present or present_at(placed, target.file, effort)
            hunks.append(_unplaced_hunk(placed, target, found, _reason(placed, target, needs), writer.style))
            continue
        lines = writer.write(placed.place, rebuilt)
        if LOST_HEADERS in target.notes:
            lines = tuple(_of_a_found_file(line) for line in lines)
        hunks.append(_placed_hunk(placed, placed.place, rebuilt, lines, target.file, losses))
        hunks[-1] = _with_context(hunks[-1], target, placed)
    return RepairedFile(target.path, _headers(target), tuple(hunks), tuple(target.notes))


def _of_a_found_file(line: RepairedLine) -> RepairedLine:
    """The line graded as what it is in a file that nothing names: another file may hold the same lines."""
    if line.grade not in (Grade.GIVEN, Grade.PROVED):
        return line
    return replace(line, grade=Grade.IMPLIED, why=line.why or "the file was found by its lines")


def _rebuilt(
    placed: PlacedHunk,
    file: FileLines,
    states: Sequence[Structure],
    is_c: bool,
    found: Survey,
    kept: Kept,
    effort: Effort,
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
        kept,
    )
    rebuilt = rebuild(placed.items, frame, effort)
    return rebuilt if rebuilt is not None and _is_credible(placed.items, rebuilt) else None


def _is_credible(items: Sequence[Item], rebuilt: Rebuilt) -> bool:
    """Whether the hunk is about this place: all but FUZZ lines of context at its edges stand in the tree."""
    changed = [n for n, item in enumerate(items) if item.mark in ("+", "-")]
    known = {piece.number for piece in rebuilt.pieces}
    left_out = {item.number for item in rebuilt.left_out}
    tail = (
        [item for item in items[changed[-1] + 1 :] if item.number in left_out and item.text.strip()] if changed else []
    )
    if len(tail) > FUZZ:
        return False
    for n, item in enumerate(items):
        if item.number in known or not item.text.strip() or item.number not in left_out:
            continue
        if item.mark == "-" and key(item.text) != "-":
            return False
        at_head = n < FUZZ and (not changed or n < changed[0])
        at_tail = changed and n > changed[-1]
        inner = sum(i.mark in (" ", "") and i.number in known for i in items[n:])
        if not at_head and not (at_tail and inner <= FUZZ):
            return False
    return True


def _placed_hunk(
    placed: PlacedHunk,
    place: Place,
    rebuilt: Rebuilt,
    lines: tuple[RepairedLine, ...],
    file: FileLines,
    losses: Losses,
) -> RepairedHunk:
    notes: list[str] = []
    confidence = rebuilt.sure if rebuilt.lost or rebuilt.left_out else 1.0
    doubt, doubts = _doubt_of_lost(rebuilt, losses)
    confidence *= doubt
    notes += doubts
    offset = place.start + 1 - placed.hunk.old_start if placed.hunk.old_count else 0
    if offset:
        notes.append(f"the tree has it {abs(offset)} lines {'below' if offset > 0 else 'above'}")
    if rebuilt.off_counts:
        confidence *= 0.5
        notes.append(
            f"the header counts {placed.hunk.new_count} new lines, {placed.hunk.new_count + rebuilt.off_counts} were "
            "found: the tree and C's structure were believed"
        )
    hidden = [line.number for line in lines if line.mark == "+" and HIDDEN.search(line.given or "")]
    if hidden:
        notes.append(f"line {', '.join(map(str, hidden))}: an address that the archive hid stays as it stands")
    odd = [item for item in rebuilt.left_out if item.text.strip()]
    inner = [item for item in odd if _is_inside(item, lines, placed.items)]
    if any(item.mark == "-" and _is_inside(item, lines, placed.items) for item in rebuilt.left_out):
        confidence *= UNSEEN
        notes.append("a removed line of the text is taken for no part of the hunk")
    for item in inner:
        confidence *= 0.8
        notes.append(f"context of line {item.number} differs from the tree, whose line was taken (fuzz)")
    if place.rivals:
        confidence /= 1 + place.rivals
        notes.append(f"{place.rivals} other places fit as well")
    hunk = placed.hunk
    is_last = place.end == len(file.lines)
    return RepairedHunk(
        placed.path,
        hunk.number,
        hunk.header,
        hunk.section or _section(file, place.start),
        hunk.old_start,
        place.start + 1,
        lines,
        confidence,
        notes=tuple(notes),
        old_unended=is_last and file.ends_without_newline,
        new_unended=is_last and _is_new_unended(placed.items, lines, file),
    )


def _with_context(hunk: RepairedHunk, target: Target, placed: PlacedHunk) -> RepairedHunk:
    """The hunk with lines of context around it where it has none: git takes such a hunk at a file's ends only."""
    place = placed.place
    if place is None or not hunk.lines:
        return hunk
    others = [other.place for other in target.hunks if other.place is not None and other is not placed]
    floor = max((other.end for other in others if other.end <= place.start), default=0)
    ceiling = min((other.start for other in others if other.start >= place.end), default=len(target.file.lines))
    above = target.file.lines[max(place.start - CONTEXT, floor) : place.start] if hunk.lines[0].mark != " " else []
    below = target.file.lines[place.end : min(place.end + CONTEXT, ceiling)] if hunk.lines[-1].mark != " " else []
    if not above and not below:
        return hunk

    def context(lines: Sequence[str]) -> tuple[RepairedLine, ...]:
        why = "git wants context around a change"
        return tuple(RepairedLine(" ", line, None, None, Grade.PROVED, "context added", why) for line in lines)

    lines = (*context(above), *hunk.lines, *context(below))
    return replace(hunk, lines=lines, start=place.start + 1 - len(above))


def _doubt_of_lost(rebuilt: Rebuilt, losses: Losses) -> tuple[float, list[str]]:
    """What is left of the confidence for the changed lines that were put in, and what to say of them.

    A line that the counts want and the text lacks is taken for one without words; it may have been a statement, unless
    the archive is seen to have lost lines of that kind where the tree shows it.
    """
    left = 1.0
    blank = 0
    for piece in rebuilt.pieces:
        if piece.number is not None or piece.mark == " ":
            continue
        if piece.mark == "-":
            left *= 1.0 if losses.any else UNSEEN
        elif piece.text == "{" and piece.inside:
            left *= BLOCK_DOUBT
        elif piece.text:
            left *= 1.0 if losses.delimiter or losses.words else UNSEEN_DELIMITER
        else:
            blank += 1
            is_seen = losses.blank or (losses.any and not piece.inside)
            left *= BLANK_DOUBT if is_seen else UNSEEN
    if not blank:
        return left, []
    told = "1 added line is" if blank == 1 else f"{blank} added lines are"
    return left, [f"{told} missing and taken for blank: it may have been a statement"]


def _section(file: FileLines, start: int) -> str:
    """What git writes behind a hunk's numbers: the last line above that begins in column 0 with a word."""
    for line in reversed(file.lines[max(start - MAX_FUNCTION, 0) : start]):
        if line[:1].isalpha() or line[:1] in ("_", "$"):
            return line.rstrip()[:SECTION]
    return ""


def _is_new_unended(items: Sequence[Item], lines: Sequence[RepairedLine], file: FileLines) -> bool:
    """Whether the last line of the new file has no newline: as the text says of an added one, else as in the tree."""
    last = next((line for line in reversed(lines) if line.mark != "-"), None)
    if last is None or last.mark == " ":
        return last is not None and file.ends_without_newline
    return any(item.mark == "\\" and above.mark == "+" for above, item in pairwise(items))


def _is_inside(item: Item, lines: Sequence[RepairedLine], items: Sequence[Item]) -> bool:
    """Whether an item that was left out stood where the hunk's lines stand, and not behind it as a footer does."""
    old = new = 0
    for other in items:
        if other.number == item.number:
            break
        old, new = old + (other.mark != "+"), new + (other.mark != "-")
    return old < sum(line.mark != "+" for line in lines) or new < sum(line.mark != "-" for line in lines)


def _unplaced_hunk(placed: PlacedHunk, target: Target, found: Survey, reason: str, style: Style | None) -> RepairedHunk:
    hunk, best = placed.hunk, placed.best
    lines, old, new = unplaced_lines(hunk, placed.items, target.file, found, style)
    return RepairedHunk(
        path=placed.path,
        number=hunk.number,
        header=hunk.header,
        section=hunk.section,
        old_start=hunk.old_start,
        start=None,
        lines=lines,
        confidence=0.0,
        reason=reason,
        notes=(f"{old} old and {new} new lines are lost",) if old or new else (),
        nearest=(best.start + 1, tuple(target.file.lines[best.start : best.end])) if best and best.matched else None,
    )


def _reason(placed: PlacedHunk, target: Target, needs: str) -> str:
    """Why a hunk has no place in the tree."""
    if placed.present is not None:
        return f"{PRESENT} (line {placed.present})"
    why = _misfit(placed, target)
    return f"{why}; it needs {needs}" if needs else why


def _misfit(placed: PlacedHunk, target: Target) -> str:
    if target.obstacle:
        return target.obstacle
    wanted = old_items(placed.items)
    absent = [item for item, text in wanted if text not in target.file.at]
    best = placed.best
    if absent:
        shown = " ".join(absent[0].text.split())[:60]
        verb = "is" if len(absent) == 1 else "are"
        return f"{len(absent)} of its {len(wanted)} old lines {verb} nowhere in the file, first: {shown!r}"
    if best is not None and best.matched < best.total:
        return f"only {best.matched} of its {best.total} old lines stand together (line {best.start + 1})"
    if best is not None:
        return f"its lines stand together (line {best.start + 1}), but no reading accounts for all of them"
    return "the file is shorter than the hunk"


def _headers(target: Target) -> tuple[str, ...]:
    path = target.path
    old = NO_FILE if target.is_new else f"a/{path}"
    new = NO_FILE if target.is_gone else f"b/{path}"
    lines = [f"diff --git a/{path} b/{path}"]
    if target.is_new:
        mode = next((line for line in target.source.git_headers if line.startswith("new file mode ")), None)
        lines.append(mode or "new file mode 100644")
    elif target.is_gone:
        lines.append("deleted file mode 100644")
    return (*lines, f"--- {old}", f"+++ {new}")


def _hunk_text(hunk: RepairedHunk, old_start: int, new_start: int) -> Iterator[str]:
    old, new = hunk.old_count, hunk.new_count
    section = f" {hunk.section}" if hunk.section else ""
    # a side without lines is counted from the line before
    first = old_start if old else max(old_start - 1, 0), new_start if new else max(new_start - 1, 0)
    yield f"@@ -{first[0]},{old} +{first[1]},{new} @@{section}"
    last_old = max((at for at, line in enumerate(hunk.lines) if line.mark != "+"), default=-1)
    last_new = max((at for at, line in enumerate(hunk.lines) if line.mark != "-"), default=-1)
    for at, line in enumerate(hunk.lines):
        yield line.mark + line.text
        if (hunk.old_unended and at == last_old) or (hunk.new_unended and at == last_new):
            yield "\\ No newline at end of file"


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


def concluded(files: tuple[RepairedFile, ...], notes: Sequence[str], threshold: float = THRESHOLD) -> Repair:
    """The repair that these files' hunks make."""
    hunks = [hunk for file in files for hunk in file.hunks]
    placed = [hunk for hunk in hunks if hunk.start is not None]
    confidence = min((hunk.confidence for hunk in placed), default=0.0)
    refusal = ""
    if not placed:
        present = sum(hunk.reason.startswith(PRESENT) for hunk in hunks)
        refusal = "no hunk has a place in this tree" + (
            f", {present} of {len(hunks)} are in it already" if present else ""
        )
        if present == len(hunks):
            refusal = "the tree has the patch already"
    elif not any(_changes(hunk) for hunk in placed):
        refusal = "no hunk changes a line"
    else:
        doubtful = [hunk for hunk in placed if hunk.confidence < threshold]
        if doubtful:
            worst = min(doubtful, key=lambda hunk: hunk.confidence)
            refusal = (
                f"hunk {worst.header} of {worst.path} (line {worst.number} of the text) is only "
                f"{int(worst.confidence * 100)}% sure, {threshold:.0%} is wanted"
            )
    grade = weakest([hunk.grade for hunk in placed or hunks])
    diff = "" if refusal else _diff_text(files, placed=True)
    return Repair(files, diff, _diff_text(files, placed=False), grade, confidence, refusal, tuple(notes))


def new_content(file: RepairedFile, old: bytes | None) -> bytes | None:
    """The file with its placed hunks applied to ``old``; None where they delete it."""
    if "+++ /dev/null" in file.headers:
        return None
    lines = (old or b"").decode("utf-8", "surrogateescape").split("\n")
    ends = not lines[-1]
    if ends:
        lines.pop()
    for hunk in reversed([hunk for hunk in file.hunks if hunk.start is not None]):
        if hunk.old_unended or hunk.new_unended:
            ends = not hunk.new_unended
        start = (hunk.start or 1) - 1
        lines[start : start + hunk.old_count] = [line.text for line in hunk.lines if line.mark != "-"]
    return ("\n".join(lines) + "\n" * ends).encode("utf-8", "surrogateescape")
