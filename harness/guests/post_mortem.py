"""What a guest that hangs or died still tells: SysRq dumps, where its CPUs stand, the kernel's log in its memory."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from harness.guests.kernel_log import LogUnreadable, Memory, Read, recover_log
from harness.guests.kernel_symbols import KernelSymbols, read_symbols
from harness.guests.monitor import CpuState, Monitor, QemuStuck
from harness.guests.socket_path import ShortPath
from harness.model.guest import CpuPlace
from harness.model.plain_text import clean

# Blocked tasks, this CPU's registers, all CPUs, all tasks. A key that a kernel does not know yet (w before 2.6.18, l
# before 2.6.25) is answered with the list of those it does.
SYSRQ_KEYS = (b"w", b"p", b"l", b"t")
POST_MORTEM = "# post-mortem: "
"""Begins the lines behind a log that are the harness's own; no report of the kernel goes on over them."""
MAX_CPUS = 8
MAX_LAST_WORDS = 100
_SYSRQ = re.compile(rb"^(?:\[ *\d+\.\d+\] ?)?(?:sysrq|SysRq) ?: (?:Show|HELP)", re.MULTILINE)
_STAMP = re.compile(r"^\[ *\d+\.\d+\] ?")
STACK_BYTES = 8192
MAX_STACK_LINES = 40


def dump_by_sysrq(monitor: Monitor, console_socket: Path, seconds: float, look: Callable[[], None]) -> None:
    """Sends SysRq keys through the serial break, which needs nothing of the guest but an interrupt; the dump itself is
    on the console. ``seconds`` for all keys; ``look`` is called now and then meanwhile. Raises OSError, QemuStuck."""
    monitor.need()
    status = monitor.status()
    if status != "running":
        raise QemuStuck(f"QEMU's own state is {status!r}")
    with socket.socket(socket.AF_UNIX) as serial:
        serial.settimeout(2.0)
        with ShortPath(console_socket) as name:
            serial.connect(name)
        serial.setblocking(False)
        for key in SYSRQ_KEYS:
            monitor.send_break("console")
            time.sleep(0.2)
            with contextlib.suppress(OSError):
                serial.send(key)
            deadline = time.monotonic() + seconds / len(SYSRQ_KEYS)
            while time.monotonic() < deadline and monitor.ended is None:
                with contextlib.suppress(BlockingIOError):
                    serial.recv(1 << 16)  # what nobody reads would block the guest's port
                look()
                monitor.wait(0.05)


def where_cpus_stand(monitor: Monitor) -> tuple[CpuState, ...]:
    """The CPUs, () where QEMU has no monitor. Raises QemuStuck."""
    try:
        monitor.need()
        return monitor.cpus()
    except OSError:
        return ()


@dataclass(frozen=True, slots=True)
class Remains:
    """What a post-mortem found: remarks for people, and where the CPUs stood."""

    remarks: tuple[str, ...]
    cpus: tuple[CpuPlace, ...] = ()


def post_mortem(monitor: Monitor, vmlinux: Path | None, kernel_log: Path, cpus: tuple[CpuState, ...] = ()) -> Remains:
    """Reads where the CPUs stand and the kernel's log out of the guest, which is stopped for it.

    ``cpus`` is where they stood before something was asked of the guest; () where nothing was. ``kernel_log`` holds the
    log afterwards, if there was one, and below it what is on the CPUs' stacks. Raises QemuStuck.
    """
    told: list[str] = []
    places: tuple[CpuPlace, ...] = ()
    try:
        monitor.need()
        if monitor.ended is None:
            monitor.stop()
        cpus = cpus or monitor.cpus()
        if vmlinux is None:
            return Remains(tuple(_places(cpus, None)))
        try:
            symbols = read_symbols(vmlinux)
        except (OSError, ValueError) as error:
            return Remains((*_places(cpus, None), f"no log from guest RAM: {error}"))
        told += _places(cpus, symbols)
        places = tuple(CpuPlace(symbols.function_at(cpu.counter)) for cpu in cpus[:MAX_CPUS])
        memory = Memory(symbols, _reader(monitor, kernel_log.with_name("memory.part")), monitor.memory_bytes())
        on_stacks = [on_stack(memory, cpu) for cpu in cpus[:MAX_CPUS]]
        places = tuple(
            CpuPlace(place.function, tuple(name for _, name, _ in found or ()))
            for place, found in zip(places, on_stacks, strict=True)
        )
        log = recover_log(memory)
        stacks = [
            stack_text(symbols, number, cpu, found)
            for number, (cpu, found) in enumerate(zip(cpus, on_stacks, strict=False))
        ]
        if log.text:
            kernel_log.write_bytes(log.text + "".join(stacks).encode())
        told.append(f"log of {log.lines} lines from guest RAM{last_words(log.text)}")
    except LogUnreadable as error:
        told.append(f"no log from guest RAM: {error}")
    except OSError as error:
        told.append(f"guest RAM cannot be read: {error}")
    return Remains(tuple(told), places)


