"""QEMU's monitor (QMP) for a guest's whole life: how the guest ended, its CPUs, its memory."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from harness.guests.socket_path import ShortPath

if TYPE_CHECKING:
    from qemu.qmp import QMPClient

QMP_SECONDS = 10.0  # a QEMU that is alive answers in milliseconds, on a machine with ten times its work in a second
SAVE_SECONDS = 30.0  # ... but has to write what is asked of guest memory to a disk that may be busy

GUEST_SHUTDOWN = "guest-shutdown"
GUEST_PANIC = "guest-panic"
UNKNOWN_END = "unknown"
"""The guest had ended before the monitor was connected."""

# One CPU of "info registers -a"; x86 shows RIP or EIP after the general registers.
_CPU = re.compile(r"^CPU#(\d{1,4})\b", re.MULTILINE)
_COUNTER = re.compile(r"\b[ER]IP=([0-9a-f]{8,16})\b")
# One line of "info usernet": protocol, descriptor, source address and port, destination address and port.
_FORWARD = re.compile(r"\bTCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d{1,5})\s+\S+\s+(\d{1,5})\b")
_STACK = re.compile(r"\b[ER]SP=([0-9a-f]{8,16})\b")


@dataclass(frozen=True, slots=True)
class CpuState:
    """Where a processor stands: its program counter and its stack pointer."""

    counter: int
    stack: int


class QemuStuck(Exception):
    """QEMU itself is not at work: its guest's silence says nothing of the kernel."""


