"""Stressors on trees as they are: does the path run, how often, and what does the kernel say to it?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.builds.kconfig import lacking
from harness.builds.kernel_build import BuildFailed
from harness.guests.sampling import read_samples
from harness.model.cell import Outcome, Stressor
from harness.model.errors import TreeUnavailable, UserError
from harness.model.stress_trial import StressTrial, TrialBoot
from harness.runs.baseline import baseline_kernel, prepare_baseline
from harness.runs.cell_run import CellTask, run_cell
from harness.runs.guest_making import cell_task, chosen_accelerator, guest_spec, root_image
from harness.runs.request import RunRequest
from harness.runs.step import Step
from harness.runs.workshop import Workshop
from harness.stressors.report_port import parse_report


def try_stressors(
    workshop: Workshop, trees: Sequence[str], stressors: Sequence[str], request: RunRequest
) -> Iterator[StressTrial]:
    """A trial of each stressor on each tree as it is done; ``request`` has guest, duration, seed and repeats.

    Raises UserError for an unknown name or an impossible guest before anything is begun.
    """
    chosen = [workshop.catalogue.stressor(name) for name in stressors]
    for name in trees:
        era = workshop.catalogue.era_of(workshop.catalogue.tree(name))
        for stressor in chosen:
            guest_spec(era, stressor, request)
    for name in trees:
        yield from _tree(workshop, name, chosen, request)


def _tree(workshop: Workshop, name: str, stressors: Sequence[Stressor], request: RunRequest) -> Iterator[StressTrial]:
    definition = workshop.catalogue.tree(name)
    try:
        prepared = prepare_baseline(workshop, name)
        kernel, _ = baseline_kernel(workshop, prepared)
    except (TreeUnavailable, BuildFailed) as error:
        for stressor in stressors:
            outcome = Outcome.BUILD_FAILED if isinstance(error, BuildFailed) else Outcome.BLOCKED
            yield StressTrial(name, definition.version, stressor.name, (), str(error), outcome)
        return
    version = prepared.tree.kernel_version
    root = root_image(workshop, prepared.era, stressors)
    for stressor in stressors:
        if version not in stressor.versions:
            yield StressTrial(name, definition.version, stressor.name, (), stressor.absent)
            continue
        missing = lacking(stressor.options(version), kernel.config, prepared.era.options)
        if missing:
            told = "; ".join(f"CONFIG_{option}: {reason}" for option, reason in missing)
            yield StressTrial(name, definition.version, stressor.name, (), told, Outcome.BLOCKED)
            continue
        accelerator, _ = chosen_accelerator(workshop, request.accelerator, prepared.era, kernel, root[0])
        boots = tuple(
            _boot(workshop, cell_task(workshop, prepared, 0, kernel, stressor, request, number, root, accelerator))
            for number in range(request.repeat)
        )
        yield StressTrial(name, definition.version, stressor.name, boots)


def _boot(workshop: Workshop, task: CellTask) -> TrialBoot:
    stressor = task.stressor
    label = f"boot {task.cell.tree} {stressor.name} seed {task.cell.seed}"
    with Step(workshop, label, "boot", workshop.store.usual_seconds(stressor.name)) as step:
        result = run_cell(task, workshop.layout.results / "tmp", step.progress, lambda: False)
        try:
            report = parse_report(Path(result.report).read_bytes(), stressor.name)
            sampling = read_samples(Path(result.samples)) if result.samples else None
            boot = TrialBoot(
                result.outcome, result.reason, task.cell.seconds, report.start_delay,
                result.proof.counters if result.proof else (), sampling, result,
            )  # fmt: skip
        finally:
            _let_go(workshop, result.outcome, Path(result.console).parent)
        step.done(f"{result.outcome}: {result.reason}", result.outcome in (Outcome.PASS, Outcome.NOT_IN_THIS_KERNEL))
    return boot


def _let_go(workshop: Workshop, outcome: Outcome, folder: Path) -> None:
    """Removes what a boot left, or keeps it where somebody will want to read it."""
    if outcome not in (Outcome.PASS, Outcome.NOT_IN_THIS_KERNEL):
        kept = workshop.layout.results / "trials" / folder.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(kept)
        workshop.notice(f"its console and report: {kept}")
        return
    shutil.rmtree(folder, ignore_errors=True)


def known_stressors(workshop: Workshop, names: Sequence[str]) -> tuple[str, ...]:
    """The names, or all stressors where none is given. Raises UserError where there is none."""
    found = tuple(names) or tuple(workshop.catalogue.stressor_names())
    if not found:
        raise UserError("no stressor is defined", where=str(workshop.layout.configs / "stressors"))
    return found