def last_words(log: bytes) -> str:
    """ ", the last: ..." without its time, cut to a line's length; "" for an empty log. What was answered to SysRq is
    not the kernel's own word."""
    own = _SYSRQ.split(log, maxsplit=1)[0]
    lines = [_STAMP.sub("", line.decode("ascii", "replace")).strip() for line in own.split(b"\n")]
    last = next((line for line in reversed(lines) if line), "")
    return f', the last: "{clean(last, MAX_LAST_WORDS)}"' if last else ""


def _places(cpus: Sequence[CpuState], symbols: KernelSymbols | None) -> list[str]:
    """One remark on where the CPUs stand, the first few of them."""
    words = [f"CPU {number} {_place(cpu.counter, symbols)}" for number, cpu in enumerate(cpus[:MAX_CPUS])]
    return [", ".join(words)] if words else []


def _place(address: int, symbols: KernelSymbols | None) -> str:
    place = symbols.place_of(address) if symbols else None
    return f"in {place[0]}+{place[1]:#x}" if place else f"at {address:#x}"


def on_stack(memory: Memory, cpu: CpuState) -> list[tuple[int, str, int]] | None:
    """(address, function, offset in it) of what looks like a return address on a CPU's stack, innermost first, at most
    MAX_STACK_LINES; None where the stack cannot be read, [] for a CPU outside of the kernel's code.

    Read up to the next multiple of 8 KiB, where a stack of 2.5 and later ends at the latest.
    """
    symbols = memory.symbols
    if symbols.place_of(cpu.counter) is None:
        return []
    try:
        words = memory.bytes_at(cpu.stack, STACK_BYTES - cpu.stack % STACK_BYTES)
    except LogUnreadable:
        return None
    width = symbols.pointer
    addresses = (int.from_bytes(words[at : at + width], "little") for at in range(0, len(words) - width + 1, width))
    found = ((address, symbols.place_of(address)) for address in addresses)
    return [(address, *place) for address, place in islice(((a, p) for a, p in found if p), MAX_STACK_LINES)]


def stack_text(symbols: KernelSymbols, number: int, cpu: CpuState, found: Sequence[tuple[int, str, int]] | None) -> str:
    """What ``on_stack`` found, as a trace that trusts none; "" for a CPU in user space."""
    if symbols.place_of(cpu.counter) is None:
        return ""
    head = f"{POST_MORTEM}CPU {number} {_place(cpu.counter, symbols)}; on its stack, leftovers among them:"
    if found is None:
        return f"{head} nothing that can be read\n"
    lines = [f" [<{address:0{2 * symbols.pointer}x}>] ? {name}+{offset:#x}" for address, name, offset in found]
    return "\n".join([head, *lines]) + "\n"


def _reader(monitor: Monitor, part: Path) -> Read:
    """``part`` is a file in QEMU's own folder."""

    def read(physical: int, size: int) -> bytes:
        try:
            monitor.save_memory(physical, size, part.name)
            return part.read_bytes()
        finally:
            part.unlink(missing_ok=True)

    return read
