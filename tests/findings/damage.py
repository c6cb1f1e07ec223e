"""Consoles damaged as ports, terminals, CPUs and recorders damage them, made from whole ones, with what is still true.

Every function is pure; chance comes from the ``random.Random`` it is given, so that a seed names a console.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_STAMP = re.compile(rb"^(<\d>)?(\[ *\d+\.\d{6}\])(\[ *[TC]\d+\])? ?", re.MULTILINE)


def lines_of(console: bytes) -> list[bytes]:
    """Its physical lines, each with its newline (bytes.splitlines() takes a lone carriage return for one too)."""
    return re.findall(rb"[^\n]*\n|[^\n]+$", console)


def is_stamped(console: bytes) -> bool:
    """Whether most of its lines begin with printk's time stamps."""
    return len(_STAMP.findall(console)) * 2 > console.count(b"\n")


def with_caller(console: bytes, caller: bytes) -> bytes:
    """As CONFIG_PRINTK_CALLER would have printed it; every line gets the caller, those without a stamp one too."""
    lines = []
    for line in console.replace(b"\r", b"").removesuffix(b"\n").split(b"\n"):
        found = _STAMP.match(line)
        stamp, rest = (found[2], line[found.end() :]) if found else (b"[    9.000000]", line)
        lines.append(stamp + b"[" + caller.rjust(6) + b"] " + rest)
    return b"\n".join(lines) + b"\n"


def without_stamps(console: bytes) -> bytes:
    """As a kernel without CONFIG_PRINTK_TIME would have printed it."""
    return _STAMP.sub(b"", console)


def interleaved(first: bytes, second: bytes, chance: random.Random, run: int = 3) -> bytes:
    """The lines of both, each in its own order, in turns of one to ``run`` lines."""
    queues = [lines_of(first), lines_of(second)]
    mixed = []
    turn = 0
    while any(queues):
        count = chance.randint(1, run)
        mixed += queues[turn][:count]
        del queues[turn][:count]
        turn = 1 - turn
    return b"".join(mixed)


def glued(console: bytes, other: bytes, chance: random.Random) -> bytes:
    """A line of another CPU, with its own time stamp, written into the middle of one."""
    lines = lines_of(console)
    which = chance.randrange(len(lines))
    line = lines[which]
    at = chance.randint(0, len(line.rstrip()))
    lines[which] = line[:at] + b"[   11.000000] " + other + b"\n" + line[at:]
    return b"".join(lines)


def bytes_lost(console: bytes, chance: random.Random, rate: float) -> bytes:
    """Each byte is lost with that probability, as on a port that is written to too fast."""
    return bytes(byte for byte in console if chance.random() >= rate)


def run_lost(console: bytes, chance: random.Random, most: int = 400) -> bytes:
    """A run of bytes is missing: a full buffer."""
    start = chance.randrange(len(console))
    return console[:start] + console[start + chance.randint(1, most) :]


def bytes_changed(console: bytes, chance: random.Random, rate: float) -> bytes:
    """Each byte but newlines is another one with that probability: a wrong line speed, a bad cable."""
    return bytes(chance.randrange(256) if byte != 10 and chance.random() < rate else byte for byte in console)


def lines_repeated(console: bytes, chance: random.Random) -> bytes:
    """Some lines come twice, as from two consoles of which one is the other's log."""
    return b"".join(line * chance.choice((1, 1, 1, 2)) for line in lines_of(console))


def wrapped(console: bytes, columns: int = 80) -> bytes:
    """As a terminal's screen, copied."""
    lines = []
    for line in console.replace(b"\r", b"").expandtabs().split(b"\n"):
        lines += [line[at : at + columns] for at in range(0, max(len(line), 1), columns)]
    return b"\n".join(lines)


def quoted(console: bytes, mark: bytes = b"> ") -> bytes:
    """As in a mail."""
    return re.sub(rb"^", mark, console, flags=re.MULTILINE)


