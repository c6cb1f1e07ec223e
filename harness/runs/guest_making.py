"""From a finished kernel to a cell that can be run: root image, accelerator, the guest that the stressor wishes for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.builds.guest_programs import build_guest_programs
from harness.config.guest_file import programs_for
from harness.guests.qemu import Boot, arguments_digest, boot_words, machine_of
from harness.guests.root_image import program_fault, write_root_image
from harness.model.build import Kernel
from harness.model.cell import Cell, Stressor
from harness.model.era import Era
from harness.model.errors import UserError
from harness.model.guest import Accelerator, GuestSpec
from harness.runs.cell_run import CellTask
from harness.runs.preparation import PreparedTree
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop

SPARE_BYTES = 8 << 20  # what a kernel takes at boot for its page tables, its page structures and init, at the least


def root_image(workshop: Workshop, era: Era, stressors: Sequence[Stressor] = ()) -> tuple[Path, str]:
    """(file, digest) of the guest's root; its programs are compiled where they are not at hand.

    Raises UserError for one of ``stressors`` whose program cannot start on the era's kernels.
    """
    root = workshop.catalogue.guest_root()
    programs = programs_for(root, era.arch)
    image = workshop.image(workshop.catalogue.toolchain(programs.toolchain))
    sources = workshop.layout.vm_images / root.sources
    compiled = build_guest_programs(workshop.runner, image, programs, sources, workshop.layout.cache)
    for stressor in stressors:
        fault = program_fault(compiled, stressor.name, era.arch)
        if fault:
            raise UserError(f"stressor {stressor.name} cannot start on {era.arch}: {fault}", where=stressor.where)
    return write_root_image(root, compiled, workshop.root_images, era.root)


def chosen_accelerator(workshop: Workshop, asked: str, era: Era, kernel: Kernel, root: Path) -> tuple[Accelerator, str]:
    """(accelerator, why; "" where it was not chosen here): the one asked for, or what a canary shows."""
    if asked != "auto":
        return Accelerator(asked), ""
    spec = machine_of(era)
    words = boot_words(era, spec, "canary", 1, 1, 1)
    boot = Boot(workshop.settings.qemu, kernel.image, root, spec, Accelerator.TCG, words)
    return workshop.accelerators.choose(boot, workshop.notice)


def cell_task(
    workshop: Workshop,
    prepared: PreparedTree,
    patches: int,
    kernel: Kernel,
    stressor: Stressor,
    request: RunRequest,
    repeat: int,
    root: tuple[Path, str],
    accelerator: Accelerator,
) -> CellTask:
    """One cell of a run; ``root`` as root_image gives it."""
    guest = guest_spec(prepared.era, stressor, request)
    check_memory(guest, kernel, root[0])
    cell = begun_cell(prepared, patches, kernel, stressor, request, repeat, guest, accelerator)
    cell = replace(cell, initramfs_digest=root[1])
    task = CellTask(
        cell, stressor, prepared.era, kernel.image, root[0], workshop.settings.qemu, kernel.vmlinux,
        workshop.interpretation.rules(), prepared.tree.kernel_version,
    )  # fmt: skip
    # A rule of proof that was changed judges anew.
    digest_of_all = hashlib.sha256(f"{arguments_digest(task.boot)} {stressor.proof}".encode())
    return replace(task, cell=replace(cell, arguments_digest=digest_of_all.hexdigest()))


def begun_cell(
    prepared: PreparedTree,
    patches: int,
    kernel: Kernel,
    stressor: Stressor,
    request: RunRequest,
    repeat: int,
    guest: GuestSpec,
    accelerator: Accelerator,
) -> Cell:
    """A cell as far as any kind of guest has it: without the digests of its root and of QEMU's arguments."""
    return Cell(
        kernel_key=kernel.key,
        kernel_digest=kernel.digest,
        tree=prepared.tree.name,
        patches=patches,
        stressor=stressor.name,
        seconds=request.duration or stressor.seconds,
        seed=request.seed + repeat,
        repeat=repeat,
        guest=guest,
        initramfs_digest="",
        arguments_digest="",
        accelerator=accelerator,
    )


def check_memory(guest: GuestSpec, kernel: Kernel, root: Path) -> None:
    """Raises UserError where the kernel and its root image leave the guest no memory: it would die without a word."""
    needed = kernel_bytes(kernel.directory / "System.map") + root.stat().st_size + SPARE_BYTES
    if needed > guest.memory_mib << 20:
        raise UserError(
            f"the kernel of {kernel.tree} + {kernel.patches} and its root image need {needed >> 20} MiB, the guest has "
            f"{guest.memory_mib}",
            remedy="give it more with --memory",
        )


def kernel_bytes(system_map: Path) -> int:
    """Bytes from the first to the last symbol of the running kernel, as System.map tells; 0 where it does not."""
    places = {}
    try:
        with system_map.open("rb") as handle:
            for line in handle:
                address, _, name = line.rstrip().partition(b" ")
                if name[2:] in (b"_text", b"_stext", b"_end"):
                    places[name[2:]] = int(address, 16)
    except (OSError, ValueError):
        return 0
    start = places.get(b"_text", places.get(b"_stext"))
    return max(0, places[b"_end"] - start) if start is not None and b"_end" in places else 0


def host_memory_mib() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def guest_spec(era: Era, stressor: Stressor, request: RunRequest) -> GuestSpec:
    """The stressor's wishes with the user's own words over them, on the era's machine.

    Raises UserError for a guest that cannot be: with more memory than this machine has, or with memory nodes for
    kernels that know of none.
    """
    wishes = stressor.wishes
    cpus = request.cpus or wishes.cpus
    nodes = request.nodes if request.nodes is not None else (min(wishes.nodes, cpus) if era.numa else 1)
    if nodes > 1 and not era.numa:
        raise UserError(f"--numa {nodes}: kernels of era {era.name} know one memory node", remedy="leave --numa out")
    if nodes > cpus:
        raise UserError(
            f"--numa {nodes}: a guest of {cpus} processors has at most as many nodes", remedy="raise --cpus"
        )
    memory = request.memory_mib or wishes.memory_mib
    if memory > host_memory_mib():
        told = "--memory" if request.memory_mib else f"stressor {stressor.name} wishes for"
        raise UserError(f"{told} {memory} MiB: this machine has {host_memory_mib()}", remedy="give less with --memory")
    thp, swap = request.thp or wishes.thp, request.swap_mib or wishes.swap_mib
    # What is init's own choice is not said: the command line of an old kernel is short.
    own = (*((f"harness.thp={thp}",) if thp != "always" else ()), *((f"harness.swap={swap}",) if swap else ()))
    return replace(machine_of(era), cpus=cpus, memory_mib=memory, nodes=nodes, append=(*own, *request.append))
