"""What this machine has for the job, and what to do where it has not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.guests.accelerators import boot_canary, kvm_obstacle
from harness.guests.qemu import Boot, boot_words, machine_of, qemu_version
from harness.guests.root_image import write_root_image
from harness.model.errors import HarnessError
from harness.model.guest import Accelerator
from harness.runs.cleaning import folder_size
from harness.runs.workshop import Workshop

WANTED_DISK_BYTES = 12 * 1024**3  # object store, one tree's working folder and output, images, builds
WANTED_MEMORY_KIB = 3 * 1024**2  # a build and a guest of 1 GiB at a time


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. ``good`` None: could not be told. ``remedy`` is what to do where it is not good."""

    name: str
    good: bool | None
    told: str
    remedy: str = ""


def checks(workshop: Workshop) -> Iterator[Check]:
    """Every check in turn, the cheap ones first."""
    yield from _programs(workshop)
    yield _memory()
    yield from _disk(workshop)
    yield _engine(workshop)
    yield from _accelerators(workshop)


def _programs(workshop: Workshop) -> Iterator[Check]:
    prepare = workshop.layout.root / "setup" / "prepare"
    if prepare.is_file():
        done = subprocess.run([str(prepare), "--missing"], capture_output=True, text=True, timeout=60, check=False)
        missing = " ".join(done.stdout.split())
        yield Check("packages", not missing, f"missing: {missing}" if missing else "all there", "make setup")
    for program, package in (("git", "git"), ("mmdebstrap", "mmdebstrap"), ("xz", "xz-utils")):
        path = shutil.which(program)
        yield Check(program, path is not None, path or "not installed", f"apt-get install {package}")
    try:
        yield Check("QEMU", True, qemu_version(workshop.settings.qemu))
    except HarnessError as error:
        yield Check("QEMU", False, error.what, error.remedy or "")


def _memory() -> Check:
    try:
        text = Path("/proc/meminfo").read_text()
        available = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return Check("memory", None, "cannot be read")
    told = f"{available >> 20} GiB available, {os.cpu_count()} processors"
    return Check(
        "memory", available >= WANTED_MEMORY_KIB, told, "a build and a guest need 3 GiB: use --memory and --jobs 1"
    )


def _disk(workshop: Workshop) -> Iterator[Check]:
    for name, folder in (("cache", workshop.layout.cache), ("results", workshop.layout.results)):
        existing = next(p for p in (folder, *folder.parents) if p.exists())
        free = shutil.disk_usage(existing).free
        writable = os.access(existing, os.W_OK)
        taken = f", {folder_size(folder) / 2**30:.1f} GiB taken" if folder.is_dir() else ""
        told = f"{free >> 30} GiB free at {folder}{taken}" + ("" if writable else ", not writable")
        yield Check(f"disk ({name})", free >= WANTED_DISK_BYTES and writable, told, "12 GiB are wanted: harness clean")


def _engine(workshop: Workshop) -> Check:
    from harness.toolchains.engine import DockerEngine

    try:
        engine = DockerEngine.connect(workshop.settings.engine)
        return Check("container engine", True, f"{engine.version()} at {engine.url}")
    except HarnessError as error:
        return Check("container engine", False, error.what, error.remedy or "")


def _accelerators(workshop: Workshop) -> Iterator[Check]:
    boot = canary_boot(workshop)
    if boot is None:
        told = "no kernel has been built yet, so no canary can be booted"
        yield Check("TCG", None, told, "harness run builds one, and decides then")
        yield Check("KVM", None, kvm_obstacle() or told, "harness run decides by booting a canary")
        return
    try:
        tcg = boot_canary(boot, Accelerator.TCG)
    except HarnessError as error:
        yield Check("TCG", False, error.what, error.remedy or "")
        return
    yield Check("TCG", tcg.works, f"{tcg.reason} in {tcg.seconds:.1f} s", "QEMU or the newest built kernel is broken")
    obstacle = kvm_obstacle()
    if obstacle:
        yield Check("KVM", False, obstacle, "runs use TCG, which is slower and as right")
        return
    kvm = boot_canary(boot, Accelerator.KVM)
    if tcg.works:
        workshop.accelerators.keep(tcg)
        workshop.accelerators.keep(kvm)
    yield Check("KVM", kvm.works, f"{kvm.reason} ({kvm.seconds:.1f} s)", "runs use TCG, which is slower and as right")


def canary_boot(workshop: Workshop, tree: str = "") -> Boot | None:
    """A boot of the newest baseline kernel built here (of that tree) with guest programs at hand; None without one."""
    newest = sorted(
        (workshop.layout.cache / "builds").glob("*/kernel.json"), key=lambda p: p.stat().st_mtime, reverse=True
    )
    for path in newest:
        kernel = workshop.builder_cache.get(path.parent.name)
        if kernel is None or kernel.patches or kernel.tree not in workshop.catalogue.tree_names():
            continue
        if tree and kernel.tree != tree:
            continue
        era = workshop.catalogue.era_of(workshop.catalogue.tree(kernel.tree))
        programs = sorted(
            (workshop.layout.cache / "guest-programs").glob(f"{era.arch}-*/init"), key=lambda p: p.stat().st_mtime
        )
        if not programs:
            continue
        root = workshop.catalogue.guest_root()
        initrd, _ = write_root_image(root, programs[-1].parent, workshop.root_images, era.root)
        spec = machine_of(era)
        words = boot_words(era, spec, "canary", 1, 1, 1)
        return Boot(workshop.settings.qemu, kernel.image, initrd, spec, Accelerator.TCG, words)
    return None
