"""Kernels with tests/system/plants/*.c in them: a series of one patch, made for the tree and built like any."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import os
import socket
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from harness.findings.parser import parse_console
from harness.findings.watch import ReportWatch
from harness.guests.kernel_symbols import read_symbols
from harness.guests.qemu import Boot, boot_words, machine_of, run_guest
from harness.model.build import Kernel
from harness.model.era import Era
from harness.model.finding import Finding
from harness.model.guest import Accelerator, GuestLimits, GuestResult
from harness.model.version import KernelVersion, VersionRange
from harness.runs.cell_run import with_kernel_log
from harness.runs.execute import Run
from harness.runs.guest_making import root_image
from harness.runs.preparation import prepare_tree
from harness.runs.request import RunRequest
from harness.runs.tree_files import named_tree_files
from harness.runs.workshop import Workshop

PLANTS = Path(__file__).parent / "plants"
PARTS = ("planted_cpu.c", "planted_mm.c", "planted_locks.c", "planted.c")
HOST = "kernel/sys.c"
"""A file of every tree that every configuration compiles."""
FRAGMENTS = ("boot", "mm", "debug")
KERNELS: dict[str, tuple[str, ...]] = {
    "": FRAGMENTS,
    "slab": (*FRAGMENTS, "slab", "checks"),
    "kasan": (*FRAGMENTS, "checks", "kasan"),
    "kcsan": (*FRAGMENTS, "kcsan"),
}
"""The configurations that plants are tried on: the usual one, built upon what is there, and those of debuggers. KASAN
finds what the slab allocator would find, so that it has a kernel of its own."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A kernel with the plants, and an initial root image for it. ``version`` is the tree's."""

    kernel: Kernel
    era: Era
    initrd: Path
    version: str = ""


def has_source(workshop: Workshop, name: str) -> bool:
    """Whether the tree is in the cache or can be had from this machine alone."""
    tree = workshop.catalogue.tree(name)
    return workshop.library.present(tree) is not None or any(Path(s.location).is_dir() for s in tree.sources)


def plant_source() -> str:
    """The plants, as one text."""
    return "".join((PLANTS / name).read_text() for name in PARTS)


def plant_patch(before: str) -> str:
    """A mail that appends the plants to a file with the content ``before``."""
    after = before + plant_source()
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{HOST}", f"b/{HOST}"
    )
    head = (
        "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
        "From: harness tests <tests@harness.invalid>\n"
        "Date: Thu, 1 Jan 2026 00:00:00 +0000\n"
        "Subject: [PATCH] kernel: plants\n\nFails in the way that a boot word names.\n---\n"
    )
    return f"{head}diff --git a/{HOST} b/{HOST}\n{''.join(lines)}-- \n2.39\n"


def plant_series(workshop: Workshop, tree: str, folder: Path, fragments: tuple[str, ...] = FRAGMENTS) -> Path:
    """Writes the series for ``tree`` into ``folder`` and returns its path."""
    found = named_tree_files(workshop, tree).read(HOST)
    assert found is not None, f"{tree} has no {HOST}"
    patches = folder / "patches"
    patches.mkdir(parents=True)
    text = plant_patch(found.decode("utf-8", "surrogateescape"))
    (patches / "0001-plants.patch").write_text(text, encoding="utf-8", errors="surrogateescape")
    (folder / "series.yaml").write_text(
        "title: Plants\nposted: '2026-01-01'\npatches: 1\n"
        f"trees: [{{tree: {tree}, port: patches}}]\nkconfig: [{', '.join(fragments)}]\nstressors: [migration]\n"
    )
    return folder


def planted_kernel(workshop: Workshop, tree: str, configuration: str = "") -> Planted:
    """The tree's kernel with the plants, built on top of its baseline where it is not at hand. ``configuration`` is one
    of KERNELS."""
    with tempfile.TemporaryDirectory() as temporary:
        name = f"planted-{hashlib.sha256(plant_source().encode()).hexdigest()[:8]}"
        series = plant_series(workshop, tree, Path(temporary) / name, KERNELS[configuration])
        run = Run(workshop, RunRequest(str(series), trees=(tree,)))
        prepared = prepare_tree(workshop, run.spec, run.spec.trees[0], run.request)
        workshop.store.start_run(run.row)
        kernels = run.kernels(prepared, (1,))
        run.close(0, "planted kernel")
    assert 1 in kernels, "the planted kernel does not build"
    initrd, _ = root_image(workshop, prepared.era)
    return Planted(kernels[1], prepared.era, initrd, prepared.tree.version)


