"""Guests with a distribution's disk image: the image, the key to it, and cells whose stressor is a command."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from harness.guests.qemu import arguments_digest
from harness.guests.ssh_keys import installation_key
from harness.model.build import Kernel
from harness.model.cell import Stressor
from harness.model.disk_image import DiskImage, ImageRecipe
from harness.model.era import Era
from harness.model.guest import Accelerator, GuestSpec
from harness.runs.cell_run import CellTask
from harness.runs.guest_making import begun_cell, guest_spec
from harness.runs.preparation import PreparedTree
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop
from harness.toolchains.disk_images import disk_image_of, ensure_disk_image, present_disk_image


def disk_guest_spec(era: Era, stressor: Stressor, request: RunRequest) -> GuestSpec:
    """The guest of a command or a shell, on another machine than the era's."""
    # On "pc" a PCI device's interrupt is looked up in a table that a loop in ACPI's byte code builds anew each time:
    # two seconds for each of the three devices under TCG, ten on a busy host. On "q35" the table is there.
    return replace(guest_spec(era, stressor, request), machine="q35")


def image_folder(workshop: Workshop) -> Path:
    """Where disk images are kept."""
    return workshop.layout.cache / "disk-images"


def login_key(workshop: Workshop) -> tuple[Path, str]:
    """This installation's key: (private key's file, the public one)."""
    return installation_key(workshop.layout.cache / "ssh")


def disk_image(workshop: Workshop, recipe: ImageRecipe) -> DiskImage:
    """The image; made where it is not here."""
    return ensure_disk_image(recipe, login_key(workshop)[1], image_folder(workshop), workshop.notice)


def disk_image_at_hand(workshop: Workshop, recipe: ImageRecipe) -> DiskImage | None:
    """The image where it is here."""
    return present_disk_image(recipe, login_key(workshop)[1], image_folder(workshop))


def recorded_disk_image(workshop: Workshop, digest: str) -> DiskImage | None:
    """The image with that content where it is here."""
    return disk_image_of(digest, image_folder(workshop))


def command_task(
    workshop: Workshop,
    prepared: PreparedTree,
    patches: int,
    kernel: Kernel,
    stressor: Stressor,
    request: RunRequest,
    repeat: int,
    image: DiskImage,
    accelerator: Accelerator,
) -> CellTask:
    """One cell of a run whose stressor is the request's command in a guest with the image."""
    assert request.ssh_command is not None
    guest = disk_guest_spec(prepared.era, stressor, request)
    cell = begun_cell(prepared, patches, kernel, stressor, request, repeat, guest, accelerator)
    cell = replace(cell, command=request.ssh_command, disk_digest=image.digest)
    task = CellTask(
        cell, stressor, prepared.era, kernel.image, None, workshop.settings.qemu, kernel.vmlinux,
        workshop.interpretation.rules(), prepared.tree.kernel_version, image.path, login_key(workshop)[0],
    )  # fmt: skip
    digest = hashlib.sha256(arguments_digest(task.boot).encode()).hexdigest()
    return replace(task, cell=replace(cell, arguments_digest=digest))
