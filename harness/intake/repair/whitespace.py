"""Whether an archive kept whitespace, as the lines show that the tree has too, and what added lines looked like."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from harness.intake.repair.c_layout import Guess
from harness.intake.repair.damaged_diff import Item

MAX_REMOVED = 40  # removed lines that a line of a file that is not C is compared with
MAX_COMPARED = 200  # characters of them
_RUN = re.compile(r"\t|  ")
_LABEL = re.compile(r" \w+:$")


@dataclass(frozen=True, slots=True)
class Survey:
    """What became of whitespace. Each of the three is True for kept, False for lost, None where nothing shows it.

    ``expanded``: tabs were made blanks and nothing else, ``counts_mark``: with the diff's mark as a column.
    ``keeps_one``: one blank is left of any indentation.
    """

    leading: bool | None
    inner: bool | None
    trailing: bool | None
    expanded: bool
    counts_mark: bool
    keeps_one: bool

    @property
    def intact(self) -> bool:
        """Whether an added line can be taken as it stands."""
        return self.leading is not False and self.inner is not False and not self.expanded


def survey(pairs: Iterable[tuple[Item, str]], added: Iterable[Item]) -> Survey:
    """``pairs`` are context and removed lines with the tree's line for each, ``added`` the added ones."""
    leading = _Votes()
    inner = _Votes()
    trailing = _Votes()
    context_leading = _Votes()
    one_blank = tabs_gone = other = with_mark = 0
    for item, line in pairs:
        given, body = item.text, line.strip()
        if not body:
            # a blank line of context is " " in a diff, and "" once blanks at the end of lines are gone
            if item.mark in ("", " "):
                trailing.add(item.mark == " ")
            continue
        has_indent = line[:1] in (" ", "\t")
        kept = _indent(given) == _indent(line)
        if item.mark == "-":
            if has_indent:
                leading.add(kept)
                one_blank += not kept and _indent(given) == " "
        else:
            # a lost mark is a blank lost at the head of a line
            context_leading.add(kept and item.mark == " ")
        if _RUN.search(body):
            inner.add(given.strip() == body)
        if line != line.rstrip():
            trailing.add(given != given.rstrip())
        if "\t" in line and given != line:
            if _expands_to(line, given, item.mark):
                tabs_gone += 1
                with_mark += given.rstrip() == expanded(line, True).rstrip()
            else:
                other += 1
    for item in added:
        if item.text.startswith("\t") or item.text.startswith("    "):
            leading.add(True)
        elif item.text[:1] == " " and item.text[1:2] not in ("", " ", "*") and not _LABEL.match(item.text):
            one_blank += 1
        if _RUN.search(item.text.strip()):
            inner.add(True)
        if item.text.strip() and item.text != item.text.rstrip():
            trailing.add(True)
    verdict = leading.verdict if leading.verdict is not None else context_leading.verdict
    if verdict is None and one_blank:
        verdict = False  # nobody indents by one blank
    flat = inner.verdict if inner.verdict is not None else (False if verdict is False else None)
    is_expanded = tabs_gone > 0 and other == 0
    counts_mark = 2 * with_mark > tabs_gone
    return Survey(verdict, flat, trailing.verdict, is_expanded, counts_mark, verdict is False and one_blank > 0)


class _Votes:
    """Lines that show something kept, and lines that show it lost; the loss of one is enough."""

    def __init__(self) -> None:
        self.kept = self.lost = 0

    def add(self, kept: bool) -> None:
        self.kept += kept
        self.lost += not kept

    @property
    def verdict(self) -> bool | None:
        if not self.kept and not self.lost:
            return None
        return self.lost == 0 or self.kept > 9 * self.lost


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _expands_to(line: str, given: str, mark: str) -> bool:
    """Whether ``given`` is ``line`` with its tabs made blanks, counted with or without the mark in front."""
    return bool(mark) and given.rstrip() in (line.expandtabs(8).rstrip(), expanded(line, True).rstrip())


def expanded(line: str, counts_mark: bool) -> str:
    """The line with its tabs made blanks; ``counts_mark``: the diff's mark was the first column."""
    return (" " + line).expandtabs(8)[1:] if counts_mark else line.expandtabs(8)


_GAP = re.compile(r" {2,}")


def unexpanded(text: str, counts_mark: bool) -> str:
    """The line with tabs for its leading blanks, and for inner ones that end where a tab does."""
    shift = int(counts_mark)
    body = text.lstrip(" \t")
    columns = len(text) - len(body) + shift
    tabs, blanks = divmod(columns, 8)
    head = "\t" * tabs + " " * blanks if tabs else " " * (columns - shift)

    def tabbed(gap: re.Match[str]) -> str:
        start, end = gap.start() + columns, gap.end() + columns
        if len(gap[0]) == 2 and body[gap.start() - 1] in ".!?:":
            return gap[0]  # the end of a sentence
        return "\t" * (end // 8 - start // 8) if end % 8 == 0 else gap[0]

    return head + _GAP.sub(tabbed, body)


def guess_plain(text: str, *, indented: bool | None, removed: Sequence[str], before: str) -> Guess:
    """The whitespace of a line of a file that is not C: as a removed line like it, else as the line before."""
    squeezed = " ".join(text.split())
    if not squeezed:
        return Guess("", 0.95, "a blank line")
    best, share = None, 0.6
    matcher = SequenceMatcher(None, "", squeezed[:MAX_COMPARED], autojunk=False)
    for line in removed[:MAX_REMOVED]:
        matcher.set_seq1(" ".join(line.split())[:MAX_COMPARED])
        if matcher.real_quick_ratio() > share and matcher.quick_ratio() > share and matcher.ratio() > share:
            best, share = line, matcher.ratio()
    if best is not None:
        body = best.strip() if " ".join(best.split()) == squeezed else squeezed
        return Guess(_indent(best) + body, 0.8, "as the removed line")
    if indented is False:
        return Guess(squeezed, 0.7, "column 0, as it stands")
    if indented and not _indent(before):
        return Guess("\t" + squeezed, 0.6, "below a line in column 0")
    return Guess(_indent(before) + squeezed, 0.5, "as the line above")
