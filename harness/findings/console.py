"""Console bytes to clean messages: what ports, terminals and recorders add is taken off; nothing is interpreted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from harness.model.plain_text import NOT_SHOWN

MAX_LINE = 4096
"""Bytes kept of one physical line, half from its beginning and half from its end: a report can begin behind a program's
endless line. printk itself never writes more than 1024 (LOG_LINE_MAX) in one."""

BLOCK = 1 << 16
"""Bytes looked at in one step: large enough to hide the cost of a step, small enough to stay in the cache."""

_DELETED = bytes(c for c in [*range(0x20), 0x7F] if bytes([c]) not in (b"\t", b"\n", b"\x1b", b"\r"))
_TO_SPACE = bytes.maketrans(b"\r", b" ")

# An escape sequence without its end is removed as far as it goes. The body of an OSC sequence (a window title) stays as
# plain text on purpose: a guest must not be able to hide a report by wrapping it. 0x9B alone is the 8-bit CSI, after
# other bytes above 0x7F a part of a character.
_ESCAPE = re.compile(rb"(?:\x1b\[|(?:\xc2|(?<![\x80-\xff]))\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]?|\x1b[ -/]{0,4}[0-Z\\-~]?")

# What would hide a word or turn a line round becomes U+FFFD, so that removing it cannot glue a word together. ASCII is
# clean by then.
_INVISIBLE = dict.fromkeys((character for character in NOT_SHOWN if character > 0x7F), "\ufffd")

# What may stand before a message. Every repetition is possessive: a prefix is read in one way only, in linear time.
#
# First what a recorder writes before each line, up to four of these:
#   Aug 19 00:41:51 host kernel:           syslog, journalctl and its ISO dates
#   2011-08-19T00:41:51,123456+02:00       dmesg --time-format iso, continuous integration
#   [Fri Aug 19 00:41:51 2011]             dmesg -T, conserver
#   [2011-08-19 00:41:51.123] [00:41:51]   minicom, tio
#   [console] ttyS0: qemu:                 whose output it is
#   kern  :warn  :                         dmesg -x
#   INFO     guest:run.py:12               Python's logging as pytest shows it
#   - {"dt": …, "lvl": "target", "msg": "  LAVA
#   6,1234,5678,-;  6.12.0,6,1234,5678,-;  /dev/kmsg, extended netconsole
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9}+)?+"
_DATE = rf"(?:[A-Z][a-z]{{2}} ){{1,2}}+ ?+\d{{1,2}}+ {_CLOCK}(?: \d{{4}}(?!\d))?+"
_ZONE = r"(?:Z| ?+[+-]\d\d:?+\d\d)?+(?: [A-Z]{3,5}(?= [\w.:-]{1,64} kernel))?+"
_ISO_DATE = rf"(?:[A-Z][a-z]{{2}} )?+\d{{4}}-\d\d-\d\d[T ]{_CLOCK}{_ZONE}"
_HOST = r"[\w.:-]{1,64}+ kernel(?:\[\d{1,7}\])?+:"
_CONSOLE = r"console|serial\d?+|guest|qemu(?:-system-\w{1,12}+)?+|tty[A-Z]{1,4}+\d{1,3}+|hvc\d"
_FACILITY = r"kern|user|mail|daemon|auth(?:priv)?+|syslog|lpr|news|uucp|cron|ftp|local\d"
_LEVEL = r"emerg|alert|crit|err|warn|notice|info|debug"
_RECORDER = (
    rf"(?:(?:{_DATE}|{_ISO_DATE}|{_CLOCK})(?: {_HOST}|:)?+(?: |$)|"
    rf"\[(?:{_DATE}|{_ISO_DATE}|{_CLOCK})\](?: {_HOST})?+ ?+|"
    rf"\[(?:{_CONSOLE})\]:?+ ?+|"
    rf"(?:{_CONSOLE})(?:\[\d{{1,7}}\])?+: ?+|"
    rf"(?:{_FACILITY}) {{0,6}}+:(?:{_LEVEL}) {{0,6}}+: |"
    r"(?:DEBUG|INFO|WARNING|ERROR) {1,8}+[\w.-]{1,64}+:[\w.-]{1,64}+:\d{1,6}+ |"
    r"- \{\"?+dt\"?+: ?+\"?+[^\",\n]{1,40}+\"?+, ?+\"?+lvl\"?+: ?+\"?+[a-z]{1,12}+\"?+, ?+\"?+msg\"?+: ?+[\"']|"
    r"(?:\d{1,2}\.\d{1,3}[\w.+-]{0,64}+,)?+\d{1,3},\d{1,20},\d{1,20},[^;\n]{1,60}+;)"
)
# Then what printk writes, or its port:
#   a blank                          early serial consoles end lines with LF CR  2.5 - 2.6.27
#   <4>                              level, seen on raw consoles             2.5 - 3.x
#   [   12.345678]                   CONFIG_PRINTK_TIME                      2.6.11 on
#   [   12.345678@1]                 with a CPU                              vendor trees
#   [   12.345678] host kernel:      journalctl -o short-monotonic
#   [  T123] [    C1]                CONFIG_PRINTK_CALLER                    5.1 on
_STAMP = r"\[ {0,12}+\d{1,8}+\.\d{1,9}+(?:@\d{1,4}+)?+\]"
_CALLER_ID = r"\[ {0,8}+[TC]\d{1,10}+\]"
_PREFIX = (
    rf" ?+{_RECORDER}{{0,4}}+ ?+(?:<\d{{1,3}}>)?+"
    rf"(?:{_STAMP} ?+(?:{_HOST} )?+)?+(?:{_CALLER_ID} ?+)?+(?:{_STAMP} ?+)?+(?:<\d{{1,3}}>)?+[ \t]{{0,64}}+"
)
# The same language, with the commonest beginnings (a time stamp, perhaps a caller; nothing) tried first.
_MAY_BE_RECORDER = (
    r"[<\[]|\d[\d.,]|[A-Z][a-z]{2} |(?:DEBUG|INFO|WARNING|ERROR) |- \{|console|serial|guest|qemu|tty|hvc|kern|user|"
    r"mail|daemon|auth|syslog|lpr|news|uucp|cron|ftp|local"
)
PREFIX_BYTES = (
    rf" ?+(?>{_STAMP}(?:{_CALLER_ID})?+ (?![\[<])[ \t]{{0,64}}+|(?!{_MAY_BE_RECORDER})[ \t]{{0,64}}+|{_PREFIX})"
).encode()
# Behind any other text a time stamp begins a message too.
BEHIND_BYTES = rf"\[(?<!\n\[) {{0,12}}+\d{{1,8}}+\.\d{{6}}\] ?+(?:{_CALLER_ID} ?+)?+".encode()
_PREFIX_TEXT = re.compile(_PREFIX, re.ASCII)
_CALLER = re.compile(r"(?:\[ {0,8}|,caller=)([TC]\d{1,10})\b", re.ASCII)

# A message can begin in the middle of a physical line: after a login prompt or a program's dots, after another CPU's
# half line, after the last "Code:" bytes of kernels that wrote no newline before a panic. A level or a time stamp shows
# where, or the words that only a kernel says.
_INNER_START = re.compile(
    r"<[0-7]>|\[ {0,12}+\d{1,8}+\.\d{6}\]|"
    r"Unable to handle kernel |BUG: (?:unable to handle |kernel NULL )|[Kk]ernel BUG at |Kernel panic - not syncing: ",
    re.ASCII,
)
_INNER_STAMP = re.compile(r"\[ {0,12}+\d{1,8}+\.\d{6}\]", re.ASCII)
_BEFORE_WORDS = re.compile(r"(?:[^\s\"'`(\[{<]|login: |[#$] )$")
MAX_INNER = 4

# Text that somebody shows, and that is no message of this kernel: quoted in a mail, or sent to every terminal by a
# system logger. A report that a program prints as it was ("cat oops.txt") cannot be told from one of this kernel.
_QUOTE = re.compile(r" ?(?:>(?:[ >\[]|$)|\| | ?kernel:[\[<\S])")
_INDENTED = ("    ", "\t")


@dataclass(frozen=True, slots=True)
class Line:
    """One message: the 1-based number and the clean text of its physical line, and the message without prefix."""

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

        A block begins at a line start and every line in it, the last included, ends with a newline and has at most
        MAX_LINE bytes before it.
        """
        for start in range(0, len(data), BLOCK):
            piece = data[start : start + BLOCK].translate(_TO_SPACE, _DELETED)
            end = piece.rfind(b"\n") + 1
            if end:
                yield _bounded(self._tail + piece[:end])
                self._tail = b""
            self._tail = _shortened(self._tail + piece[end:])

    def close(self) -> Iterator[bytes]:
        """Yield the last line if it had no newline."""
        if self._tail:
            yield self._tail + b"\n"
            self._tail = b""


