"""The configuration language of kernels before 2.5.45 (Documentation/kbuild/config-language.txt of its time), as far as
saying why an option was dropped needs it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from harness.builds.definitions import (
    MAX_EXPRESSION,
    MAX_LINE,
    MAX_NESTING,
    MAX_PLACES,
    Definition,
    Definitions,
    Files,
    Read,
    conjunction,
)

MAX_FILES = 2_000  # the kernel had about two hundred
MAX_TOTAL = 2 << 20  # characters of them together; Linux 2.5.31 has 0.4 million

_PROMPTED = {
    "bool": "bool", "tristate": "tristate", "int": "int", "hex": "hex", "string": "string",
    "dep_bool": "bool", "dep_mbool": "bool", "dep_tristate": "tristate",
}  # fmt: skip
_DEFINED = {"define_bool", "define_tristate", "define_int", "define_hex", "define_string"}
_OPERATORS = {"-o": "||", "-a": "&&", "=": "=", "!=": "!=", "!": "!"}


class _Reader:
    def __init__(self, read: Read) -> None:
        self.files = Files(read, MAX_FILES, MAX_TOTAL)
        self.options: dict[str, list[Definition]] = {}
        self.choices = 0

    def file(self, path: str, outer: tuple[str, ...] = ()) -> None:
        with self.files.open(path) as text:
            self.text(text or "", path, outer)

    def text(self, text: str, path: str, outer: tuple[str, ...]) -> None:
        conditions = list(outer)
        for number, words in _statements(text):
            command = words[0]
            if command == "if":
                conditions.append(_condition(words[1:]))
            elif command == "else" and len(conditions) > len(outer):
                if len(conditions[-1]) < MAX_EXPRESSION:
                    conditions[-1] = f"!({conditions[-1]})"
            elif command == "fi" and len(conditions) > len(outer):
                conditions.pop()
            elif command == "source" and len(words) > 1:
                self.file(words[1], tuple(conditions))
            else:
                self.statement(words, conditions, f"{path}:{number}")

    def statement(self, words: list[str], conditions: list[str], where: str) -> None:
        command, arguments = words[0], words[1:]
        if command == "choice" and len(arguments) > 1:
            self.choices += 1
            for word in arguments[1].split():
                if word.startswith("CONFIG_"):
                    self.define(word, "bool", conditions, [], where, choice=self.choices)
        elif command in _DEFINED and arguments:
            given = [_option(word) for word in arguments[1:2] if word.startswith("$")]
            self.define(arguments[0], command.removeprefix("define_"), conditions, given, where, prompted=False)
        elif command in _PROMPTED and len(arguments) > 1:
            given = [_option(word) for word in arguments[2:]] if command.startswith("dep_") else []
            self.define(arguments[1], _PROMPTED[command], conditions, given, where)

    def define(
        self,
        name: str,
        kind: str,
        conditions: list[str],
        given: list[str],
        where: str,
        *,
        prompted: bool = True,
        choice: int | None = None,
    ) -> None:
        name = name.removeprefix("CONFIG_")
        if len(self.options.get(name, ())) >= MAX_PLACES:
            return
        depends = conjunction(*conditions[:MAX_NESTING], *given)
        visible = depends if prompted else None
        self.options.setdefault(name, []).append(Definition(name, where, kind, depends, visible, choice=choice))


def read_config_in(read: Read, arch: str) -> Definitions:
    """Every definition that ``arch`` sees. ``read`` gives the text of a file by its path below the tree's root, None
    where there is none. An option depends on those that its statement names and on the ``if`` statements around it, in
    the files that include it too."""
    reader = _Reader(read)
    reader.file(f"arch/{arch}/config.in")
    return Definitions({name: tuple(places) for name, places in reader.options.items()}, {})


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line, words) of each statement; "then" and what a shell cannot read are left out."""
    pending, begun = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        begun = begun if pending else number
        if len(raw) + len(pending) > MAX_LINE:
            pending = ""
            continue
        if raw.endswith("\\"):
            pending += raw[:-1] + " "
            continue
        line, pending = pending + raw, ""
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        words = [word.rstrip(";") for word in words if word not in ("then", ";")]
        if words:
            yield begun, words


def _condition(words: list[str]) -> str:
    """``[ "$CONFIG_A" = "y" -o "$CONFIG_B" != "n" ]`` as "A = y || B != n"."""
    return " ".join(_OPERATORS.get(word, _option(word)) for word in words if word not in ("[", "]"))


def _option(word: str) -> str:
    # An option that is not set is the empty string there.
    return re.sub(r"^\$\{?CONFIG_(\w+)\}?$", r"\1", word) or "n"
