"""Kconfig files (Documentation/kbuild/kconfig-language of 2.5.45 and later), as far as saying why an option was dropped
needs it: definitions with their dependencies, prompts, defaults, ranges, choices and who selects them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.builds.definitions import (
    MAX_LINE,
    MAX_NESTING,
    MAX_PLACES,
    Definition,
    Definitions,
    Files,
    Read,
    conjunction,
)

MAX_FILES = 20_000  # the kernel has about two thousand
MAX_TOTAL = 16 << 20  # characters of them together; Linux 6.12 has 6.7 million, of which x86 reads 5.9

_KINDS = {"bool": "bool", "boolean": "bool", "tristate": "tristate", "int": "int", "hex": "hex", "string": "string"}
_SOURCE = re.compile(r'^(?:o|r|or)?source\s+"?([^"\s]+)"?')
_WORD = re.compile(r"^([A-Za-z_]+)(?![\w-])\s*(.*)$")


@dataclass
class _Block:
    """What an ``if``, ``menu`` or ``choice`` lays over everything inside it."""

    kind: str
    depends: list[str] = field(default_factory=list)
    visible: list[str] = field(default_factory=list)
    prompt_if: str = ""
    choice: int | None = None


@dataclass
class _Entry:
    """An option being read."""

    name: str
    where: str
    outer: list[str]
    outer_visible: list[str]
    choice: int | None
    kind: str = ""
    prompted: bool = False
    prompt_if: list[str] = field(default_factory=list)
    depends: list[str] = field(default_factory=list)
    defaults: list[tuple[str, str]] = field(default_factory=list)
    ranges: list[tuple[str, str, str]] = field(default_factory=list)


class _Reader:
    def __init__(self, read: Read, arch: str, srcarch: str) -> None:
        self.files = Files(read, MAX_FILES, MAX_TOTAL)
        self.variables = {"ARCH": arch, "SRCARCH": srcarch, "SUBARCH": arch}
        self.options: dict[str, list[Definition]] = {}
        self.selected_by: dict[str, list[tuple[str, str]]] = {}
        self.blocks: list[_Block] = []
        self.entry: _Entry | None = None
        self.block_open = False  # attributes go to the innermost menu or choice
        self.choices = 0

    def file(self, path: str, depth: int = 0) -> None:
        with self.files.open(path) as text:
            for number, line in _lines(text or ""):
                self.line(line, f"{path}:{number}", depth)
        if depth == 0:
            self.close()

    def line(self, line: str, where: str, depth: int) -> None:
        match = _WORD.match(line)
        if match is None:
            return
        word, rest = match[1], _uncommented(match[2])
        if word in ("config", "menuconfig"):
            self.close()
            self.open_option(rest, where)
        elif word in ("menu", "choice", "if"):
            self.close()
            self.open_block(word, rest)
        elif word in ("endif", "endmenu", "endchoice"):
            self.close()
            if self.blocks:
                self.blocks.pop()
        elif source := _SOURCE.match(line):
            self.close()
            self.file(self.expanded(source[1]), depth + 1)
        elif word in ("comment", "mainmenu"):
            self.close()
        elif self.entry is not None:
            self.attribute(self.entry, word, rest)
        elif self.block_open and self.blocks:
            self.block_attribute(self.blocks[-1], word, rest)

    def open_option(self, name: str, where: str) -> None:
        blocks = self.blocks[:MAX_NESTING]
        outer = [conjunction(*block.depends) for block in blocks]
        visible = [condition for block in blocks for condition in (*block.visible, block.prompt_if)]
        choice = next((b.choice for b in reversed(self.blocks[-MAX_NESTING:]) if b.kind in ("choice", "menu")), None)
        self.entry = _Entry(name, where, outer, visible, choice)

    def open_block(self, word: str, rest: str) -> None:
        if word == "choice":
            self.choices += 1
        choice = self.choices if word == "choice" else None
        self.blocks.append(_Block(word, [rest] if word == "if" else [], choice=choice))
        self.block_open = word != "if"

    def attribute(self, entry: _Entry, word: str, rest: str) -> None:
        if word in _KINDS:
            entry.kind = _KINDS[word]
            if rest:
                self.prompt(entry, rest)
        elif word == "prompt":
            self.prompt(entry, rest)
        elif word in ("depends", "requires"):
            entry.depends.append(_expression(rest))
        elif word in ("def_bool", "def_tristate", "default"):
            entry.kind = entry.kind or {"def_bool": "bool", "def_tristate": "tristate"}.get(word, "")
            entry.defaults.append(_with_condition(rest))
        elif word in ("select", "enable"):
            target, condition = _with_condition(rest)
            self.selected_by.setdefault(target, []).append((entry.name, condition))
        elif word == "range":
            bounds, condition = _with_condition(rest)
            if len(parts := bounds.split()) == 2:
                entry.ranges.append((parts[0], parts[1], condition))

    @staticmethod
    def prompt(entry: _Entry, rest: str) -> None:
        entry.prompted = True
        entry.prompt_if.append(_with_condition(rest)[1])

    @staticmethod
    def block_attribute(block: _Block, word: str, rest: str) -> None:
        if len(block.depends) + len(block.visible) >= MAX_NESTING:
            return
        if word in ("depends", "requires"):
            block.depends.append(_expression(rest))
        elif word == "visible":
            block.visible.append(rest.removeprefix("if").strip())
        elif word in ("prompt", "bool", "tristate", "boolean") and block.kind == "choice":
            block.prompt_if = _with_condition(rest)[1]

    def close(self) -> None:
        entry, self.entry, self.block_open = self.entry, None, False
        if entry is None or len(self.options.get(entry.name, ())) >= MAX_PLACES:
            return
        depends = conjunction(*entry.outer, *entry.depends)
        visible = conjunction(depends, *entry.outer_visible, *entry.prompt_if) if entry.prompted else None
        self.options.setdefault(entry.name, []).append(
            Definition(
                entry.name, entry.where, entry.kind, depends, visible, tuple(entry.defaults), tuple(entry.ranges),
                entry.choice,
            )
        )  # fmt: skip

    def expanded(self, path: str) -> str:
        return re.sub(r"\$\(?(\w+)\)?", lambda match: self.variables.get(match[1], ""), path)


def read_kconfig(read: Read, arch: str) -> Definitions:
    """Every definition that ``arch`` sees. ``read`` gives the text of a file by its path below the tree's root, None
    where there is none."""
    x86 = arch in ("i386", "x86_64")
    merged = next((path for path in (f"arch/x86/Kconfig.{arch}", "arch/x86/Kconfig") if read(path) is not None), None)
    srcarch = "x86" if x86 and merged is not None else arch
    own = merged if srcarch == "x86" and merged is not None else f"arch/{arch}/Kconfig"
    reader = _Reader(read, arch, srcarch)
    # First an architecture's own file was the root; since 2.6.37 all have one in common.
    reader.file("Kconfig" if read("Kconfig") is not None else own)
    return Definitions(
        {name: tuple(places) for name, places in reader.options.items()},
        {name: tuple(selectors) for name, selectors in reader.selected_by.items()},
    )


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, statement) without help texts, comments and empty lines; continued lines are one."""
    help_indent: int | None = None  # -1: the help text's first line is still to come
    pending, begun = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        if help_indent is not None and not pending:
            if not raw.strip():
                continue
            expanded = raw.expandtabs(8)
            indent = len(expanded) - len(expanded.lstrip())
            if help_indent == -1 and indent:
                help_indent = indent
            if indent and indent >= help_indent:
                continue
            help_indent = None
        begun = begun if pending else number
        if len(raw) + len(pending) > MAX_LINE:
            pending = ""
            continue
        if raw.endswith("\\"):
            pending += raw[:-1].strip() + " "
            continue
        line, pending = (pending + raw.strip()).strip(), ""
        if line.strip("-").strip() == "help":
            help_indent = -1
        elif line and not line.startswith("#"):
            yield begun, line


def _uncommented(rest: str) -> str:
    quote = ""
    for position, character in enumerate(rest):
        if quote:
            quote = "" if character == quote and rest[position - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character == "#":
            return rest[:position].strip()
    return rest.strip()


def _expression(rest: str) -> str:
    return re.sub(r"^on\b\s*", "", rest)


def _with_condition(rest: str) -> tuple[str, str]:
    """("value or prompt", condition after ``if``)."""
    match = re.match(r"""^((?:"(?:\\.|[^"\\])*"|'[^']*'|(?!\bif\b).)*?)\s*(?:\bif\b\s*(.*))?$""", rest)
    return (match[1].strip(), (match[2] or "").strip()) if match else (rest, "")
