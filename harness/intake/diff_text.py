"""Unified diffs as lines: where one begins and ends in a text, its files and hunks, by the hunk headers' own counts.

Outside hunks every line that ``git apply`` could read as a header is kept as one, so that a check of the headers seen
here covers what git will see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from harness.model.errors import UserError
from harness.model.plain_text import clean

MAX_HUNKS = 65_536  # per diff; the largest tree-wide conversions stay below
REMEDY = "take the patch from an undamaged source, or mend it: harness series repair"

HUNK = re.compile(r"@@ -([0-9]{1,8})(?:,([0-9]{1,8}))? \+([0-9]{1,8})(?:,([0-9]{1,8}))? @@ ?(.*)", re.DOTALL)
HEADERS = (
    "diff --git ",
    "--- ",
    "+++ ",
    "old mode ",
    "new mode ",
    "deleted file mode ",
    "new file mode ",
    "copy from ",
    "copy to ",
    "rename old ",
    "rename new ",
    "rename from ",
    "rename to ",
    "similarity index ",
    "dissimilarity index ",
    "index ",
    "Binary files ",
    "GIT binary patch",
)
_PREAMBLE = re.compile(r"Index: |={20,}\s*$|diff -|Only in |RCS file: |retrieving revision ")


class MalformedDiff(UserError):
    """A diff that is damaged: its text cannot be taken as it stands, but may be repaired."""


Where = Callable[[int], str]
"""Names the place (file:line) of a line given by its 0-based index."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk: ``line`` is the 0-based index of its header, ``lines`` its body with the marks in front."""

    line: int
    section: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class FileDiff:
    """The change to one file: ``headers`` are (0-based line, text) as they stood."""

    headers: list[tuple[int, str]] = field(default_factory=list)
    hunks: list[Hunk] = field(default_factory=list)

    @property
    def is_git(self) -> bool:
        return bool(self.headers) and self.headers[0][1].startswith("diff --git ")

    def header(self, prefix: str) -> str | None:
        """What follows ``prefix`` in the first header that begins with it."""
        return next((text[len(prefix) :] for _, text in self.headers if text.startswith(prefix)), None)


@dataclass(frozen=True, slots=True)
class Diff:
    """Files of the diff at ``lines[start:end]`` of the text it was found in."""

    start: int
    end: int
    files: tuple[FileDiff, ...]


