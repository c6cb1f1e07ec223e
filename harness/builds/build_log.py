"""What a build's log says: what was made, every warning and error with its place in the tree, whose fault a failure
is. Pure functions over the log's bytes, which the tree decides: they are bounded and cleaned.

Read are the forms of GCC from 2.95 on and of clang, of the assembler, of GNU ld and lld, of modpost and objtool, of the
configuration programs, of make and of perl.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.model.build_message import BuildMessage, MessageKind
from harness.model.plain_text import clean

MAX_LINE = 2000  # characters of a log line that are looked at
MAX_TEXT = 300  # characters of a message that are kept
MAX_MESSAGES = 2000
MAX_MADE = 100_000
CONFIGURATION = "Kconfig"
"""Target of what the configuration program says: it runs in every build."""

# Words of a failing machine in a build log: no verdict on the tree.
_TROUBLE = re.compile(
    r"No space left on device|Cannot allocate memory|out of memory allocating|Input/output error|Read-only file system"
    r"|internal compiler error|\bKilled\b|Resource temporarily unavailable|Cannot fork|Too many open files"
    r"|Permission denied|ccache: error|make: not found|Disk quota exceeded|Text file busy"
    # A program that the image does not have, a compiler for one: what the shell or make says, and how make ends then.
    r"|: [Cc]ommand not found$|^make(?:\[\d+\])?: \*\*\* .*\bError 127$"
)

# Kbuild's short form, "  CC [M]  fs/x.o"; in 2.5 it may follow what an earlier command left without a newline.
_SHORT = re.compile(r"(?:^|  )[A-Z][A-Z0-9_]{1,9} +(?:\[M\] +)?([\w./+@,-]+)$")
# The whole command, as trees before 2.5.28 and V=1 print it.
_COMMAND = re.compile(r"^\S*(?:gcc|cc|clang|ccache)\S*\s(?:.*\s)?-o\s+(\S+\.o)(?:\s|$)")
_FOLDER = re.compile(r"^make(?:\[(\d{1,3})\])?: (Entering|Leaving) directory [`']([^']+)'")
_QUOTED = r"[`'‘\"]([\w.$]+)['’\"]"
_INCLUDED = re.compile(r"^(In file included)?\s+?from ([^:\s]+):\d+")
_FUNCTION = re.compile(rf"^(?:\S*\bld(?:\.\w+)?: )?(?:([^\s:]+): )?[Ii]n (?:inline |static )*function {_QUOTED}[:,]")
_TOP_LEVEL = re.compile(r"^([^\s:]+): At top level:")
_KINDS = "warning|error|fatal error|Warning|Error|Fatal error|internal compiler error|note|Note|Info"
_PLACED = re.compile(rf"^([^\s:][^:]*):(\d{{1,7}})(?::(\d{{1,7}}))?: *(?:({_KINDS}): ?)(.*)$")
# GCC before 3.3 has no word for an error, only for a warning.
_BARE = re.compile(r"^([^\s:]+\.[chS]):(\d{1,7}): (.+)$")
_MAKE_PLACED = re.compile(r"^([^\s:]+):(\d{1,7}): \*\*\* (.+)$")
_TOOL = re.compile(
    r"^(?:\S*/)?(?:\S*gcc|gcc-[\d.]+|cc1|cc|clang|clang-\d+|cpp|as|collect2|objtool):"
    r" (warning|error|fatal error): (.*)$"
)
_LINKED = re.compile(r"\b((?:undefined reference to|multiple definition of|relocation truncated to fit).*)$")
_OBJECT_PLACE = re.compile(r"([^\s:()]+\.(?:[chS]|o|a|ko))(?::(\d{1,7}))?(?=[:(\s])")
_LINKER = re.compile(r"^(?:\S*/)?(?:\S*-)?ld(?:\.\w+)?: (?:(warning|error): )?(.*)$")
_LINKED_FILE = re.compile(r"^([^\s:]+\.(?:o|a|ko|lds)|\S*vmlinux\S*): (.*)$")
_LLD_PLACE = re.compile(r"^>>> referenced by (?:\S+ \()?([^\s:()]+\.\w+):(\d+)?")
_OBJTOOL = re.compile(r"^([^\s:]+\.o): (warning|error): (objtool: (?:([\w.$]+)(?:\(\))?\+0x)?.*)$")
_MODPOST = re.compile(r"^(WARNING|ERROR|FATAL): (.*)$")
_MODPOST_FILE = re.compile(r"\[(\S+\.ko|vmlinux)\]|(\S+?\.o|\S+?\.ko|vmlinux)(?=[(:])")
_MODPOST_FUNCTION = re.compile(
    r"from the (?:function|variable) ([\w.$]+)|reference: ([\w.$]+)[ +]|\(between '([\w.$]+)'"
)
_NAMELESS = re.compile(r"^(warning|error): (.*)$")
_PERL = re.compile(r"^(\S.{0,400}?) at (\S+\.p[lm]) line (\d{1,7})\.$")
_CONFIGURATION = re.compile(r"(?:^|/)(?:Kconfig[\w.-]*|\.config|[Cc]onfig\.in)$")
_UNMET = re.compile(r"unmet direct dependencies|selects \w+ which has unmet")
_OPTION = re.compile(r" ?\[(?:-Werror,)?(-W[\w=+-]+|enabled by default)(?:,-Werror)?\]$")
# Second and third lines of one complaint, which old compilers dress as complaints of their own; and what a driver says
# when the program that it called has said it all.
_FOLLOWING = re.compile(
    r"^\(?Each undeclared identifier|^for each function it appears in|previous(?:ly)? (?:implicit )?(?:decl|def)"
    r"|^this is the (?:location|first)|^first defined here|^confused by earlier errors"
    r"|warnings being treated as errors|^ld returned \d|^\(near initialization for|linker command failed"
)


@dataclass(frozen=True, slots=True)
class BuildLog:
    """A log read. ``made``: targets in their order, told from the tree's root. ``left_out``: messages beyond
    MAX_MESSAGES."""

    made: tuple[str, ...]
    messages: tuple[BuildMessage, ...]
    left_out: int = 0

    @property
    def warnings(self) -> tuple[BuildMessage, ...]:
        """The warnings, in order."""
        return tuple(message for message in self.messages if message.kind is MessageKind.WARNING)

    @property
    def errors(self) -> tuple[BuildMessage, ...]:
        """The errors, in order."""
        return tuple(message for message in self.messages if message.kind is MessageKind.ERROR)


def machine_trouble(log: bytes) -> str | None:
    """The line of a build log that blames the machine or the compiler itself, None where there is none."""
    for line in _lines(log):
        if _TROUBLE.search(line):
            return _plain(line)
    return None


def first_error(log: bytes, target: str = "") -> str:
    """What a person would point at; ``target`` as parse_build_log takes it."""
    errors = parse_build_log(log, target).errors
    if errors:
        return str(errors[0])
    last = ""
    for pattern in (r"(?i)^error\b|: error\b", r"\*\*\* ", ""):
        for line in _lines(log):
            last = line if line.strip() else last
            if pattern and re.search(pattern, line):
                return _plain(line)
    return _plain(last) or "the log is empty"


def parse_build_log(log: bytes, target: str = "") -> BuildLog:
    """Everything the log says; ``target`` is what was being made before its first line, where the caller knows."""
    reader = _Reader(target)
    for line in _lines(log):
        reader.line(line)
    return BuildLog(tuple(reader.made), tuple(reader.messages), reader.left_out)


def from_the_root(path: str) -> str:
    """A path as a log tells it ("/source/mm/x.c", "../mm/x.c", "arch/x86/kernel/../mm/y.c"), told from the tree's root.

    One outside of the tree and the output folder stays as it is.
    """
    path = re.sub(r"^/(?:source|out)/", "", path)
    if path.startswith("/"):
        return path
    return re.sub(r"^(?:\.\./)+", "", posixpath.normpath(path))


class _Reader:
    """The state that gives a line its meaning: what is being made, by which includes and in which function."""

    def __init__(self, target: str) -> None:
        self.made: dict[str, None] = {}
        self.messages: list[BuildMessage] = []
        self.left_out = 0
        self._target = target
        self._announced: dict[str, str] = {}  # a target without its suffix, with and without its folder -> the target
        self._folders: dict[int, str] = {}
        self._functions: dict[str, str] = {}
        self._function_of_next = ""
        self._linked_function = ""
        self._root = ""  # what the compiler was called with, where an include chain told it
        self._in_chain = False
        self._chain_is_new = False
        self._seen: set[tuple[object, ...]] = set()
        if target:
            self._announce(target, made=False)

    def line(self, line: str) -> None:
        """Takes the next line."""
        if included := _INCLUDED.match(line):
            # GCC tells the innermost file first and the others below it, clang the outermost first in lines alike.
            if not (included[1] and self._in_chain):
                self._root = included[2]
            self._in_chain = self._chain_is_new = True
            return
        self._in_chain = False
        if perl := _PERL.match(line):
            self._add("error", from_the_root(perl[2]), int(perl[3]), perl[1])
            return
        if ":" not in line:
            if made := _SHORT.search(line):
                self._announce(from_the_root(made[1]))
            elif command := _COMMAND.match(line):
                self._announce(from_the_root(command[1]))
            else:
                self._context(line)
            return
        for take in (self._context, self._placed, self._linked, self._unplaced):
            if take(line):
                return
        if command := _COMMAND.match(line):
            self._announce(from_the_root(command[1]))

    def _announce(self, target: str, made: bool = True) -> None:
        if len(self.made) < MAX_MADE:
            if made:
                self.made[target] = None
            stem = target.removesuffix(".o")
            self._announced[stem] = self._announced[posixpath.basename(stem)] = target
        self._target = target
        self._functions.clear()
        self._root = self._function_of_next = self._linked_function = ""

    def _context(self, line: str) -> bool:
        """Lines that say where the next ones are."""
        if folder := _FOLDER.match(line):
            level = int(folder[1] or 0)
            self._folders = {depth: name for depth, name in self._folders.items() if depth < level}
            if folder[2] == "Entering":
                self._folders[level] = folder[3]
            return True
        if top := _TOP_LEVEL.match(line):
            self._functions.pop(top[1], None)
            return True
        function = _FUNCTION.match(line)
        if function and function[1] and not function[1].endswith((".o", ".a")):
            self._functions[function[1]] = function[2]
        elif function and function[1]:
            self._linked_function = function[2]
            return not _LINKED.search(line)
        elif function:
            self._function_of_next = function[2]
        return function is not None

    def _placed(self, line: str) -> bool:
        """FILE:LINE: KIND: TEXT."""
        if found := _PLACED.match(line):
            file, number, column, kind, text = found.groups()
            if kind.lower() in ("note", "info"):
                return True
        elif found := _MAKE_PLACED.match(line):
            file, number, text = found.groups()
            column, kind = None, "error"
        elif found := _BARE.match(line):
            file, number, text = found.groups()
            if _LINKED.search(text) or text.startswith(("In function", "In file")):
                return False
            column, kind = None, "error"
        else:
            return False
        if self._function_of_next:
            self._functions[file] = self._function_of_next
            self._function_of_next = ""
        temporary = file.startswith(("/tmp/", "{", "<"))
        if temporary and kind.lower() == "warning":
            # Of the assembler, on what the compiler wrote: it names neither a source nor a line, and with -j not even
            # its object is sure. An old compiler's code is full of them.
            return True
        target, place = self._unit(file)
        self._add(
            kind,
            place,
            0 if temporary else int(number),
            text,
            function=self._functions.get(file, ""),
            column=0 if temporary else int(column or 0),
            target=target,
        )
        return True

    def _unit(self, file: str) -> tuple[str, str]:
        """(Target, path from the tree's root) of a file as the compiler told it."""
        is_source = file.endswith((".c", ".S"))
        if self._chain_is_new or not is_source:
            root = self._root or (file if is_source else "")
        else:
            root = self._root = file
        self._chain_is_new = False
        path = from_the_root(root)
        stem = posixpath.splitext(path)[0]
        target = self._announced.get(stem, self._target) if root else self._target
        if file.startswith(("/tmp/", "{", "<")):
            # The assembler is given what the compiler made; what that was made from is the nearest that can be told.
            return target, f"{target.removesuffix('.o')}.c" if target.endswith(".o") else root and path
        folder = posixpath.dirname(target)
        if root and "/" not in root and folder and posixpath.basename(target.removesuffix(".o")) == stem:
            # A compiler called in the source's own folder.
            inside = file if file.startswith("/") else f"{folder}/{file}"
            return target, from_the_root(inside)
        if not target and self._folders and not file.startswith("/"):
            # make in the source's own folder, without a word on what it makes.
            return target, from_the_root(f"{self._folders[max(self._folders)]}/{file}")
        return target, from_the_root(file)

    def _linked(self, line: str) -> bool:
        """What the linker finds wrong with objects."""
        if linked := _LINKED.search(line):
            places = _OBJECT_PLACE.findall(line[: linked.start()])
            file, number = places[-1] if places else (self._target, "")
            self._add("error", from_the_root(file), int(number or 0), linked[1], function=self._linked_function)
            return True
        if place := _LLD_PLACE.match(line):
            if self.messages and not self.messages[-1].file:
                told = replace(self.messages[-1], file=from_the_root(place[1]), line=int(place[2] or 0))
                self.messages[-1] = told
            return True
        found = _LINKER.match(line)
        if found is None or found[2].startswith(("NOTE:", "in function")):
            return found is not None
        named = _LINKED_FILE.match(found[2])
        file, text = named.groups() if named else ("", found[2])
        self._add(found[1] or "error", from_the_root(file) if file else "", 0, text)
        return True

    def _unplaced(self, line: str) -> bool:
        """KIND: TEXT, of a tool or of none."""
        if tool := _TOOL.match(line):
            self._add(tool[1], "", 0, tool[2])
        elif objtool := _OBJTOOL.match(line):
            self._add(objtool[2], from_the_root(objtool[1]), 0, objtool[3], function=objtool[4] or "")
        elif modpost := _MODPOST.match(line):
            text = modpost[2].removeprefix("modpost: ")
            file = _MODPOST_FILE.search(text)
            function = _MODPOST_FUNCTION.search(text)
            self._add(
                "warning" if modpost[1] == "WARNING" else "error",
                from_the_root(file[1] or file[2]) if file else "",
                0,
                text,
                function=next(filter(None, function.groups()), "") if function else "",
            )
        elif nameless := _NAMELESS.match(line):
            self._add(nameless[1], "", 0, nameless[2])
        else:
            return False
        return True

    def _add(
        self, kind: str, file: str, line: int, text: str, function: str = "", column: int = 0, target: str | None = None
    ) -> None:
        if _FOLLOWING.search(text):
            return
        option = _OPTION.search(text)
        words = _plain(text[: option.start()] if option else text)
        if _CONFIGURATION.search(file) or (not file and _UNMET.search(text)):
            target = CONFIGURATION
        message = BuildMessage(
            kind=MessageKind.WARNING if kind.lower() == "warning" else MessageKind.ERROR,
            file=_plain(file),
            line=line,
            message=words,
            option=option[1] if option and option[1].startswith("-") else "",
            function=function[:MAX_TEXT],
            column=column,
            target=_plain(self._target if target is None else target),
        )
        same = (message.identity, message.line, message.target)
        if same in self._seen:
            return
        if len(self.messages) >= MAX_MESSAGES:
            self.left_out += 1
            return
        self._seen.add(same)
        self.messages.append(message)


def _lines(log: bytes) -> Iterator[str]:
    # One at a time: a log of many megabytes is not held twice.
    start = 0
    while start < len(log):
        end = log.find(b"\n", start)
        end = len(log) if end < 0 else end
        yield log[start : min(end, start + 4 * MAX_LINE)].decode("utf-8", "replace")[:MAX_LINE].rstrip("\r")
        start = end + 1


def _plain(text: str) -> str:
    return clean(text.strip(), MAX_LINE)[:MAX_TEXT]
