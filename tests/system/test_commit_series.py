"""The rmaplock series out of the kernel's own history: found by content, applied, and its commits' very trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.runs.preparation import prepare_tree
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop

pytestmark = pytest.mark.system


def test_the_prefixes_of_rmaplock_are_its_commits(workshop: Workshop) -> None:
    tree = workshop.catalogue.tree("v2.6.9-rc1-bk")
    if not any(Path(source.location).is_dir() for source in tree.sources):
        pytest.skip(f"no mirror of {tree.name} is configured (sources: {tree.name}: in the user's configuration)")
    spec = workshop.catalogue.series("rmaplock")
    prepared = prepare_tree(workshop, spec, spec.trees[0], RunRequest("rmaplock", patches="each"))
    assert prepared.proof == "each of the 5 prefixes has its commit's own content"
    assert [prefix.subject for prefix in prepared.applied[1:]] == [
        "rmaplock: PageAnon in mapping",
        "rmaplock: kill page_map_lock",
        "rmaplock: SLAB_DESTROY_BY_RCU",
        "rmaplock: mm lock ordering",
        "rmaplock: swapoff use anon_vma",
    ]
    assert prepared.chosen == (0, 1, 2, 3, 4, 5)
