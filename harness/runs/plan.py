"""What a run would do: builds, boots, what is at hand already, time and disk. Nothing is run or made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.guests.qemu import Boot, boot_words, disk_boot_words, printable
from harness.guests.root_image import root_image_name
from harness.model.cell import Stressor
from harness.model.era import Image, RootKind
from harness.model.errors import EngineUnavailable, TreeUnavailable
from harness.model.guest import Accelerator
from harness.model.tree import PatchState
from harness.runs.disk_guests import disk_guest_spec, disk_image_at_hand
from harness.runs.guest_making import guest_spec
from harness.runs.preparation import (
    PreparedTree,
    build_request,
    check_requirements,
    chosen_stressors,
    named_stressors,
    prepare_tree,
    series_trees,
)
from harness.runs.request import RunRequest, chosen_prefixes
from harness.runs.touched import SeriesTouch
from harness.runs.workshop import Workshop
from harness.stressors.choice import Choice

# Measured on two cores with GCC 12 and the configuration of this repository, in seconds and bytes: used until the
# store knows better.
FULL_BUILD_SECONDS = 300.0
INCREMENTAL_BUILD_SECONDS = 60.0
BOOT_SECONDS = 15.0
KERNEL_BYTES = 60 << 20
OUT_BYTES = 600 << 20
CELL_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class PlannedBuild:
    """A kernel the run needs; ``at_hand`` None where its key is not known before its image is made."""

    tree: str
    patches: int
    subject: str
    at_hand: bool | None
    seconds: float


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The run before it begins. ``cells_at_hand`` counts finished cells among ``cells``; ``patches`` tell how each
    patch goes into each tree that is here, ``stressors`` what runs on it (tree, stressor, why)."""

    series: str
    builds: tuple[PlannedBuild, ...]
    stressors: tuple[tuple[str, str, str], ...]
    cells: int
    cells_at_hand: int
    seconds: float
    disk_bytes: int
    unavailable: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    patches: tuple[PatchState, ...] = ()


def plan_run(workshop: Workshop, request: RunRequest) -> RunPlan:
    """The plan of a request. Fetches no tree: one that is not here yet is a note."""
    spec = workshop.catalogue.series(request.series)
    named = named_stressors(workshop, spec, request)
    chosen: list[tuple[str, Choice]] = []
    boots: list[Stressor] = []
    builds: list[PlannedBuild] = []
    unavailable: list[tuple[str, str]] = []
    notes: list[str] = []
    states: list[PatchState] = []
    for tree in series_trees(spec, request.trees, workshop):
        definition = workshop.catalogue.tree(tree.tree)
        if workshop.library.present(definition) is None:
            notes.append(f"{tree.tree} is not here yet: it would be fetched from {definition.sources[0].location}")
            if not named:
                notes.append(f"the stressors of {tree.tree} are chosen once it is here, and not counted")
            unknown = [
                _unknown(workshop, tree.tree, number) for number in chosen_prefixes(request.patches, spec.patches)
            ]
            builds += unknown
            chosen += [(tree.tree, choice) for choice in named]
            boots += [choice.stressor for choice in named] * len(unknown)
            continue
        try:
            prepared = prepare_tree(workshop, spec, tree, request)
            check_requirements(spec, prepared)
        except TreeUnavailable as error:
            unavailable.append((tree.tree, str(error)))
            continue
        states += prepared.states
        image = _image_at_hand(workshop, prepared)
        if image is None:
            how = "needs a registry" if prepared.toolchain.pull_only else "would be made first"
            notes.append(f"the image of toolchain {prepared.toolchain.name} {how}")
        builds += [_planned(workshop, prepared, patches, image) for patches in prepared.chosen]
        if request.image is not None and _disk_at_hand(workshop, request.image) is None:
            notes.append(f"the disk image {request.image} would be made first")
        choices = chosen_stressors(workshop, spec, request, SeriesTouch(workshop.library.store, prepared.applied))
        for choice in choices:
            guest_spec(prepared.era, choice.stressor, request)
        chosen += [(tree.tree, choice) for choice in choices]
        boots += [choice.stressor for choice in choices] * len(prepared.chosen)
    cells = len(boots) * request.repeat
    per_cell = [workshop.store.usual_seconds(s.name) or (request.duration or s.seconds) + BOOT_SECONDS for s in boots]
    at_hand = _cells_at_hand(workshop, request)
    mean = sum(per_cell) / len(per_cell) if per_cell else 0.0
    to_build = [build for build in builds if not build.at_hand]
    seconds = sum(build.seconds for build in to_build) + mean * max(0, cells - at_hand)
    trees = {build.tree for build in to_build}
    disk = len(to_build) * KERNEL_BYTES + len(trees) * OUT_BYTES + max(0, cells - at_hand) * CELL_BYTES
    stressors = tuple((tree_name, choice.stressor.name, choice.why) for tree_name, choice in chosen)
    return RunPlan(
        spec.name, tuple(builds), stressors, cells, at_hand, seconds, disk, tuple(unavailable),
        tuple(dict.fromkeys(notes)), tuple(states),
    )  # fmt: skip


