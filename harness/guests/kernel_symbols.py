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
from pathlib import Path
from typing import BinaryIO

MAX_TABLE = 64 << 20
"""Bytes of a symbol or string table: the largest distribution kernels have 10 MiB of each."""
MAX_HEADERS = 4096
MAX_NAME = 200

_SHT_SYMTAB = 2
_PT_LOAD = 1
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
        if self._functions is None:
            first, last, end = (self.find(name) for name in ("_stext", "_etext", "_end"))
            low = first.address if first else 1
            text, high = (one.address if one else 1 << 64 for one in (last, end))
            # Functions of .init.text lie behind _etext; what has no type there is data.
            code = sorted(
                one
                for one in self._all
                if (one[3] == _STT_FUNC and low <= one[0] <= high) or (one[3] == _STT_NOTYPE and low <= one[0] < text)
            )
            self._functions = [one[0] for one in code], code
        addresses, code = self._functions
        index = bisect.bisect_right(addresses, address) - 1
        if index < 0:
            return None
        # Several names can be one address: that of a function is meant, not a mark between them.
        same = [one for one in code[max(0, index - 8) : index + 1] if one[0] == code[index][0]]
        best = next((one for one in same if one[3] == _STT_FUNC), same[-1])
        offset = address - best[0]
        if offset >= best[1] and (best[1] or index == len(code) - 1):
            return None
        name = self._name(best[2])
        return (name, offset) if name else None

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
        except (struct.error, OverflowError) as error:
            raise ValueError(f"{path}: not a readable vmlinux: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path}: not a readable vmlinux: {error}") from None


def parse_symbols(handle: BinaryIO) -> KernelSymbols:
    """The symbols of an ELF file (System V ABI, "Object Files"), little-endian, of 32 or 64 bits.

    Raises ValueError, struct.error or OverflowError for what is no such file.
    """
    magic = handle.read(16)
    if magic[:4] != b"\x7fELF" or magic[5:6] != b"\x01" or magic[4:5] not in (b"\x01", b"\x02"):
        raise ValueError("no little-endian ELF file")
    wide = magic[4] == 2
    _, _, _, _, ph_off, sh_off, _, _, ph_size, ph_count, sh_size, sh_count, _ = _unpack(
        handle, 16, "<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH"
    )
    segments = []
    for index in range(min(ph_count, MAX_HEADERS)):
        header = _unpack(handle, ph_off + index * ph_size, "<IIQQQQQQ" if wide else "<IIIIIIII")
        if header[0] == _PT_LOAD:
            virtual, physical, size = (header[3], header[4], header[6]) if wide else (header[2], header[3], header[5])
            segments.append(Segment(virtual, physical, size))
    section = "<IIQQQQIIQQ" if wide else "<IIIIIIIIII"
    for index in range(min(sh_count, MAX_HEADERS)):
        header = _unpack(handle, sh_off + index * sh_size, section)
        if header[1] != _SHT_SYMTAB:
            continue
        if header[6] >= sh_count:
            raise ValueError("the symbol table has no names")
        names = _unpack(handle, sh_off + header[6] * sh_size, section)
        table = _table(handle, header[4], header[5])
        entry = struct.Struct("<IBBHQQ" if wide else "<IIIBBH")
        whole = table[: len(table) // entry.size * entry.size]
        if wide:
            symbols = tuple((e[4], e[5], e[0], e[1] & 15) for e in entry.iter_unpack(whole))
        else:
            symbols = tuple((e[1], e[2], e[0], e[3] & 15) for e in entry.iter_unpack(whole))
        return KernelSymbols(8 if wide else 4, segments, symbols, _table(handle, names[4], names[5]))
    raise ValueError("no symbol table")


def _unpack(handle: BinaryIO, offset: int, layout: str) -> tuple[int, ...]:
    handle.seek(offset)
    return struct.unpack(layout, handle.read(struct.calcsize(layout)))


def _table(handle: BinaryIO, offset: int, size: int) -> bytes:
    if size > MAX_TABLE:
        raise ValueError(f"a table of {size} bytes")
    handle.seek(offset)
    return handle.read(size)
