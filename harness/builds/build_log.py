"""What a build's log says: whose fault a failure is, the line to point at, the compiler's warnings. Pure functions."""

from __future__ import annotations

import re

MAX_LINE = 300  # characters of a log line in an error of ours
MAX_WARNINGS = 200

# Words of a failing machine in a build log: no verdict on the tree.
_TROUBLE = re.compile(
    r"No space left on device|Cannot allocate memory|out of memory allocating|Input/output error|Read-only file system"
    r"|internal compiler error|\bKilled\b|Resource temporarily unavailable|Cannot fork|Too many open files"
    r"|Permission denied|ccache: error|make: not found|Disk quota exceeded|Text file busy"
)
# "FILE:LINE: warning: TEXT", with a column since GCC 4.
_WARNING = re.compile(r"^[^\s:]+:\d+:(?:\d+:)? warning: ")


def machine_trouble(log: bytes) -> str | None:
    """The line of a build log that blames the machine or the compiler itself, None where there is none."""
    for line in _lines(log):
        if _TROUBLE.search(line):
            return _printable(line)
    return None


def first_error(log: bytes) -> str:
    """The line of a build log that a person would point at."""
    lines = _lines(log)
    for pattern in (r":\s+(fatal )?error:", r"undefined reference", r"(?i)^error\b|: error\b", r"\*\*\* "):
        for line in lines:
            if re.search(pattern, line):
                return _printable(line)
    return _printable(lines[-1]) if lines else "the log is empty"


def warnings(log: bytes) -> tuple[str, ...]:
    """The compiler's warnings in their order, without repetitions, at most MAX_WARNINGS."""
    told = (_printable(line) for line in _lines(log) if _WARNING.match(line))
    return tuple(dict.fromkeys(told))[:MAX_WARNINGS]


def from_the_root(line: str, path: str) -> str:
    """A compiler's line on ``path``, an object or source, with its file told from the tree's root.

    Trees before 2.6 call the compiler in the file's own folder; headers are told by their place in the container.
    """
    line = re.sub(r"^/(?:source|out)/", "", line)
    folder, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0]
    return f"{folder}/{line}" if slash and re.match(rf"{re.escape(stem)}\.[chS]:", line) else line


def _lines(log: bytes) -> list[str]:
    return log.decode("utf-8", "replace").splitlines()


def _printable(line: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", line.strip())[:MAX_LINE]
