"""Running one guest under QEMU: the command line, the watch over its two ports, how the guest ended.

The only place that starts QEMU.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from harness.config.child_process import dies_with_this_process
from harness.guests.kernel_symbols import read_symbols
from harness.guests.monitor import GUEST_PANIC, GUEST_SHUTDOWN, CpuState, Monitor, QemuStuck
from harness.guests.post_mortem import dump_by_sysrq, post_mortem, where_cpus_stand
from harness.guests.sampling import CpuSampler
from harness.model.era import Era, RootKind
from harness.model.errors import InfrastructureError, UserError
from harness.model.finding import KERNEL_LOG
from harness.model.guest import Accelerator, CpuPlace, GuestEnd, GuestLimits, GuestResult, GuestSpec, Sampling

USER_SPACE = b"# harness: user-space"
DONE = b"# harness: done"
PROGRESS = b"# progress "
POLL_SECONDS = 0.05  # also the time between two samples of the processors
MIN_FREE_BYTES = 64 << 10  # with less, what a guest said may not have been written
OWN_DISK = "own-disk"
SSH_PORT = 22
HALTED_SECONDS = 15.0  # of silence after the guest's last word, until it is taken for halted


@dataclass(frozen=True, slots=True)
class Boot:
    """Everything of one boot but where its logs go. ``append`` is the whole kernel command line, ``vmlinux`` the linked
    kernel with symbols, where it is at hand: a dead guest's log is found by it.

    With a ``disk`` (a raw image, which no guest changes) the guest has also a second disk, OWN_DISK in its folder, and
    a network that reaches nothing, through which this machine alone reaches its SSH server."""

    qemu: str
    kernel: Path
    initrd: Path | None
    spec: GuestSpec
    accelerator: Accelerator
    append: tuple[str, ...]
    vmlinux: Path | None = None
    disk: Path | None = None


class Visitor(Protocol):
    """Somebody who works in the guest from outside while the runner watches it. None of these may block."""

    def enter(self, port: int) -> None:
        """The guest is in user space, and ``port`` of 127.0.0.1 leads to its SSH server. Called once."""
        ...

    def over(self) -> str:
        """Why the guest is to be ended now, "" while it may go on."""
        ...


class ConsoleWatch(Protocol):
    """What tells the runner that the kernel has said its last words."""

    def feed(self, data: bytes) -> bool:
        """Takes the next bytes of the console, none where it is silent; True once a fatal report is complete."""
        ...

    def close(self) -> bool:
        """Takes the end of the console; True if a fatal report is on it."""
        ...


def command_line(boot: Boot, folder: str | Path = ".") -> list[str]:
    """QEMU's argument vector. Console and report port are logged by QEMU itself, from the first byte, whether or
    not anybody listens; their sockets in ``folder`` are for the autopsy."""
    spec = boot.spec
    folder = Path(folder)
    accelerator = "tcg,thread=multi" if boot.accelerator is Accelerator.TCG else "kvm"
    words = [
        boot.qemu, "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-nic", "none", "-no-reboot",
        "-machine", spec.machine, "-accel", accelerator, "-cpu", spec.cpu,
        "-smp", _topology(spec), "-m", f"{spec.memory_mib}M",
        *_numa(spec), *spec.qemu_args,
        "-chardev", f"socket,id=console,path={folder / 'console.sock'},server=on,wait=off,logfile={folder / 'console'}",
        "-serial", "chardev:console",
        "-chardev", f"socket,id=report,path={folder / 'report.sock'},server=on,wait=off,logfile={folder / 'report'}",
        "-serial", "chardev:report",
        "-qmp", f"unix:{folder / 'qmp.sock'},server=on,wait=off",
        *_disks(boot, folder),
        "-kernel", str(boot.kernel), *(("-initrd", str(boot.initrd)) if boot.initrd is not None else ()),
        "-append", " ".join(boot.append),
    ]  # fmt: skip
    return words


def _disks(boot: Boot, folder: Path) -> list[str]:
    if boot.disk is None:
        return []
    # A comma ends an option's value; two are one of the value's own.
    image, own = (str(path).replace(",", ",,") for path in (boot.disk, folder / OWN_DISK))
    return [
        "-drive", f"if=none,id=disk,format=raw,snapshot=on,file={image}",
        "-device", "virtio-blk-pci,drive=disk",
        "-drive", f"if=none,id=own,format=raw,readonly=on,file={own}",
        "-device", "virtio-blk-pci,drive=own",
        # Port 0: one that is free, chosen as it is bound; the monitor tells which.
        "-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:{SSH_PORT}",
        "-device", "virtio-net-pci,netdev=net,romfile=",
    ]  # fmt: skip


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
    initrd, disk = (Path(name) if path else None for name, path in (("initrd", boot.initrd), ("disk", boot.disk)))
    words = command_line(replace(boot, qemu="qemu", kernel=Path("kernel"), initrd=initrd, disk=disk))
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
    visitor: Visitor | None = None,
) -> GuestResult:
    """Boots the guest and stays until it powers off, dies, hangs or is too long, or its visitor ends it.

    ``folder`` must be empty but for OWN_DISK; it keeps ``console`` and ``report``, and ``kernel-log`` of a guest that
    did not end in good order, where it could be read. ``progress`` gets the stressor's progress lines. A QEMU that
    fails to start or is killed is an end of its own (QEMU_FAILED), never a kernel's. Raises InfrastructureError only
    when QEMU cannot be run at all.
    """
    # Socket paths are limited to 107 bytes (unix(7)): QEMU runs in the folder and gets short names.
    # -no-shutdown (since 6.0 also -action shutdown=pause): a guest that ends stays as it is, and can be looked at,
    # until it is ended here. Not part of the machine, so not of the line that people are given.
    arguments = [*command_line(boot), "-no-shutdown"]
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
                # What a guest writes to its disk lies here for its time, where there is room for guests.
                env=os.environ | {"TMPDIR": str(folder.resolve())},
                preexec_fn=dies_with_this_process(signal.SIGKILL),  # noqa: PLW1509 - it takes no lock
                start_new_session=True,
            )
    except OSError as error:
        raise InfrastructureError(f"{boot.qemu} cannot be run: {error.strerror}") from error
    try:
        return _watch_guest(process, boot, folder, limits, watch, progress, cancelled, started, visitor)
    finally:
        _stop(process)
        for name in ("console.sock", "report.sock", "qmp.sock"):
            (folder / name).unlink(missing_ok=True)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


@dataclass
class _Watched:
    """What was seen of a guest until it ended or was ended."""

    end: GuestEnd = GuestEnd.POWER_OFF
    detail: str = ""
    user_space: float | None = None
    crashed_at: float | None = None
    done: bool = False
    kernel_log: str = ""
    cpus: tuple[CpuPlace, ...] = ()


def _watch_guest(
    process: subprocess.Popen[bytes],
    boot: Boot,
    folder: Path,
    limits: GuestLimits,
    watch: ConsoleWatch,
    progress: Callable[[str], None],
    cancelled: Callable[[], bool],
    started: float,
    visitor: Visitor | None,
) -> GuestResult:
    console, report = _Tail(folder / "console"), _Tail(folder / "report")
    last_byte = started
    partial = b""
    entered = False
    seen = _Watched()
    with Monitor(folder / "qmp.sock") as monitor:
        sampler = CpuSampler(monitor)
        while True:
            exited = process.poll() is not None
            if exited:
                monitor.wait(0)  # what it told last
            ended = monitor.ended
            now = time.monotonic()
            said, told = console.read(), report.read()
            if said or told:
                last_byte = now
            if watch.feed(said) and seen.crashed_at is None:
                seen.crashed_at = now
            if told:
                partial += told
                *lines, partial = partial.split(b"\n")
                partial = partial[-4096:]
                for line in map(bytes.strip, lines):
                    if seen.user_space is None and line.startswith(USER_SPACE):
                        seen.user_space = now - started
                    seen.done = seen.done or line.startswith(DONE)
                    if line.startswith(PROGRESS):
                        progress(line[len(PROGRESS) : 200].decode("ascii", "replace"))
            if (exited or ended) and not said and not told:
                break
            if exited or ended:
                continue
            over = ""
            if visitor is not None:
                entered = entered or _enter(visitor, monitor, seen)
                over = visitor.over()
            if _limits_say(seen, limits, started, last_byte, max(console.size, report.size), cancelled, over):
                break
            monitor.wait(POLL_SECONDS)
            if seen.user_space is not None and not seen.done and seen.crashed_at is None and monitor.ended is None:
                sampler.look()
        if (ended or exited) and seen.crashed_at is None and watch.close():
            seen.crashed_at = now
        seconds = time.monotonic() - started
        cpus: tuple[CpuState, ...] = ()
        try:
            if ended is not None:
                _read_end(seen, ended)
            elif exited:
                heard = monitor.connected or console.size + report.size == 0
                _read_exit(seen, process.returncode, folder, heard)
            elif seen.end in (GuestEnd.HUNG, GuestEnd.WALL_LIMIT):
                cpus = where_cpus_stand(monitor)  # afterwards they are busy with the answer to SysRq
                seen.detail += "; " + _sysrq(monitor, folder, limits, console, watch, seen.user_space is not None)
            if not exited and _is_death(seen):
                log = folder / KERNEL_LOG
                remains = post_mortem(monitor, boot.vmlinux, log, cpus)
                seen.detail = "; ".join(filter(None, (seen.detail, *remains.remarks)))
                seen.cpus = remains.cpus
                seen.kernel_log = str(log) if log.is_file() else ""
            if not seen.done and seen.crashed_at is None and shutil.disk_usage(folder).free < MIN_FREE_BYTES:
                seen.end, seen.detail = GuestEnd.QEMU_FAILED, "the disk is full: what the guest said is lost"
        except QemuStuck as stuck:
            seen.detail = ", and ".join(filter(None, (seen.detail, str(stuck))))
            # What a guest said, or how it ended, stays true; only silence may be QEMU's own.
            if seen.end in (GuestEnd.HUNG, GuestEnd.WALL_LIMIT):
                seen.end = GuestEnd.QEMU_FAILED
    return GuestResult(
        end=seen.end,
        seconds=round(seconds, 2),
        user_space=seen.user_space,
        console_path=str(folder / "console"),
        report_path=str(folder / "report"),
        detail=seen.detail,
        kernel_log_path=seen.kernel_log,
        cpus=seen.cpus,
        sampling=_sampling(sampler, boot.vmlinux),
    )


def _sampling(sampler: CpuSampler, vmlinux: Path | None) -> Sampling | None:
    """The samples by function; None without a kernel to tell them by."""
    try:
        return sampler.sampling(read_symbols(vmlinux).function_at) if vmlinux is not None else None
    except (OSError, ValueError):
        return None


def _enter(visitor: Visitor, monitor: Monitor, seen: _Watched) -> bool:
    """Lets the visitor in where the guest is in user space and QEMU tells the way."""
    if seen.user_space is None:
        return False
    try:
        port = monitor.forwarded_port(SSH_PORT)
    except (OSError, QemuStuck):
        return False  # asked again; a QEMU that stays so is found by the limits
    if port is not None:
        visitor.enter(port)
    return port is not None


def _limits_say(
    seen: _Watched,
    limits: GuestLimits,
    started: float,
    last_byte: float,
    port_bytes: int,
    cancelled: Callable[[], bool],
    over: str,
) -> bool:
    """Whether the guest is to be ended; sets the end. ``over`` as Visitor.over has it."""
    now = time.monotonic()
    late, silent = now - started > limits.wall, now - last_byte > limits.silence
    if cancelled():
        seen.end, seen.detail = GuestEnd.QEMU_FAILED, "stopped by the user"
    elif port_bytes > limits.console_bytes:
        seen.end, seen.detail = GuestEnd.FLOODED, f"more than {limits.console_bytes} bytes on one port"
    elif seen.crashed_at is not None and (
        late or silent or (now - seen.crashed_at > limits.after_crash and now - last_byte > 2.0)
    ):
        seen.end = GuestEnd.CRASHED
    elif seen.done and now - last_byte > HALTED_SECONDS:
        # A machine of 2.5 that cannot be switched off stays there, halted.
        seen.end, seen.detail = GuestEnd.POWER_OFF, "halted when it was done"
    elif late:
        seen.end, seen.detail = GuestEnd.WALL_LIMIT, f"no end within {limits.wall:.0f} s"
    elif silent:
        seen.end, seen.detail = GuestEnd.HUNG, f"silent for {limits.silence:.0f} s"
    elif over and seen.crashed_at is None:
        seen.end, seen.detail = GuestEnd.WALL_LIMIT, over
    else:
        return False
    return True


def _read_end(seen: _Watched, reason: str) -> None:
    """The guest ended by itself, and QEMU, which is still there, says how.

    What init says on its port decides first: kernels of 2.5 cannot switch a machine off and end by a reset.
    """
    if reason.startswith("host-"):
        seen.end, seen.detail = GuestEnd.QEMU_FAILED, f"QEMU was told to end ({reason})"
    elif seen.done:
        seen.end = GuestEnd.POWER_OFF
    elif seen.crashed_at is not None:
        seen.end = GuestEnd.CRASHED
    elif reason == GUEST_PANIC:
        seen.end, seen.detail = GuestEnd.CRASHED, "the guest told QEMU of a panic"
    elif reason == GUEST_SHUTDOWN:
        seen.end, seen.detail = GuestEnd.POWER_OFF, "the guest switched itself off"
    else:
        seen.end, seen.detail = GuestEnd.RESET, "the guest reset itself"


def _read_exit(seen: _Watched, code: int, folder: Path, heard: bool) -> None:
    """QEMU is gone. It was asked to stay, so it either failed or has no monitor to tell an end with. ``heard``: it had
    one, or has not even begun."""
    if code != 0:
        words = (folder / "qemu.stderr").read_bytes()[-500:].decode("utf-8", "replace").strip().splitlines()
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        seen.end, seen.detail = GuestEnd.QEMU_FAILED, f"QEMU ended with {how}" + (f": {words[-1]}" if words else "")
    elif seen.crashed_at is not None and not seen.done:
        seen.end = GuestEnd.CRASHED
    elif heard and not seen.done:
        seen.end, seen.detail = GuestEnd.QEMU_FAILED, "QEMU ended by itself, without an end of the guest"


def _is_death(seen: _Watched) -> bool:
    """Whether the kernel has something left to say: it did not end in good order."""
    if seen.end is GuestEnd.POWER_OFF:
        return not seen.done
    return seen.end in (GuestEnd.CRASHED, GuestEnd.RESET, GuestEnd.HUNG, GuestEnd.WALL_LIMIT)


def _sysrq(
    monitor: Monitor, folder: Path, limits: GuestLimits, console: _Tail, watch: ConsoleWatch, in_user_space: bool
) -> str:
    """SysRq dumps of a silent guest; returns how it went. Raises QemuStuck."""
    before = console.size
    try:
        dump_by_sysrq(monitor, folder / "console.sock", limits.autopsy, lambda: _feed(watch, console))
    except (OSError, ValueError) as error:
        return f"no SysRq dump: {error}"
    grown = console.size - before
    if grown > 200:
        return f"SysRq dump of {grown} bytes"
    # A serial port takes no interrupts until somebody opens it.
    return "no answer to SysRq" + (": interrupts are off or it is dead" if in_user_space else "")


def _feed(watch: ConsoleWatch, console: _Tail) -> None:
    watch.feed(console.read())


def machine_of(era: Era) -> GuestSpec:
    """The machine that the era's kernels run on, otherwise as a guest is by default."""
    return GuestSpec(machine=era.machine, cpu=era.cpu, qemu_args=era.qemu_args)


def disk_boot_words(era: Era, spec: GuestSpec) -> tuple[str, ...]:
    """The kernel command line of a guest with a disk: the era's words, its root, its address, the user's own words."""
    return (
        *era.boot_args,
        "panic=-1",
        "root=/dev/vda", "rootfstype=ext4", "rw", "init=/sbin/harness-init",
        "ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:none",  # the network that QEMU makes
        *spec.append,
    )  # fmt: skip


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
