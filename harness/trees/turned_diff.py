"""Whether a diff was made the wrong way round, from the new tree to the old, by what its own headers say."""

from __future__ import annotations

import re

from harness.model.hunk import STAMP

_HEADERS = re.compile(r"^--- (?P<old>[^\n]*)\n\+\+\+ (?P<new>[^\n]*)\n@@ -", re.MULTILINE)
_ORIGINAL = re.compile(r"^[^/]*[.-]orig/|\.orig$|~$|\.old$")


def turned_round(diff: str) -> str:
    """Why the diff is taken to be turned round, "" where nothing says so.

    Every file of it must name its "+++" side as an original ("linux.orig/", "swap.c.orig", "swap.c~") and not its
    "---" side. The files' times say less: a fresh copy of the old tree is later than the edited one.
    """
    reason = ""
    for match in _HEADERS.finditer(diff):
        old, new = (STAMP.split(match[side], maxsplit=1)[0].split("\t", 1)[0].strip() for side in ("old", "new"))
        if _ORIGINAL.search(old) or not _ORIGINAL.search(new):
            return ""
        reason = reason or f"+++ names the original: {new}"
    return reason
