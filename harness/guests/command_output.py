"""What a command in a guest says, kept in a file: bounded, printable, its beginning and its end."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path

from harness.model.plain_text import clean

MAX_BYTES = 1 << 20
MAX_LINES = 10_000
LAST_LINES = 100  # kept of what is over: programs sum up at their end
MAX_LINE = 1000
_END_OF_LINE = re.compile(rb"[\r\n]")


class CommandOutput:
    """Takes a command's output as it comes; ``close`` writes what is left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_line = ""
        self.cut = False
        self._file = path.open("w", encoding="utf-8", errors="replace")
        self._partial = b""
        self._lines = self._bytes = 0
        self._over: deque[str] = deque(maxlen=LAST_LINES)
        self._lost = 0

    def feed(self, data: bytes) -> None:
        """Takes the next bytes. A carriage return ends a line too: what it would hide on a terminal is kept."""
        *lines, rest = _END_OF_LINE.split(self._partial + data)
        for line in lines:
            if line:
                self._take(line)
        while len(rest) > 4 * MAX_LINE:
            self._take(rest[: 4 * MAX_LINE])
            rest = rest[4 * MAX_LINE :]
        self._partial = rest

    def _take(self, raw: bytes) -> None:
        line = clean(raw.decode("utf-8", "replace"), MAX_LINE)
        if line.strip():
            self.last_line = line.strip()[:200]
        size = len(line.encode("utf-8", "replace")) + 1
        if self._over or self._lines >= MAX_LINES or self._bytes + size > MAX_BYTES:
            self._lost += len(self._over) == LAST_LINES
            self._over.append(line)
            return
        self._lines += 1
        self._bytes += size
        self._file.write(line + "\n")

    def close(self) -> None:
        """Writes the end of what was too much, and says how much is missing before it."""
        if self._file.closed:
            return
        if self._partial:
            self._take(self._partial)
            self._partial = b""
        if self._lost:
            self.cut = True
            self._file.write(f"[{self._lost} lines are not kept]\n")
        self._file.writelines(line + "\n" for line in self._over)
        self._file.close()
