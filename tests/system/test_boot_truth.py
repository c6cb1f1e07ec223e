"""Kernels of every era that fail on purpose: what the harness must find of each, on the console or in guest RAM."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.findings.silent_death import silent_death
from harness.guests.qemu import machine_of
from harness.model.cell import Cell, Outcome
from harness.model.finding import KERNEL_LOG
from harness.model.guest import Accelerator, GuestEnd
from harness.runs.cell_run import CellTask, run_cell
from harness.runs.workshop import Workshop
from tests.system.planting import Failure, Plant, Planted, fail, has_source, planted_kernel, plants

pytestmark = pytest.mark.system

PLANTS = {plant.kind: plant for plant in plants() if not plant.kernel}
TREES = ("linux-6.1", "v3.1", "v3.0.1", "v2.6.27-rc3", "v2.6.22-rc2", "v2.6.9", "v2.5.31-bk")


@pytest.fixture(scope="module", params=TREES)
def planted(request: pytest.FixtureRequest, workshop: Workshop) -> Planted:
    """A kernel that can fail; skips where there is no source of it on this machine."""
    tree = request.param
    if tree not in workshop.catalogue.tree_names():
        pytest.skip(f"no tree is called {tree} (trees: in the user's configuration)")
    if tree != "linux-6.1" and not has_source(workshop, tree):
        pytest.skip(f"no mirror of {tree} is configured (sources: {tree}: in the user's configuration)")
    return planted_kernel(workshop, tree)


def what_came(workshop: Workshop, planted: Planted, plant: Plant, folder: Path) -> Failure:
    """The failure, with a second try: kernels of 2.5 sometimes die of something else first."""
    for _ in range(2):
        shutil.rmtree(folder, ignore_errors=True)
        failure = fail(workshop, planted, plant, folder)
        if b"planted: " in failure.console + failure.kernel_log:
            break
    return failure


@pytest.mark.parametrize("kind", ["bug", "null-call", "panic", "early-bug", "setup-bug"])
def test_a_report_is_found(workshop: Workshop, planted: Planted, folder: Path, kind: str) -> None:
    plant = PLANTS[kind].on(planted.kernel.tree)
    failure = what_came(workshop, planted, plant, folder)
    titles = [finding.title for finding in failure.findings]
    assert any(title in titles for title in plant.found if title) or ("" in plant.found and not titles), (
        titles, failure.result.detail,
    )  # fmt: skip
    if failure.result.end is not GuestEnd.POWER_OFF:
        assert b"Linux version " in failure.kernel_log or len(failure.kernel_log) > 10_000, failure.result.detail
    if plant.ram and b"planted: " not in failure.console:
        assert all(finding.artefact == KERNEL_LOG for finding in failure.findings), failure.findings


@pytest.mark.parametrize(
    ("kind", "end", "function"),
    [
        ("boot-triple-fault", GuestEnd.RESET, "planted_triple_fault"),
        ("early-triple-fault", GuestEnd.RESET, "planted_triple_fault"),
        ("boot-hang-irqs-off", GuestEnd.HUNG, "planted_hang"),
        ("early-hang-irqs-off", GuestEnd.HUNG, "planted_hang"),
    ],
)
def test_a_silent_death_is_located(
    workshop: Workshop, planted: Planted, folder: Path, kind: str, end: GuestEnd, function: str
) -> None:
    failure = what_came(workshop, planted, PLANTS[kind], folder)
    assert failure.result.end is end
    assert f"CPU 0 in {function}+" in failure.result.detail
    assert f"planted: {kind.partition('-')[2]}".encode() in failure.kernel_log
    assert failure.findings == ()
    death = silent_death(end, False, failure.result.cpus, failure.result.detail)
    assert death.function == function, (death.title, failure.result.cpus)


def test_a_cell_of_a_kernel_that_died_before_its_console(workshop: Workshop, planted: Planted, tmp_path: Path) -> None:
    if planted.kernel.tree != "linux-6.1":
        pytest.skip("one kernel is enough for what follows the guest")
    era, kernel = planted.era, planted.kernel
    cell = Cell(
        kernel_key=kernel.key, kernel_digest=kernel.digest, tree=kernel.tree, patches=1, stressor="migration",
        seconds=5, seed=1, repeat=0, initramfs_digest="", arguments_digest="", accelerator=Accelerator.TCG,
        guest=replace(machine_of(era), cpus=2, memory_mib=512, nodes=1, append=("harness_plant=early-bug",)),
    )  # fmt: skip
    stressor = workshop.catalogue.stressor("migration")
    qemu = workshop.settings.qemu
    task = CellTask(cell, stressor, era, kernel.image, planted.initrd, qemu, kernel.vmlinux)
    result = run_cell(task, tmp_path, print, lambda: False)
    assert result.outcome is Outcome.FINDING
    assert result.reason.startswith("BUG in planted_bug (from guest RAM); the guest died before user space"), result
    kept = workshop.store.put_cell(cell, result, 1.0)
    assert b"kernel BUG at kernel/sys.c" in Path(kept.kernel_log).read_bytes()
    assert workshop.store.cell(cell.key) == kept

    # Without its symbols there is a death, and nothing to say of it.
    bare = run_cell(replace(task, vmlinux=None), tmp_path, print, lambda: False)
    assert bare.outcome is Outcome.HUNG and bare.reason.startswith("died without a word before user space"), bare