def noise_between(console: bytes, chance: random.Random) -> bytes:
    """Lines of other programs between those of the report."""
    noise = (
        b"systemd[1]: Started Frog Spawning Service.",
        b"[  \x1b[32mOK\x1b[0m  ] Reached target Pond.",
        b"pond login: ",
        b"ok 3 - mapped 4096 pages",
        b"# Totals: pass:3 fail:0 xfail:0 xpass:0 skip:0 error:0",
        b"not ok 4 # SKIP no huge pages",
        b"~ # ls",
        b"",
    )
    lines = []
    for line in lines_of(console):
        if chance.random() < 0.15:
            lines.append(chance.choice(noise) + b"\n")
        lines.append(line)
    return b"".join(lines)


def _each_line(prefix: Callable[[int], bytes]) -> Callable[[bytes], bytes]:
    def damaged(console: bytes) -> bytes:
        return b"".join(prefix(number) + line for number, line in enumerate(lines_of(console)))

    return damaged


def _in_levels(console: bytes) -> bytes:
    return b"".join(b"kern  :warn  : " + line for line in lines_of(console))


def _kmsg(console: bytes) -> bytes:
    lines = enumerate(lines_of(_STAMP.sub(b"", console)))
    return b"".join(b"4,%d,%d,-;" % (number, 12_000_000 + number) + line for number, line in lines)


def _stamps_off(console: bytes) -> bytes:
    """Clocks that jump back and overflow: what the time says must not matter."""
    times = iter(range(10**9))
    return _STAMP.sub(lambda found: b"[%5d.%06d] " % ((next(times) * 7919) % 99999, 123456), console)


HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "CR LF": lambda console: console.replace(b"\r", b"").replace(b"\n", b"\r\n"),
    "LF CR": lambda console: console.replace(b"\r", b"").replace(b"\n", b"\n\r"),
    "CR CR LF": lambda console: console.replace(b"\r", b"").replace(b"\n", b"\r\r\n"),
    "NULs": lambda console: console.replace(b" ", b"\0 \0").replace(b"\n", b"\0\n\0"),
    "CSI colours": lambda console: re.sub(rb"(?m)^(.+)$", b"\x1b[1;31m\\1\x1b[0m", console),
    "CSI in words": lambda console: console.replace(b" at ", b" \x1b[Kat\x1b[0m "),
    "8-bit CSI": lambda console: re.sub(rb"(?m)^(.+)$", b"\x9b1m\\1\x9b0m", console),
    "OSC title before": lambda console: b"\x1b]0;pond\x07\n" + console,
    "cursor moves": _each_line(lambda number: b"\x1b[%d;1H\x1b[K" % (number % 25 + 1)),
    "no time stamps": without_stamps,
    "time stamps off": _stamps_off,
    "caller ids": lambda console: with_caller(console, b"T123"),
    "levels": lambda console: re.sub(rb"(?m)^(\r?)", rb"\1<4>", console),
    "dmesg -x": _in_levels,
    "extended netconsole": _kmsg,
    "console name": _each_line(lambda _: b"ttyS0: "),
    "console name in brackets": _each_line(lambda _: b"[console] "),
    "qemu": _each_line(lambda _: b"qemu: "),
    "minicom": _each_line(lambda number: b"[2011-08-19 00:41:%02d] " % (number % 60)),
    "conserver": _each_line(lambda number: b"[Fri Aug 19 00:41:%02d 2011] " % (number % 60)),
    "tio": _each_line(lambda number: b"[00:41:%02d.123] " % (number % 60)),
    "syslog": _each_line(lambda number: b"Aug  9 00:41:%02d pond kernel: " % (number % 60)),
    "journalctl": _each_line(lambda number: b"2011-08-19T00:41:%02d+0200 pond.example kernel: " % (number % 60)),
    "iso dates": _each_line(lambda number: b"2011-08-19T00:41:%02d,123456+02:00 " % (number % 60)),
    "LAVA": _each_line(lambda number: b'- {"dt": "2011-08-19T00:41:%02d", "lvl": "target", "msg": "' % (number % 60)),
    "pytest": _each_line(lambda number: b"INFO     guest:qemu.py:%d " % (number + 1)),
    "recorder and console name": _each_line(lambda number: b"00:41:%02d ttyS0: " % (number % 60)),
}
"""What changes nothing that is said: titles, order and number of the findings stay."""
