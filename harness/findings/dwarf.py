"""Line tables and inlined functions of a vmlinux, asked for by address; pyelftools reads the DWARF.

Only the units that hold an address are read. The file is what a build left, and a build runs what a patch says: nothing
in it is believed. Sizes, counts, nesting and time are bounded, and a file that contradicts itself is a ValueError.
"""

from __future__ import annotations

import bisect
import posixpath
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.ranges import BaseAddressEntry, RangeEntry
from elftools.elf.elffile import ELFFile

MAX_SECTION = 1 << 30
"""Bytes of one section, unpacked. .debug_info of a distribution's kernel has 250 MiB."""
MAX_HEADERS = 4096
MAX_UNIT = 32 << 20
"""Bytes of one unit, or of its line program. The largest of a kernel's has a few MiB with everything in it."""
MAX_UNITS = 100_000
MAX_LINE = 10_000_000  # beyond, a number is damage
MAX_NAME = 200
MAX_PATH = 1000
MAX_INLINED = 32  # deep

_DAMAGE = (
    ELFError, DWARFError, ConstructError, struct.error, zlib.error, ArithmeticError, AssertionError, AttributeError,
    LookupError, NotImplementedError, RecursionError, TypeError, UnicodeError,
)  # fmt: skip
"""What the library meets where a file contradicts itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is in the source: ``path`` as the compiler has it, made absolute where it says from where;
    ``line`` 1-based, 0 where it is not told; ``function`` "" where no function is told of."""

    function: str
    path: str
    line: int
    inlined: bool


@dataclass(frozen=True, slots=True)
class _Scope:
    """A function or an inlined copy of one, from ``low`` to before ``high``; ``depth`` in the tree of entries."""

    low: int
    high: int
    depth: int
    entry: DIE


@dataclass(frozen=True, slots=True)
class _Unit:
    """One compilation: its functions, and the rows of its line program by address; one that ends a sequence has
    file None."""

    scopes: tuple[_Scope, ...]
    addresses: list[int]
    rows: list[tuple[int | None, int]]  # (file, line)
    files: dict[int, str]


class Budget:
    """How long a question may take: ``seconds`` of this thread's processor time from now on, then ValueError. A busy
    machine must not change what a report says."""

    def __init__(self, seconds: float) -> None:
        self._until = time.thread_time() + seconds

    def spend(self) -> None:
        """Takes note of a step. Raises ValueError when time is up."""
        if time.thread_time() > self._until:
            raise ValueError("its debugging information takes too long to read")


