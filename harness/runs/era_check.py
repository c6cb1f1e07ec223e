"""Does every pinned tree still build and boot? Its baseline, built in its container and booted to our init."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.builds.kernel_build import BuildFailed
from harness.model.build import Kernel
from harness.model.cell import CellResult, Outcome
from harness.model.era_check import EraBoot, EraRow, EraState
from harness.model.errors import HarnessError, InfrastructureError, TreeUnavailable
from harness.runs.baseline import baseline_kernel, prepare_baseline
from harness.runs.cell_run import run_cell
from harness.runs.guest_making import cell_task, chosen_accelerator, root_image
from harness.runs.preparation import PreparedTree
from harness.runs.request import RunRequest
from harness.runs.step import Step
from harness.runs.workshop import Workshop
from harness.stressors.report_port import parse_report

CONTROL = "quiet"  # boot and idle: the stressor that stresses nothing
SECONDS = 2
TRIES = 3  # kernels of before 2.6.25 die in one boot of three by themselves
_BANNER = re.compile(rb"Linux version \S{1,80} \([^)\n]{0,80}\) \(([^\n]{0,200}?)\) #")


def check_eras(workshop: Workshop, names: Sequence[str], tries: int = TRIES) -> Iterator[EraRow]:
    """A row for each tree as it is done, after at most ``tries`` boots that failed.

    Raises UserError for an unknown tree before anything is begun.
    """
    for name in names:
        workshop.catalogue.era_of(workshop.catalogue.tree(name))
    for name in names:
        yield _Check(workshop, name).row(tries)


class _Check:
    def __init__(self, workshop: Workshop, name: str) -> None:
        self.workshop = workshop
        tree = workshop.catalogue.tree(name)
        era = workshop.catalogue.era_of(tree)
        self.begun = EraRow(name, tree.version, era.name, era.arch, era.toolchain, EraState.HOLDS)

    def row(self, tries: int) -> EraRow:
        """Everything up to the boot; an error of the harness or the tree is the row's, and the next row is tried."""
        row = self.begun
        try:
            prepared = prepare_baseline(self.workshop, row.tree)
            row = replace(row, fixups=tuple(fixup.name for fixup in prepared.applied[0].fixups))
            kernel, digest = baseline_kernel(self.workshop, prepared)
            row = replace(
                row,
                image_digest=digest,
                build_seconds=kernel.seconds,
                at_hand=kernel.cached,
                dropped=kernel.config.dropped,
            )
            for _ in range(tries):
                row = replace(row, boots=(*row.boots, self._boot(prepared, kernel, len(row.boots))))
                if not row.boots[-1].why:
                    return row
        except TreeUnavailable as error:
            return replace(row, state=EraState.UNREACHABLE, reason=str(error))
        except BuildFailed as error:
            return replace(row, state=EraState.FAILS, reason=str(error))
        except HarnessError as error:
            return replace(row, state=EraState.HARNESS_FAILED, reason=str(error))
        return replace(row, state=EraState.FAILS, reason=row.boots[-1].why)

    def _boot(self, prepared: PreparedTree, kernel: Kernel, repeat: int) -> EraBoot:
        shop, name = self.workshop, self.begun.tree
        control = shop.catalogue.stressor(CONTROL)
        request = RunRequest(name, duration=SECONDS)
        root = root_image(shop, prepared.era)
        accelerator, _ = chosen_accelerator(shop, request.accelerator, prepared.era, kernel, root[0])
        task = cell_task(shop, prepared, 0, kernel, control, request, repeat, root, accelerator)
        with Step(shop, f"boot {name}", "boot", None) as step:
            result = run_cell(task, shop.layout.results / "tmp", step.progress, lambda: False)
            try:
                boot = read_boot(result, task.cell.guest.cpus, task.cell.guest.nodes if _numa(kernel) else 1)
            finally:
                kept = self._keep(Path(result.console).parent)
            where = f"; see {kept}" if boot.why else ""
            step.done(boot.why or f"init after {boot.seconds:.1f} s", good=not boot.why)
        return replace(boot, why=boot.why + where)

    def _keep(self, folder: Path) -> Path:
        """Keeps what the guest left as the tree's newest check, in place of the one before."""
        kept = self.workshop.layout.results / "era-check" / self.begun.tree
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with self.workshop.library.store.lock(f"era-check-{self.begun.tree}"):
                shutil.rmtree(kept, ignore_errors=True)
                folder.replace(kept)
        except OSError as error:
            raise InfrastructureError(f"cannot be kept: {error.strerror or error}", where=str(kept)) from error
        return kept


def _numa(kernel: Kernel) -> bool:
    return kernel.config.has("NUMA")


def read_boot(result: CellResult, cpus: int, nodes: int) -> EraBoot:
    """What one boot showed, against the processors and nodes that the guest had."""
    report = parse_report(Path(result.report).read_bytes() if Path(result.report).is_file() else b"", CONTROL)
    console = Path(result.console).read_bytes() if Path(result.console).is_file() else b""
    banner = _BANNER.search(console)
    told = dict(word.split("=", 1) for word in report.guest.split() if "=" in word)
    seen_cpus, seen_nodes = _number(told.get("cpus")), _number(told.get("nodes"))
    why = ""
    if result.outcome is Outcome.HARNESS_FAILURE:
        raise InfrastructureError(result.reason or "the guest could not be run")
    if result.outcome is not Outcome.PASS:
        why = f"{result.outcome}: {result.reason}"
    elif seen_cpus != cpus:
        why = f"{seen_cpus} of {cpus} processors came up"
    elif seen_nodes != nodes:
        why = f"{seen_nodes} of {nodes} NUMA nodes were seen"
    return EraBoot(
        seconds=result.user_space,
        release=told.get("release", ""),
        compiler=banner[1].decode("ascii", "replace") if banner else "",
        cpus=seen_cpus,
        nodes=seen_nodes,
        areas=tuple(report.areas.items()),
        why=why,
    )


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0
