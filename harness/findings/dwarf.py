"""Line tables and inlined functions of a vmlinux: DWARF 2 to 5, of 32 and 64 bits, as far as an address needs them.

Only the units that hold an address are read, and of them only functions, the copies inlined into them, and the line
program. pyelftools reads the sections; its entries and rows of a unit take five to twenty times as long as a pass that
skips what is not asked for.

The file is what a build left, and a build runs what a patch says: nothing in it is believed. Sizes, counts, nesting and
time are bounded, and a file that contradicts itself is a ValueError.

Numbers and names of forms, tags and attributes are those of the DWARF standard, version 5 (dwarfstd.org), chapter 7.
"""

from __future__ import annotations

import bisect
import struct
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

MAX_SECTION = 1 << 30
"""Bytes of one section, unpacked. .debug_info of a distribution's kernel has 250 MiB."""
MAX_HEADERS = 4096
MAX_UNITS = 100_000
MAX_ABBREVIATIONS = 50_000  # in one table; GCC makes some hundred for a unit
MAX_FILES = 20_000  # of one line program
MAX_ROWS = 4_000_000
MAX_LINE = 10_000_000  # beyond, a number is damage
MAX_NAME = 200
MAX_PATH = 1000
MAX_INLINED = 32  # deep
UNITS_KEPT = 64

_SECTIONS = (
    ".debug_info .debug_abbrev .debug_line .debug_str .debug_line_str .debug_ranges .debug_rnglists .debug_aranges "
    ".debug_addr .debug_str_offsets"
).split()

# Tags
_INLINED, _SUBPROGRAM = 0x1D, 0x2E
_HOLDERS = (0x0B, 0x39)  # a block and a namespace: there are functions in them, too
# Attributes
_SIBLING, _NAME, _STMT_LIST, _LOW, _HIGH, _COMP_DIR = 0x01, 0x03, 0x10, 0x11, 0x12, 0x1B
_ORIGIN, _SPECIFICATION, _RANGES, _CALL_FILE, _CALL_LINE = 0x31, 0x47, 0x55, 0x58, 0x59
_STR_BASE, _ADDR_BASE, _RNGLISTS_BASE = 0x72, 0x73, 0x74
# Forms by the way that one is passed over
_FIXED = {
    0x0B: 1, 0x0C: 1, 0x11: 1, 0x25: 1, 0x29: 1,  # data1 flag ref1 strx1 addrx1
    0x05: 2, 0x12: 2, 0x26: 2, 0x2A: 2,  # data2 ref2 strx2 addrx2
    0x27: 3, 0x2B: 3,  # strx3 addrx3
    0x06: 4, 0x13: 4, 0x28: 4, 0x2C: 4, 0x1C: 4,  # data4 ref4 strx4 addrx4 ref_sup4
    0x07: 8, 0x14: 8, 0x20: 8, 0x24: 8,  # data8 ref8 ref_sig8 ref_sup8
    0x1E: 16, 0x19: 0, 0x21: 0,  # data16 flag_present implicit_const
}  # fmt: skip
_OFFSET_FORMS = frozenset((0x0E, 0x17, 0x1D, 0x1F, 0x1F20, 0x1F21))  # strp sec_offset strp_sup line_strp GNU_*_alt
_LEB_FORMS = frozenset((0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23, 0x1F01, 0x1F02))
_REFERENCES = frozenset((0x11, 0x12, 0x13, 0x14, 0x15))  # counted from the unit's beginning
_ADDR, _BLOCK2, _BLOCK4, _STRING, _BLOCK, _BLOCK1 = 0x01, 0x03, 0x04, 0x08, 0x09, 0x0A
_SDATA, _STRP, _REF_ADDR, _INDIRECT, _EXPRLOC = 0x0D, 0x0E, 0x10, 0x16, 0x18
_LINE_STRP, _IMPLICIT, _RNGLISTX, _SEC_OFFSET = 0x1F, 0x21, 0x23, 0x17
_STRX = frozenset((0x1A, 0x25, 0x26, 0x27, 0x28))
_ADDRX = frozenset((0x1B, 0x29, 0x2A, 0x2B, 0x2C))

