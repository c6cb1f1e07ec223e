"""What a guest that hangs or died still tells: SysRq dumps, where its CPUs stand, the kernel's log in its memory."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.guests.kernel_log import LogUnreadable, Read, recover_log
from harness.guests.kernel_symbols import KernelSymbols, read_symbols
from harness.guests.monitor import Monitor, QemuStuck

# Blocked tasks, this CPU's registers, all CPUs, all tasks. A key that a kernel does not know yet (w before 2.6.18, l
# before 2.6.25) is answered with the list of those it does.
SYSRQ_KEYS = (b"w", b"p", b"l", b"t")


def dump_by_sysrq(monitor: Monitor, console_socket: Path, seconds: float, look: Callable[[], None]) -> None:
    """Sends SysRq keys through the serial break, which needs nothing of the guest but an interrupt; the dump itself is
    on the console. ``seconds`` for all keys; ``look`` is called now and then meanwhile. Raises OSError, QemuStuck."""
    monitor.need()
    status = monitor.status()
    if status != "running":
        raise QemuStuck(f"QEMU's own state is {status!r}")
    with socket.socket(socket.AF_UNIX) as serial:
        serial.settimeout(2.0)
        _connect(serial, console_socket)
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


def _connect(sock: socket.socket, path: Path) -> None:
    # The path may be longer than a socket address holds; the descriptor's name in /proc is short.
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sock.connect(f"/proc/self/fd/{handle}/{path.name}")
    finally:
        os.close(handle)


def post_mortem(monitor: Monitor, vmlinux: Path | None, kernel_log: Path) -> list[str]:
    """Reads where the CPUs stand and the kernel's log out of the guest, which is stopped for it.

    Returns remarks for people; the log is in ``kernel_log`` afterwards if there was one. Raises QemuStuck.
    """
    told: list[str] = []
    try:
        monitor.need()
        if monitor.ended is None:
            monitor.stop()
        counters = monitor.program_counters()
        if vmlinux is None:
            return _places(counters, None)
        try:
            symbols = read_symbols(vmlinux)
        except (OSError, ValueError) as error:
            return [*_places(counters, None), f"no log from guest RAM: {error}"]
        told += _places(counters, symbols)
        log = recover_log(symbols, _reader(monitor, kernel_log.with_name("memory.part")), monitor.memory_bytes())
        if log.text:
            kernel_log.write_bytes(log.text)
        told.append(f"log of {log.lines} lines from guest RAM")
    except LogUnreadable as error:
        told.append(f"no log from guest RAM: {error}")
    except OSError as error:
        told.append(f"guest RAM cannot be read: {error}")
    return told


def _places(counters: Sequence[int], symbols: KernelSymbols | None) -> list[str]:
    """One remark on where the CPUs stand, the first few of them."""
    words = []
    for cpu, counter in enumerate(counters[:8]):
        place = symbols.place_of(counter) if symbols else None
        words.append(f"CPU {cpu} in {place[0]}+{place[1]:#x}" if place else f"CPU {cpu} at {counter:#x}")
    return [", ".join(words)] if words else []


def _reader(monitor: Monitor, part: Path) -> Read:
    """``part`` is a file in QEMU's own folder."""

    def read(physical: int, size: int) -> bytes:
        try:
            monitor.save_memory(physical, size, part.name)
            return part.read_bytes()
        finally:
            part.unlink(missing_ok=True)

    return read
