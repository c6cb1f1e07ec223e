"""QEMU's command line, and every end a guest can have, with a fake QEMU."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.findings.parser import parse_console
from harness.findings.watch import ReportWatch
from harness.guests import monitor, qemu
from harness.guests.monitor import CpuState, cpu_states
from harness.guests.post_mortem import last_words
from harness.guests.qemu import (
    Boot,
    arguments_digest,
    boot_words,
    command_line,
    disk_boot_words,
    machine_of,
    printable,
    qemu_version,
    run_guest,
)
from harness.model.era import Era, RootKind
from harness.model.errors import InfrastructureError, UserError
from harness.model.guest import Accelerator, GuestEnd, GuestLimits, GuestResult, GuestSpec
from harness.model.version import ALL_VERSIONS
from tests.guests.test_kernel_log import OOPS, Machine, plain
from tests.guests.test_kernel_symbols import elf

pytestmark = pytest.mark.slow

FAKE = Path(__file__).parents[1] / "fake" / "qemu.py"
LIMITS = GuestLimits(wall=20.0, silence=0.8, after_crash=0.2, autopsy=0.3, console_bytes=200_000)
ERA = Era("old", ALL_VERSIONS, "gcc", "x86_64", "image", "bzImage", "pc", "max", ("console=ttyS0",), (), ())
Run = Callable[..., GuestResult]


def boot(tmp_path: Path, spec: GuestSpec | None = None, *directives: dict[str, object]) -> Boot:
    """A boot of a fake image with these directives."""
    qemu, kernel = tmp_path / "qemu", tmp_path / "image"
    qemu.write_text(f"#!{sys.executable} -ES\n{FAKE.read_text()}")
    qemu.chmod(0o755)
    lines = [" ".join(f"{key}={value}" for key, value in directive.items()) for directive in directives]
    kernel.write_text("\n".join(["00000000", *lines]))
    spec = spec or GuestSpec()
    words = boot_words(ERA, spec, "migration", 20, 1, 4)
    return Boot(str(qemu), kernel, tmp_path / "initrd", spec, Accelerator.TCG, words)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Boots a fake guest that does one thing."""

    def booted(verb: str, limits: GuestLimits | None = None, **keys: object) -> GuestResult:
        # On a busy machine a guest that is not to hang may be silent for a while.
        limits = limits or (LIMITS if verb == "hang" else replace(LIMITS, silence=10.0))
        directive = {"verb": verb, "file": "mm/x.c", "line": 3, **keys}
        return run_guest(boot(tmp_path, None, directive), tmp_path / "guest", limits, ReportWatch())

    return booted


def test_golden_command_line() -> None:
    spec = GuestSpec(cpus=4, memory_mib=1001, nodes=2, machine="q35", cpu="max", append=("quiet", "panic=5"))
    words = boot_words(ERA, spec, "memcg", 30, 7, 4)
    line = command_line(Boot("qemu", Path("/k/image"), Path("/i/initrd"), spec, Accelerator.TCG, words))
    assert line == [
        "qemu", "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-nic", "none", "-no-reboot",
        "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "4,sockets=2,cores=2", "-m", "1001M",
        "-object", "memory-backend-ram,id=m0,size=501M", "-numa", "node,cpus=0-1,memdev=m0",
        "-object", "memory-backend-ram,id=m1,size=500M", "-numa", "node,cpus=2-3,memdev=m1",
        "-chardev", "socket,id=console,path=console.sock,server=on,wait=off,logfile=console",
        "-serial", "chardev:console",
        "-chardev", "socket,id=report,path=report.sock,server=on,wait=off,logfile=report",
        "-serial", "chardev:report",
        "-qmp", "unix:qmp.sock,server=on,wait=off",
        "-kernel", "/k/image", "-initrd", "/i/initrd", "-append",
        "console=ttyS0 panic=-1 harness.stressor=memcg harness.seconds=30 harness.seed=7 harness.threads=4 "
        "quiet panic=5",
    ]  # fmt: skip