def _shortened(line: bytes) -> bytes:
    half = MAX_LINE // 2
    return line if len(line) <= MAX_LINE else line[:half] + line[-half:]


def _bounded(block: bytes) -> bytes:
    """Shorten the lines that are too long. Most blocks have none, which a look every MAX_LINE bytes tells."""
    at = 0
    while at < len(block):
        newline = block.rfind(b"\n", at, at + MAX_LINE + 1)
        if newline < 0:
            return b"\n".join(map(_shortened, block.split(b"\n")))
        at = newline + 1
    return block


def without_escapes(block: bytes) -> bytes:
    """Return ``block`` without terminal escape sequences; lines stay lines."""
    return _ESCAPE.sub(b"", block) if b"\x1b" in block or b"\x9b" in block else block


def clean_text(raw: bytes) -> str:
    """Return the printable text of one line of a block without escapes; invalid UTF-8 becomes U+FFFD."""
    if raw.isascii():
        return raw.decode("ascii").rstrip()
    return raw.decode("utf-8", "replace").translate(_INVISIBLE).rstrip()


def is_quoted(text: str) -> bool:
    """Whether somebody shows this line; one whose message is indented cannot begin a report either."""
    return text.startswith(_INDENTED) or _QUOTE.match(text) is not None


def _inner_starts(text: str, begin: int) -> Iterator[int]:
    for found in _INNER_START.finditer(text, begin):
        if text[found.start()] in "<[" or _BEFORE_WORDS.search(text, max(0, found.start() - 8), found.start()):
            yield found.start()


