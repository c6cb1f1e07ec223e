"""A patch as file changes to compare with a tree; a damaged diff as far as its lines can be told apart.

Nothing read here is ever applied: a damaged diff becomes a patch by its repair only.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from harness.intake.diff_paths import NO_FILE, header_path
from harness.intake.diff_text import FileDiff, diff_start, read_diff
from harness.model.errors import UserError
from harness.model.hunk import FileChange, HunkLines, header_time
from harness.model.series import Patch

MAX_LINES = 400_000  # of one damaged diff that are looked at
MAX_HUNKS = 16_384

# A damaged header still has its counts; what follows them is the function, cut by diff and by the archive.
_HUNK = re.compile(r"\s*@@ +-([0-9]{1,8})(?:,([0-9]{1,8}))? +\+([0-9]{1,8})(?:,([0-9]{1,8}))? +@@")
_NAMES = re.compile(r"(?:Index:|---|\+\+\+|diff) +\S")
_INDEX = re.compile(r"index ([0-9a-f]{7,64})\.\.[0-9a-f]{7,64}(?:\s|$)")
# Where the archive's or the list's own text begins behind a diff that lost lines.
_FOOTER = re.compile(r"-- ?$|To unsubscribe from this list|_{20,}$|-{5,} ?(?:next part|End of)|Last update: ")


def file_changes(patch: Patch) -> tuple[FileChange, ...]:
    """Every file the patch changes, in the diff's order; a file that appears twice is there twice.

    Raises nothing: where a diff that should be whole cannot be read, it is read as a damaged one.
    """
    lines = patch.diff.split("\n")
    if not patch.damage:
        try:
            diff = read_diff(lines, diff_start(lines) or 0, lambda at: f"{patch.source}:{at + 1}")
            return tuple(change for file in diff.files if (change := _whole(file, lines)) is not None)
        except UserError:
            pass
    return tuple(_damaged(lines[:MAX_LINES]))


def _whole(file: FileDiff, lines: Sequence[str]) -> FileChange | None:
    names = (file.header("--- "), file.header("+++ "))
    if names[0] is None or names[1] is None:  # a mode, or a rename without a change
        return None
    hunks = []
    for hunk in file.hunks:
        match = _HUNK.match(lines[hunk.line])
        assert match is not None  # read_diff has read it
        # git takes a wholly empty line for an empty context line; "\\ No newline" is no line of the file.
        body = tuple(line or " " for line in hunk.lines if not line.startswith("\\"))
        hunks.append(HunkLines(hunk.line + 1, int(match[1]), int(match[2] or 1), body))
    blob = _INDEX.match(f"index {file.header('index ') or ''}")
    return _change(names[0], names[1], blob[1] if blob else "", tuple(hunks), False)


def _change(old: str, new: str, blob: str, hunks: tuple[HunkLines, ...], damaged: bool) -> FileChange:
    names = (header_path(old), header_path(new))
    path = names[0] if names[1] == NO_FILE else names[1]
    created = names[0] == NO_FILE or (len(hunks) == 1 and not hunks[0].start and not hunks[0].count)
    return FileChange(path.partition("/")[2] or path, old, header_time(old), blob, created, damaged, hunks)


def _damaged(lines: Sequence[str]) -> Iterator[FileChange]:
    """The files of a diff whose hunks may lack lines: what stands in a hunk is what its counts leave room for."""
    old = new = index = blob = ""
    hunks: list[HunkLines] = []
    total = 0
    at = 0
    while at < len(lines) and total < MAX_HUNKS:
        line = lines[at].lstrip()
        match = _HUNK.match(line)
        if match:
            hunk, at = _damaged_hunk(lines, at, match)
            hunks.append(hunk)
            total += 1
            continue
        if _NAMES.match(line):
            if hunks:
                yield _change(old or index, new or old or index, blob, tuple(hunks), True)
                old = new = index = blob = ""
                hunks = []
            if line.startswith("--- "):
                old = line[4:]
            elif line.startswith("+++ "):
                new = line[4:]
            elif line.startswith("Index:"):
                index = line[6:].strip()
        elif found := _INDEX.match(line):
            blob = found[1]
        at += 1
    if hunks:
        yield _change(old or index, new or old or index, blob, tuple(hunks), True)


def _damaged_hunk(lines: Sequence[str], header: int, match: re.Match[str]) -> tuple[HunkLines, int]:
    old, new = int(match[2] or 1), int(match[4] or 1)
    body: list[str] = []
    at = header + 1
    while at < len(lines) and (old > 0 or new > 0):
        line = lines[at]
        follows = lines[at + 1] if at + 1 < len(lines) else ""
        if _HUNK.match(line) or line.startswith(("Index: ", "diff -")) or _FOOTER.match(line):
            break
        if line.startswith("--- ") and follows.startswith("+++ "):
            break
        if "&" in line:
            line = html.unescape(line)
        mark = line[:1] if line[:1] in ("+", "-") else " "
        old -= mark != "+"
        new -= mark != "-"
        body.append(mark + (line[1:] if line[:1] in ("+", "-", " ") else line))
        at += 1
    return HunkLines(header + 1, int(match[1]), int(match[2] or 1), tuple(body)), at
