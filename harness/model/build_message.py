"""What a compiler, assembler, linker or configuration program said of a tree while it was built."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, fields
from typing import Any

# What changes from one build to the next though the complaint is the same: offsets into a section, the number that the
# compiler gives to a static symbol or a part of a function, the kind of quotation marks.
_OFFSET = re.compile(r"\+?0x[0-9a-fA-F]+")
_NUMBERED = re.compile(r"(?<=\w)\.(?:(?:constprop|isra|part|cold)\.)?\d+\b")
_QUOTES = str.maketrans("`‘’´", "''''")


class MessageKind(enum.StrEnum):
    """How bad it is: an error made the build fail."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class BuildMessage:
    """One warning or error of a build.

    ``file`` is told from the tree's root ("" where none is named), ``line`` and ``column`` count from 1 (0: not told).
    ``option`` is the -Wxxx that switches it off, ``function`` the function it is in, ``target`` the file that was being
    made, as "mm/rmap.o": when that is made anew, its old messages are void.
    """

    kind: MessageKind
    file: str
    line: int
    message: str
    option: str = ""
    function: str = ""
    column: int = 0
    target: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Equal for the same complaint of two builds: the file, the function and the words, not the line, which every
        patch above it moves."""
        words = _NUMBERED.sub("", _OFFSET.sub("", self.message.translate(_QUOTES)))
        return self.kind.value, self.file, self.function, words

    @property
    def place(self) -> str:
        """ "mm/rmap.c:12:3", as editors take it."""
        numbers = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file or self.target, *(numbers if self.file else [])])

    def __str__(self) -> str:
        option = f" [{self.option}]" if self.option else ""
        return f"{self.place}: {self.kind}: {self.message}{option}".removeprefix(": ")


def message_from(row: dict[str, Any]) -> BuildMessage:
    """The message that ``dataclasses.asdict`` made ``row`` of. Raises KeyError, TypeError or ValueError."""
    types = {"kind": MessageKind, "line": int, "column": int}
    return BuildMessage(**{field.name: types.get(field.name, str)(row[field.name]) for field in fields(BuildMessage)})


@dataclass(frozen=True, slots=True)
class BroughtMessage:
    """A message that the baseline does not have. ``first`` to ``last`` are the patches one of which brought it: more
    than one where no kernel was built between them. ``touching`` are those of them that change its file;
    ``files_known`` False: which files they change was not written down, and none in ``touching`` says nothing."""

    message: BuildMessage
    first: int
    last: int
    touching: tuple[int, ...]
    files_known: bool = True

    @property
    def patches(self) -> tuple[int, ...]:
        """The patches that can have brought it: those that change its file, else all."""
        return self.touching or tuple(range(self.first, self.last + 1))


@dataclass(frozen=True, slots=True)
class BuildChange:
    """A kernel's messages against the baseline's. ``known`` False: one of the two sides is not known, and nothing is
    said. ``gone`` are the baseline's that it has no more."""

    known: bool
    new: tuple[BroughtMessage, ...] = ()
    gone: tuple[BuildMessage, ...] = ()


NOT_KNOWN = BuildChange(False)
"""The change of a kernel of which nothing can be said."""
