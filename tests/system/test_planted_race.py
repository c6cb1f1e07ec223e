"""A race that is planted into an old tree: the stressor of its area finds it, on a real kernel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.planted_races.__main__ import found_by
from benchmarks.planted_races.planting import planted_races, write_series
from harness.runs.execute import Run
from harness.runs.preparation import prepare_tree
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop
from tests.system.planting import has_source

pytestmark = pytest.mark.system


def test_swapoff_finds_a_mapping_without_a_reference(workshop: Workshop) -> None:
    race = next(race for race in planted_races() if race.name == "swapoff-2.6.9")
    if not has_source(workshop, race.tree):
        pytest.skip(f"no mirror of {race.tree} is configured (sources: {race.tree}: in the user's configuration)")
    race = replace(race, wrong="quiet")
    series = write_series(workshop, race, workshop.layout.results / "planted")
    request = RunRequest(str(series), trees=(race.tree,), stressors=(race.right,), repeat=2)
    run = Run(workshop, request)
    prepared = prepare_tree(workshop, run.spec, run.spec.trees[0], request)
    workshop.store.start_run(run.row)
    run.run_cells(prepared, run.kernels(prepared, (1,)), range(2))
    found = found_by(race.right, workshop.store.run_cells(run.row.id))
    assert found.hits >= 1, found
    assert any("page_remove_rmap" in title or "Bad page" in title for title, _ in found.titles), found.titles