WRAP_WIDTH = 80
"""Columns after which a terminal's screen, copied, has a new line."""

_STAMPED = re.compile(rf" ?(?:<\d>)?{_STAMP}", re.ASCII)


def is_stamped(text: str) -> bool:
    """Whether printk wrote the time before it."""
    return _STAMPED.match(text) is not None


def torn_at(text: str) -> int | None:
    """Return where a message with a time stamp begins in the middle of another, which may go on with the next line."""
    prefix = _PREFIX_TEXT.match(text)
    if prefix is None or not is_stamped(text):
        return None
    found = _INNER_STAMP.search(text, prefix.end())
    return found.start() if found else None


def continues(text: str) -> bool:
    """Whether a line is the rest of one that was torn or wrapped, on a console with time stamps: it has no prefix."""
    found = _PREFIX_TEXT.match(text, 0, 80)
    return bool(text) and (found is None or found.end() == 0)


def read_messages(number: int, text: str) -> list[Line]:
    """Split the clean text of a physical line into its messages, at most 1 + MAX_INNER; quoted text has none."""
    if _QUOTE.match(text):
        return [Line(number, text, "", None)]
    found = _PREFIX_TEXT.match(text)
    begin = found.end() if found else 0
    caller = _CALLER.search(text, 0, begin) if begin else None
    name = caller.group(1) if caller else None
    starts = [begin] if text.startswith(_INDENTED) else [begin, *islice(_inner_starts(text, begin + 1), MAX_INNER)]
    if len(starts) == 1:
        return [Line(number, text, text[begin:], name)]
    messages = [Line(number, text, text[begin : starts[1]].strip(), name)]
    for start, end in zip(starts[1:], [*starts[2:], len(text)], strict=True):
        found = _PREFIX_TEXT.match(text, start, end)
        begin = found.end() if found else start
        caller = _CALLER.search(text, start, begin)
        name = caller.group(1) if caller else name
        messages.append(Line(number, text, text[begin:end].strip(), name))
    return messages
