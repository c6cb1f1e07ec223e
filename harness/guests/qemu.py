"""Running one guest under QEMU: the command line, the watch over its two ports, the autopsy of a hang.

The only place that starts QEMU.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from harness.model.era import Era, RootKind
from harness.model.errors import InfrastructureError, UserError
from harness.model.guest import Accelerator, GuestEnd, GuestLimits, GuestResult, GuestSpec

USER_SPACE = b"# harness: user-space"
DONE = b"# harness: done"
PROGRESS = b"# progress "
POLL_SECONDS = 0.1
QMP_SECONDS = 3.0  # a QEMU that is alive answers in milliseconds
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True, slots=True)
class Boot:
    """Everything of one boot but where its logs go. ``append`` is the whole kernel command line."""

    qemu: str
    kernel: Path
    initrd: Path
    spec: GuestSpec
    accelerator: Accelerator
    append: tuple[str, ...]


class ConsoleWatch(Protocol):
    """What tells the runner that the kernel has said its last words."""

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes of the console; True once a fatal report is complete."""
        ...


def command_line(boot: Boot, folder: str | Path = ".") -> list[str]:
    """QEMU's argument vector. Console and report port are logged by QEMU itself, from the first byte, whether or
    not anybody listens; their sockets in ``folder`` are for the autopsy."""
    spec = boot.spec
    folder = Path(folder)
    accelerator = _accelerator(boot)
    words = [
        boot.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-nic", "none", "-no-reboot",
        "-machine", spec.machine, *accelerator, "-cpu", spec.cpu,
        "-smp", _topology(spec), "-m", f"{spec.memory_mib}M",
        *_numa(spec), *spec.qemu_args,
        "-chardev", f"socket,id=console,path={folder / 'console.sock'},server=on,wait=off,logfile={folder / 'console'}",
        "-serial", "chardev:console",
        "-chardev", f"socket,id=report,path={folder / 'report.sock'},server=on,wait=off,logfile={folder / 'report'}",
        "-serial", "chardev:report",
        "-qmp", f"unix:{folder / 'qmp.sock'},server=on,wait=off",
        "-kernel", str(boot.kernel), "-initrd", str(boot.initrd), "-append", " ".join(boot.append),
    ]  # fmt: skip
    return words


def _accelerator(boot: Boot) -> list[str]:
    if boot.accelerator is Accelerator.KVM:
        return ["-accel", "kvm"]
    if boot.spec.icount is None:
        return ["-accel", "tcg,thread=multi"]
    # sleep=off: a guest in which all processors idle goes on to its next timer at once.
    return ["-accel", "tcg,thread=single", "-icount", f"shift={boot.spec.icount},sleep=off"]


def _topology(spec: GuestSpec) -> str:
    # One socket a node: a socket over two nodes is what no machine has, and the kernel warns of it.
    if spec.nodes > 1 and spec.cpus % spec.nodes == 0:
        return f"{spec.cpus},sockets={spec.nodes},cores={spec.cpus // spec.nodes}"
    return str(spec.cpus)


def _numa(spec: GuestSpec) -> list[str]:
    if spec.nodes < 2:
        return []
    words = []
    per_node = spec.memory_mib // spec.nodes
    for node in range(spec.nodes):
        first, last = node * spec.cpus // spec.nodes, (node + 1) * spec.cpus // spec.nodes - 1
        size = per_node if node else spec.memory_mib - per_node * (spec.nodes - 1)
        cpus = f",cpus={first}-{last}" if last >= first else ""
        words += ["-object", f"memory-backend-ram,id=m{node},size={size}M", "-numa", f"node{cpus},memdev=m{node}"]
    return words


def arguments_digest(boot: Boot) -> str:
    """SHA-256 (hex) of everything that decides what QEMU does but the contents of kernel and initramfs."""
    words = command_line(replace(boot, qemu="qemu", kernel=Path("kernel"), initrd=Path("initrd")))
    return hashlib.sha256("\0".join(words).encode()).hexdigest()


def printable(boot: Boot) -> str:
    """The command line for people, quoted for a shell."""
    return shlex.join(command_line(boot))


