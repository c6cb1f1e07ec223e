"""Subject lines of patch mails: "[PATCH v2 3/9] mm: ..." to version, index, total and title."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_PATCHES = 4096  # no posted series comes near; a larger number in a subject is no patch count

_REPLY = re.compile(r"\s*(?:re|aw|fwd?|sv)(?:\[\d+\])?\s*:\s*", re.IGNORECASE)
_BRACKET = re.compile(r"\s*\[([^\[\]]*)\]")
# "3/9" of git and quilt, "01 of 12" of Mercurial's patchbomb
_COUNT = re.compile(r"(?<![\w./])(\d{1,4})\s*(?:/|\s+of\s+)\s*(\d{1,4})(?![\d/.])", re.IGNORECASE)
# "v2", "PATCHv2", "take 3", "try #2"; not "v3.0", which names a kernel
_VERSION = re.compile(
    r"(?:(?<![a-z0-9])|(?<=patch))(?:v|ver\.?|version|take|try|rev)[ .#]*(\d{1,3})(?![\w.]*\d|\w)", re.IGNORECASE
)
_WORD = re.compile(r"(?<![a-z])(?:patch(?![a-z])|patchv\d|rfc(?![a-z])|resend(?![a-z])|repost(?![a-z]))", re.IGNORECASE)
_RFC = re.compile(r"(?<![a-z])rfc(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject taken apart. ``index`` and ``total`` are None where no "n/m" is given; ``index`` 0 is a cover letter.

    ``title`` is the text without the patch prefix, ``tags`` the prefix's words as they stood ("-mm", "RFC").
    """

    title: str
    is_patch: bool
    is_reply: bool
    index: int | None
    total: int | None
    version: int
    rfc: bool
    tags: tuple[str, ...]


def parse_subject(text: str) -> Subject:
    """The parts of a decoded, unfolded subject line. Never raises: what is not understood stays in the title."""
    rest = " ".join(text.split())
    is_reply = False
    while match := _REPLY.match(rest):
        is_reply = True
        rest = rest[match.end() :]
    prefixes: list[str] = []
    found: list[str] = []
    title_at = position = 0
    while match := _BRACKET.match(rest, position):
        position = match.end()
        found.append(match[1])
        # "[media]" after the prefix is part of the title; "[linux-mm]" before it is not
        if _WORD.search(match[1]) or _COUNT.search(match[1]) or _VERSION.fullmatch(match[1].strip()):
            prefixes, title_at = list(found), position
    prefix = " ".join(prefixes)
    count = _COUNT.search(prefix)
    index = total = None
    if count and int(count[1]) <= MAX_PATCHES and 0 < int(count[2]) <= MAX_PATCHES:
        index, total = int(count[1]), int(count[2])
    version = _VERSION.search(prefix)
    return Subject(
        title=rest[title_at:].strip() or rest,
        is_patch=bool(prefixes),
        is_reply=is_reply,
        index=index,
        total=total,
        version=max(1, int(version[1])) if version else 1,
        rfc=bool(_RFC.search(prefix)),
        tags=tuple(prefix.split()),
    )