Value = tuple[int, int | bytes]
"""(form, what stands there)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is in the source: ``path`` as the compiler has it, made absolute where it says from where;
    ``line`` 1-based, 0 where it is not told; ``function`` "" where no function is told of."""

    function: str
    path: str
    line: int
    inlined: bool


@dataclass(frozen=True, slots=True)
class _Abbreviation:
    tag: int
    children: bool
    forms: tuple[tuple[int, int, int], ...]  # (attribute, form, constant)
    size: int | None  # of an entry, where all have the same
    sibling: bool


@dataclass(frozen=True, slots=True)
class _Scope:
    """A function or an inlined copy of one, from ``low`` to before ``high``; ``depth`` in the tree of entries."""

    low: int
    high: int
    depth: int
    offset: int
    inlined: bool
    call_file: int
    call_line: int


@dataclass(slots=True)
class _Unit:
    start: int
    first: int
    end: int
    version: int
    wide: bool  # offsets of 64 bits
    address: int  # bytes of an address
    abbreviations: dict[int, _Abbreviation]
    root: dict[int, Value] = field(default_factory=dict)
    children: int = 0  # where the root's first child stands; 0: it has none


@dataclass(slots=True)
class _Lines:
    """Rows of a line program by address; a row that ends a sequence has no file."""

    addresses: list[int]
    rows: list[tuple[int, int]]  # (file, line)
    files: dict[int, str]


class Budget:
    """How long a question may take: ``seconds`` of this thread's processor time from now on, then ValueError:
    a busy machine must not change what a report says."""

    def __init__(self, seconds: float) -> None:
        self._until = time.thread_time() + seconds
        self._left = 20_000

    def spend(self, steps: int = 1) -> None:
        self._left -= steps
        if self._left < 0:
            self._left = 20_000
            if time.thread_time() > self._until:
                raise ValueError("its debugging information takes too long to read")


