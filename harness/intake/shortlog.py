"""The shortlog of a cover letter: "A Frog (9):" and the titles below it."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_TITLES = 4096
WRAP = 72  # columns; format-patch's cover letters wrap titles there (git, builtin/log.c, MAIL_DEFAULT_WRAP)

_AUTHOR = re.compile(r"(\S.{0,100}?) \((\d{1,4})\):\s*$")
_SUBSYSTEM = re.compile(r"[\w/.,{}*+-]+(?: [\w/.-]+)?: ")


def _joined(lines: list[str], count: int) -> list[str] | None:
    """``lines`` as ``count`` titles, wrapped ones put together; None where that cannot be told."""
    if any(line[:1] in (" ", "\t") for line in lines):
        first = min(len(line) - len(line.lstrip()) for line in lines)
        titles: list[str] = []
        for line in lines:
            deeper = len(line) - len(line.lstrip()) > first
            if deeper and titles:
                titles[-1] += " " + line.strip()
            else:
                titles.append(line.strip())
        if len(titles) == count:
            return titles
    texts = [line.strip() for line in lines]
    surplus = len(texts) - count
    if surplus < 0:
        return None
    # an archive took the indentation: a line goes on where the first word of the next would not have fitted
    rows = [
        (not _SUBSYSTEM.match(texts[at]), len(texts[at - 1]) + 1 + len(texts[at].split(" ")[0]), at)
        for at in range(1, len(texts))
    ]
    going_on = {at for new, length, at in sorted(rows, reverse=True)[:surplus] if new and length > WRAP - 4}
    if len(going_on) != surplus:
        return None
    titles = []
    for at, text in enumerate(texts):
        if at in going_on:
            titles[-1] += " " + text
        else:
            titles.append(text)
    return titles


def shortlog(lines: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(author, titles) of each author of a cover letter's shortlog, () where there is none that adds up."""
    found: list[tuple[str, tuple[str, ...]]] = []
    at = 0
    while at < len(lines):
        match = _AUTHOR.match(lines[at])
        at += 1
        if not match or not 0 < int(match[2]) <= MAX_TITLES:
            continue
        begin = at
        while at < len(lines) and lines[at].strip():
            at += 1
        titles = _joined(list(lines[begin:at]), int(match[2]))
        if titles:
            found.append((match[1].strip(), tuple(titles)))
    return tuple(found)


def titles_of_cover(lines: Sequence[str], total: int) -> tuple[str, ...]:
    """Titles of patches 1 to ``total`` by the shortlog; () where authors mix, since a shortlog sorts by author."""
    by_author = shortlog(lines)
    if len(by_author) == 1 and len(by_author[0][1]) == total:
        return by_author[0][1]
    return ()