def test_a_guest_with_a_disk() -> None:
    spec = GuestSpec(cpus=2, nodes=1, append=("quiet",))
    words = disk_boot_words(ERA, spec)
    assert words == (
        "console=ttyS0", "panic=-1", "root=/dev/vda", "rootfstype=ext4", "rw", "init=/sbin/harness-init",
        "ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:none", "quiet",
    )  # fmt: skip
    one = Boot("qemu", Path("/k"), None, spec, Accelerator.TCG, words, disk=Path("/images/a,b.img"))
    line = command_line(one, "/run")
    assert "-initrd" not in line
    assert line[line.index("-qmp") + 2 : line.index("-kernel")] == [
        "-drive", "if=none,id=disk,format=raw,snapshot=on,file=/images/a,,b.img",
        "-device", "virtio-blk-pci,drive=disk",
        "-drive", "if=none,id=own,format=raw,readonly=on,file=/run/own-disk",
        "-device", "virtio-blk-pci,drive=own",
        "-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22",
        "-device", "virtio-net-pci,netdev=net,romfile=",
    ]  # fmt: skip
    assert arguments_digest(one) == arguments_digest(replace(one, disk=Path("/elsewhere.img"), qemu="/bin/qemu"))
    assert arguments_digest(one) != arguments_digest(replace(one, disk=None, initrd=Path("i")))


def test_a_visitor_ends_the_guest(tmp_path: Path) -> None:
    class Visitor:
        entered = 0

        def enter(self, port: int) -> None:
            self.entered += 1

        def over(self) -> str:
            return "enough"

    visitor = Visitor()
    one = boot(tmp_path, None, {"verb": "hang", "file": "mm/x.c", "line": 3, "monitor": "yes"})
    result = run_guest(one, tmp_path / "guest", LIMITS, ReportWatch(), visitor=visitor)
    assert (result.end, result.detail.split(";")[0]) == (GuestEnd.WALL_LIMIT, "enough")
    # The fake's monitor knows of no forwarded port: nobody was let in.
    assert visitor.entered == 0


def test_an_era_s_own_machine_and_root() -> None:
    era = replace(ERA, cpu="pentium3", qemu_args=("-no-hpet",), root=RootKind.EXT2, boot_args=("noapic",))
    spec = machine_of(era)
    assert (spec.machine, spec.cpu, spec.qemu_args) == ("pc", "pentium3", ("-no-hpet",))
    words = boot_words(era, replace(spec, append=("single",)), "quiet", 1, 1, 2)
    assert words == (
        "noapic", "panic=-1", "root=/dev/ram0", "rw", "init=/init", "harness.ram=1", "harness.stressor=quiet",
        "harness.seconds=1", "harness.seed=1", "harness.threads=2", "single",
    )  # fmt: skip
    line = command_line(Boot("qemu", Path("k"), Path("i"), spec, Accelerator.TCG, words))
    assert "-no-hpet" in line


def test_a_line_longer_than_the_kernel_reads() -> None:
    era = replace(ERA, command_line_bytes=255)
    fits = GuestSpec(append=("x" * (255 - len(" ".join(boot_words(era, GuestSpec(), "quiet", 1, 1, 2))) - 1),))
    assert len(" ".join(boot_words(era, fits, "quiet", 1, 1, 2))) == 255
    with pytest.raises(UserError, match="a kernel command line of 256 bytes: kernels of era old read 255"):
        boot_words(era, replace(fits, append=(fits.append[0] + "x",)), "quiet", 1, 1, 2)


@pytest.mark.parametrize("cpus", range(1, 9))
@pytest.mark.parametrize("nodes", range(1, 5))
def test_every_cpu_and_all_memory_is_on_a_node(cpus: int, nodes: int) -> None:
    spec = GuestSpec(cpus=cpus, memory_mib=1023, nodes=nodes)
    line = command_line(Boot("qemu", Path("k"), Path("i"), spec, Accelerator.KVM, ()))
    assert line[line.index("-accel") + 1] == "kvm"
    sizes = [int(word.split("size=")[1].rstrip("M")) for word in line if "memory-backend-ram" in word]
    seen: list[int] = []
    for word in line:
        if word.startswith("node") and "cpus=" in word:
            first, last = word.split("cpus=")[1].split(",")[0].split("-")
            seen += range(int(first), int(last) + 1)
    if nodes > 1:
        assert (sum(sizes), seen) == (1023, list(range(cpus)))
    else:
        assert (sizes, seen) == ([], [])


def test_the_printed_line_is_the_line(tmp_path: Path) -> None:
    one = boot(tmp_path, GuestSpec(append=("dyndbg='file x.c +p'",)))
    assert shlex.split(printable(one)) == command_line(one)