@dataclass(frozen=True, slots=True)
class Plant:
    """A kind of failure and what must come of it: tests/system/plants/plants.yaml says what the keys mean."""

    kind: str
    found: tuple[str, ...]
    kernel: str = ""
    since: str = ""
    until: str = ""
    why: str = ""
    cpus: int = 2
    ram: bool = False
    silence: float = 20.0
    wall: float = 180.0
    seconds: int = 4
    stressor: str = "quiet"
    words: tuple[str, ...] = ()
    monitor: str = ""
    record: bool = True
    whole: bool = False
    trees: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its case: kinds can come on several kernels of a tree."""
        return f"{self.kernel}-{self.kind}" if self.kernel else self.kind

    def on(self, tree: str) -> Plant:
        """The same on a tree that has its own ways."""
        return replace(self, **{name: _value(name, value) for name, value in self.trees.get(tree, {}).items()})

    def is_in(self, version: str) -> bool:
        """Whether kernels of this version have what it provokes."""
        of = KernelVersion.parse
        range_ = VersionRange(of(self.since) if self.since else None, of(self.until) if self.until else None)
        return of(version) in range_


def plants() -> tuple[Plant, ...]:
    """Every kind of failure."""
    data = yaml.safe_load((PLANTS / "plants.yaml").read_text())
    return tuple(Plant(**{name: _value(name, value) for name, value in row.items()}) for row in data)


def _value(name: str, value: Any) -> Any:
    if name not in ("found", "words"):
        return value
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True, slots=True)
class Failure:
    """What came of a plant: the guest's end, what it left, and the findings as a cell would have them."""

    result: GuestResult
    console: bytes
    kernel_log: bytes
    findings: tuple[Finding, ...]


class _Watch(ReportWatch):
    """A cell's, that gives QEMU's monitor ``command`` when the plant is at work."""

    def __init__(self, folder: Path, command: str) -> None:
        super().__init__()
        self.folder, self.command, self.said = folder, command, b""

    def feed(self, data: bytes) -> bool:
        """As ConsoleWatch."""
        if self.command:
            self.said += data
            if b"planted: " in self.said:
                tell_monitor(self.folder / MONITOR, self.command)
                self.command = ""
        return super().feed(data)


MONITOR = "hmp.sock"
LIMITS = GuestLimits(wall=180.0, silence=20.0, after_crash=4.0, autopsy=8.0)


def tell_monitor(path: Path, command: str) -> None:
    """Gives a command to QEMU's monitor for people (the one for programs has no machine checks)."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)  # the path may be longer than an address holds
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(f"/proc/self/fd/{folder}/{path.name}")
            connection.sendall(command.encode() + b"\n")
            with contextlib.suppress(TimeoutError):
                while b"(qemu) " not in connection.recv(4096):
                    pass
    finally:
        os.close(folder)


def fail(workshop: Workshop, planted: Planted, plant: Plant, folder: Path, *words: str) -> Failure:
    """Boots a kernel with plants and lets it fail."""
    era = planted.era
    monitor = ("-monitor", f"unix:{MONITOR},server=on,wait=off") if plant.monitor else ()
    spec = replace(machine_of(era), cpus=plant.cpus, memory_mib=512, nodes=1)
    spec = replace(spec, qemu_args=(*spec.qemu_args, *monitor))
    append = (
        *boot_words(era, spec, plant.stressor, plant.seconds, 1, 2),
        f"harness_plant={plant.kind}",
        *plant.words,
        *words,
    )
    kernel = planted.kernel
    boot = Boot(
        workshop.settings.qemu, kernel.image, planted.initrd, spec, Accelerator.TCG, append, vmlinux=kernel.vmlinux
    )
    slow = 4 if plant.kernel else 1  # a kernel of debuggers is silent for long, long before user space
    limits = replace(LIMITS, silence=plant.silence * slow, wall=plant.wall * slow)
    result = run_guest(boot, folder, limits, _Watch(folder, plant.monitor))
    console = Path(result.console_path).read_bytes()
    log = Path(result.kernel_log_path).read_bytes() if result.kernel_log_path else b""
    names = read_symbols(kernel.vmlinux).function_at
    return Failure(result, console, log, with_kernel_log(parse_console(console, names), parse_console(log, names)))
