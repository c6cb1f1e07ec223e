"""Damaged patches rebuilt on real kernel trees, and compiled there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from benchmarks.repair.damage import damage
from harness.intake.sources import read_series
from harness.model.series import Series
from harness.runs.compiling import Compiled, compile_touched
from harness.runs.preparation import series_for
from harness.runs.repairing import repair_series
from harness.runs.tree_files import named_tree_files
from harness.runs.workshop import Workshop
from tests.intake.seeds import seed

pytestmark = pytest.mark.system


def squeezed(diff: str) -> list[str]:
    """Changed lines, without regard to blanks."""
    lines = [line for line in diff.split("\n") if line[:1] in ("+", "-") and line[:3] not in ("+++", "---")]
    return [line[0] + "".join(line[1:].split()) for line in lines]


def broken(compiled: Sequence[Compiled]) -> list[str]:
    return [f"{one.path}: {one.after}" for one in compiled if one.after]


def test_a_port_as_an_archive_shows_it_is_rebuilt_on_6_1(workshop: Workshop) -> None:
    spec = workshop.catalogue.series("rcu-page-counts")
    place = next(tree for tree in spec.trees if tree.port is not None)
    truth = series_for(workshop, spec, place, None)
    texts = [damage(patch.diff, "as-002-003", Random(patch.index)) for patch in truth.patches]
    patches = tuple(replace(patch, diff=text) for patch, text in zip(truth.patches, texts, strict=True))
    done = repair_series(replace(truth, patches=patches), named_tree_files(workshop, place.tree))
    assert [one.repair.refusal for one in done] == [""] * len(done)
    for one, patch in zip(done, truth.patches, strict=True):
        assert not one.repair.unplaced
        assert squeezed(one.repair.diff) == squeezed(patch.diff)
    compiled = compile_touched(workshop, place.tree, truth, [one.mended(place.tree) for one in done])
    assert {"mm/ksm.o", "mm/migrate.o"} <= {one.path for one in compiled}
    assert broken(compiled) == []


@pytest.mark.parametrize(("number", "tree", "hunks"), [("004", "v2.5.31-bk", 9), ("003", "v2.6.22-rc2", 11)])
def test_an_archive_s_text_is_rebuilt_and_compiles(workshop: Workshop, number: str, tree: str, hunks: int) -> None:
    definition = workshop.catalogue.tree(tree)
    if workshop.library.present(definition) is None and not any(
        Path(source.location).is_dir() for source in definition.sources
    ):
        pytest.skip(f"no mirror of {tree} is configured (sources: {tree}: in the user's configuration)")
    series: Series = read_series("seed", [seed(number)], damaged=True)
    (done,) = repair_series(series, named_tree_files(workshop, tree))
    assert done.repair.refusal == ""
    assert [hunk.start for hunk in done.repair.hunks] == [hunk.old_start for hunk in done.repair.hunks]
    assert len(done.repair.hunks) == hunks
    compiled = compile_touched(workshop, tree, series, [done.mended(tree)])
    assert compiled and broken(compiled) == []
