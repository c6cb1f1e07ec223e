"""What a System.map says of where functions are: for consoles of kernels whose vmlinux is gone."""

from __future__ import annotations

import bisect
from pathlib import Path

MAX_BYTES = 64 << 20
"""A distribution's map has 10 MiB."""
MAX_REACH = 1 << 20
"""Bytes that a function is taken to reach where no symbol follows it."""
_CODE = frozenset("tTwW")
# Marks at the beginning of a section stand where its first function does.
_MARKS = frozenset(("_text", "_stext", "stext", "_sinittext", "_stextentry", "__init_begin"))


class SystemMap:
    """Functions by address. A symbol reaches to the next one; data and marks behind code end it."""

    def __init__(self, symbols: list[tuple[int, str, str]]) -> None:
        """``symbols``: (address, type letter, name)."""
        at: dict[int, str] = {}
        for address, letter, name in symbols:
            code = letter in _CODE and name not in _MARKS and not name.startswith("_e")
            if code or address not in at:
                at[address] = name if code else ""
        self._addresses = sorted(at)
        self._names = [at[address] for address in self._addresses]

    def function_at(self, address: int) -> str | None:
        """Name of the function that ``address`` is in; None outside of the kernel's code."""
        index = bisect.bisect_right(self._addresses, address) - 1
        if index < 0 or address - self._addresses[index] > MAX_REACH:
            return None
        return self._names[index] or None


def read_system_map(path: Path) -> SystemMap:
    """The symbols of a System.map: lines "ADDRESS TYPE NAME", as nm writes them.

    Raises OSError where it cannot be read, ValueError, with the line's number, where it is no such file.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES >> 20} MiB")
    symbols = []
    for number, line in enumerate(path.read_text("ascii", "replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            address, (letter, name) = int(words[0], 16), words[1:3]
        except ValueError:
            raise ValueError(f'line {number} is not "ADDRESS TYPE NAME"') from None
        if len(letter) != 1 or not name.isprintable():
            raise ValueError(f'line {number} is not "ADDRESS TYPE NAME"')
        symbols.append((address, letter, name[:200]))
    if not any(letter in _CODE for _, letter, _ in symbols):
        raise ValueError("no functions")
    return SystemMap(symbols)
