"""A damaged diff as its lines tell it: files, hunks with the counts of their headers, body lines with the marks left.

Nothing is refused here but what is too large: what a line is, the tree decides.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.intake.diff_paths import NO_FILE
from harness.intake.diff_text import MAX_HUNKS
from harness.model.errors import UserError

MAX_LINES = 200_000  # of the text of one patch
MAX_HEADER_LINES = 12  # of one file's header
MAX_COUNT = 10_000_000  # lines of one hunk; no file of a kernel has as many

_QUOTE = re.compile(r"(?:[>|] ?)+")
_HUNK = re.compile(r"\s*@@\s*-(\d{1,9})(?:,(\d{1,9}))?\s+\+(\d{1,9})(?:,(\d{1,9}))?\s*@@(.*)")
_DIFFSTAT = re.compile(r"\s*(\S+/\S+|\S+\.[chS])\s+\|\s+\d+\b")
_SPACES = str.maketrans({"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\ufeff": "", "\u200b": ""})
# diff -N dates a file that is not there at the epoch, in its own time zone
_EPOCH = re.compile(r"\s(?:1970-01-01|1969-12-31|\w{3} Jan +1 [\d:]+ 1970|\w{3} Dec 31 [\d:]+ 1969|1 Jan 1970)\b")
_GIT_HEADER = re.compile(
    r"(?:index [0-9a-f]{4,40}\.\.[0-9a-f]{4,40}|(?:new|deleted) file mode \d+|(?:old|new) mode \d+|"
    r"(?:rename|copy) (?:from|to) \S+|(?:dis)?similarity index \d+%)"
)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a hunk's body. ``mark`` is "+", "-", " " or "" where it has none; ``text`` is what follows the mark.

    ``number`` is the line's place in the text, from 1; ``wrapped``: the line stood on several.
    """

    mark: str
    text: str
    number: int
    wrapped: bool = False

    @property
    def raw(self) -> str:
        return self.mark + self.text


@dataclass(slots=True)
class DamagedHunk:
    """What a hunk's header says, and its body."""

    number: int
    old_start: int
    old_count: int
    new_start: int
    new_count: int
    section: str
    items: list[Item] = field(default_factory=list)

    @property
    def header(self) -> str:
        return f"@@ -{self.old_start},{self.old_count} +{self.new_start},{self.new_count} @@"


@dataclass(slots=True)
class DamagedFile:
    """The hunks of one file; ``old`` and ``new`` are the paths of ---/+++ or of what is left of the header.

    Both are None where no header is left. ``git_headers`` are git's extended header lines.
    """

    number: int
    old: str | None = None
    new: str | None = None
    git_headers: list[str] = field(default_factory=list)
    hunks: list[DamagedHunk] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DamagedDiff:
    """``hints`` are paths of the diffstat before the diff; ``quote`` the quoting that was taken off, ``spaces`` says
    whether characters that look like blanks were made blanks."""

    files: tuple[DamagedFile, ...]
    hints: tuple[str, ...]
    quote: str
    spaces: bool


def _unquoted(lines: Sequence[str]) -> tuple[list[str], str]:
    """The lines without the ">" that all hunk headers have in front, and that quoting."""
    prefixes = {line[: line.index("@@ -")] for line in lines if "@@ -" in line and _HUNK.search(line)}
    if len(prefixes) != 1 or not (prefix := prefixes.pop()).strip() or not _QUOTE.fullmatch(prefix):
        return list(lines), ""
    bare = prefix.rstrip()
    kept = [line[len(prefix) :] if line.startswith(prefix) else line for line in lines]
    # an empty quoted line is "> " or ">"
    return ["" if line.rstrip() == bare else line for line in kept], prefix


def _path(text: str) -> str:
    """The path at the head of a header's text; kernel paths hold no blanks."""
    words = text.strip().strip('"').split(None, 1)
    return words[0].rstrip('"') if words else ""


def _side(text: str) -> str:
    """The path of what follows "--- " or "+++ "; NO_FILE where the time stamp says that there was no file."""
    return NO_FILE if _EPOCH.search(text) else _path(text)


