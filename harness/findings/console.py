"""Console bytes to clean physical lines: what a serial port adds is taken off here, and nothing is interpreted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE = 4096
"""Bytes kept of one physical line. printk itself never writes more than 1024 (LOG_LINE_MAX) in one."""

BLOCK = 1 << 16
"""Bytes looked at in one step: large enough to hide the cost of a step, small enough to stay in the cache."""

_DELETED = bytes(c for c in [*range(0x20), 0x7F] if bytes([c]) not in (b"\t", b"\n", b"\x1b", b"\r"))
_TO_SPACE = bytes.maketrans(b"\r", b" ")

# An escape sequence without its end is removed as far as it goes. The body of an OSC sequence (a window title) stays as
# plain text on purpose: a guest must not be able to hide a report by wrapping it.
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,16}[@-~]?|[ -/]{0,4}[0-~]?)?")

# Characters that are invisible or that reorder what a reader sees: C1 controls (an 8-bit CSI is a terminal escape),
# line separators, bidirectional overrides. They become U+FFFD, so that removing them cannot glue a word together.
_INVISIBLE = dict.fromkeys(
    [*range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0xFEFF],
    "\ufffd",
)

# What may stand before a message, in the order in which it is printed. Every part is optional:
#   a blank                          early serial consoles end lines with LF CR  2.5 - 2.6.27
#   Aug 19 00:41:51 host kernel:     syslog, and journalctl's ISO dates      any era
#   <4>                              level, seen on raw consoles             2.5 - 3.x
#   [   12.345678]                   CONFIG_PRINTK_TIME                      2.6.11 on
#   [   12.345678@1]                 with a CPU                              vendor trees
#   [Fri Aug 19 00:41:51 2011]       dmesg -T                                3.x on
#   [  T123] [    C1]                CONFIG_PRINTK_CALLER                    5.1 on
#   6,1234,5678,-;                   /dev/kmsg, extended netconsole          3.5 on
# Every repetition is possessive: a prefix is read in one way only, which also makes it quick.
_PREFIX = (
    r" ?+"
    r"(?:(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT[\d:.,+Z-]{8,28}) [^\s]{1,64} kernel: ?)?+"
    r"(?:<\d{1,3}>)?+"
    r"(?:\d{1,3},\d{1,20},\d{1,20},[^;\n]{1,60};)?+"
    r"(?:\[(?: {0,12}+\d{1,8}+\.\d{1,9}+(?:@\d{1,4})?+| {0,8}+[TC]\d{1,10}|"
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})\] ?+){0,3}+"
    r"(?:<\d{1,3}>)?+"
    r"[ \t]{0,64}+"
)
# The same language, with the two commonest beginnings (nothing; a time stamp with nothing after it) tried first.
PREFIX_BYTES = (
    rb" ?+(?>\[ {0,12}+\d{1,8}+\.\d{1,9}+\] (?![\[<])[ \t]{0,64}+|(?![<\[A-Z\d])[ \t]{0,64}+|"
    + _PREFIX.encode()
    + rb")"
)
_PREFIX_TEXT = re.compile(_PREFIX)
_CALLER = re.compile(r"\[ {0,8}([TC]\d{1,10})\]")

# A message can begin in the middle of a physical line: after a login prompt, after the last "Code:" bytes of kernels
# that wrote no newline before a panic. A level or a time stamp shows where.
_INNER_START = re.compile(r"(?<=.)(?:<[0-7]>|\[ {0,12}\d{1,8}\.\d{6}\])")


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line: its 1-based number, its clean text, and the message in it without prefix."""

    number: int
    text: str
    message: str
    caller: str | None
    """``T123`` or ``C1`` of CONFIG_PRINTK_CALLER: lines of different callers belong to different reports."""


class LineBlocks:
    """Cut a stream of bytes into blocks of whole lines, independent of how the bytes arrive, in bounded memory."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield blocks of whole lines without control characters other than tab, newline and escape.

        A block begins at a line start and every line in it, the last included, ends with a newline. What a line
        holds beyond MAX_LINE bytes may be missing.
        """
        for start in range(0, len(data), BLOCK):
            piece = data[start : start + BLOCK].translate(_TO_SPACE, _DELETED)
            end = piece.rfind(b"\n") + 1
            if end:
                yield self._tail + piece[:end]
                self._tail = b""
            if len(self._tail) <= MAX_LINE:
                self._tail = (self._tail + piece[end:])[: MAX_LINE + 1]

    def close(self) -> Iterator[bytes]:
        """Yield the last line if it had no newline."""
        if self._tail:
            yield self._tail + b"\n"
            self._tail = b""


def without_escapes(block: bytes) -> bytes:
    """Return ``block`` without terminal escape sequences; lines stay lines."""
    return _ESCAPE.sub(b"", block) if b"\x1b" in block else block


def clean_text(raw: bytes) -> str:
    """Return the printable text of one line of a block, cut to MAX_LINE bytes; invalid UTF-8 becomes U+FFFD."""
    return without_escapes(raw[:MAX_LINE]).decode("utf-8", "replace").translate(_INVISIBLE).rstrip()


def read_line(number: int, text: str) -> Line:
    """Split clean text into prefix and message."""
    found = _PREFIX_TEXT.match(text)
    end = found.end() if found else 0
    caller = _CALLER.search(text, 0, end)
    return Line(number, text, text[end:].rstrip(), caller.group(1) if caller else None)


def inner_messages(line: Line) -> Iterator[Line]:
    """Yield the messages that begin in the middle of a physical line, at most four."""
    for count, found in enumerate(_INNER_START.finditer(line.text)):
        if count == 4:
            return
        inner = read_line(line.number, line.text[found.start() :])
        yield Line(line.number, line.text, inner.message, inner.caller or line.caller)
