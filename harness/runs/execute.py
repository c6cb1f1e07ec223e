"""A run from request to verdict: builds first, then the cells, each written down at once."""

from __future__ import annotations

import fcntl
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.builds.kernel_build import BuildFailed
from harness.guests.kernel_symbols import read_symbols
from harness.guests.sampling import read_samples
from harness.model.build import DroppedOption, Kernel
from harness.model.cell import CellResult, Outcome, Seen, Stressor
from harness.model.era import Image
from harness.model.errors import InfrastructureError, TreeUnavailable, UserError
from harness.model.events import Notice, Remaining
from harness.model.finding import Finding, FrameTouch
from harness.model.guest import Accelerator
from harness.model.series import SeriesSpec
from harness.model.tree import Applied
from harness.reports.config import dropped_words
from harness.results.store import CellRow, KernelRow, RunRow, TreeRow
from harness.results.summary import RunSummary
from harness.runs.cell_run import CellTask, run_cell
from harness.runs.disk_guests import command_task, disk_image
from harness.runs.guest_making import cell_task, chosen_accelerator, guest_spec, root_image
from harness.runs.kernel_making import make_kernel
from harness.runs.preparation import (
    PreparedTree,
    build_request,
    check_requirements,
    chosen_stressors,
    lacking_requirements,
    named_stressors,
    prepare_tree,
    series_trees,
)
from harness.runs.request import RunRequest
from harness.runs.step import Step
from harness.runs.summary import summarize
from harness.runs.touched import SeriesTouch
from harness.runs.workshop import Workshop
from harness.stressors.choice import Choice
from harness.trees.series_prefixes import line_origin

MIN_FREE_BYTES = 2 * 1024**3


