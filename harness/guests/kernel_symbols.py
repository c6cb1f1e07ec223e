"""What a vmlinux says of where things are: symbols, and where its segments lie in memory.

The file is what a build left, and a build runs what a patch says: nothing in it is believed. Tables are read up to a
bound and a file that contradicts itself is a ValueError.
"""

from __future__ import annotations

import bisect
import functools
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

MAX_TABLE = 64 << 20
"""Bytes of a symbol or string table: the largest distribution kernels have 10 MiB of each."""
MAX_HEADERS = 4096
MAX_NAME = 200
MAX_UNSIZED = 4096
"""Bytes that a name of the assembler's, which has no size, is taken to reach."""

_STT_NOTYPE, _STT_FUNC = 0, 2


@dataclass(frozen=True, slots=True)
class Segment:
    """A loaded part of the kernel: addresses and size in bytes, as in its program header."""

    virtual: int
    physical: int
    size: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """An object or function of the kernel; ``size`` 0 where the assembler did not say."""

    address: int
    size: int


class KernelSymbols:
    """Symbols of one kernel. ``pointer`` is the size of an address in bytes: 4 or 8."""

    def __init__(
        self, pointer: int, segments: Iterable[Segment], symbols: Iterable[tuple[int, int, int, int]], names: bytes
    ) -> None:
        self.pointer = pointer
        self.segments = tuple(segments)
        self._names = names
        self._all = tuple(symbols)  # (address, size, name's offset, type)
        self._functions: tuple[list[int], list[tuple[int, int, int, int]]] | None = None
        self._by_name: dict[str, list[int]] | None = None
        self._function_names: frozenset[str] | None = None

    def find(self, name: str) -> Symbol | None:
        """The symbol of that name. A linker lets one name end in another's text, so every place is looked at."""
        word = name.encode() + b"\0"
        places: set[int] = set()
        at = self._names.find(word)
        while at >= 0 and len(places) < 100_000:
            places.add(at)
            at = self._names.find(word, at + 1)
        found = next((one for one in self._all if one[2] in places and one[0]), None)
        return Symbol(found[0], found[1]) if found else None

    def function_at(self, address: int) -> str | None:
        """Name of the function that ``address`` is in; None outside of the kernel's code."""
        place = self.place_of(address)
        return place[0] if place else None

    def place_of(self, address: int) -> tuple[str, int] | None:
        """(function, offset in it); None outside of the kernel's code."""
        addresses, code = self._code()
        index = bisect.bisect_right(addresses, address) - 1
        if index < 0:
            return None
        # Several names can be one address: that of a function is meant, not a mark between them.
        same = [one for one in code[max(0, index - 8) : index + 1] if one[0] == code[index][0]]
        best = next((one for one in same if one[3] == _STT_FUNC), same[-1])
        offset = address - best[0]
        if offset >= (best[1] or MAX_UNSIZED):
            return None
        name = self._name(best[2])
        return (name, offset) if name else None

    def _code(self) -> tuple[list[int], list[tuple[int, int, int, int]]]:
        """Functions by address, with their addresses apart."""
        if self._functions is None:
            ends = [self.find(name) for name in ("_text", "_etext", "_sinittext", "_einittext", "_end")]
            low = ends[0].address if ends[0] else 1
            text, init, init_end, high = (one.address if one else 1 << 64 for one in ends[1:])
            # Between the two parts with code, and behind them, what has no type is data.
            code = sorted(
                one
                for one in self._all
                if (one[3] == _STT_FUNC and low <= one[0] <= high)
                or (one[3] == _STT_NOTYPE and (low <= one[0] < text or init <= one[0] < init_end))
            )
            self._functions = [one[0] for one in code], code
        return self._functions

    def function_names(self) -> frozenset[str]:
        """Names of all functions; the parts that a compiler made of one (.isra.0, .cold) go by its name."""
        if self._function_names is None:
            self._function_names = frozenset(self._name(one[2]).partition(".")[0] for one in self._code()[1]) - {""}
        return self._function_names

    def starts(self, name: str, size: int | None = None) -> tuple[int, ...]:
        """Addresses of the functions of that name: static ones of several files can share it. With ``size``, the bytes
        to the next function as kernels print them ("name+0x10/0x60"), only of those that have it, if any has."""
        addresses, code = self._code()
        if self._by_name is None:
            self._by_name = {}
            for index, one in enumerate(code):
                self._by_name.setdefault(self._name(one[2]), []).append(index)
        found = self._by_name.get(name, [])
        if size is not None and len({addresses[index] for index in found}) > 1:
            found = [index for index in found if self._reach(index) == size]
        return tuple(sorted({addresses[index] for index in found}))

    def _reach(self, index: int) -> int:
        """Bytes from a function to the next name, which is how kallsyms counts."""
        addresses, code = self._code()
        after = bisect.bisect_right(addresses, addresses[index])
        return addresses[after] - addresses[index] if after < len(addresses) else code[index][1]

    def _name(self, offset: int) -> str:
        end = self._names.find(b"\0", offset, offset + MAX_NAME)
        text = self._names[offset:end] if end >= 0 else b""
        return text.decode("ascii") if text.isascii() and text.decode("ascii").isprintable() else ""


def read_symbols(path: Path) -> KernelSymbols:
    """The symbols of a vmlinux. Raises OSError where it cannot be read, ValueError where it is no such file."""
    status = path.stat()
    return _read_symbols(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _read_symbols(path: Path, _changed: int, _size: int) -> KernelSymbols:
    with path.open("rb") as handle:
        try:
            return parse_symbols(handle)
        except ValueError as error:
            raise ValueError(f"{path}: not a readable vmlinux: {error}") from None


def parse_symbols(handle: BinaryIO) -> KernelSymbols:
    """The symbols of an ELF file, little-endian, of 32 or 64 bits. Raises ValueError for what is no such file."""
    try:
        elf = ELFFile(handle)
        if not elf.little_endian:
            raise ValueError("a big-endian ELF file")
        segments = [
            Segment(one["p_vaddr"], one["p_paddr"], one["p_memsz"])
            for one in islice(elf.iter_segments(), MAX_HEADERS)
            if one["p_type"] == "PT_LOAD"
        ]
        sections = islice(elf.iter_sections(), MAX_HEADERS)
        table = next((one for one in sections if one["sh_type"] == "SHT_SYMTAB"), None)
        if not isinstance(table, SymbolTableSection):
            raise ValueError("no symbol table")
        # The library makes an object of each symbol, with its name; a kernel has 100,000.
        wide = elf.elfclass == 64
        entry = struct.Struct("<IBBHQQ" if wide else "<IIIBBH")
        data, names = _data(table), _data(table.stringtable)
    except (ELFError, ConstructError, UnicodeDecodeError, struct.error) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    except (AssertionError, AttributeError, IndexError, KeyError, OverflowError, TypeError) as error:
        # What the library meets where a file contradicts itself.
        raise ValueError(f"it contradicts itself ({type(error).__name__})") from error
    whole = data[: len(data) // entry.size * entry.size]
    if wide:
        symbols = tuple((e[4], e[5], e[0], e[1] & 15) for e in entry.iter_unpack(whole))
    else:
        symbols = tuple((e[1], e[2], e[0], e[3] & 15) for e in entry.iter_unpack(whole))
    return KernelSymbols(8 if wide else 4, segments, symbols, names)


def _data(section: Section) -> bytes:
    if section.compressed:
        raise ValueError("a packed table")
    size = section["sh_size"]
    if size > MAX_TABLE:
        raise ValueError(f"a table of {size} bytes")
    return bytes(section.data())
