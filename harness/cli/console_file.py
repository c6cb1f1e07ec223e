"""Console logs from files and standard input, as they are kept: plain or packed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from harness.model.errors import UserError

_PIECE = 1 << 18
_HEAD = 4096
_PACKED: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_NO_CONSOLE = {
    b"\x7fELF": "an ELF file",
    b"SQLite format 3\0": "a database",
    b"\x28\xb5\x2f\xfd": "packed by zstd, which is not unpacked here",
    b"PK\x03\x04": "a zip archive",
}
# A console has carriage returns, escapes, bells, backspaces and NULs; other control characters only by damage.
_ODD = bytes(set(range(0x20)) - set(b"\0\a\b\t\n\r\x0b\x0c\x1b\x0e\x0f"))


class ConsoleFile:
    """A console log; "-" is standard input. ``lines`` counts the lines that were read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines = 0
        self._ends_in_line = False

    def check(self) -> None:
        """Raises UserError where it is no file, so that a wrong name is told before long work."""
        path = Path(self.name)
        if self.name != "-" and path.is_dir():
            raise UserError("a directory", where=self.name, remedy="give a console log")
        if self.name != "-" and not path.exists():
            raise UserError("no such file", where=self.name)

    def pieces(self) -> Iterator[bytes]:
        """The console's bytes. Raises UserError where it cannot be read, or is no text."""
        try:
            if self.name == "-":
                yield from self._read(sys.stdin.buffer)
                return
            with Path(self.name).open("rb") as handle:
                yield from self._read(handle)
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise UserError(f"packed, and damaged: {error}", where=self.name) from error
        except OSError as error:
            raise UserError(f"cannot be read: {error.strerror or error}", where=self.name) from error
        self.lines += self._ends_in_line

    def _read(self, handle: IO[bytes]) -> Iterator[bytes]:
        head = handle.peek(_HEAD)[:_HEAD] if hasattr(handle, "peek") else b""
        for magic, unpack in _PACKED.items():
            if head.startswith(magic):
                with unpack(handle) as unpacked:
                    yield from self._pieces(unpacked)
                return
        yield from self._pieces(handle)

    def _pieces(self, handle: IO[bytes]) -> Iterator[bytes]:
        first = True
        while piece := handle.read(_PIECE):
            if first and (what := _not_a_console(piece[:_HEAD])):
                raise UserError(what, where=self.name, remedy="give text, or that packed by gzip, bzip2 or xz")
            first = False
            self.lines += piece.count(b"\n")
            self._ends_in_line = not piece.endswith(b"\n")
            yield piece


def _not_a_console(head: bytes) -> str:
    for magic, what in _NO_CONSOLE.items():
        if head.startswith(magic):
            return what
    odd = len(head) - len(head.translate(None, _ODD))
    return "a binary file" if odd * 16 > len(head) else ""
