"""The diffstat of a patch mail, checked against its diff."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_SHOWN = 3  # disagreements told of one patch

# leading blanks are lost in web archives; the graph behind the number too
_FILE = re.compile(r"\s{0,4}(\S[^|\n]{0,400}?)\s*\|\s{1,9}(\d{1,7})\s*([+!-]*)\s*$")
_BINARY = re.compile(r"\s{0,4}(\S[^|\n]{0,400}?)\s*\|\s{1,9}Bin\b")
_TOTAL = re.compile(
    r"\s{0,4}(\d{1,6}) files? changed(?:, (\d{1,8}) insertions?(?:\(\+\))?)?(?:, (\d{1,8}) deletions?(?:\(-\))?)?"
    r"(?:, (\d{1,8}) modifications?)?"
)


@dataclass(frozen=True, slots=True)
class Diffstat:
    """``files``: (path as written, changed lines); ``total``: (files, insertions, deletions) where it is given."""

    files: tuple[tuple[str, int], ...]
    total: tuple[int, int, int] | None


def is_diffstat_line(line: str) -> bool:
    """Whether the line is one of a diffstat: "path | 3 ++-" or its total."""
    return bool(_FILE.match(line) or _BINARY.match(line) or _TOTAL.match(line))


def read_diffstat(lines: Sequence[str]) -> Diffstat | None:
    """The last diffstat among ``lines``, None where there is none."""
    files: list[tuple[str, int]] = []
    total: tuple[int, int, int] | None = None
    for line in lines:
        if match := _TOTAL.match(line):
            inserted, deleted = int(match[2] or 0), int(match[3] or 0)
            total = None if match[4] else (int(match[1]), inserted, deleted)
        elif match := _FILE.match(line):
            if total is not None:
                files, total = [], None  # another diffstat begins
            files.append((match[1], int(match[2])))
    return Diffstat(tuple(files), total) if files or total else None


def _counted(path: str, changes: Mapping[str, tuple[int, int]]) -> tuple[str, tuple[int, int]] | None:
    """The diff's file that a diffstat's path means; ".../swap.c" is short for one that ends so."""
    if path in changes:
        return path, changes[path]
    # Dickey's diffstat names patches of -p0 with the tree's own folder in front
    ends = [name for name in changes if path.endswith("/" + name)]
    if path.startswith("...") and not ends:
        ends = [name for name in changes if name.endswith(path.lstrip("."))]
    return (ends[0], changes[ends[0]]) if len(ends) == 1 else None


def disagreements(stat: Diffstat, changes: Mapping[str, tuple[int, int]], *, counts: bool = True) -> tuple[str, ...]:
    """What the diffstat says otherwise than the diff, a line each, at most MAX_SHOWN.

    ``changes``: path to (added, removed) lines of the diff. ``counts`` False: only the files are compared, since the
    diff's lines are known to be damaged.
    """
    told: list[str] = []
    seen: set[str] = set()
    for path, changed in stat.files:
        if "=>" in path or "{" in path:
            return ()  # renames: two names in one
        found = _counted(path, changes)
        if found is None:
            told.append(f"the diffstat names {path}, the diff does not")
            continue
        name, (added, removed) = found
        seen.add(name)
        if counts and changed != added + removed:
            told.append(f"the diffstat counts {changed} changed lines of {name}, the diff has {added + removed}")
    if stat.files and (total := stat.total) and total[0] == len(stat.files):
        told += [f"the diff changes {name}, the diffstat does not name it" for name in changes if name not in seen]
    if stat.total and counts:
        added = sum(pair[0] for pair in changes.values())
        removed = sum(pair[1] for pair in changes.values())
        if (added, removed) != stat.total[1:]:
            told.append(
                f"the diffstat counts +{stat.total[1]} -{stat.total[2]} lines, the diff has +{added} -{removed}"
            )
    more = len(told) - MAX_SHOWN
    return (*told[:MAX_SHOWN], *([f"the diffstat disagrees in {more} more places"] if more > 0 else []))