class Monitor:
    """The connection to one QEMU. It is made as soon as QEMU listens, while ``wait`` lets time pass.

    Commands raise OSError where there is no connection or QEMU refuses, QemuStuck where it does not answer in time.
    Not for more than one thread.
    """

    def __init__(self, socket_path: Path) -> None:
        self.path = socket_path
        self.ended: str | None = None
        """Why the guest ended by itself: the reason of QEMU's SHUTDOWN event (qapi/run-state.json)."""
        self._loop = asyncio.new_event_loop()
        self._client: QMPClient | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._short: ShortPath | None = None
        self.connected = False

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self, seconds: float) -> None:
        """Lets time pass, and takes what QEMU tells meanwhile; returns at once when the guest ends."""
        deadline = self._loop.time() + seconds
        was = self.ended
        while True:
            self._connect()
            self._loop.run_until_complete(asyncio.sleep(max(0.0, min(0.02, deadline - self._loop.time()))))
            self._look()
            if self._loop.time() >= deadline or self.ended != was:
                return

    def _connect(self) -> None:
        if self._client is not None or not self.path.exists():
            return
        from qemu.qmp import QMPClient

        if self._short is None:
            self._short = ShortPath(self.path)
        self._client = QMPClient("harness")
        connecting = self._client.connect(self._short.name)
        self._connecting = self._loop.create_task(connecting)

    def _look(self) -> None:
        if self._connecting is not None and self._connecting.done():
            failed = self._connecting.cancelled() or self._connecting.exception() is not None
            self._connecting = None
            if failed:
                self._client = None  # QEMU does not listen yet: tried again
            else:
                self.connected = True
                with contextlib.suppress(OSError, QemuStuck):
                    if self.status() == "shutdown" and self.ended is None:
                        self.ended = UNKNOWN_END
        if self._client is None:
            return
        while not self._client.events.empty():
            event = self._loop.run_until_complete(self._client.events.get())
            if event.get("event") == "SHUTDOWN":
                data = event.get("data")
                reason = data.get("reason") if isinstance(data, dict) else None
                if self.ended in (None, UNKNOWN_END):
                    self.ended = str(reason or UNKNOWN_END)[:40]

    def need(self) -> None:
        """Waits for the connection. Raises OSError where QEMU does not listen, QemuStuck where it does not answer."""
        deadline = self._loop.time() + QMP_SECONDS
        while not self.connected:
            self._connect()
            if self._client is None:
                raise FileNotFoundError("QEMU has no monitor")
            if self._loop.time() > deadline:
                raise QemuStuck("QEMU's monitor does not answer")
            self._loop.run_until_complete(asyncio.sleep(0.02))
            self._look()

    def status(self) -> str:
        """QEMU's run state (qapi/run-state.json); "running" is the only one in which silence is the guest's."""
        answer = self._command("query-status")
        return str(answer.get("status", "unknown")) if isinstance(answer, dict) else "unknown"

    def send_break(self, chardev: str) -> None:
        """A serial break, after which a kernel takes the next character for a key of SysRq."""
        self._command("chardev-send-break", {"id": chardev})

    def stop(self) -> None:
        """Stops the CPUs, so that memory keeps still."""
        self._command("stop")

    def cpus(self) -> tuple[CpuState, ...]:
        """Where each CPU stands, by number; empty where QEMU does not say."""
        answer = self._command("human-monitor-command", {"command-line": "info registers -a"})
        return cpu_states(answer) if isinstance(answer, str) else ()

    def forwarded_port(self, guest_port: int) -> int | None:
        """The port of 127.0.0.1 that QEMU forwards to the guest's; None where it forwards none."""
        answer = self._command("human-monitor-command", {"command-line": "info usernet"})
        return forwarded_port(answer, guest_port) if isinstance(answer, str) else None

    def memory_bytes(self) -> int:
        """Size of the guest's RAM."""
        answer = self._command("query-memory-size-summary")
        size = answer.get("base-memory") if isinstance(answer, dict) else None
        return size if isinstance(size, int) else 0

    def save_memory(self, physical: int, size: int, path: str) -> None:
        """Writes guest memory from a physical address on into ``path``, which is QEMU's (relative: in its folder)."""
        self._command("pmemsave", {"val": physical, "size": size, "filename": path}, SAVE_SECONDS)

    def _command(self, name: str, arguments: dict[str, object] | None = None, seconds: float = 0.0) -> object:
        from qemu.qmp import QMPError

        if self._client is None or not self.connected:
            raise OSError("QEMU's monitor is not connected")
        try:
            return self._answer(self._client.execute(name, arguments), seconds or QMP_SECONDS)
        except TimeoutError as error:
            raise QemuStuck("QEMU's monitor does not answer") from error
        except (QMPError, EOFError) as error:
            raise OSError(f"QMP refuses {name}: {str(error)[:200] or type(error).__name__}") from error

    def _answer(self, question: Awaitable[object], seconds: float) -> object:
        return self._loop.run_until_complete(asyncio.wait_for(question, seconds))

    def close(self) -> None:
        """Ends the connection; QEMU goes on."""
        if self._loop.is_closed():
            return
        if self._client is not None:
            with contextlib.suppress(Exception):  # a QEMU that is gone answers with EOFError: nothing is lost by it
                if self._connecting is not None:
                    self._connecting.cancel()
                self._answer(self._client.disconnect(), QMP_SECONDS)
        rest = asyncio.all_tasks(self._loop)
        for task in rest:
            task.cancel()
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        self._loop.close()
        if self._short is not None:
            self._short.close()


def forwarded_port(usernet: str, guest_port: int) -> int | None:
    """The local port that leads to a port of the guest, from the text of ``info usernet``."""
    for local, remote in _FORWARD.findall(usernet):
        if int(remote) == guest_port:
            return int(local)
    return None


def cpu_states(registers: str) -> tuple[CpuState, ...]:
    """The CPUs, by number, from the text of ``info registers -a``."""
    starts = [*_CPU.finditer(registers)]
    states = []
    for place, found in enumerate(starts, 1):
        end = starts[place].start() if place < len(starts) else len(registers)
        counter = _COUNTER.search(registers, found.end(), end)
        stack = _STACK.search(registers, found.end(), end)
        if counter is not None:
            states.append(CpuState(int(counter[1], 16), int(stack[1], 16) if stack else 0))
    return tuple(states)
