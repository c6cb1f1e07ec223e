"""What a tree's configuration files say of an option, in whichever language they are written."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """One place that defines an option; ``where`` is "file:line".

    Conditions are expressions of options ("" always): ``depends`` must hold for the option to be there, ``visible``
    for its prompt to be shown as well (None: it has no prompt). ``kind`` is bool, tristate, int, hex or string, or ""
    where the place does not say. ``defaults`` and ``ranges`` have their own conditions last. ``choice`` numbers the
    choice that the option is a member of.
    """

    name: str
    where: str = ""
    kind: str = ""
    depends: str = ""
    visible: str | None = ""
    defaults: tuple[tuple[str, str], ...] = ()
    ranges: tuple[tuple[str, str, str], ...] = ()
    choice: int | None = None


@dataclass(frozen=True, slots=True)
class Definitions:
    """All options of a tree for one architecture. ``selected_by``: option to (option that selects it, condition)."""

    options: Mapping[str, tuple[Definition, ...]]
    selected_by: Mapping[str, tuple[tuple[str, str], ...]]

    def of(self, name: str) -> tuple[Definition, ...]:
        """Every place that defines ``name``; empty where the tree does not know it."""
        return self.options.get(name, ())

    def members(self, choice: int) -> tuple[str, ...]:
        """The options of a choice, in their order."""
        return tuple(name for name, places in self.options.items() if any(p.choice == choice for p in places))


Read = Callable[[str], str | None]

MAX_DEPTH = 32  # of files that include files; the kernel's own go to about eight


class Files:
    """The files of one tree, of which one includes another: as many and as much of them as a kernel could need.

    A file that includes itself, by whatever detour, is read once: the configuration programs refuse it.
    """

    def __init__(self, read: Read, most: int, characters: int) -> None:
        self._read = read
        self._files = most
        self._characters = characters
        self._open: list[str] = []

    @contextmanager
    def open(self, path: str) -> Iterator[str | None]:
        """The text of a file, "being read" until the end of ``with``; None where there is none or no more is read."""
        name = posixpath.normpath(path)
        spent = self._files <= 0 or self._characters <= 0 or len(self._open) >= MAX_DEPTH
        text = None
        if not spent and name not in self._open:
            self._files -= 1
            text = self._read(path)
        if text is not None:
            text = text[: self._characters]
            self._characters -= len(text)
        self._open.append(name)
        try:
            yield text
        finally:
            self._open.pop()


# A patch can write into these files what it likes. The kernel's own lines have up to 300 characters, its options are
# inside of up to ten menus and conditions; what is beyond these limits is not taken into a reason.
MAX_LINE = 4096
MAX_NESTING = 64
MAX_EXPRESSION = 4096
MAX_PLACES = 32  # that define one option: architectures apart, three are many

NO_DEFINITIONS = Definitions({}, {})


def conjunction(*parts: str) -> str:
    """The parts that say something, joined by "&&"; one with alternatives is put in parentheses."""
    said = [part for part in parts if part][:MAX_NESTING]
    if len(said) == 1:
        return said[0]
    return " && ".join(f"({part})" if len(_split(part, "||")) > 1 else part for part in said)


def conjuncts(expression: str) -> list[str]:
    """The conditions that must all hold. Parentheses around several of them are taken off, those around alternatives
    stay."""
    expression = expression.strip()
    if expression.count("(") > MAX_NESTING:
        return [expression]
    # "A || B && C" is one condition: && binds closer, so it must not be torn apart.
    if len(_split(expression, "||")) > 1:
        return [expression]
    found: list[str] = []
    for part in _split(expression, "&&"):
        inner = part[1:-1].strip()
        if part.startswith("(") and part.endswith(")") and _is_whole(inner) and len(_split(inner, "||")) == 1:
            found += conjuncts(inner)
        elif part:
            found.append(part)
    return found


def _split(text: str, operator: str) -> list[str]:
    """The parts between ``operator`` outside of parentheses."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and text.startswith(operator, position):
            parts.append(text[start:position].strip())
            start = position + len(operator)
    return [*parts, text[start:].strip()]


def _is_whole(text: str) -> bool:
    """Whether the parentheses within ``text`` close in it."""
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0 and bool(text)