class Dwarf:
    """Debugging information of one kernel. Raises ValueError where there is none or it contradicts itself."""

    def __init__(self, sections: Mapping[str, bytes], pointer: int) -> None:
        self._pointer = pointer
        self._info = sections.get(".debug_info", b"")
        self._abbrev = sections.get(".debug_abbrev", b"")
        self._line = sections.get(".debug_line", b"")
        self._strings = {_STRP: sections.get(".debug_str", b""), _LINE_STRP: sections.get(".debug_line_str", b"")}
        self._ranges = sections.get(".debug_ranges", b"")
        self._rnglists = sections.get(".debug_rnglists", b"")
        self._aranges = sections.get(".debug_aranges", b"")
        self._addr = sections.get(".debug_addr", b"")
        self._str_offsets = sections.get(".debug_str_offsets", b"")
        if not self._info or not self._line:
            raise ValueError("no debugging information")
        self._index: tuple[list[int], list[tuple[int, int, int]]] | None = None
        self._starts: list[int] | None = None
        self._units: OrderedDict[int, tuple[_Unit, list[_Scope], _Lines]] = OrderedDict()

    def places(self, address: int, budget: Budget, start: int | None = None) -> tuple[Place, ...]:
        """The source of an address: copies inlined there, innermost first, and last the function that they are in.
        () where nothing is told of it.

        ``start`` is where the symbol begins that the address is in. Assembler inside of C has no lines of its own, and
        seems to go on with the last line of the function before it: that is not told.
        """
        try:
            return self._places(address, budget, start)
        except (IndexError, struct.error, KeyError, OverflowError, RecursionError, UnicodeError) as error:
            raise ValueError(f"its debugging information contradicts itself ({type(error).__name__})") from error

    def _places(self, address: int, budget: Budget, symbol: int | None) -> tuple[Place, ...]:
        start = self._unit_of(address, budget)
        if start is None:
            return ()
        unit, scopes, lines = self._content(start, budget)
        path, line = _row(lines, address)
        here = sorted((s for s in scopes if s.low <= address < s.high), key=lambda scope: scope.depth)
        function = next((place for place in range(len(here) - 1, -1, -1) if not here[place].inlined), None)
        if function is None:
            begins = symbol is None or lines.addresses[bisect.bisect_left(lines.addresses, symbol) :][:1] == [symbol]
            return (Place("", path, line, False),) if path and begins else ()
        found = []
        for scope in reversed(here[function : function + MAX_INLINED]):
            found.append(Place(self._name(unit, scope.offset, budget), path, line, scope.inlined))
            path = lines.files.get(scope.call_file, "")
            line = scope.call_line if path else 0
        return tuple(found)

    # -- which unit --------------------------------------------------------------------------------------------------

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
        """(first address, address behind the last, unit) of everything compiled."""
        told = set()
        for low, high, start in self._table_of_addresses(budget):
            told.add(start)
            yield low, high, start
        for start in self._unit_starts(budget):
            if start not in told:
                unit = self._unit(start, budget)
                for low, high in self._extent(unit, unit.root, budget):
                    yield low, high, start

    def _table_of_addresses(self, budget: Budget) -> Iterator[tuple[int, int, int]]:
        data, at = self._aranges, 0
        while at + 12 <= len(data):
            start = at
            length, at, wide = _initial_length(data, at)
            end = at + length
            if end > len(data):
                raise ValueError("its table of addresses is cut")
            (version,) = struct.unpack_from("<H", data, at)
            unit = int.from_bytes(data[at + 2 : at + (10 if wide else 6)], "little")
            at += 10 if wide else 6
            size, segment = data[at], data[at + 1]
            if version != 2 or size not in (4, 8) or segment:
                at = end
                continue
            at = start + -(-(at + 2 - start) // (2 * size)) * 2 * size
            pair = struct.Struct("<QQ" if size == 8 else "<II")
            while at + pair.size <= end:
                low, count = pair.unpack_from(data, at)
                at += pair.size
                budget.spend()
                if low and count:
                    yield low, low + count, unit
            at = end

    def _unit_starts(self, budget: Budget) -> list[int]:
        if self._starts is None:
            starts: list[int] = []
            at = 0
            while at + 11 <= len(self._info):
                if len(starts) >= MAX_UNITS:
                    raise ValueError("too many units of debugging information")
                budget.spend()
                starts.append(at)
                length, content, _ = _initial_length(self._info, at)
                at = content + length
            self._starts = starts
        return self._starts

    def _unit(self, start: int, budget: Budget) -> _Unit:
        data = self._info
        length, at, wide = _initial_length(data, start)
        end = at + length
        if end > len(data):
            raise ValueError("its debugging information is cut")
        (version,) = struct.unpack_from("<H", data, at)
        at += 2
        width = 8 if wide else 4
        if version == 5:
            kind, size = data[at], data[at + 1]
            abbreviations = int.from_bytes(data[at + 2 : at + 2 + width], "little")
            at += 2 + width + {0x04: 8, 0x05: 8, 0x02: 8 + width, 0x06: 8 + width}.get(kind, 0)
        elif 2 <= version <= 4:
            abbreviations = int.from_bytes(data[at : at + width], "little")
            size = data[at + width]
            at += width + 1
        else:
            raise ValueError(f"debugging information of an unknown version ({version})")
        if size not in (4, 8):
            raise ValueError(f"addresses of {size} bytes")
        unit = _Unit(start, at, end, version, wide, size, {})
        unit.abbreviations = self._abbreviations(abbreviations, unit, budget)
        code, at = _uleb(data, at)
        if code:
            entry = unit.abbreviations[code]
            unit.root, at = self._attributes(unit, entry, at)
            unit.children = at if entry.children else 0
        return unit

    def _abbreviations(self, at: int, unit: _Unit, budget: Budget) -> dict[int, _Abbreviation]:
        data = self._abbrev
        found: dict[int, _Abbreviation] = {}
        while True:
            code, at = _uleb(data, at)
            if not code:
                return found
            if len(found) >= MAX_ABBREVIATIONS:
                raise ValueError("too many abbreviations")
            tag, at = _uleb(data, at)
            children = data[at] != 0
            at += 1
            forms = []
            size: int | None = 0
            while True:
                attribute, at = _uleb(data, at)
                form, at = _uleb(data, at)
                constant = 0
                if form == _IMPLICIT:
                    constant, at = _sleb(data, at)
                if not form:
                    break
                budget.spend()
                forms.append((attribute, form, constant))
                one = _size_of(form, unit)
                size = None if one is None or size is None else size + one
            found[code] = _Abbreviation(tag, children, tuple(forms), size, any(a == _SIBLING for a, _, _ in forms))

    # -- what a unit holds -------------------------------------------------------------------------------------------

    def _content(self, start: int, budget: Budget) -> tuple[_Unit, list[_Scope], _Lines]:
        known = self._units.get(start)
        if known is None:
            unit = self._unit(start, budget)
            known = unit, self._scopes(unit, budget), self._lines(unit, budget)
            self._units[start] = known
            while len(self._units) > UNITS_KEPT:
                self._units.popitem(last=False)
        return known

    def _scopes(self, unit: _Unit, budget: Budget) -> list[_Scope]:
        data, at, depth = self._info, unit.children, 1
        found: list[_Scope] = []
        while at and at < unit.end and depth > 0:
            budget.spend()
            offset = at
            code = data[at]
            at += 1
            if code & 0x80:
                code, at = _uleb(data, offset)
            if not code:
                depth -= 1
                continue
            entry = unit.abbreviations[code]
            if entry.tag in (_SUBPROGRAM, _INLINED):
                values, at = self._attributes(unit, entry, at)
                call = [_number(values.get(attribute)) for attribute in (_CALL_FILE, _CALL_LINE)]
                for low, high in self._extent(unit, values, budget):
                    found.append(_Scope(low, high, depth, offset, entry.tag == _INLINED, *call))
            elif entry.sibling and entry.children and entry.tag not in _HOLDERS:
                values, at = self._attributes(unit, entry, at)
                form, value = values[_SIBLING]
                if form in _REFERENCES and isinstance(value, int) and at <= unit.start + value <= unit.end:
                    at = unit.start + value
                    continue
            elif entry.size is not None:
                at += entry.size
            else:
                for _, form, _ in entry.forms:
                    at = self._passed(unit, form, at)
            if entry.children:
                depth += 1
        return found

    def _passed(self, unit: _Unit, form: int, at: int) -> int:
        size = _size_of(form, unit)
        if size is not None:
            return at + size
        return self._value(unit, form, at)[1]

    def _attributes(self, unit: _Unit, entry: _Abbreviation, at: int) -> tuple[dict[int, Value], int]:
        values: dict[int, Value] = {}
        for attribute, form, constant in entry.forms:
            if form == _IMPLICIT:
                values[attribute] = (form, constant)
            else:
                values[attribute], at = self._value(unit, form, at)
        if at > unit.end:
            raise ValueError("an entry reaches out of its unit")
        return values, at

    def _value(self, unit: _Unit, form: int, at: int) -> tuple[Value, int]:
        data = self._info
        if form == _INDIRECT:
            form, at = _uleb(data, at)
            if form in (_INDIRECT, _IMPLICIT):
                raise ValueError("a form that names itself")
        size = _size_of(form, unit)
        if size is not None:
            return (form, int.from_bytes(data[at : at + size], "little")), at + size
        if form == _STRING:
            end = data.index(b"\0", at) if b"\0" in data[at : at + 65536] else len(data)
            return (form, data[at:end]), end + 1
        if form == _SDATA:
            number, at = _sleb(data, at)
            return (form, number), at
        if form in _LEB_FORMS:
            number, at = _uleb(data, at)
            return (form, number), at
        if form in (_BLOCK, _EXPRLOC):
            length, at = _uleb(data, at)
        elif form in (_BLOCK1, _BLOCK2, _BLOCK4):
            width = {_BLOCK1: 1, _BLOCK2: 2, _BLOCK4: 4}[form]
            length = int.from_bytes(data[at : at + width], "little")
            at += width
        else:
            raise ValueError(f"an unknown form ({form:#x})")
        return (form, b""), at + length

    def _extent(self, unit: _Unit, values: Mapping[int, Value], budget: Budget) -> list[tuple[int, int]]:
        """The code of a unit, function or copy, as (first address, address behind the last)."""
        if _RANGES in values:
            return self._range_list(unit, values[_RANGES], budget)
        if _LOW not in values or _HIGH not in values:
            return []
        low = self._address(unit, values[_LOW])
        form, high = values[_HIGH]
        assert isinstance(high, int)
        # Since version 4 a number is counted from the beginning.
        end = self._address(unit, (form, high)) if form == _ADDR or form in _ADDRX else low + high
        return [(low, end)] if low and end > low else []

    def _range_list(self, unit: _Unit, value: Value, budget: Budget) -> list[tuple[int, int]]:
        form, at = value
        if not isinstance(at, int):
            raise ValueError("ranges that are no number")
        base = self._address(unit, unit.root[_LOW]) if _LOW in unit.root else 0
        found: list[tuple[int, int]] = []
        if unit.version < 5:
            pair = struct.Struct("<QQ" if unit.address == 8 else "<II")
            top = (1 << (8 * unit.address)) - 1
            while True:
                budget.spend()
                low, high = pair.unpack_from(self._ranges, at)
                at += pair.size
                if not low and not high:
                    return found
                if low == top:
                    base = high
                elif high > low and base + low:
                    found.append((base + low, base + high))
        data, width = self._rnglists, 8 if unit.wide else 4
        if form == _RNGLISTX:
            lists = _number(unit.root.get(_RNGLISTS_BASE))
            where = lists + at * width
            at = lists + int.from_bytes(data[where : where + width], "little")
        while True:
            budget.spend()
            kind = data[at]
            at += 1
            if kind == 0:
                return found
            first, second, at = self._range(unit, kind, at)
            if kind in (0x01, 0x05):  # a base
                base = first
                continue
            low, high = {0x02: (first, second), 0x06: (first, second), 0x04: (base + first, base + second)}.get(
                kind, (first, first + second)
            )
            if low and high > low:
                found.append((low, high))

    def _range(self, unit: _Unit, kind: int, at: int) -> tuple[int, int, int]:
        """(first operand, second operand or 0, where the next entry is) of an entry of .debug_rnglists."""
        data, size = self._rnglists, unit.address
        first = second = 0
        if kind in (0x01, 0x02, 0x03):  # base_addressx startx_endx startx_length
            index, at = _uleb(data, at)
            first = self._indexed(unit, index)
        elif kind == 0x04:  # offset_pair
            first, at = _uleb(data, at)
        elif kind in (0x05, 0x06, 0x07):  # base_address start_end start_length
            first = int.from_bytes(data[at : at + size], "little")
            at += size
        else:
            raise ValueError(f"an unknown kind of range ({kind:#x})")
        if kind == 0x06:
            second = int.from_bytes(data[at : at + size], "little")
            at += size
        elif kind in (0x02, 0x03, 0x04, 0x07):
            second, at = _uleb(data, at)
            if kind == 0x02:
                second = self._indexed(unit, second)
        return first, second, at

    def _address(self, unit: _Unit, value: Value) -> int:
        form, number = value
        if not isinstance(number, int):
            raise ValueError("an address that is no number")
        return self._indexed(unit, number) if form in _ADDRX else number

    def _indexed(self, unit: _Unit, index: int) -> int:
        at = _number(unit.root.get(_ADDR_BASE)) + index * unit.address
        if at + unit.address > len(self._addr):
            raise ValueError("an address out of its table")
        return int.from_bytes(self._addr[at : at + unit.address], "little")

    # -- names -------------------------------------------------------------------------------------------------------

    def _name(self, unit: _Unit, offset: int, budget: Budget) -> str:
        """Name of the function at ``offset``: its own, or that of what it is a copy or the body of."""
        for _ in range(8):
            if not unit.first <= offset < unit.end:
                raise ValueError("a reference out of its unit")
            code, at = _uleb(self._info, offset)
            values, _ = self._attributes(unit, unit.abbreviations[code], at)
            if _NAME in values:
                return _printable(self._string(unit, values[_NAME]), MAX_NAME)
            form, to = values.get(_ORIGIN) or values.get(_SPECIFICATION) or (0, 0)
            if not isinstance(to, int):
                return ""
            if form in _REFERENCES:
                offset = unit.start + to
            elif form == _REF_ADDR:
                starts = self._unit_starts(budget)
                unit, offset = self._unit(starts[bisect.bisect_right(starts, to) - 1], budget), to
            else:
                return ""
        return ""

    def _string(self, unit: _Unit, value: Value) -> bytes:
        form, at = value
        if isinstance(at, bytes):
            return at
        if form in _STRX:
            width = 8 if unit.wide else 4
            place = _number(unit.root.get(_STR_BASE)) + at * width
            form, at = _STRP, int.from_bytes(self._str_offsets[place : place + width], "little")
        if form not in self._strings:
            return b""
        return _text_at(self._strings[form], at)

    # -- lines -------------------------------------------------------------------------------------------------------

    def _lines(self, unit: _Unit, budget: Budget) -> _Lines:
        if _STMT_LIST not in unit.root:
            return _Lines([], [], {})
        folder = self._string(unit, unit.root[_COMP_DIR]) if _COMP_DIR in unit.root else b""
        return _LineProgram(self._line, self._strings, unit, folder, budget).run(_number(unit.root[_STMT_LIST]))


class _LineProgram:
    """One unit's line program (chapter 6.2 of the standard)."""

    def __init__(self, data: bytes, strings: Mapping[int, bytes], unit: _Unit, folder: bytes, budget: Budget) -> None:
        self._data = data
        self._strings = strings
        self._unit = unit
        self._folder = folder
        self._budget = budget

    def run(self, at: int) -> _Lines:
        data = self._data
        length, at, wide = _initial_length(data, at)
        end = at + length
        if end > len(data):
            raise ValueError("its line numbers are cut")
        (version,) = struct.unpack_from("<H", data, at)
        at += 2
        if not 2 <= version <= 5:
            raise ValueError(f"line numbers of an unknown version ({version})")
        size = self._unit.address
        if version == 5:
            size = data[at]
            at += 2
        width = 8 if wide else 4
        program = at + width + int.from_bytes(data[at : at + width], "little")
        at += width
        step = data[at]
        at += 2 if version >= 4 else 1
        line_base, line_range, opcode_base = struct.unpack_from("<bBB", data, at + 1)
        at += 4
        if not line_range or not opcode_base or program > end:
            raise ValueError("line numbers with a head that cannot be")
        operands = data[at : at + opcode_base - 1]
        at += opcode_base - 1
        files = self._files_5(at, wide) if version == 5 else self._files(at)
        return self._rows(program, end, step, line_base, line_range, operands, size, files)

    def _rows(
        self,
        at: int,
        end: int,
        step: int,
        line_base: int,
        line_range: int,
        operands: bytes,
        size: int,
        files: dict[int, str],
    ) -> _Lines:
        data, budget, opcode_base = self._data, self._budget, len(operands) + 1
        rows: list[tuple[int, int, int, int]] = []  # (address, 0 at an end, file, line)
        sequence: list[tuple[int, int, int, int]] = []
        address, file, line = 0, 1, 1
        const_add = (255 - opcode_base) // line_range * step
        while at < end:
            budget.spend()
            code = data[at]
            at += 1
            if code >= opcode_base:
                more, change = divmod(code - opcode_base, line_range)
                address += more * step
                line += line_base + change
                sequence.append((address, 1, file, line))
            elif code == 1:  # copy
                sequence.append((address, 1, file, line))
            elif code == 2:  # advance_pc
                more, at = _uleb(data, at)
                address += more * step
            elif code == 3:  # advance_line
                change, at = _sleb(data, at)
                line += change
            elif code == 4:  # set_file
                file, at = _uleb(data, at)
            elif code == 8:  # const_add_pc
                address += const_add
            elif code == 9:  # fixed_advance_pc
                address += int.from_bytes(data[at : at + 2], "little")
                at += 2
            elif code == 0:
                length, at = _uleb(data, at)
                if not length or at + length > end:
                    raise ValueError("line numbers that are cut")
                extended = data[at]
                if extended == 1:  # end_sequence
                    sequence.append((address, 0, 0, 0))
                    # Code that a linker threw away lies at 0.
                    if sequence[0][0]:
                        rows += sequence
                    sequence = []
                    address, file, line = 0, 1, 1
                elif extended == 2:  # set_address
                    address = int.from_bytes(data[at + 1 : at + 1 + min(size, length - 1)], "little")
                elif extended == 3:  # define_file
                    stop = data.index(b"\0", at + 1)
                    folder, _ = _uleb(data, stop + 1)
                    files[max(files, default=0) + 1] = self._path(
                        data[at + 1 : stop], self._folder if not folder else b""
                    )
                at += length
            else:
                for _ in range(operands[code - 1]):
                    _, at = _uleb(data, at)
            if len(rows) + len(sequence) > MAX_ROWS:
                raise ValueError("too many line numbers")
        # One that begins where another ends comes behind its end.
        rows.sort(key=lambda row: row[:2])
        return _Lines([row[0] for row in rows], [row[2:] for row in rows], files)

    def _files(self, at: int) -> dict[int, str]:
        """The tables of versions 2 to 4: folders, then files; 0 is the folder of the compilation."""
        data = self._data
        folders = [self._folder]
        while data[at]:
            end = data.index(b"\0", at)
            folders.append(_joined(self._folder, data[at:end]))
            at = end + 1
            if len(folders) > MAX_FILES:
                raise ValueError("too many folders")
        at += 1
        files: dict[int, str] = {}
        while data[at]:
            self._budget.spend()
            end = data.index(b"\0", at)
            name = data[at:end]
            folder, at = _uleb(data, end + 1)
            _, at = _uleb(data, at)
            _, at = _uleb(data, at)
            files[len(files) + 1] = self._path(name, folders[folder] if folder < len(folders) else b"")
            if len(files) > MAX_FILES:
                raise ValueError("too many files")
        return files

    def _files_5(self, at: int, wide: bool) -> dict[int, str]:
        folders, at = self._entries(at, wide)
        whole = [_joined(self._folder, name) for name, _ in folders]
        files, _ = self._entries(at, wide)
        return {
            place: self._path(name, whole[folder] if folder < len(whole) else b"")
            for place, (name, folder) in enumerate(files)
        }

    def _entries(self, at: int, wide: bool) -> tuple[list[tuple[bytes, int]], int]:
        """[(name, number of its folder)], in the format that stands in front of them."""
        data = self._data
        formats: list[tuple[int, int]] = []
        fields = data[at]
        at += 1
        for _ in range(fields):
            content, at = _uleb(data, at)
            form, at = _uleb(data, at)
            formats.append((content, form))
        count, at = _uleb(data, at)
        if count > MAX_FILES:
            raise ValueError("too many files")
        found = []
        for _ in range(count):
            self._budget.spend()
            name, folder = b"", 0
            for content, form in formats:
                value, at = self._value(form, at, wide)
                if content == 1:
                    name = value if isinstance(value, bytes) else b""
                elif content == 2:
                    folder = value if isinstance(value, int) else 0
            found.append((name, folder))
        return found, at

    def _value(self, form: int, at: int, wide: bool) -> tuple[int | bytes, int]:
        data = self._data
        if form in self._strings:
            width = 8 if wide else 4
            return _text_at(self._strings[form], int.from_bytes(data[at : at + width], "little")), at + width
        if form == _STRING:
            end = data.index(b"\0", at)
            return data[at:end], end + 1
        if form == 0x0F:  # udata
            return _uleb(data, at)
        if form == _BLOCK:
            length, at = _uleb(data, at)
            return b"", at + length
        size = _FIXED.get(form)
        if size is None:
            raise ValueError(f"an unknown form ({form:#x}) in a table of files")
        return int.from_bytes(data[at : at + size], "little"), at + size

    def _path(self, name: bytes, folder: bytes) -> str:
        return _printable(_joined(folder, name), MAX_PATH)


def read_dwarf(path: Path) -> Dwarf:
    """The debugging information of a vmlinux. Raises OSError where it cannot be read, ValueError where it has none."""
    with path.open("rb") as handle:
        try:
            return parse_dwarf(handle)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def parse_dwarf(handle: BinaryIO) -> Dwarf:
    """The debugging information of a linked ELF file, little-endian. Raises ValueError for what is no such file."""
    try:
        elf = ELFFile(handle)
        if not elf.little_endian:
            raise ValueError("a big-endian ELF file")
        found: dict[str, bytes] = {}
        for section in islice(elf.iter_sections(), MAX_HEADERS):
            packed = section.name.startswith(".zdebug_")
            name = f".{section.name[2:]}" if packed else section.name
            if name not in _SECTIONS or name in found or section["sh_type"] == "SHT_NOBITS":
                continue
            size = section["sh_size"]
            if size > MAX_SECTION:
                raise ValueError(f"a section of {size} bytes")
            # Not section.data(): it unpacks whatever size the section says it will have.
            handle.seek(section["sh_offset"])
            data = handle.read(size)
            if section["sh_flags"] & 0x800:  # SHF_COMPRESSED
                data = _unpacked(data, 24 if elf.elfclass == 64 else 12)
            elif packed and data[:4] == b"ZLIB":
                data = _unpacked(data, 12)
            found[name] = data
        return Dwarf(found, 8 if elf.elfclass == 64 else 4)
    except (ELFError, ConstructError, UnicodeDecodeError, struct.error, zlib.error) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    except (AssertionError, AttributeError, IndexError, KeyError, OverflowError, TypeError) as error:
        # What the library meets where a file contradicts itself.
        raise ValueError(f"it contradicts itself ({type(error).__name__})") from error


def _unpacked(data: bytes, head: int) -> bytes:
    """The content of a packed section: ``head`` bytes that say how, of which only zlib is read, then the stream."""
    if head != 12 or data[:4] != b"ZLIB":
        (kind,) = struct.unpack_from("<I", data)
        if kind != 1:
            raise ValueError("a section packed with something else than zlib")
    stream = zlib.decompressobj()
    content = stream.decompress(data[head:], MAX_SECTION)
    if not stream.eof:
        raise ValueError("a packed section that is cut or too large")
    return content


def _size_of(form: int, unit: _Unit) -> int | None:
    """Bytes that a form takes in a unit; None where that depends on the value."""
    size = _FIXED.get(form)
    if size is not None:
        return size
    if form == _ADDR:
        return unit.address
    if form in _OFFSET_FORMS:
        return 8 if unit.wide else 4
    if form == _REF_ADDR:
        return unit.address if unit.version == 2 else 8 if unit.wide else 4
    return None


def _row(lines: _Lines, address: int) -> tuple[str, int]:
    place = bisect.bisect_right(lines.addresses, address) - 1
    if place < 0:
        return "", 0
    file, line = lines.rows[place]
    path = lines.files.get(file, "")
    return path, line if path and 0 < line < MAX_LINE else 0


def _number(value: Value | None) -> int:
    return value[1] if value is not None and isinstance(value[1], int) else 0


def _initial_length(data: bytes, at: int) -> tuple[int, int, bool]:
    """(length, where the content begins, whether offsets have 64 bits)."""
    (length,) = struct.unpack_from("<I", data, at)
    if length == 0xFFFFFFFF:
        (length,) = struct.unpack_from("<Q", data, at + 4)
        return length, at + 12, True
    if length >= 0xFFFFFFF0:
        raise ValueError("a length that is reserved")
    return length, at + 4, False


def _uleb(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    number = byte & 0x7F
    for shift in range(7, 70, 7):
        at += 1
        byte = data[at]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at + 1
    raise ValueError("a number without an end")


def _sleb(data: bytes, at: int) -> tuple[int, int]:
    start = at
    number, at = _uleb(data, at)
    if data[at - 1] & 0x40:
        number -= 1 << (7 * (at - start))
    return number, at


def _text_at(data: bytes, at: int) -> bytes:
    end = data.find(b"\0", at, at + MAX_PATH + 1)
    return data[at:end] if end >= 0 else b""


def _joined(folder: bytes, name: bytes) -> bytes:
    return name if name.startswith(b"/") or not folder else folder + b"/" + name


def _printable(data: bytes, limit: int) -> str:
    text = data[:limit].decode("utf-8", "replace")
    return text if text.isprintable() else ""