def _begins(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    after = lines[at + 1] if at + 1 < len(lines) else ""
    if line.startswith("diff --git "):
        return after.startswith(HEADERS)
    if line.startswith("--- "):
        return after.startswith("+++ ") and bool(line[4:].strip())
    return line.startswith("Binary files ") and at > 0 and lines[at - 1].startswith("diff -")


def diff_start(lines: Sequence[str]) -> int | None:
    """0-based line where the first diff begins, its "Index:" or "diff -u" lines included; None where there is none."""
    for at in range(len(lines)):
        if lines[at].startswith(("d", "-", "B")) and _begins(lines, at):
            start = at
            while start > 0 and _PREAMBLE.match(lines[start - 1]):
                start -= 1
            return start
    return None


def orphan_hunk(lines: Sequence[str]) -> int | None:
    """0-based line of the first hunk header, for a text whose file headers are lost."""
    return next((at for at, line in enumerate(lines) if line.startswith("@@ -") and HUNK.match(line)), None)


def damaged_start(lines: Sequence[str]) -> int | None:
    """0-based line where a diff begins that may be damaged: its first header, "Index:" line or hunk header."""
    found = [at for at in (diff_start(lines), orphan_hunk(lines)) if at is not None]
    if not found:
        return None
    start = min(found)
    while start > 0 and (_PREAMBLE.match(lines[start - 1]) or lines[start - 1].startswith(("--- ", "+++ ", "index "))):
        start -= 1
    return start


def is_signature(line: str) -> bool:
    """Whether the line starts a mail's signature or a list's footer: "-- ", "--" or a row of underscores."""
    return line.rstrip() == "--" or (len(line) > 30 and not line.strip("_\r"))


def _read_hunk(lines: Sequence[str], at: int, where: Where) -> tuple[Hunk, int]:
    """The hunk whose header is at ``at`` and the index of the line after it."""
    match = HUNK.match(lines[at])
    if not match:
        raise MalformedDiff("malformed hunk header", where=where(at), remedy=REMEDY)
    old = int(match[2]) if match[2] is not None else 1
    new = int(match[4]) if match[4] is not None else 1
    if old + new == 0:
        raise MalformedDiff("hunk of no lines", where=where(at), remedy=REMEDY)
    position = at + 1
    while old > 0 or new > 0:
        mark = (lines[position][:1] or " ") if position < len(lines) else None
        if mark == " ":
            old, new = old - 1, new - 1
        elif mark == "-":
            old -= 1
        elif mark == "+":
            new -= 1
        elif mark != "\\":
            last = "the text ends" if mark is None else "a line that is neither context nor change comes"
            raise MalformedDiff(
                f"malformed diff: {last} where the hunk of line {where(at).rpartition(':')[2]} still lacks "
                f"{old} old and {new} new lines",
                where=where(min(position, len(lines) - 1)),
                remedy=REMEDY,
            )
        if old < 0 or new < 0:
            raise MalformedDiff("malformed diff: hunk is longer than its header says", where=where(at), remedy=REMEDY)
        position += 1
    if position < len(lines) and lines[position].startswith("\\ "):
        position += 1
    return Hunk(at, match[5], tuple(lines[at + 1 : position])), position


def read_diff(lines: Sequence[str], start: int, where: Where) -> Diff:
    """The diff that begins at ``start`` (see diff_start) and ends with its last hunk or header.

    Raises UserError, with the line, for a hunk whose counts do not hold, one without a file, or a combined diff.
    """
    files: list[FileDiff] = []
    at = end = start
    hunks = 0
    while at < len(lines):
        line = lines[at]
        current = files[-1] if files else None
        if line.startswith("@@"):
            if current is None or not current.headers:
                raise MalformedDiff("hunk without a file header", where=where(at), remedy=REMEDY)
            if current.header("--- ") is None or current.header("+++ ") is None:
                raise MalformedDiff("hunk of a file without --- and +++ lines", where=where(at), remedy=REMEDY)
            hunks += 1
            if hunks > MAX_HUNKS:
                raise UserError(f"more than {MAX_HUNKS} hunks in one patch", where=where(at))
            hunk, at = _read_hunk(lines, at, where)
            current.hunks.append(hunk)
            end = at
            continue
        if line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            if current is None or current.hunks or not current.is_git or current.header("--- ") is not None:
                files.append(current := FileDiff())
            current.headers += [(at, line), (at + 1, lines[at + 1])]
            if at + 2 >= len(lines) or not lines[at + 2].startswith("@@"):
                raise MalformedDiff("malformed diff: no hunk after the file header", where=where(at), remedy=REMEDY)
            at += 2
            end = at
            continue
        if line.startswith("diff --git "):
            files.append(FileDiff([(at, line)]))
            end = at + 1
        elif line.startswith(("diff --cc ", "diff --combined ")):
            raise UserError("combined diff of a merge", where=where(at), remedy="give the merged commits instead")
        elif line.startswith(("Binary files ", "GIT binary patch")):
            if current is None or current.hunks:
                files.append(current := FileDiff())
            current.headers.append((at, line))
            end = at + 1
        elif line.startswith(HEADERS) and current is not None and current.is_git and not current.hunks:
            current.headers.append((at, line))
            end = at + 1
        elif is_signature(line):
            break
        elif current is not None and current.hunks:
            surplus = line.startswith("+") or (line.startswith("-") and not line.startswith("--"))
            if surplus or (at == end and line.startswith(" ") and not line.isspace()):
                raise MalformedDiff(
                    "malformed diff: a hunk is longer than its header says", where=where(at), remedy=REMEDY
                )
        at += 1
    return Diff(start, end, tuple(files))


def outside_hunks(lines: Sequence[str], where: Where) -> Iterator[tuple[int, str]]:
    """(0-based line, text) of every line of a diff that belongs to no hunk. Raises UserError as read_diff does."""
    at = 0
    while at < len(lines):
        if lines[at].startswith("@@ -"):
            _, at = _read_hunk(lines, at, where)
        else:
            yield at, lines[at]
            at += 1


def count_changes(lines: Sequence[str], first: int, where: Where) -> tuple[int, int]:
    """Added and removed lines of a diff as unidiff, a second and independent reader, counts them.

    ``first`` is the index that ``where`` gives to ``lines[0]``. Raises UserError where unidiff refuses the diff.
    """
    at = first

    def feed() -> Iterator[str]:
        nonlocal at
        for line in lines:
            yield line + "\n"
            at += 1  # an error is at the line the reader stopped at

    try:
        parsed = PatchSet(feed(), metadata_only=True)
    except (UnidiffParseError, ValueError, AssertionError, IndexError, AttributeError) as error:
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise MalformedDiff(f"malformed diff: {clean(reason)}", where=where(at), remedy=REMEDY) from None
    return parsed.added, parsed.removed