def qemu_version(qemu: str) -> str:
    """First line of ``qemu --version``. Raises InfrastructureError when it cannot be run."""
    if shutil.which(qemu) is None:
        raise InfrastructureError(f"{qemu} is not installed", remedy="install qemu-system-x86 (make setup does)")
    try:
        done = subprocess.run([qemu, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrastructureError(f"{qemu} cannot be run: {error}") from error
    return done.stdout.splitlines()[0] if done.stdout else "unknown"


def _die_with(parent: int) -> None:
    # A killed harness must not leave guests behind; nor one that was killed before this line.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class _Tail:
    """New bytes of a file that QEMU appends to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0

    def read(self, most: int = 1 << 20) -> bytes:
        try:
            with self.path.open("rb") as handle:
                handle.seek(self.size)
                data = handle.read(most)
        except FileNotFoundError:
            return b""
        self.size += len(data)
        return data


def run_guest(
    boot: Boot,
    folder: Path,
    limits: GuestLimits,
    watch: ConsoleWatch,
    progress: Callable[[str], None] = lambda line: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> GuestResult:
    """Boots the guest and stays until it powers off, dies, hangs or is too long.

    ``folder`` must be empty; it keeps ``console`` and ``report``. ``progress`` gets the stressor's progress lines. A
    QEMU that fails to start or is killed is an end of its own (QEMU_FAILED), never a kernel's. Raises
    InfrastructureError only when QEMU cannot be run at all.
    """
    # Socket paths are limited to 107 bytes (unix(7)): QEMU runs in the folder and gets short names.
    arguments = command_line(boot)
    folder.mkdir(parents=True, exist_ok=True)
    stderr = folder / "qemu.stderr"
    started = time.monotonic()
    try:
        with stderr.open("wb") as errors:
            process = subprocess.Popen(
                arguments,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509 - one prctl(2) call, no lock is taken
                start_new_session=True,
            )
    except OSError as error:
        raise InfrastructureError(f"{boot.qemu} cannot be run: {error.strerror}") from error
    try:
        return _watch_guest(process, folder, limits, watch, progress, cancelled, started)
    finally:
        _stop(process)
        for name in ("console.sock", "report.sock", "qmp.sock"):
            (folder / name).unlink(missing_ok=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def _watch_guest(
    process: subprocess.Popen[bytes],
    folder: Path,
    limits: GuestLimits,
    watch: ConsoleWatch,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
    started: float,
) -> GuestResult:
    console, report = _Tail(folder / "console"), _Tail(folder / "report")
    user_space: float | None = None
    crashed_at: float | None = None
    last_byte = started
    partial = b""
    end, detail = GuestEnd.POWER_OFF, ""
    done_seen = False
    while True:
        exited = process.poll() is not None
        now = time.monotonic()
        said, told = console.read(), report.read()
        if said or told:
            last_byte = now
        if said and watch.feed(said) and crashed_at is None:
            crashed_at = now
        if told:
            partial += told
            *lines, partial = partial.split(b"\n")
            partial = partial[-4096:]
            for line in map(bytes.strip, lines):
                if user_space is None and line.startswith(USER_SPACE):
                    user_space = now - started
                done_seen = done_seen or line.startswith(DONE)
                if line.startswith(PROGRESS):
                    progress(line[len(PROGRESS) : 200].decode("ascii", "replace"))
        if exited and not said and not told:
            break
        if exited:
            continue
        if cancelled():
            end, detail = GuestEnd.QEMU_FAILED, "stopped by the user"
            break
        if max(console.size, report.size) > limits.console_bytes:
            end, detail = GuestEnd.FLOODED, f"more than {limits.console_bytes} bytes on one port"
            break
        if crashed_at is not None and now - crashed_at > limits.after_crash and now - last_byte > 2.0:
            end = GuestEnd.CRASHED
            break
        over = now - started > limits.wall
        if over or now - last_byte > limits.silence:
            end = GuestEnd.WALL_LIMIT if over else GuestEnd.HUNG
            detail = f"no end within {limits.wall:.0f} s" if over else f"silent for {limits.silence:.0f} s"
            if crashed_at is not None:
                end, detail = GuestEnd.CRASHED, ""
                break
            try:
                detail += "; " + _autopsy(folder, limits, console, watch)
            except QemuStuck as stuck:
                end, detail = GuestEnd.QEMU_FAILED, f"{detail}, and {stuck}"
            break
        time.sleep(POLL_SECONDS)
    seconds = time.monotonic() - started
    if end is GuestEnd.POWER_OFF:
        code = process.returncode
        if code != 0:
            words = (folder / "qemu.stderr").read_bytes()[-500:].decode("utf-8", "replace").strip().splitlines()
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            end, detail = GuestEnd.QEMU_FAILED, f"QEMU ended with {how}" + (f": {words[-1]}" if words else "")
        elif crashed_at is not None and not done_seen:
            end = GuestEnd.CRASHED
    return GuestResult(
        end=end,
        seconds=round(seconds, 2),
        user_space=user_space,
        console_path=str(folder / "console"),
        report_path=str(folder / "report"),
        detail=detail,
    )


def _autopsy(folder: Path, limits: GuestLimits, console: _Tail, watch: ConsoleWatch) -> str:
    """SysRq dumps of blocked tasks and of all CPUs through the serial break; needs nothing of the guest but an
    interrupt. Returns how it went; the dump itself is in the console log."""
    before = console.size
    try:
        with _QmpBreak(folder / "qmp.sock") as qmp, socket.socket(socket.AF_UNIX) as serial:
            status = qmp.status()
            if status != "running":
                raise QemuStuck(f"QEMU's own state is {status!r}")
            serial.settimeout(2.0)
            _connect(serial, folder / "console.sock")
            serial.setblocking(False)
            for key in (b"w", b"l", b"t"):
                qmp.send_break("console")
                time.sleep(0.2)
                with contextlib.suppress(OSError):
                    serial.send(key)
                deadline = time.monotonic() + limits.autopsy / 3
                while time.monotonic() < deadline:
                    with contextlib.suppress(BlockingIOError):
                        serial.recv(1 << 16)  # what nobody reads would block the guest's port
                    watch.feed(console.read())
                    time.sleep(0.05)
    except (OSError, ValueError) as error:
        return f"no SysRq dump: {error}"
    grown = console.size - before
    return f"SysRq dump of {grown} bytes" if grown > 200 else "no answer to SysRq: interrupts are off or it is dead"


def _connect(sock: socket.socket, path: Path) -> None:
    # The path may be longer than a socket address holds; the descriptor's name in /proc is short.
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sock.connect(f"/proc/self/fd/{handle}/{path.name}")
    finally:
        os.close(handle)


class QemuStuck(Exception):
    """QEMU itself is not at work: its guest's silence says nothing of the kernel."""


class _QmpBreak:
    """Just enough of QMP to send a serial break; a QEMU that does not answer in time is an OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> _QmpBreak:
        from qemu.qmp import QMPClient

        self._folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        self._loop = asyncio.new_event_loop()
        self._client = QMPClient("harness")
        try:
            self._answer(self._client.connect(f"/proc/self/fd/{self._folder}/{self.path.name}"))
        except TimeoutError as error:
            self.__exit__()
            raise QemuStuck("QEMU's monitor does not answer") from error
        except Exception as error:
            self.__exit__()
            raise OSError(f"QMP does not answer: {error or type(error).__name__}") from error
        return self

    def _answer(self, question: Awaitable[object]) -> object:
        return self._loop.run_until_complete(asyncio.wait_for(question, QMP_SECONDS))

    def status(self) -> str:
        """QEMU's run state; "running" is the only one in which silence is the guest's."""
        answer = self._command("query-status")
        return str(answer.get("status", "unknown")) if isinstance(answer, dict) else "unknown"

    def send_break(self, chardev: str) -> None:
        self._command("chardev-send-break", {"id": chardev})

    def _command(self, name: str, arguments: dict[str, object] | None = None) -> object:
        from qemu.qmp import QMPError

        try:
            return self._answer(self._client.execute(name, arguments))
        except TimeoutError as error:
            raise QemuStuck("QEMU's monitor does not answer") from error
        except QMPError as error:
            raise OSError(f"QMP refuses {name}: {error}") from error

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # a QEMU that is gone answers with EOFError: nothing is lost by it
            self._answer(self._client.disconnect())
        self._loop.close()
        os.close(self._folder)


def machine_of(era: Era) -> GuestSpec:
    """The machine that the era's kernels run on, otherwise as a guest is by default."""
    return GuestSpec(machine=era.machine, cpu=era.cpu, qemu_args=era.qemu_args, icount=era.icount)


# Where the first RAM disk is the root, the stressors' begin with the second.
_ROOT_WORDS = {RootKind.EXT2: ("root=/dev/ram0", "rw", "init=/init", "harness.ram=1")}


def boot_words(era: Era, spec: GuestSpec, stressor: str, seconds: int, seed: int, threads: int) -> tuple[str, ...]:
    """The kernel command line: the era's words, what init is to do, then the user's own words (last wins).

    Raises UserError where it is longer than the era's kernels read.
    """
    words = (
        *era.boot_args,
        "panic=-1",
        *_ROOT_WORDS.get(era.root, ()),
        f"harness.stressor={stressor}",
        f"harness.seconds={seconds}",
        f"harness.seed={seed}",
        f"harness.threads={threads}",
        *spec.append,
    )
    length = len(" ".join(words))
    if length > era.command_line_bytes:
        raise UserError(
            f"a kernel command line of {length} bytes: kernels of era {era.name} read {era.command_line_bytes}",
            remedy="use fewer or shorter words with --append",
        )
    return words
