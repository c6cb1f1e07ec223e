"""An mbox as bytes to its messages, each with the line it begins at."""

from __future__ import annotations

import re
from collections.abc import Iterator

# "From walken@google.com Fri Aug 19 07:48:52 2011", also "From <40 hex> Mon Sep 17 00:00:00 2001" of git and
# "From mboxrd@z Thu Jan  1 00:00:00 1970" of public-inbox; prose that begins with "From" has no time
_FROM = re.compile(rb"From \S+ .*\d\d:\d\d(?::\d\d)?.* \d{4}|From \S+ .*\d{4} \d\d:\d\d")
_FIELD = re.compile(rb">?[A-Za-z][A-Za-z0-9-]*:")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def is_mbox(data: bytes) -> bool:
    """Whether the bytes begin with an mbox envelope."""
    return bool(_FROM.match(data[:1024].partition(b"\n")[0]))


def split_mbox(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(line from 1, message with its envelope line) of each message; ">From " lines are unquoted (mboxrd).

    ``data`` is what is_mbox takes for one.
    """
    lines = data.split(b"\n")
    starts = [0] + [
        at
        for at, line in enumerate(lines)
        if at > 0
        and line.startswith(b"From ")
        and not lines[at - 1].strip()
        and _FROM.match(line[:1024])
        and at + 1 < len(lines)
        and _FIELD.match(lines[at + 1][:256])
    ]
    for at, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield at + 1, _QUOTED.sub(rb"\1", b"\n".join(lines[at:end]))