def _unknown(workshop: Workshop, tree: str, patches: int) -> PlannedBuild:
    subject = "baseline" if patches == 0 else f"{patches} patches of the series"
    return PlannedBuild(tree, patches, subject, None, _build_seconds(workshop, tree, patches > 0))


def _initrd_at_hand(workshop: Workshop, root: RootKind) -> Path:
    """The newest root image of that form, or a name that says that it is made by the first run."""
    found = sorted(workshop.root_images.glob(root_image_name("*", root)), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else Path("ROOT-IMAGE-MADE-BY-THE-FIRST-RUN")


def _disk_at_hand(workshop: Workshop, name: str) -> Path | None:
    """A disk image where it is here."""
    image = disk_image_at_hand(workshop, workshop.catalogue.disk_image(name))
    return image.path if image is not None else None


def _image_at_hand(workshop: Workshop, prepared: PreparedTree) -> Image | None:
    """The toolchain's image where it is here; an engine that does not answer is not started for a plan."""
    try:
        return workshop.image_at_hand(prepared.toolchain)
    except EngineUnavailable:
        return None


def _planned(workshop: Workshop, prepared: PreparedTree, patches: int, image: Image | None) -> PlannedBuild:
    at_hand = None
    incremental = patches > 0
    if image is not None:
        request = build_request(workshop, prepared, patches, image)
        at_hand = workshop.builder.cached(request) is not None
        incremental = incremental or (request.out / "vmlinux").is_file()
    seconds = _build_seconds(workshop, prepared.tree.name, incremental)
    return PlannedBuild(prepared.tree.name, patches, prepared.applied[patches].subject, at_hand, seconds)


def _build_seconds(workshop: Workshop, tree: str, incremental: bool) -> float:
    usual = workshop.store.usual_build_seconds(tree, incremental)
    return usual or (INCREMENTAL_BUILD_SECONDS if incremental else FULL_BUILD_SECONDS)


def _cells_at_hand(workshop: Workshop, request: RunRequest) -> int:
    """Cells of the newest finished run of the same request: their keys are known only once the kernels are."""
    if request.again:
        return 0
    row = next((run for run in workshop.store.runs() if run.plan == request.digest), None)
    if row is None:
        return 0
    return sum(cell.result is not None for cell in workshop.store.run_cells(row.id))


def dry_run_lines(workshop: Workshop, request: RunRequest) -> Iterator[str]:
    """The docker and QEMU command lines of a run, each after a comment that says what it is for."""
    spec = workshop.catalogue.series(request.series)
    named_stressors(workshop, spec, request)
    known = None if request.accelerator != "auto" else workshop.accelerators.known(Accelerator.KVM)
    accelerator = Accelerator(request.accelerator) if request.accelerator != "auto" else Accelerator.TCG
    if known is not None and known.works:
        accelerator = Accelerator.KVM
    for tree in series_trees(spec, request.trees, workshop):
        definition = workshop.catalogue.tree(tree.tree)
        if workshop.library.present(definition) is None:
            yield f"# {tree.tree} is not here yet: harness tree fetch {tree.tree}"
            continue
        try:
            prepared = prepare_tree(workshop, spec, tree, request)
        except TreeUnavailable as error:
            yield f"# {tree.tree} is unavailable: {error}"
            continue
        image = workshop.image_at_hand(prepared.toolchain)
        image = image or Image(prepared.toolchain.name, "", f"<image of {prepared.toolchain.name}>")
        touch = SeriesTouch(workshop.library.store, prepared.applied)
        stressors = [choice.stressor for choice in chosen_stressors(workshop, spec, request, touch)]
        for patches in prepared.chosen:
            build = build_request(workshop, prepared, patches, image)
            yield f"# build {tree.tree} + {patches}: {prepared.applied[patches].subject}"
            yield workshop.runner.command_line(workshop.builder.container_request(build))
            kernel = workshop.builder.cache.folder / workshop.builder.key(build) / "image"
            for stressor in stressors:
                yield f"# boot {tree.tree} + {patches}, {stressor.name}"
                if request.image is not None:
                    guest = disk_guest_spec(prepared.era, stressor, request)
                    disk = _disk_at_hand(workshop, request.image) or Path("DISK-IMAGE-MADE-BY-THE-FIRST-RUN")
                    words = disk_boot_words(prepared.era, guest)
                    yield printable(Boot(workshop.settings.qemu, kernel, None, guest, accelerator, words, None, disk))
                    continue
                guest = guest_spec(prepared.era, stressor, request)
                seconds = request.duration or stressor.seconds
                words = boot_words(prepared.era, guest, stressor.name, seconds, request.seed, max(2, guest.cpus))
                initrd = _initrd_at_hand(workshop, prepared.era.root)
                boot = Boot(workshop.settings.qemu, kernel, Path(initrd), guest, accelerator, words)
                yield printable(boot)
