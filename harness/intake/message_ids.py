"""Message ids that programs number: from those of some members of a series to those of the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

# each with the number between two parts that a series shares
_NUMBERED = (
    re.compile(r"(\d{9,11}-\d{1,7}-)(\d{1,4})(-git-send-email-.+)"),  # git send-email up to 2.1x
    re.compile(r"(\d{14}\.\d{1,7}-)(\d{1,4})(-[^-].*)"),  # git send-email since
    re.compile(r"(.{1,200}-v\d{1,3}-)(\d{1,4})(-[0-9a-f]{6,40}@.+)"),  # b4 send
)


def ids_by_numbering(held: Mapping[int, str], missing: Sequence[int]) -> dict[int, str]:
    """Ids of the ``missing`` members, by index, from those ``held``; {} where the held ones do not count together."""
    for pattern in _NUMBERED:
        found = {index: match for index, id_ in held.items() if (match := pattern.fullmatch(id_))}
        frames = {(match[1], match[3], int(match[2]) - index) for index, match in found.items()}
        if len(frames) == 1:
            before, behind, offset = frames.pop()
            return {index: f"{before}{index + offset}{behind}" for index in missing if index + offset >= 0}
    return {}