def test_a_guest_that_powers_off(run: Run) -> None:
    result = run("say", function="hello")
    assert (result.end, result.detail) == (GuestEnd.POWER_OFF, "")
    assert result.user_space is not None
    assert b"hello" in Path(result.console_path).read_bytes()
    assert b"# harness: done" in Path(result.report_path).read_bytes()


@pytest.mark.parametrize(
    ("verb", "end", "detail"),
    [
        ("panic", GuestEnd.CRASHED, ""),
        ("die", GuestEnd.POWER_OFF, ""),
        ("exit", GuestEnd.QEMU_FAILED, "QEMU ended with exit code 1: qemu-system-x86_64: cannot set up guest memory"),
        ("kill", GuestEnd.QEMU_FAILED, "QEMU ended with killed by signal 9"),
        ("hang", GuestEnd.HUNG, "no SysRq dump"),
        ("flood", GuestEnd.FLOODED, "more than 200000 bytes"),
    ],
)
def test_how_it_ended(run: Run, verb: str, end: GuestEnd, detail: str) -> None:
    result = run(verb, function="x")
    assert result.end is end
    assert detail in result.detail
    assert result.seconds < 15


def test_the_autopsy_of_a_hang_is_on_the_console(run: Run) -> None:
    result = run("hang", monitor="yes")
    assert result.end is GuestEnd.HUNG
    assert "SysRq dump of" in result.detail
    assert Path(result.console_path).read_bytes().count(b"sysrq: Show Blocked State") == 4


@pytest.mark.parametrize(
    ("reason", "done", "end", "detail"),
    [
        ("guest-reset", False, GuestEnd.RESET, "the guest reset itself"),
        ("guest-reset", True, GuestEnd.POWER_OFF, ""),  # 2.5 cannot switch itself off
        ("guest-shutdown", True, GuestEnd.POWER_OFF, ""),
        ("guest-shutdown", False, GuestEnd.POWER_OFF, "the guest switched itself off"),
        ("guest-panic", False, GuestEnd.CRASHED, "the guest told QEMU of a panic"),
        ("host-signal", False, GuestEnd.QEMU_FAILED, "QEMU was told to end (host-signal)"),
    ],
)
def test_how_it_ended_by_itself(run: Run, reason: str, done: bool, end: GuestEnd, detail: str) -> None:
    result = run("ends", reason=reason, **({"done": "yes"} if done else {}))
    assert result.end is end
    assert result.detail.split(";")[0] == detail
    # Where the CPUs stood is told of every death.
    assert ("CPU 0 at 0xc0101004" in result.detail) is (not done and end is not GuestEnd.QEMU_FAILED)


def test_the_log_of_a_guest_that_died_is_read_from_its_memory(tmp_path: Path) -> None:
    machine = Machine(4)
    machine.banner()
    plain(machine, b"<4>" + OOPS, 4096, 4)
    memory, vmlinux = tmp_path / "ram", tmp_path / "vmlinux"
    memory.write_bytes(machine.memory)
    symbols = [(name, address, size, 1) for name, (address, size) in machine.symbols.items()]
    vmlinux.write_bytes(elf(False, [*symbols, ("_text", 0xC0101000, 0, 0), ("foo", 0xC0101000, 0x20, 2)]))
    dying = boot(tmp_path, None, {"verb": "ends", "reason": "guest-reset", "memory": memory, "file": "x", "line": 1})
    result = run_guest(
        replace(dying, vmlinux=vmlinux), tmp_path / "guest", replace(LIMITS, silence=10.0), ReportWatch()
    )
    assert result.end is GuestEnd.RESET
    assert result.detail == (
        'the guest reset itself; CPU 0 in foo+0x4; log of 4 lines from guest RAM, the last: "bar+0x4/0x9"'
    )
    log = Path(result.kernel_log_path).read_bytes()
    assert log.startswith(OOPS)
    assert log[len(OOPS) :] == b"# post-mortem: CPU 0 in foo+0x4; on its stack, leftovers among them:\n"
    (finding,) = parse_console(log)
    assert finding.title == "NULL pointer dereference in foo"
    assert sorted(path.name for path in (tmp_path / "guest").iterdir()) == [
        "console", "kernel-log", "qemu.stderr", "report",
    ]  # fmt: skip