def _names_of_command(line: str) -> tuple[str, str] | None:
    """The two paths of a line such as "diff -urN a/x b/x"."""
    words = [word for word in line.split()[1:] if not word.startswith("-")]
    return (words[-2], words[-1]) if len(words) >= 2 else None


def _is_header(lines: Sequence[str], at: int) -> bool:
    """Whether a file's header begins here, inside or outside a hunk."""
    line = lines[at]
    if line.startswith(("diff -", "Index: ")):
        return True
    return line.startswith("--- ") and any(after.startswith("+++ ") for after in lines[at + 1 : at + 3])


def _bounded(text: str | None, default: int, number: int) -> int:
    value = default if text is None else int(text)
    if value > MAX_COUNT:
        raise UserError(f"hunk header of line {number} counts {value} lines")
    return value


def read_damaged(text: str, first_line: int = 1) -> DamagedDiff:
    """Files and hunks of ``text``, whose lines are counted from ``first_line``.

    Raises UserError where it is larger than MAX_LINES or MAX_HUNKS allow.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()  # what follows the last line's end is no line
    if len(lines) > MAX_LINES:
        raise UserError(f"more than {MAX_LINES} lines")
    lines = [line.removesuffix("\r") for line in lines]
    plain = [line.translate(_SPACES) if not line.isascii() else line for line in lines]
    spaces = plain != lines
    plain, quote = _unquoted(plain)
    files: list[DamagedFile] = []
    hints: list[str] = []
    hunk: DamagedHunk | None = None
    count = at = 0
    while at < len(plain):
        line = plain[at]
        match = _HUNK.match(line) if "@@" in line else None
        if match:
            count += 1
            if count > MAX_HUNKS:
                raise UserError(f"more than {MAX_HUNKS} hunks in one patch")
            if not files:
                files.append(DamagedFile(at + first_line))
            old = _bounded(match[1], 1, at + first_line), _bounded(match[2], 1, at + first_line)
            new = _bounded(match[3], 1, at + first_line), _bounded(match[4], 1, at + first_line)
            hunk = DamagedHunk(at + first_line, *old, *new, match[5].strip())
            files[-1].hunks.append(hunk)
        elif _is_header(plain, at):
            at = _read_header(plain, at, files, first_line)
            hunk = None
            continue
        elif hunk is not None:
            if line.rstrip() == "--" or (len(line) > 30 and not line.strip("_")):
                hunk = None  # a signature: what follows is no diff, unless a header comes
            elif line.startswith(("+", "-", " ", "\\")):
                hunk.items.append(Item(line[0], line[1:], at + first_line))
            else:
                hunk.items.append(Item("", line, at + first_line))
        elif stat := _DIFFSTAT.match(line):
            hints.append(stat[1])
        at += 1
    return DamagedDiff(tuple(files), tuple(dict.fromkeys(hints)), quote, spaces)


def _read_header(lines: Sequence[str], at: int, files: list[DamagedFile], first_line: int) -> int:
    """Reads a file's header lines; returns the line after them."""
    begin = at
    file = DamagedFile(at + first_line)
    files.append(file)
    while at < len(lines):
        line = lines[at]
        if line.startswith("Index: "):
            if file.new is not None:
                return at
            file.new = file.old = _path(line[7:])
        elif line.startswith("diff -"):
            if file.old is not None and not lines[at - 1].startswith("==="):
                return at
            if names := _names_of_command(line):
                file.old, file.new = names
        elif line.startswith("--- "):
            file.old = _side(line[4:])
        elif line.startswith("+++ "):
            file.new = _side(line[4:])
            return at + 1
        elif _GIT_HEADER.match(line):
            file.git_headers.append(line.strip())
        elif ("@@ -" in line and _HUNK.match(line)) or at - begin > MAX_HEADER_LINES:
            return at
        at += 1
    return at


def unescaped(text: str) -> str:
    """The text without HTML entities; the text itself where it has none."""
    return html.unescape(text).replace("\u00a0", " ") if "&" in text else text


def key(text: str) -> str:
    """What two lines share that differ in whitespace only."""
    return "".join(text.split())
