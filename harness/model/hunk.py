"""What a diff asks of a tree, file by file: the lines it wants to find and the lines it leaves behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

STAMP = re.compile(
    r"(?P<iso>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)|"
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<asctime>[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d \d{4})"
)
"""The time behind a file's name in a header of diff -u: GNU diff's of today, and the one of before 2001."""


@dataclass(frozen=True, slots=True)
class HunkLines:
    """One hunk. ``at`` is the 1-based line of its header in the diff's text, ``start`` the line of the old file that
    the header names (0 for a file without lines), ``count`` how many old lines it says there are.

    ``lines`` have their mark (" ", "-" or "+") in front and no line end.
    """

    at: int
    start: int
    count: int
    lines: tuple[str, ...]

    @property
    def old(self) -> tuple[str, ...]:
        """Context and removed lines, without their marks."""
        return tuple(line[1:] for line in self.lines if not line.startswith("+"))

    @property
    def new(self) -> tuple[str, ...]:
        """Context and added lines, without their marks."""
        return tuple(line[1:] for line in self.lines if not line.startswith("-"))


@dataclass(frozen=True, slots=True)
class FileChange:
    """The change to one file.

    ``path`` is below the tree's root; ``old_name`` what stands behind "--- ", time included, and ``old_time`` that
    time in the author's zone; ``old_blob`` the beginning of the blob id in the index line ("" without one, zeros for
    a new file). ``damaged``: the text went through an archive; its lines have lost whitespace, or are lost.
    """

    path: str
    old_name: str
    old_time: datetime | None
    old_blob: str
    created: bool
    damaged: bool
    hunks: tuple[HunkLines, ...]


def header_time(header: str) -> datetime | None:
    """The time behind a file's name, in the author's own zone; None where there is none, or where it is the epoch,
    which stands for a file that does not exist."""
    match = STAMP.search(header)
    if match is None:
        return None
    try:
        if match["iso"]:
            found = datetime.strptime(match["iso"], "%Y-%m-%d %H:%M:%S")
        else:
            found = datetime.strptime(match["asctime"], "%b %d %H:%M:%S %Y")
    except ValueError:
        return None
    return found if found.year > 1970 else None