class Run:
    """One run being executed; ``summary()`` at the end."""

    def __init__(self, workshop: Workshop, request: RunRequest, row: RunRow | None = None, kind: str = "run") -> None:
        self.workshop = workshop
        self.request = request
        self.spec: SeriesSpec = workshop.catalogue.series(request.series)
        named_stressors(workshop, self.spec, request)  # an unknown one is told before anything is begun
        self._choices: dict[str, tuple[Choice, ...]] = {}
        self.rules = workshop.interpretation.rules(policy=self.spec.policy)
        self.row = row or self._new_row(kind)
        self.resumed = row is not None
        # Kept with the run: a continued --again must go on with the repeats it began.
        self.first_repeat = int(self.row.arguments.get("first_repeat", 0))
        self._cancelled = threading.Event()
        self._touches: dict[str, SeriesTouch] = {}
        self._told_dropped: dict[str, set[DroppedOption]] = {}
        self._accelerator: tuple[Accelerator, str] | None = None

    def _new_row(self, kind: str) -> RunRow:
        now = time.time()
        first_repeat = self.workshop.store.next_repeat() if self.request.again else 0
        stamp = datetime.fromtimestamp(now).strftime("%Y%m%d-%H%M%S")
        return RunRow(
            id=f"{stamp}-{self.spec.name}-{uuid.uuid4().hex[:4]}",
            series=self.spec.name,
            title=self.spec.title,
            plan=self.request.digest,
            arguments=asdict(self.request) | ({"first_repeat": first_repeat} if first_repeat else {}),
            started=now,
            finished=None,
            exit_code=None,
            conclusion="",
            machine=self.workshop.machine(),
            kind=kind,
        )

    def execute(self) -> RunSummary:
        """Runs everything that is not done yet.

        A tree that cannot be had is recorded, and judged at the end. Raises UserError and InfrastructureError; what
        was finished before stays in the store and the run can be continued.
        """
        with self._only_one():
            sweep(self._temporary)
            return self._execute()

    @property
    def _temporary(self) -> Path:
        """Where guests' logs lie until the store takes them; on the store's own disk."""
        return self.workshop.layout.results / "tmp"

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        """Holds the request's lock: a second harness with the same request would boot the same cells."""
        folder = self.workshop.layout.results / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{self.row.plan[:32]}.lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError("the same run is already under way", remedy="harness runs shows it") from None
            yield

    def _execute(self) -> RunSummary:
        shop = self.workshop
        trees = series_trees(self.spec, self.request.trees, shop)
        check_disk(shop.layout.results, shop.layout.cache)
        if expired := shop.interpretation.expired():
            shop.notice(expired)
        rows: list[TreeRow] = []
        prepared: list[PreparedTree] = []
        notes: dict[str, str] = {}
        for tree in trees:
            try:
                ready = prepare_tree(shop, self.spec, tree, self.request)
                check_requirements(self.spec, ready)
            except TreeUnavailable as error:
                reason = f"{error.what}; {error.remedy}" if error.remedy else error.what
                shop.notice(f"{tree.tree} is unavailable: {reason}")
                rows.append(TreeRow(tree.tree, False, reason))
                continue
            for fixup in ready.fixups:
                if fixup.overlap:
                    shop.notice(f"{fixup.tree}: fix-up {fixup.name}: {fixup.overlap} of {fixup.file}")
            for state in ready.states:
                if state.applied is Applied.CONFLICT:
                    shop.notice(f"{state.tree}: patch {state.patch} ({state.subject!r}) is left out: {state.detail}")
                elif state.applied not in (Applied.CLEAN, None):
                    shop.notice(f"{state.tree}: patch {state.patch} {state.applied}: {state.detail}")
            self._check_guests(ready)
            prepared.append(ready)
            notes[tree.tree] = tree.note
        if self.request.image is not None and prepared:
            # Before the builds: what takes longer than a boot fails first.
            disk_image(shop, shop.catalogue.disk_image(self.request.image))
        # Only now: a request that cannot be run leaves no run to be continued.
        if not self.resumed:
            shop.store.start_run(self.row)
        for row in rows:
            shop.store.put_tree(self.row.id, row)
        for ready in prepared:
            self.record_tree(ready, notes[ready.tree.name])
        for ready in prepared:
            self.run_cells(ready, self.kernels(ready, ready.chosen), range(self.request.repeat))
        return self.finish()

    def _check_guests(self, prepared: PreparedTree) -> None:
        """Raises UserError for a guest or a stressor that cannot be, before anything is built for it."""
        stressors = [choice.stressor for choice in self.choices(prepared)]
        for stressor in stressors:
            guest_spec(prepared.era, stressor, self.request)
        root_image(self.workshop, prepared.era, () if self.request.image is not None else stressors)

    def record_tree(self, prepared: PreparedTree, reason: str = "") -> None:
        """Writes down a tree of the run: its content, how each patch went in and which files it changes, and the
        fix-ups. ``reason`` is the series' own word on the tree."""
        store, run, content = self.workshop.store, self.row.id, prepared.content
        note = content.pin_note or ("pinned" if content.pinned else "")
        note = "; ".join(filter(None, (note, prepared.proof)))
        store.put_tree(run, TreeRow(prepared.tree.name, True, reason, content.tree_id, content.source, note))
        for state in prepared.states:
            store.put_patch(run, state)
        for fixup in prepared.fixups:
            store.put_fixup(run, fixup)
        for number, patch in enumerate(prepared.series.patches, 1):
            store.put_patch_files(run, prepared.tree.name, number, patch.files)
        tree = prepared.tree.name
        store.put_touched_functions(run, tree, self._touch(prepared).functions())
        choices = self.choices(prepared)
        store.put_stressors(run, tree, [(choice.stressor.name, choice.why) for choice in choices])
        for choice in choices:
            self.workshop.notice(f"{tree}: stressor {choice.stressor.name}: {choice.why}")

    def _touch(self, prepared: PreparedTree) -> SeriesTouch:
        name = prepared.tree.name
        if name not in self._touches:
            self._touches[name] = SeriesTouch(self.workshop.library.store, prepared.applied)
        return self._touches[name]

    def choices(self, prepared: PreparedTree) -> tuple[Choice, ...]:
        """The stressors of a tree, and why."""
        name = prepared.tree.name
        if name not in self._choices:
            self._choices[name] = chosen_stressors(self.workshop, self.spec, self.request, self._touch(prepared))
        return self._choices[name]

    def finish(self) -> RunSummary:
        """Judges the run and records its end."""
        summary = summarize(self.workshop.store, self.row)
        finished = time.time()
        self.workshop.store.finish_run(self.row.id, finished, summary.exit_code, summary.conclusion)
        return replace(summary, run=self.workshop.store.run(self.row.id))

    def close(self, exit_code: int, conclusion: str) -> None:
        """Records the end of a run that somebody else judged."""
        self.workshop.store.finish_run(self.row.id, time.time(), exit_code, conclusion)

    # Builds

    def kernels(self, prepared: PreparedTree, chosen: Sequence[int]) -> dict[int, Kernel]:
        """The chosen prefixes' kernels, built where they are not at hand; without those that do not build."""
        shop = self.workshop
        image = shop.image(prepared.toolchain)
        kernels: dict[int, Kernel] = {}
        for place, patches in enumerate(chosen):
            shop.listener.event(Remaining(len(chosen) - place, 0, None))
            kernel = self._kernel(prepared, patches, image)
            if kernel is not None:
                kernels[patches] = kernel
                self._tell_dropped(prepared.tree.name, kernel)
        return kernels

    def _kernel(self, prepared: PreparedTree, patches: int, image: Image) -> Kernel | None:
        """Builds one prefix and records it; None where the tree does not build."""
        shop = self.workshop
        build = build_request(shop, prepared, patches, image)
        name = f"{build.tree} + {patches}"
        prefix = prepared.applied[patches]
        command = shop.runner.command_line(shop.builder.container_request(build))
        common = (prepared.tree.name, patches, prefix.subject)
        kernel = shop.builder.cached(build)
        state = "cached"
        try:
            if kernel is None:
                failure = shop.builder.known_failure(build)
                if failure is not None:
                    raise failure
                state = "built"
                incremental = (build.out / "vmlinux").is_file()
                expected = shop.store.usual_build_seconds(prepared.tree.name, incremental)
                with self._step(f"build {name}", "build", expected) as step:
                    kernel = make_kernel(shop, prepared, patches, build, step.progress)
                    step.done(f"built in {kernel.seconds:.0f} s" + (" (incremental)" if kernel.incremental else ""))
        except BuildFailed as error:
            shop.notice(f"{name} does not build: {error.error}")
            row = KernelRow(
                *common, shop.builder.key(build), "", "failed", error.error, 0.0, False, image.digest, command
            )
            shop.store.put_kernel(self.row.id, row)
            shop.store.put_build_messages(self.row.id, build.tree, patches, error.messages)
            return None
        row = KernelRow(
            *common, kernel.key, kernel.digest, state, "", kernel.seconds, kernel.incremental, image.digest, command,
            kernel.tree_id,
        )  # fmt: skip
        shop.store.put_kernel(self.row.id, row)
        if kernel.warnings is not None:
            shop.store.put_build_messages(self.row.id, build.tree, patches, kernel.warnings)
        return kernel

    def _tell_dropped(self, tree: str, kernel: Kernel) -> None:
        """Says once for a tree what its configuration did not obtain, and again only what a patch adds to that."""
        told = self._told_dropped.setdefault(tree, set())
        new = [option for option in kernel.config.dropped if option not in told]
        told.update(new)
        if new:
            self.workshop.notice(f"{tree}: {dropped_words(new)}; harness config show {tree} tells all")

    # Cells

    def run_cells(self, prepared: PreparedTree, kernels: dict[int, Kernel], repeats: Sequence[int]) -> None:
        """Boots every cell of the kernels and repeats that has no result yet, and records all of them in the run."""
        if not kernels:
            return
        tasks = self._tasks(prepared, kernels, repeats)
        # Prefixes that change nothing compiled have one kernel image and so one cell: it is booted once for all.
        todo: dict[str, tuple[CellTask, list[int]]] = {}
        for task, patches, kernel in tasks:
            unbooted = self._not_booted(prepared, task.stressor, kernel)
            if unbooted is not None:
                self._record(prepared, patches, task, *unbooted, None, False)
                continue
            known = self.workshop.store.cell(task.cell.key, self.request.series)
            if known is not None:
                self._record(prepared, patches, task, known.outcome, known.reason, known, True)
            else:
                todo.setdefault(task.cell.key, (task, []))[1].append(patches)
        self._boot(prepared, list(todo.values()))

    def _tasks(
        self, prepared: PreparedTree, kernels: dict[int, Kernel], repeats: Sequence[int]
    ) -> list[tuple[CellTask, int, Kernel]]:
        """Every cell, repeats outermost, so that an interrupted run has looked at every kernel."""
        shop, request = self.workshop, self.request
        root = root_image(shop, prepared.era)
        accelerator = self._choose_accelerator(prepared, kernels[min(kernels)], root[0])
        image = disk_image(shop, shop.catalogue.disk_image(request.image)) if request.image is not None else None
        tasks = []
        for repeat in (self.first_repeat + number for number in repeats):
            for choice in self.choices(prepared):
                for patches, kernel in kernels.items():
                    made = (shop, prepared, patches, kernel, choice.stressor, request, repeat)
                    if image is not None:
                        task = command_task(*made, image, accelerator)
                    else:
                        task = cell_task(*made, root, accelerator)
                    tasks.append((replace(task, rules=self.rules), patches, kernel))
        return tasks

    def _choose_accelerator(self, prepared: PreparedTree, kernel: Kernel, root: Path) -> Accelerator:
        if self._accelerator is None:
            accelerator, why = chosen_accelerator(self.workshop, self.request.accelerator, prepared.era, kernel, root)
            if not why:
                return accelerator
            self._accelerator = (accelerator, why)
            self.workshop.notice(f"accelerator {why}")
            self.workshop.store.note_machine(self.row.id, "accelerator", why)
        return self._accelerator[0]

    def _not_booted(self, prepared: PreparedTree, stressor: Stressor, kernel: Kernel) -> tuple[Outcome, str] | None:
        """Outcome and reason of a cell that is known before it is booted; None for one that is to be."""
        version = prepared.tree.kernel_version
        if version not in stressor.versions:
            return Outcome.NOT_IN_THIS_KERNEL, f"{stressor.absent} ({stressor.versions})"
        lacking = lacking_requirements(self.spec, stressor, prepared, kernel.config)
        return (Outcome.BLOCKED, lacking) if lacking else None

    def _boot(self, prepared: PreparedTree, todo: Sequence[tuple[CellTask, list[int]]]) -> None:
        shop = self.workshop
        at_once = self.request.jobs or max(1, shop.settings.jobs // 4)
        left = len(todo)
        pool = ThreadPoolExecutor(max_workers=at_once)
        running: dict[Future[CellResult], tuple[CellTask, list[int]]] = {}
        waiting = list(todo)
        try:
            while waiting or running:
                while waiting and len(running) < at_once:
                    task, patches = waiting.pop(0)
                    check_disk(shop.layout.results, shop.layout.cache)
                    running[pool.submit(self._one_cell, task)] = (task, patches)
                shop.listener.event(Remaining(0, left, self._expected(todo, left)))
                finished, _ = wait(running, timeout=1.0, return_when=FIRST_COMPLETED)
                # What is finished is kept before an error of another guest is let out.
                for future in sorted(finished, key=lambda done: done.exception() is not None):
                    task, patches = running.pop(future)
                    left -= 1
                    self._keep(prepared, patches, task, future.result())
        except BaseException:
            self._cancelled.set()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _expected(self, todo: Sequence[tuple[CellTask, list[int]]], left: int) -> float | None:
        times = [self.workshop.store.usual_seconds(task.stressor.name) or task.cell.seconds + 10.0 for task, _ in todo]
        return sum(times) / len(times) * left if times else None

    def _one_cell(self, task: CellTask) -> CellResult:
        cell = task.cell
        label = f"boot {cell.tree} + {cell.patches} {cell.stressor} seed {cell.seed}"
        expected = self.workshop.store.usual_seconds(cell.stressor)
        with self._step(f"{label} #{cell.repeat}", "boot", expected) as step:
            result = run_cell(task, self._temporary, step.progress, self._cancelled.is_set)
            good = result.outcome in (Outcome.PASS, Outcome.NOT_IN_THIS_KERNEL)
            step.done(f"{result.outcome}: {result.reason}" if result.reason else result.outcome.value, good)
        return result

    def _keep(self, prepared: PreparedTree, prefixes: Sequence[int], task: CellTask, result: CellResult) -> None:
        try:
            kept: CellResult | None = None
            # A harness failure is not a result of the kernel: it is told in the run, and tried again the next time.
            if result.outcome is not Outcome.HARNESS_FAILURE:
                kept = self.workshop.store.put_cell(task.cell, result, time.time())
            for place, patches in enumerate(prefixes):
                self._record(prepared, patches, task, result.outcome, result.reason, kept, place > 0)
        finally:
            shutil.rmtree(Path(result.console).parent, ignore_errors=True)

    def _record(
        self,
        prepared: PreparedTree,
        patches: int,
        task: CellTask,
        outcome: Outcome,
        reason: str,
        result: CellResult | None,
        reused: bool,
    ) -> None:
        own: dict[int, tuple[int, str]] = {}
        touched: dict[int, dict[int, FrameTouch]] = {}
        cell, touch = task.cell, self._touch(prepared)
        if result is not None and patches:
            for place, finding in enumerate(result.findings):
                origin = self._own_line(prepared, patches, finding)
                if origin is not None:
                    own[place] = origin
                frames = touch.frames(patches, finding)
                if frames:
                    touched[place] = frames
        row = CellRow(
            tree=prepared.tree.name,
            patches=patches,
            stressor=cell.stressor,
            seed=cell.seed,
            repeat=cell.repeat,
            cell=cell.key,
            outcome=outcome,
            reason=reason,
            reused=reused,
            own_lines=own,
            touched_frames=touched,
            seen=seen_functions(result, touch.functions(), task.vmlinux) if result is not None else None,
        )
        self.workshop.store.put_run_cell(self.row.id, row)

    def _own_line(self, prepared: PreparedTree, patches: int, finding: Finding) -> tuple[int, str] | None:
        for location in source_locations(finding):
            file, _, line = location.rpartition(":")
            patch = line_origin(self.workshop.library.store, prepared.applied, patches, file, int(line))
            if patch is not None:
                return patch, location
        return None

    # Steps

    def _step(self, label: str, kind: str, expected: float | None) -> Step:
        return Step(self.workshop, label, kind, expected)


def seen_functions(result: CellResult, functions: Iterable[str], vmlinux: Path | None) -> Seen | None:
    """In how many samples of a cell each of the functions was seen, of those that its kernel has; None where there are
    no samples or no symbols."""
    sampling = read_samples(Path(result.samples)) if result.samples else None
    if sampling is None or vmlinux is None:
        return None
    try:
        here = read_symbols(vmlinux).function_names()
    except (OSError, ValueError):
        return None
    counts = dict(sampling.functions)
    return Seen(sampling.samples, tuple((name, counts.get(name, 0)) for name in functions if name in here))


_LOCATION = re.compile(r"(?<![\w/.-])((?:[\w+.-]+/)*[\w+.-]+\.[chS]):(\d{1,6})(?!\d)")


def source_locations(finding: Finding) -> tuple[str, ...]:
    """The "file:line" that the head of a report names as the place which printed it, relative to the tree."""
    found = []
    for line in finding.lines[:4]:
        text = line.replace("/source/", "").replace("../", "")
        found += [f"{file}:{number}" for file, number in _LOCATION.findall(text)]
    return tuple(dict.fromkeys(found))


def sweep(folder: Path) -> None:
    """Removes the guests' folders of harnesses that are gone."""
    for path in folder.glob("cell-*"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(path, ignore_errors=True)


def check_disk(*folders: Path) -> None:
    """Raises InfrastructureError when less than 2 GiB are free where a folder lies: a full disk loses results."""
    for folder in folders:
        existing = next(p for p in (folder, *folder.parents) if p.exists())
        free = shutil.disk_usage(existing).free
        if free < MIN_FREE_BYTES:
            raise InfrastructureError(
                f"only {free >> 20} MiB are free", where=str(existing), remedy="free some space, or run harness clean"
            )


def request_of(row: RunRow) -> RunRequest:
    """What a recorded run was asked to do."""
    arguments: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in row.arguments.items()
        if name != "first_repeat"
    }
    return RunRequest(**arguments)


def start_or_continue(workshop: Workshop, request: RunRequest, resume: bool = False) -> Run:
    """The run for a request: the unfinished one of the same request is continued, else a new one begins.

    With ``resume`` the newest unfinished run of the series is continued, whatever it was asked with.
    """
    if resume:
        spec = workshop.catalogue.series(request.series)
        row = next((r for r in workshop.store.runs(spec.name) if r.finished is None and r.kind == "run"), None)
        if row is None:
            raise UserError(f"no unfinished run of {spec.name} to resume")
        return Run(workshop, request_of(row), row)
    row = workshop.store.unfinished(request.digest)
    if row is not None and row.kind == "run":
        workshop.listener.event(Notice(f"continuing run {row.id}, which was interrupted"))
        return Run(workshop, request, row)
    return Run(workshop, request)
