"""Text of format=flowed (RFC 3676) back to the lines it was made of; a diff in it back to what git reads.

The format wraps long lines behind a blank and stuffs one blank in front of lines that begin with one. Both ruin a diff:
its context begins with a blank, and a line of it may really end with one. So the readings are tried from the standard's
own to none at all, and the first in which the hunks' counts hold is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.intake.diff_text import diff_start, read_diff
from harness.model.errors import UserError

_DIFF_LINE = re.compile(r"[+-]|@@ -|diff |Index: |={20}| ")


def _parted(line: str) -> tuple[int, str]:
    """(quote depth, text with the stuffed blank taken off)."""
    text = line.lstrip(">")
    return len(line) - len(text), text.removeprefix(" ")


def unflow(lines: Sequence[str], *, delsp: bool, keep_diff_lines: bool = False) -> list[str]:
    """Lines joined and unstuffed; with ``delsp`` the blank at a break goes too.

    ``keep_diff_lines``: a line is not joined with one that looks like a diff's next line.
    """
    found: list[str] = []
    parts: list[str] = []
    open_depth: int | None = None  # quote depth of a line that goes on
    for line in lines:
        depth, text = _parted(line)
        joins = open_depth == depth and not (keep_diff_lines and _DIFF_LINE.match(text)) and text.rstrip() != "--"
        if joins:
            parts[-1] = parts[-1].removesuffix(" ") if delsp else parts[-1]
            parts.append(text)
        else:
            if parts:
                found.append("".join(parts))
            parts = [">" * depth + " ", text] if depth else [text]
        open_depth = depth if text.endswith(" ") and text != "-- " else None
    if parts:
        found.append("".join(parts))
    return found


def unstuff(lines: Sequence[str]) -> list[str]:
    """Lines with the stuffed blank taken off, none joined."""
    return [line.removeprefix(" ") for line in lines]


def _holds(lines: Sequence[str]) -> bool:
    start = diff_start(lines)
    if start is None:
        return False
    try:
        return bool(read_diff(lines, start, str).files)
    except UserError:
        return False


def read_flowed(lines: Sequence[str], *, delsp: bool) -> tuple[list[str], str]:
    """(lines, how they were read in words) of a body of format=flowed."""
    flowed = unflow(lines, delsp=delsp)
    if diff_start(lines) is None:
        return flowed, ""
    careful = unflow(lines, delsp=delsp, keep_diff_lines=True)
    for reading, how in (
        (flowed, "format=flowed undone"),
        (careful, "format=flowed undone, lines of the diff not joined"),
        (unstuff(lines), "format=flowed: only the stuffed blanks taken off"),
        (list(lines), "labelled format=flowed but is not: read as it stands"),
    ):
        if _holds(reading):
            return reading, how
    return careful, "format=flowed undone; the diff is damaged all the same"
