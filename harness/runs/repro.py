"""Repeating one recorded cell."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from harness.findings.silent_death import KINDS as SILENT_KINDS
from harness.guests.qemu import printable
from harness.guests.root_image import root_image_name
from harness.model.cell import Cell, CellResult, Stressor
from harness.model.era import Era
from harness.model.errors import InfrastructureError
from harness.model.finding import Effect
from harness.model.guest import Accelerator, GuestSpec
from harness.runs.cell_run import CellTask, run_cell
from harness.runs.disk_guests import login_key, recorded_disk_image
from harness.runs.image_checks import command_stressor
from harness.runs.step import Step
from harness.runs.workshop import Workshop


def repro_task(workshop: Workshop, beginning: str) -> tuple[CellResult, CellTask, str]:
    """(what was recorded, the cell ready to be run, the command line that does it by hand).

    Raises UserError for an unknown cell, InfrastructureError when its kernel is not in the build cache any more.
    """
    recorded = workshop.store.find_cell(beginning)
    cell = cell_from(workshop.store.cell_spec(recorded.key))
    era = workshop.catalogue.era_of(workshop.catalogue.tree(cell.tree))
    kernel = workshop.builder_cache.get(cell.kernel_key)
    if kernel is None:
        raise InfrastructureError(
            f"the kernel of {cell.tree} + {cell.patches} patches is not in the build cache any more",
            remedy="run the series again: it is built anew from the same sources",
        )
    stressor, initrd, disk, login = _root_of(workshop, cell, era)
    series = workshop.store.series_of(recorded.key)
    rules, version = workshop.interpretation.rules(series), workshop.interpretation.version(cell.tree)
    qemu = workshop.settings.qemu
    task = CellTask(cell, stressor, era, kernel.image, initrd, qemu, kernel.vmlinux, rules, version, disk, login)
    # Both ports are logged by QEMU into the folder it runs in.
    line = f"cd $(mktemp -d) && {printable(task.boot)}; cat console report"
    return recorded, task, line


def _root_of(workshop: Workshop, cell: Cell, era: Era) -> tuple[Stressor, Path | None, Path | None, Path | None]:
    """What a recorded cell is run from: its stressor, its initramfs, its disk image and the key to that."""
    if cell.command:
        image = recorded_disk_image(workshop, cell.disk_digest)
        if image is None:
            raise InfrastructureError(f"the disk image {cell.disk_digest[:12]} is not in the cache any more")
        stressor = command_stressor(cell.stressor.partition(":")[0], cell.command)
        return stressor, None, image.path, login_key(workshop)[0]
    initrd = workshop.root_images / root_image_name(cell.initramfs_digest, era.root)
    if not initrd.is_file():
        raise InfrastructureError(f"the root image {cell.initramfs_digest[:12]} is not in the cache any more")
    return workshop.catalogue.stressor(cell.stressor), initrd, None, None


def cell_from(spec: dict[str, Any]) -> Cell:
    """A Cell from what the store kept of it."""
    words = {name: tuple(value) for name, value in spec["guest"].items() if isinstance(value, list)}
    guest = GuestSpec(**{**spec["guest"], **words})
    return Cell(**{**spec, "guest": guest, "accelerator": Accelerator(spec["accelerator"])})


def run_repro(workshop: Workshop, task: CellTask) -> CellResult:
    """Runs the cell once more. Nothing of it goes into the store."""
    cell = task.cell
    with Step(workshop, f"boot {cell.tree} + {cell.patches} {cell.stressor} seed {cell.seed}", "boot", None) as step:
        result = run_cell(task, workshop.layout.results / "tmp", step.progress, lambda: False)
        step.done(f"{result.outcome}: {result.reason}")
    shutil.rmtree(Path(result.console).parent, ignore_errors=True)
    return result


def alike(recorded: CellResult, again: CellResult) -> bool:
    """True when the outcome is the same and, where there were findings that count, one of their titles came again."""
    if recorded.outcome is not again.outcome:
        return False
    before, now = _titles(recorded), _titles(again)
    return not before or bool(before & now)


def _titles(result: CellResult) -> set[str]:
    """Titles that count; where a guest hangs differs from boot to boot."""
    return {f.title for f in result.findings if f.effect is not Effect.SHOW and f.kind not in SILENT_KINDS}
