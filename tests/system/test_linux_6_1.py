"""The main job on a real 6.1: built in a container, booted under QEMU, stressed, judged."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.output import write_report
from harness.findings.parser import parse_console
from harness.guests.qemu import Boot, run_guest
from harness.model.cell import Outcome
from harness.model.finding import Effect
from harness.model.guest import GuestEnd, GuestLimits
from harness.results.summary import KernelSummary, RunSummary
from harness.runs.doctor import canary_boot
from harness.runs.execute import start_or_continue
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop

pytestmark = pytest.mark.system

SECONDS = 10
STRESSORS = ("migration", "memcg", "thpsplit", "swapoff")
REQUEST = RunRequest("rcu-page-counts", trees=("linux-6.1",), stressors=STRESSORS, duration=SECONDS)


@pytest.fixture(scope="module")
def summary(workshop: Workshop) -> RunSummary:
    """Baseline and full series on 6.1, four stressors each."""
    return start_or_continue(workshop, REQUEST).execute()


def test_every_cell_booted_and_says_something_of_the_kernel(summary: RunSummary) -> None:
    (tree,) = summary.trees
    assert tree.row.available and tree.row.tree_id
    assert [kernel.row.patches for kernel in tree.kernels] == [0, 7]
    cells = [cell for kernel in tree.kernels for cell in kernel.cells]
    assert len(cells) == 8
    for cell in cells:
        assert cell.outcome in (Outcome.PASS, Outcome.FINDING), (cell.stressor, cell.outcome, cell.reason)
        assert cell.result is not None and cell.result.user_space is not None
        assert "cpus=4 nodes=2" in cell.result.guest, cell.result.guest
        assert "thp=always" in cell.result.guest, cell.result.guest


def test_the_counters_prove_the_paths(summary: RunSummary) -> None:
    baseline = summary.trees[0].kernels[0]
    for cell in baseline.cells:
        assert cell.result is not None and cell.result.proof is not None
        if cell.outcome is Outcome.PASS:
            assert cell.result.proof.satisfied
            assert any(move > 0 for _, move in cell.result.proof.counters)


def test_what_of_the_series_ran_is_told(summary: RunSummary) -> None:
    (tree,) = summary.trees
    seen = {one.function: one for one in tree.functions}
    assert {"split_huge_page_to_list", "deferred_split_scan", "isolate_migratepages_block"} <= set(seen)
    assert any(one.executed for one in tree.functions)
    for cell in (cell for kernel in tree.kernels for cell in kernel.cells):
        assert cell.seen is not None and cell.seen.samples > 4 * SECONDS, cell.stressor


def test_the_conclusion_follows_from_the_findings(summary: RunSummary) -> None:
    patched = summary.trees[0].kernels[1]
    baseline = summary.trees[0].kernels[0]

    def compared(kernel: KernelSummary) -> set[str]:
        found = [finding for cell in kernel.cells if cell.result for finding in cell.result.findings]
        return {finding.title for finding in found if finding.effect is not Effect.SHOW}

    new = compared(patched) - compared(baseline)
    assert summary.exit_code in ((0, 4) if not new else (1, 4)), (summary.exit_code, new)


def test_the_same_run_again_builds_and_boots_nothing(workshop: Workshop, summary: RunSummary) -> None:
    started = time.monotonic()
    again = start_or_continue(workshop, REQUEST).execute()
    assert time.monotonic() - started < 60
    assert {kernel.row.state for kernel in again.trees[0].kernels} == {"cached"}
    assert all(cell.reused for kernel in again.trees[0].kernels for cell in kernel.cells)
    assert again.exit_code == summary.exit_code


def test_the_report_opens_from_disk(workshop: Workshop, summary: RunSummary, tmp_path: Path) -> None:
    page = write_report(workshop, summary, tmp_path / "report.html").read_text()
    assert "Use RCU to stabilize page counts" in page
    assert "linux-6.1" in page and "thpsplit" in page


@pytest.fixture
def boot(workshop: Workshop, summary: RunSummary) -> Boot:
    """The baseline kernel, one processor, doing nothing."""
    found = canary_boot(workshop, REQUEST.trees[0])
    assert found is not None
    return replace(found, spec=replace(found.spec, cpus=2, nodes=1, memory_mib=512))


class _Deaf:
    def feed(self, data: bytes) -> bool:
        return False

    def close(self) -> bool:
        return False


def with_words(boot: Boot, *words: str) -> Boot:
    names = {word.split("=")[0] for word in words}
    kept = tuple(word for word in boot.append if word.split("=")[0] not in names)
    return replace(boot, append=(*kept, *words))


def test_a_panic_is_a_finding_and_the_guest_is_gone(boot: Boot, folder: Path) -> None:
    limits = GuestLimits(wall=120, silence=60)
    result = run_guest(with_words(boot, "rdinit=/missing", "init=/missing"), folder, limits, _Deaf())
    titles = [finding.title for finding in parse_console(Path(result.console_path).read_bytes())]
    assert any("panic" in title.lower() for title in titles), titles
    assert result.user_space is None


def test_a_silent_guest_is_dumped_through_the_serial_break(boot: Boot, folder: Path) -> None:
    silent = with_words(boot, "harness.stressor=quiet", "harness.seconds=600", "harness.report=/dev/null")
    result = run_guest(silent, folder, GuestLimits(wall=150, silence=25, autopsy=9), _Deaf())
    assert result.end is GuestEnd.HUNG
    console = Path(result.console_path).read_text("utf-8", "replace")
    assert "sysrq: Show" in console, result.detail
    assert "SysRq dump of" in result.detail


def test_a_killed_qemu_is_no_verdict_on_the_kernel(boot: Boot, folder: Path) -> None:
    def kill() -> None:
        for _ in range(200):
            time.sleep(0.1)
            if (folder / "console").is_file() and (folder / "console").stat().st_size > 200:
                break
        subprocess.run(["pkill", "-KILL", "-f", f"{boot.kernel}.*harness.seed=4711"], check=False)

    thread = threading.Thread(target=kill)
    thread.start()
    slow = with_words(boot, "harness.stressor=quiet", "harness.seconds=60", "harness.seed=4711")
    result = run_guest(slow, folder, GuestLimits(wall=120, silence=90), _Deaf())
    thread.join()
    assert result.end is GuestEnd.QEMU_FAILED
    assert "signal 9" in result.detail


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_the_initramfs_is_what_cpio_reads(workshop: Workshop, summary: RunSummary) -> None:
    path = next(workshop.root_images.glob("*.cpio.gz"))
    assert path.stat().st_size < 2 << 20
    listed = subprocess.run(f"zcat {path} | cpio -t", shell=True, capture_output=True, text=True, check=True).stdout
    assert {"init", "dev/console", "stressors/thpsplit"} <= set(listed.split())