class Dwarf:
    """Debugging information of one kernel. Raises ValueError where it contradicts itself."""

    def __init__(self, info: DWARFInfo, size: int) -> None:
        self._info = info
        self._size = size  # bytes of .debug_info
        self._index: tuple[list[int], list[tuple[int, int, int]]] | None = None
        self._units: dict[int, _Unit] = {}

    def places(self, address: int, budget: Budget, symbol: int | None = None) -> tuple[Place, ...]:
        """The source of an address: copies inlined there, innermost first, and last the function that they are in.
        () where nothing is told of it.

        ``symbol`` is where the symbol begins that the address is in. Assembler inside of C has no lines of its own, and
        seems to go on with the last line of the function before it: that is not told.
        """
        try:
            return self._places(address, budget, symbol)
        except _DAMAGE as error:
            raise ValueError(f"its debugging information contradicts itself ({type(error).__name__})") from error

    def _places(self, address: int, budget: Budget, symbol: int | None) -> tuple[Place, ...]:
        start = self._unit_of(address, budget)
        if start is None:
            return ()
        if start not in self._units:
            self._units[start] = self._unit(start, budget)
        unit = self._units[start]
        path, line = _row(unit, address)
        here = sorted((s for s in unit.scopes if s.low <= address < s.high), key=lambda scope: scope.depth)
        function = next((n for n in range(len(here) - 1, -1, -1) if not _is_inlined(here[n].entry)), None)
        if function is None:
            told = symbol is None or symbol in unit.addresses
            return (Place("", path, line, False),) if path and told else ()
        found = []
        for scope in reversed(here[function : function + MAX_INLINED]):
            found.append(Place(_name(scope.entry), path, line, _is_inlined(scope.entry)))
            path = unit.files.get(_number(scope.entry, "DW_AT_call_file", -1), "")
            line = _number(scope.entry, "DW_AT_call_line", 0) if path else 0
        return tuple(found)

    def _unit_of(self, address: int, budget: Budget) -> int | None:
        if self._index is None:
            spans = sorted(self._spans(budget))
            self._index = [span[0] for span in spans], spans
        lows, spans = self._index
        place = bisect.bisect_right(lows, address)
        # Spans of units do not overlap but where a linker threw code away and left what was told of it.
        near = [span for span in spans[max(0, place - 64) : place] if address < span[1]]
        return min(near, key=lambda span: span[1] - span[0])[2] if near else None

    def _spans(self, budget: Budget) -> Iterator[tuple[int, int, int]]:
        """(first address, address behind the last, unit) of everything compiled: from the table of addresses, which
        Clang does not write, and from the units that it does not speak of."""
        told = set()
        table = self._info.get_aranges()
        for entry in table.entries if table else ():
            budget.spend()
            told.add(entry.info_offset)
            if entry.begin_addr and entry.length:
                yield entry.begin_addr, entry.begin_addr + entry.length, entry.info_offset
        start = 0
        for _ in range(MAX_UNITS):
            if start >= self._size:
                return
            budget.spend()
            unit = self._header(start)
            if start not in told:
                for low, high in self._extent(unit.get_top_DIE()):
                    yield low, high, start
            start += unit.size

    def _header(self, start: int) -> CompileUnit:
        unit = self._info.get_CU_at(start)
        if not 0 < unit.size <= MAX_UNIT or unit["address_size"] not in (4, 8):
            raise ValueError("a unit of debugging information that cannot be")
        return unit

    def _unit(self, start: int, budget: Budget) -> _Unit:
        unit = self._header(start)
        top = unit.get_top_DIE()
        scopes = tuple(self._scopes(top, budget))
        program = self._info.line_program_for_CU(unit)
        if program is None:
            return _Unit(scopes, [], [], {})
        if program.header["unit_length"] > MAX_UNIT:
            raise ValueError("a line program of that size")
        states = [entry.state for entry in program.get_entries() if entry.state is not None]
        # Where rows share an address, the last one counts, as debuggers have it.
        rows = sorted(((state.address, place, state) for place, state in enumerate(states)), key=lambda row: row[:2])
        return _Unit(
            scopes,
            [address for address, _, _ in rows],
            [(None if state.end_sequence else state.file, state.line) for _, _, state in rows],
            _files(program, _text(top, "DW_AT_comp_dir")),
        )

    def _scopes(self, top: DIE, budget: Budget) -> Iterator[_Scope]:
        waiting = [(1, top.iter_children())]
        while waiting:
            depth, children = waiting[-1]
            child = next(children, None)
            budget.spend()
            if child is None:
                waiting.pop()
                continue
            if child.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
                for low, high in self._extent(child):
                    yield _Scope(low, high, depth, child)
            if child.has_children:
                waiting.append((depth + 1, child.iter_children()))

    def _extent(self, entry: DIE) -> Iterator[tuple[int, int]]:
        """(first address, address behind the last) of the parts that an entry's code consists of."""
        if "DW_AT_ranges" in entry.attributes:
            yield from self._ranges(entry)
        elif "DW_AT_low_pc" in entry.attributes and "DW_AT_high_pc" in entry.attributes:
            low, high = entry.attributes["DW_AT_low_pc"].value, entry.attributes["DW_AT_high_pc"]
            end = high.value if high.form.startswith("DW_FORM_addr") else low + high.value
            if low:
                yield low, end

    def _ranges(self, entry: DIE) -> Iterator[tuple[int, int]]:
        lists = self._info.range_lists()
        if lists is None:
            return
        attribute = entry.attributes["DW_AT_ranges"]
        unit: Any = entry.cu
        top = unit.get_top_DIE()
        base = top.attributes["DW_AT_low_pc"].value if "DW_AT_low_pc" in top.attributes else 0
        for part in lists.get_range_list_at_offset(attribute.value, unit):
            if isinstance(part, BaseAddressEntry):
                base = part.base_address
            elif isinstance(part, RangeEntry):
                start = 0 if part.is_absolute else base
                if start + part.begin_offset:
                    yield start + part.begin_offset, start + part.end_offset


