"""The trailers of a commit message: "Signed-off-by: NAME <ADDRESS>" and the other lines that close it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.model.series import Trailer

MAX_TRAILERS = 1024  # of one message
MAX_VALUE = 1024  # characters of one value that are kept

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,40}): ?(\S.*)")
# keys that stand in a trailer block without ending in "-by"; Documentation/process/submitting-patches.rst and git log
_KEYS = frozenset(
    "cc to link fixes closes bug bugzilla change-id message-id references depends-on stable-dep-of patchwork "
    "git-dch upstream-commit reported-and-tested-by lkml-reference buglink addresses-coverity-id".split()
)
_REMARK = re.compile(r"\[[^\]\n]{1,400}\]?\s*$")  # "[akpm@...: fix it]" between sign-offs


def _trailer(line: str) -> Trailer | None:
    match = _LINE.match(line.strip())
    if not match:
        return None
    key = match[1]
    lower = key.lower()
    if not (lower in _KEYS or lower.endswith(("-by", "-id", "-to", "-of"))):
        return None
    return Trailer(key, match[2].strip()[:MAX_VALUE])


def message_trailers(message: str) -> tuple[Trailer, ...]:
    """Trailers of a message, in order, keys as they are written ("Signed-Off-By" too).

    They are taken from the message's end upwards through blank lines, remarks in brackets and wrapped values; a line
    ending in "-by:" counts where it stands above other text as well, since old mails sign before a postscript.
    """
    lines = message.split("\n")
    found: list[tuple[int, Trailer]] = []
    at = len(lines) - 1
    wrapped: list[str] = []
    while at >= 0 and len(found) < MAX_TRAILERS:
        line = lines[at]
        trailer = _trailer(line)
        if trailer:
            value = " ".join([trailer.value, *reversed(wrapped)])[:MAX_VALUE]
            found.append((at, Trailer(trailer.key, value)))
            wrapped = []
        elif line[:1] in (" ", "\t") and line.strip() and len(wrapped) < 8:
            wrapped.append(line.strip())
        elif (line.strip() and not _REMARK.match(line.strip())) or wrapped:
            break
        at -= 1
    signed = [(place, trailer) for place, trailer in _signed(lines[: at + 1])]
    return tuple(trailer for _, trailer in [*signed, *reversed(found)][:MAX_TRAILERS])


def _signed(lines: list[str]) -> Iterator[tuple[int, Trailer]]:
    for place, line in enumerate(lines):
        trailer = _trailer(line) if "-" in line[:24] else None
        if trailer and trailer.key.lower().endswith("-by") and "@" in trailer.value:
            yield place, trailer
