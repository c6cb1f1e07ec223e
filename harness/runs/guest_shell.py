"""A look around in a guest: one kernel of a tree, plain or with a series, booted with a disk image for the user."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.findings.parser import findings_of, folded
from harness.findings.watch import ReportWatch
from harness.guests.qemu import OWN_DISK, Boot, disk_boot_words, run_guest
from harness.guests.ssh_keys import Login, write_own_disk
from harness.guests.ssh_visit import SshVisit
from harness.model.build import Kernel
from harness.model.errors import InfrastructureError, UserError
from harness.model.finding import CONSOLE
from harness.model.guest import GuestEnd, GuestLimits, GuestResult
from harness.model.series import Series
from harness.runs.cell_run import SILENCE_SECONDS
from harness.runs.disk_guests import disk_guest_spec, disk_image, login_key
from harness.runs.guest_making import chosen_accelerator, root_image
from harness.runs.image_checks import check_image_fits, command_stressor
from harness.runs.kernel_making import make_kernel
from harness.runs.preparation import PreparedTree, build_request, prepare_tree, series_for, series_trees
from harness.runs.request import RunRequest
from harness.runs.step import Step
from harness.runs.tree_base import tree_base
from harness.runs.workshop import Workshop

LONGEST_SECONDS = 7 * 86400.0
_TARGET = re.compile(r"([^@]+)(?:@(.+):(\d{1,4}))?", re.DOTALL)
V = TypeVar("V", bound=SshVisit)


@dataclass(frozen=True, slots=True)
class ShellGuest:
    """A guest ready to be booted; ``name`` is its kernel in words, ``key`` the file of the key to it."""

    name: str
    boot: Boot
    key: Path


@dataclass(frozen=True, slots=True)
class ShellEnd:
    """How the guest ended: ``died`` says of what, "" where it ended in good order or the user ended it; ``kept`` is
    the folder with its console."""

    died: str
    kept: str


def parse_target(text: str) -> tuple[str, str, int]:
    """(tree, series, number of its patches) of "TREE" or "TREE@SERIES:K". Raises UserError."""
    match = _TARGET.fullmatch(text)
    if match is None:
        raise UserError(f"{text[:100]!r} is neither TREE nor TREE@SERIES:K", remedy="like linux-6.1@rcu-page-counts:5")
    return match[1], match[2] or "", int(match[3] or 0)


def shell_guest(workshop: Workshop, target: str, request: RunRequest) -> ShellGuest:
    """The guest for a target: kernel and image are made where they are not at hand. Of ``request`` the image and the
    guest's size are taken. Raises UserError, TreeUnavailable and what the builds raise."""
    assert request.image is not None
    tree, series, patches = parse_target(target)
    recipe = workshop.catalogue.disk_image(request.image)
    definition = workshop.catalogue.tree(tree)
    check_image_fits(recipe, definition, workshop.catalogue.era_of(definition))
    prepared, patches = prepared_target(workshop, tree, series, patches, request)
    image = disk_image(workshop, recipe)
    kernel = target_kernel(workshop, prepared, patches)
    root = root_image(workshop, prepared.era)
    accelerator, why = chosen_accelerator(workshop, request.accelerator, prepared.era, kernel, root[0])
    if why:
        workshop.notice(f"accelerator {why}")
    spec = disk_guest_spec(prepared.era, command_stressor(recipe.name, "sh"), request)
    boot = Boot(
        workshop.settings.qemu, kernel.image, None, spec, accelerator, disk_boot_words(prepared.era, spec),
        kernel.vmlinux, image.path,
    )  # fmt: skip
    name = f"{tree} + {patches} of {series}" if series else tree
    return ShellGuest(name, boot, login_key(workshop)[0])


def prepared_target(
    workshop: Workshop, tree: str, series: str, patches: int, request: RunRequest
) -> tuple[PreparedTree, int]:
    """(the tree, plain or with the series as far as it was asked for, configured for the request's image too; the
    number of patches that are in it)."""
    if not series:
        ready = tree_base(workshop, tree)
        fragments = workshop.catalogue.usual_fragments()
        assert request.image is not None
        own = workshop.catalogue.fragment(str(workshop.catalogue.disk_image(request.image).kconfig))
        plain = Series(tree, "baseline", 1, 0, ())
        return (
            PreparedTree(
                ready.tree, ready.era, ready.toolchain, ready.content, plain, (ready.base,), (), (0,),
                (*fragments, own),
            ),
            0,
        )  # fmt: skip
    spec = workshop.catalogue.series(series)
    (chosen,) = series_trees(spec, (tree,), workshop)
    total = len(series_for(workshop, spec, chosen, None).patches) or spec.patches
    if patches > total:
        raise UserError(f"{series} has {total} patches for {tree}: {patches} is not one of 0 to {total}")
    prepared = prepare_tree(workshop, spec, chosen, RunRequest(series, patches=str(patches), image=request.image))
    return prepared, max(prepared.chosen)


def target_kernel(workshop: Workshop, prepared: PreparedTree, patches: int) -> Kernel:
    """The kernel of one prefix, built where it is not at hand."""
    name = f"{prepared.tree.name} + {patches}"
    build = build_request(workshop, prepared, patches, workshop.image(prepared.toolchain))
    with Step(
        workshop, f"build {name}", "build", workshop.store.usual_build_seconds(prepared.tree.name, False)
    ) as step:
        kernel = make_kernel(workshop, prepared, patches, build, step.progress)
        step.done("at hand" if kernel.cached else f"built in {kernel.seconds:.0f} s")
    return kernel


def visit_guest(
    workshop: Workshop, guest: ShellGuest, visit_of: Callable[[Login, Path], V], progress: Callable[[str], None]
) -> tuple[V, ShellEnd]:
    """Boots the guest for a visit until one of them ends. ``visit_of`` makes the visit from its login and a folder for
    its files. Raises InfrastructureError where QEMU failed."""
    temporary = workshop.layout.results / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"cell-{os.getpid()}-", dir=temporary))
    try:
        visit = visit_of(Login(guest.key, write_own_disk(folder / OWN_DISK)), folder)
        limits = GuestLimits(wall=LONGEST_SECONDS, silence=SILENCE_SECONDS)
        try:
            result = run_guest(guest.boot, folder, limits, ReportWatch(), progress, visitor=visit)
        finally:
            visit.leave()
        (folder / OWN_DISK).unlink(missing_ok=True)  # the guest's key is of no use any more
        return visit, ShellEnd(how_it_died(result, visit), _kept(workshop, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def how_it_died(result: GuestResult, visit: SshVisit) -> str:
    """What the guest died of; "" where it did not. Raises InfrastructureError where QEMU failed."""
    if result.end is GuestEnd.QEMU_FAILED:
        raise InfrastructureError(result.detail)
    if result.end is GuestEnd.POWER_OFF:
        return ""
    if result.end is GuestEnd.WALL_LIMIT:
        return "" if result.detail.startswith("left by the user") else result.detail
    path = Path(result.console_path)
    titles = [finding.title for finding in folded(findings_of([path.read_bytes()] if path.is_file() else []))]
    return titles[0] if titles else f"{result.end}{f': {result.detail}' if result.detail else ''}"


def _kept(workshop: Workshop, folder: Path) -> str:
    """Keeps what the guest left in place of what the one before left."""
    kept = workshop.layout.results / "shell"
    try:
        shutil.rmtree(kept, ignore_errors=True)
        folder.replace(kept)
    except OSError as error:
        raise InfrastructureError(f"cannot be kept: {error.strerror}", where=str(kept)) from error
    return str(kept / CONSOLE)
