"""The lines of a rebuilt hunk with their whitespace, and with what was done to each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from harness.intake.repair.c_layout import Guess, Layout, Style
from harness.intake.repair.damaged_diff import DamagedHunk, Item, key
from harness.intake.repair.grades import Grade, RepairedLine, weakest
from harness.intake.repair.placement import FileLines, Place
from harness.intake.repair.rebuild import Piece, Rebuilt
from harness.intake.repair.whitespace import Survey, expanded, guess_plain, unexpanded

NEAR = 400  # lines of a hunk that are looked at for one of its lines


class LineWriter:
    """Puts whitespace into the added lines of a file's hunks, in order, knowing all that stands above them."""

    def __init__(self, file: FileLines, found: Survey, is_c: bool) -> None:
        self.file = file
        self.found = found
        self.is_c = is_c
        self.style = Style.of(file.lines) if is_c else None
        self.layout = Layout.begin(self.style) if self.style is not None else None
        self.at = 0

    def _feed(self, line: str) -> None:
        if self.layout is not None:
            self.layout = self.layout.feed(line)

    def write(self, place: Place, rebuilt: Rebuilt) -> tuple[RepairedLine, ...]:
        for above in self.file.lines[self.at : place.start]:
            self._feed(above)
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
        beside = [pieces[n].mark for n in (index - 1, index + 1) if 0 <= n < len(pieces)]
        is_proved = piece.mark == " " and not rebuilt.lost_changes and "+" not in beside
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
            guess = self._guess(rebuilt, index, before, place)
            text = unexpanded(text, found.counts_mark)
            if expanded(guess.line, found.counts_mark).rstrip() == piece.text.rstrip():
                text = guess.line
            if text != piece.text:
                grade, what, why = Grade.IMPLIED, "whitespace", "tabs were made blanks"
        elif not found.intact or piece.number is None:
            guess = self._delimiter(pieces, index, before) or self._guess(rebuilt, index, before, place)
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

    def _guess(self, rebuilt: Rebuilt, index: int, before: str, place: Place) -> Guess:
        pieces = rebuilt.pieces
        piece = pieces[index]
        removed = _removed_near(pieces, index)
        squeezed = " ".join(piece.text.split())
        indented: bool | None = None
        if piece.number is not None and self.found.keeps_one:
            indented = piece.text[:1] == " "
        if self.layout is None:
            return guess_plain(squeezed, indented=indented, removed=removed, before=before)
        below = (pieces[n] for n in range(index + 1, min(index + NEAR, len(pieces))))
        after = list(islice((p.text for p in below if p.mark == " "), 4))
        after += self.file.lines[place.end : place.end + 4 - len(after)]
        ahead = _added_after(pieces, index)
        return self.layout.guess(squeezed, indented=indented, removed=removed, after=after, ahead=ahead)


def _removed_near(pieces: Sequence[Piece], index: int) -> list[str]:
    """Lines removed by the change that the added line at ``index`` is part of, so far as they are near."""
    first = last = index
    while first > max(index - NEAR, 0) and pieces[first - 1].mark != " ":
        first -= 1
    while last + 1 < min(index + NEAR, len(pieces)) and pieces[last + 1].mark != " ":
        last += 1
    return [piece.text for piece in pieces[first : last + 1] if piece.mark == "-"]


def _added_after(pieces: Sequence[Piece], index: int) -> list[str]:
    """What the same change adds after the line at ``index``, without whitespace to rely on."""
    added: list[str] = []
    for piece in pieces[index + 1 : index + NEAR]:
        if piece.mark == " ":
            break
        if piece.mark == "+":
            added.append(" ".join(piece.text.split()))
    return added


def unplaced_lines(
    hunk: DamagedHunk, items: Sequence[Item], file: FileLines, found: Survey, style: Style | None
) -> tuple[tuple[RepairedLine, ...], int, int]:
    """Lines of a hunk the tree has no place for, as the text gives them, whitespace as far as it can be told; and how
    many old and new lines the header counts beyond them. ``style``: of a file of C, None for another."""
    lines: list[RepairedLine] = []
    layout = Layout.begin(style) if style is not None else None
    if layout is not None and hunk.section:
        layout = layout.feed(hunk.section)
        if not hunk.section.endswith(("{", ";")):
            layout = layout.feed("{")
    old, new = hunk.old_count, hunk.new_count
    removed: list[str] = []
    before = ""
    for item in items:
        mark = item.mark or " "
        if mark == "\\":
            continue
        if (mark != "+" and old <= 0) or (mark != "-" and new <= 0):
            break
        old, new = old - (mark != "+"), new - (mark != "-")
        line = _line_without_place(item, mark, file, found, layout, removed, before)
        lines.append(line)
        if mark == "-":
            removed.append(line.text)
        else:
            before = line.text
            layout = layout.feed(line.text) if layout is not None else None
    return tuple(lines), max(old, 0), max(new, 0)


def _line_without_place(
    item: Item,
    mark: str,
    file: FileLines,
    found: Survey,
    layout: Layout | None,
    removed: Sequence[str],
    before: str,
) -> RepairedLine:
    line = file.only(key(item.text)) if mark != "+" and item.text.strip() else None
    if line is not None:
        why = "the file has such a line"
        return RepairedLine(mark, line, item.text, item.number, Grade.IMPLIED, "whitespace", why)
    if found.intact:
        return RepairedLine(mark, item.text, item.text, item.number, Grade.GIVEN)
    squeezed = " ".join(item.text.split())
    indented = item.text[:1] == " " if found.keeps_one and item.mark else None
    if layout is None:
        guess = guess_plain(squeezed, indented=indented, removed=removed, before=before)
    else:
        guess = layout.guess(squeezed, indented=indented, removed=removed, after=())
    return RepairedLine(mark, guess.line, item.text, item.number, Grade.GUESSED, "whitespace", guess.why, guess.sure)
