"""Whether a diff was made the wrong way round, from the new tree to the old, by what its own headers say."""

from __future__ import annotations

import re
from datetime import datetime

from harness.model.hunk import STAMP, header_time

_HEADERS = re.compile(r"^--- (?P<old>[^\n]*)\n\+\+\+ (?P<new>[^\n]*)\n@@ -", re.MULTILINE)
_ORIGINAL = re.compile(r"^[^/]*[.-]orig/|\.orig$|~$|\.old$")


def turned_round(diff: str) -> str:
    """Why the diff is taken to be turned round, "" where nothing says so.

    Every file of it must say so: its "+++" side is named as an original ("linux.orig/", "swap.c.orig", "swap.c~")
    and its "---" side is not, or its "---" side carries the later time.
    """
    reasons = []
    for match in _HEADERS.finditer(diff):
        old, new = match["old"], match["new"]
        if _is_original(new) and not _is_original(old):
            reasons.append(f"+++ names the original: {_name(new)}")
        elif (times := (header_time(old), header_time(new))) and None not in times and _later(*times):
            reasons.append(f"--- is the later file: {_name(old)}")
        else:
            return ""
    return reasons[0] if reasons else ""


def _is_original(header: str) -> bool:
    return _ORIGINAL.search(_name(header)) is not None


def _name(header: str) -> str:
    return STAMP.split(header, maxsplit=1)[0].split("\t", 1)[0].strip()


def _later(old: datetime | None, new: datetime | None) -> bool:
    return old is not None and new is not None and old > new
