"""Symbols of made-up ELF files, sound and hostile."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from random import Random

import pytest

from harness.guests.kernel_symbols import Segment, parse_symbols, read_symbols


def elf(wide: bool, symbols: list[tuple[str, int, int, int]], merged: bytes = b"") -> bytes:
    """An executable with one segment, a symbol table and its names. ``merged``: names where the linker shares tails."""
    names, entries = b"\0" + merged, [bytes(24 if wide else 16)]
    for name, address, size, kind in symbols:
        at = names.find(name.encode() + b"\0")
        if at < 0:
            at = len(names)
            names += name.encode() + b"\0"
        if wide:
            entries.append(struct.pack("<IBBHQQ", at, kind, 0, 1, address, size))
        else:
            entries.append(struct.pack("<IIIBBH", at, address, size, kind, 0, 1))
    table = b"".join(entries)
    head_size, ph_size, sh_size = (64, 56, 64) if wide else (52, 32, 40)
    table_at = head_size + ph_size
    names_at = table_at + len(table)
    sections_at = names_at + len(names)
    if wide:
        head = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, head_size, sections_at, 0, 64, ph_size, 1, sh_size, 3, 2)
        segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0xFFFFFFFF81000000, 0x1000000, 0, 0x400000, 0x1000)
        section = "<IIQQQQIIQQ"
    else:
        head = struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, head_size, sections_at, 0, 52, ph_size, 1, sh_size, 3, 2)
        segment = struct.pack("<IIIIIIII", 1, 0, 0xC0100000, 0x100000, 0, 0x400000, 5, 0x1000)
        section = "<IIIIIIIIII"
    sections = struct.pack(section, *[0] * 10)
    sections += struct.pack(section, 0, 2, 0, 0, table_at, len(table), 2, 0, 0, 24 if wide else 16)
    sections += struct.pack(section, 0, 3, 0, 0, names_at, len(names), 0, 0, 0, 0)
    magic = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    return magic + head + segment + table + names + sections


SYMBOLS = [
    ("_text", 0xC0101000, 0, 0),
    ("foo", 0xC0101000, 0x20, 2),
    ("bare_label", 0xC0101100, 0, 0),
    ("bar", 0xC0101200, 0x10, 2),
    ("_etext", 0xC0102000, 0, 0),
    ("log_end", 0xC0103000, 4, 1),
    ("init_function", 0xC0104000, 0x40, 2),
    ("_end", 0xC0105000, 0, 0),
]


@pytest.mark.parametrize("wide", [False, True])
def test_symbols_and_segments(wide: bool) -> None:
    found = parse_symbols(io.BytesIO(elf(wide, SYMBOLS)))
    assert found.pointer == (8 if wide else 4)
    place = (0xFFFFFFFF81000000, 0x1000000) if wide else (0xC0100000, 0x100000)
    assert found.segments == (Segment(*place, 0x400000),)
    log_end = found.find("log_end")
    assert log_end is not None and (log_end.address, log_end.size) == (0xC0103000, 4)
    assert found.find("end") is None and found.find("nothing") is None
    assert found.place_of(0xC0101004) == ("foo", 4)
    assert found.place_of(0xC0101030) is None  # behind foo's end
    assert found.place_of(0xC0101140) == ("bare_label", 0x40)
    assert found.function_at(0xC0104010) == "init_function"
    assert found.function_at(0xC0103000) is None  # data
    assert found.function_at(0x1000) is None


def test_names_that_share_their_tails() -> None:
    # As a linker with -O2 writes them: log_buf is the end of __log_buf.
    symbols = [("__log_buf", 0xC0103000, 64, 1), ("log_buf", 0xC0104000, 4, 1)]
    found = parse_symbols(io.BytesIO(elf(False, symbols, b"__log_buf\0")))
    pointer, array = found.find("log_buf"), found.find("__log_buf")
    assert pointer is not None and pointer.address == 0xC0104000
    assert array is not None and array.address == 0xC0103000


def test_what_is_no_vmlinux_is_said(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    for content in (b"", b"\x7fELF", b"#!/bin/sh\n" * 20, elf(True, SYMBOLS)[:100], b"\x7fELF\x02\x02" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a readable vmlinux"):
            read_symbols(path)
    with pytest.raises(OSError, match="No such file"):
        read_symbols(tmp_path / "none")


def test_a_table_beyond_all_bounds_is_refused() -> None:
    data = bytearray(elf(True, SYMBOLS))
    sections_at = struct.unpack_from("<Q", data, 40)[0]
    struct.pack_into("<Q", data, sections_at + 64 + 32, 24 << 40)
    with pytest.raises(ValueError, match="a table of 26388279066624 bytes"):
        parse_symbols(io.BytesIO(bytes(data)))


def test_damaged_files_never_end_in_anything_else() -> None:
    sound = elf(True, SYMBOLS)
    random = Random(1)
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(random.randrange(1, 12)):
            data[random.randrange(len(data))] = random.choice((0, 0xFF, random.randrange(256)))
        try:
            found = parse_symbols(io.BytesIO(bytes(data)))
            found.find("log_end")
            found.place_of(0xC0101004)
        except (ValueError, struct.error, OverflowError):
            pass


def test_a_packed_table_is_refused() -> None:
    data = bytearray(elf(True, SYMBOLS))
    sections_at = struct.unpack_from("<Q", data, 40)[0]
    struct.pack_into("<Q", data, sections_at + 64 + 8, 0x800)  # SHF_COMPRESSED
    with pytest.raises(ValueError):
        parse_symbols(io.BytesIO(bytes(data)))