def read_dwarf(path: Path) -> Dwarf:
    """The debugging information of a vmlinux. Raises OSError where it cannot be read, ValueError where it has none."""
    with path.open("rb") as handle:
        try:
            return parse_dwarf(handle)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def parse_dwarf(handle: BinaryIO) -> Dwarf:
    """The debugging information of an ELF file, whose sections are kept in memory. Raises ValueError."""
    try:
        elf = ELFFile(handle)
        if elf.num_sections() > MAX_HEADERS:
            raise ValueError("too many sections")
        sections = [one for one in islice(elf.iter_sections(), MAX_HEADERS) if ".debug_" in one.name]
        if sum(one.data_size for one in sections) > MAX_SECTION:
            raise ValueError("sections of that size")
        names = {one.name for one in sections}
        if not names & {".debug_info", ".zdebug_info"} or not names & {".debug_line", ".zdebug_line"}:
            raise ValueError("no debugging information")
        size = sum(one.data_size for one in sections if one.name.endswith("debug_info"))
        return Dwarf(elf.get_dwarf_info(relocate_dwarf_sections=False, follow_links=False), size)
    except _DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _is_inlined(entry: DIE) -> bool:
    return entry.tag == "DW_TAG_inlined_subroutine"


def _number(entry: DIE, attribute: str, default: int) -> int:
    value = entry.attributes[attribute].value if attribute in entry.attributes else default
    return value if isinstance(value, int) and 0 <= value < MAX_LINE else default


def _name(entry: DIE) -> str:
    """The name of a function, which a copy of it, or its body apart from its declaration, refers to."""
    for _ in range(8):
        if text := _text(entry, "DW_AT_name"):
            return text[:MAX_NAME]
        origin = next(
            (one for one in ("DW_AT_abstract_origin", "DW_AT_specification") if one in entry.attributes), None
        )
        if origin is None:
            break
        entry = entry.get_DIE_from_attribute(origin)
    return ""


def _text(entry: DIE, attribute: str) -> str:
    value = entry.attributes[attribute].value if attribute in entry.attributes else b""
    return _printable(value) if isinstance(value, bytes) else ""


def _printable(data: bytes) -> str:
    text = data[:MAX_PATH].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def _files(program: Any, folder: str) -> dict[int, str]:
    """Paths by the numbers that a line program has for them; before version 5 they begin with 1, folders with 0 for
    the unit's own."""
    header = program.header
    folders = [_printable(name) for name in header["include_directory"]]
    first = 0 if header["version"] >= 5 else 1
    if first:
        folders.insert(0, folder)
    elif folders:
        folders[0] = posixpath.join(folder, folders[0])
    found = {}
    for number, entry in enumerate(header["file_entry"], first):
        where = folders[entry.dir_index] if entry.dir_index < len(folders) else ""
        found[number] = posixpath.join(folder, where, _printable(entry.name))[:MAX_PATH]
    return found


def _row(unit: _Unit, address: int) -> tuple[str, int]:
    """(path, line) of an address; "" and 0 where the line program does not tell."""
    place = bisect.bisect_right(unit.addresses, address) - 1
    file, line = unit.rows[place] if place >= 0 else (None, 0)
    path = unit.files.get(file, "") if file is not None else ""
    return path, line if path and 0 <= line < MAX_LINE else 0