@pytest.mark.parametrize(("content", "why"), [(b"", "not a readable vmlinux"), (elf(False, []), "no linux_banner")])
def test_a_vmlinux_of_no_use_is_said_and_no_more(tmp_path: Path, content: bytes, why: str) -> None:
    vmlinux = tmp_path / "vmlinux"
    vmlinux.write_bytes(content)
    dying = boot(tmp_path, None, {"verb": "hang", "monitor": "yes", "file": "x", "line": 1})
    result = run_guest(replace(dying, vmlinux=vmlinux), tmp_path / "guest", LIMITS, ReportWatch())
    assert result.end is GuestEnd.HUNG and result.kernel_log_path == ""
    assert "no log from guest RAM" in result.detail and why in result.detail


def test_a_guest_that_halts_when_it_is_done_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "HALTED_SECONDS", 0.3)
    halted = boot(tmp_path, None, {"verb": "ends", "reason": "", "done": "yes", "file": "x", "line": 1})
    result = run_guest(halted, tmp_path / "guest", GuestLimits(wall=20.0, silence=9.0), ReportWatch())
    assert (result.end, result.detail) == (GuestEnd.POWER_OFF, "halted when it was done")


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (b"", ""),
        (b"\n[    1.5] \n", ""),
        (b"[    1.000001] one\n[    2.000002] two\x1b[2J\xff\n\n", ', the last: "two?"'),
        (b"one\n[    3.000001] SysRq : Show Blocked State\n task\n", ', the last: "one"'),
        (b"x" * 200, f', the last: "{"x" * 99}…"'),
    ],
)
def test_the_last_words(log: bytes, words: str) -> None:
    assert last_words(log).replace("\ufffd", "?") == words


def test_where_every_cpu_stands() -> None:
    text = "CPU#0\r\nRAX=0 RSP=ffff888000001000\r\nRIP=ffffffff81000004 RFL=2\r\n\r\nCPU#1\r\nEIP=0000fff0 EFL=2\r\n"
    assert cpu_states(text) == (CpuState(0xFFFFFFFF81000004, 0xFFFF888000001000), CpuState(0xFFF0, 0))
    assert cpu_states("unknown command") == ()


def test_a_qemu_that_hangs_itself_ends_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "QMP_SECONDS", 1.0)
    result = run("hang", monitor="mute")
    # Silence of a QEMU that does not answer its own monitor says nothing of the kernel.
    assert (result.end, "monitor does not answer" in result.detail) == (GuestEnd.QEMU_FAILED, True)
    assert result.seconds < 20


def test_a_full_disk_is_not_the_kernels_death(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.guests.qemu.shutil.disk_usage", lambda folder: SimpleNamespace(free=0))
    result = run("die", function="x")
    assert (result.end, result.detail) == (GuestEnd.QEMU_FAILED, "the disk is full: what the guest said is lost")
    monkeypatch.undo()
    assert run("die", function="x", file="mm/y.c").end is GuestEnd.POWER_OFF


def test_the_wall_limit(run: Run) -> None:
    result = run("hang", GuestLimits(wall=0.5, silence=60.0, autopsy=0.1))
    assert result.end is GuestEnd.WALL_LIMIT
    assert "no end within 0 s" in result.detail or "no end within 1 s" in result.detail


def test_cancelled_is_not_the_kernels(tmp_path: Path) -> None:
    hanging = boot(tmp_path, None, {"verb": "hang", "file": "x", "line": 1})
    result = run_guest(hanging, tmp_path / "guest", LIMITS, ReportWatch(), cancelled=lambda: True)
    assert (result.end, result.detail) == (GuestEnd.QEMU_FAILED, "stopped by the user")


def test_a_long_path_does_not_matter(tmp_path: Path) -> None:
    # A socket's address holds 107 bytes.
    folder = tmp_path / ("long" * 30) / "guest"
    result = run_guest(
        boot(tmp_path, None, {"verb": "hang", "monitor": "yes", "file": "x", "line": 1}), folder, LIMITS, ReportWatch()
    )
    assert "SysRq dump of" in result.detail


def test_a_qemu_that_ends_at_once_is_none_of_the_kernels(tmp_path: Path) -> None:
    result = run_guest(replace(boot(tmp_path), qemu="/bin/true"), tmp_path / "guest", LIMITS, ReportWatch())
    assert result.end is GuestEnd.QEMU_FAILED
    assert result.detail == "QEMU ended by itself, without an end of the guest"


def test_a_qemu_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="is not installed"):
        qemu_version(str(tmp_path / "none"))
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(InfrastructureError, match="cannot be run"):
        qemu_version(str(broken))
