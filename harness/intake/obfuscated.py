"""Mail addresses that an archive hid. They are kept as they stand; what hides them cannot be undone for certain."""

from __future__ import annotations

import re

NOTE = "address hidden by the archive"

_HIDDEN = re.compile(
    r"@[\w.-]{0,60}?x{4,}"  # hypermail, spinics: frog@xxxxxxxxx
    r"|\S{1,60} \(\) \S{1,60}(?: ! \S{1,60}){1,6}"  # MARC: frog () pond ! example
    r"|\S{1,60}\s?(?:<at>|\[at\]|\(at\)|\(a\)|&lt;at&gt;)\s?\S{1,60}"  # gmane
    r"|\S{1,60} at \S{1,60} dot \S{1,20}"  # pipermail and others
    r"|\[email[ \u00a0]{0,2}protected\]"
    r"|@\.\.\.|@[\w-]{1,60}\.\.\."  # openwall, groups: frog@...nd.example, frog@po...
    r"|\w <>\s*$",  # lkml.org: A Frog <>
    re.IGNORECASE,
)


def hidden_address(text: str) -> bool:
    """Whether ``text`` holds an address that an archive hid."""
    return bool(_HIDDEN.search(text[:4096]))
