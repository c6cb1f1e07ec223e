"""A planted warning, found on a real kernel: run, bisect, compare, repro, nightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.nightly_file import NightlySchema, NightSeriesSchema
from harness.runs.bisect import Bisect
from harness.runs.comparison import compare_runs, compare_trees
from harness.runs.execute import start_or_continue
from harness.runs.nightly import run_night
from harness.runs.repro import alike, repro_task, run_repro
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop

pytestmark = pytest.mark.system

SERIES = str(Path(__file__).parent / "planted-warning")
REQUEST = RunRequest(SERIES, duration=8)
TITLE = "WARNING in split_huge_page_to_list"


def test_the_planted_patch_is_named(workshop: Workshop) -> None:
    summary = start_or_continue(workshop, REQUEST).execute()
    assert summary.exit_code == 1, summary.conclusion
    assert TITLE in summary.conclusion
    (verdict,) = [v for v in summary.trees[0].kernels[-1].verdicts if v.title == TITLE]
    assert "patch 3 adds" in verdict.evidence, verdict.evidence

    report = Bisect(workshop, REQUEST, TITLE, most_runs=6).execute()
    assert report.result.first_bad == 3, report.result
    assert report.own_line.startswith("mm/huge_memory.c:")
    assert report.exit_code == 0

    cell = next(c for c in summary.trees[0].kernels[-1].cells if c.result and c.result.findings)
    recorded, task, line = repro_task(workshop, cell.cell[:16])
    assert "qemu-system-x86_64" in line and cell.cell == recorded.key
    assert alike(recorded, run_repro(workshop, task))

    plan = NightlySchema(runs=[NightSeriesSchema(series=SERIES, duration=8)])
    (first,) = run_night(workshop, plan)
    assert first.exit_code == 1 and first.against is None
    (second,) = run_night(workshop, plan)
    assert second.against is not None
    # Not worse than the night before, and still worse than the baseline.
    assert second.against.exit_code in (0, 4), second.against.conclusion
    assert second.exit_code == 1
    assert first.summary is not None and second.summary is not None
    matrix = compare_runs(workshop.store, first.summary.run, second.summary.run)
    assert TITLE in [row.title for row in matrix.rows]
    assert TITLE in [row.title for row in compare_trees(workshop.store, "planted-warning").rows]
