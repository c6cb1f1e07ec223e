"""Kernels with tests/system/plants/planted.c in them: a series of one patch, made for the tree and built like any."""

from __future__ import annotations

import difflib
import hashlib
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
from harness.runs.cell_run import with_kernel_log
from harness.runs.execute import Run
from harness.runs.guest_making import root_image
from harness.runs.preparation import prepare_tree
from harness.runs.request import RunRequest
from harness.runs.tree_files import named_tree_files
from harness.runs.workshop import Workshop

PLANT = Path(__file__).parent / "plants" / "planted.c"
HOST = "kernel/sys.c"
"""A file of every tree that every configuration compiles."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A kernel with the plants, and an initial root image for it."""

    kernel: Kernel
    era: Era
    initrd: Path


def has_source(workshop: Workshop, name: str) -> bool:
    """Whether the tree is in the cache or can be had from this machine alone."""
    tree = workshop.catalogue.tree(name)
    return workshop.library.present(tree) is not None or any(Path(s.location).is_dir() for s in tree.sources)


def plant_patch(before: str) -> str:
    """A mail that appends the plants to a file with the content ``before``."""
    after = before + PLANT.read_text()
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


def plant_series(workshop: Workshop, tree: str, folder: Path) -> Path:
    """Writes the series for ``tree`` into ``folder`` and returns its path."""
    found = named_tree_files(workshop, tree).read(HOST)
    assert found is not None, f"{tree} has no {HOST}"
    patches = folder / "patches"
    patches.mkdir(parents=True)
    text = plant_patch(found.decode("utf-8", "surrogateescape"))
    (patches / "0001-plants.patch").write_text(text, encoding="utf-8", errors="surrogateescape")
    (folder / "series.yaml").write_text(
        "title: Plants\nposted: '2026-01-01'\npatches: 1\n"
        f"trees: [{{tree: {tree}, port: patches}}]\nkconfig: [boot, mm, debug]\nstressors: [migration]\n"
    )
    return folder


def planted_kernel(workshop: Workshop, tree: str) -> Planted:
    """The tree's kernel with the plants, built on top of its baseline where it is not at hand."""
    with tempfile.TemporaryDirectory() as temporary:
        name = f"planted-{hashlib.sha256(PLANT.read_bytes()).hexdigest()[:8]}"
        series = plant_series(workshop, tree, Path(temporary) / name)
        run = Run(workshop, RunRequest(str(series), trees=(tree,)))
        prepared = prepare_tree(workshop, run.spec, run.spec.trees[0], run.request)
        workshop.store.start_run(run.row)
        kernels = run.kernels(prepared, (1,))
        run.close(0, "planted kernel")
    assert 1 in kernels, "the planted kernel does not build"
    initrd, _ = root_image(workshop, prepared.era)
    return Planted(kernels[1], prepared.era, initrd)


@dataclass(frozen=True, slots=True)
class Plant:
    """A kind of failure and what must come of it: tests/system/plants/plants.yaml says what the keys mean."""

    kind: str
    found: tuple[str, ...]
    cpus: int = 2
    ram: bool = False
    silence: float = 20.0
    wall: float = 180.0
    record: bool = True
    trees: dict[str, dict[str, Any]] = field(default_factory=dict)

    def on(self, tree: str) -> Plant:
        """The same on a tree that has its own ways."""
        return replace(self, **{name: _value(name, value) for name, value in self.trees.get(tree, {}).items()})


def plants() -> tuple[Plant, ...]:
    """Every kind of failure."""
    data = yaml.safe_load((PLANT.parent / "plants.yaml").read_text())
    return tuple(Plant(**{name: _value(name, value) for name, value in row.items()}) for row in data)


def _value(name: str, value: Any) -> Any:
    if name != "found":
        return value
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True, slots=True)
class Failure:
    """What came of a plant: the guest's end, what it left, and the findings as a cell would have them."""

    result: GuestResult
    console: bytes
    kernel_log: bytes
    findings: tuple[Finding, ...]


LIMITS = GuestLimits(wall=180.0, silence=20.0, after_crash=4.0, autopsy=8.0)


def fail(workshop: Workshop, planted: Planted, plant: Plant, folder: Path, *words: str) -> Failure:
    """Boots a kernel with plants and lets it fail."""
    era = planted.era
    spec = replace(machine_of(era), cpus=plant.cpus, memory_mib=512, nodes=1)
    append = (*boot_words(era, spec, "quiet", 6, 1, 1), f"harness_plant={plant.kind}", *words)
    kernel = planted.kernel
    boot = Boot(
        workshop.settings.qemu, kernel.image, planted.initrd, spec, Accelerator.TCG, append, vmlinux=kernel.vmlinux
    )
    result = run_guest(boot, folder, replace(LIMITS, silence=plant.silence, wall=plant.wall), ReportWatch())
    console = Path(result.console_path).read_bytes()
    log = Path(result.kernel_log_path).read_bytes() if result.kernel_log_path else b""
    names = read_symbols(kernel.vmlinux).function_at
    return Failure(result, console, log, with_kernel_log(parse_console(console, names), parse_console(log, names)))
