"""Every pinned tree builds in its container and boots to init: the old ones where a mirror of theirs is configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.model.era_check import EraState
from harness.runs.era_check import check_eras
from harness.runs.workshop import Workshop

pytestmark = pytest.mark.system

ALWAYS = "linux-6.1"  # from the distribution's own packages
OLD = sorted(path.stem for path in (find_layout().configs / "trees").glob("v*.yaml"))


def has_mirror(name: str) -> bool:
    """Whether the user's configuration names a directory that the tree may be in."""
    settings = load_settings(find_layout().root)
    places = [*settings.mirrors, *(Path(source.location) for source in settings.sources.get(name, ()))]
    return any(place.is_dir() for place in places)


@pytest.mark.parametrize("name", [ALWAYS, *OLD])
def test_the_baseline_boots_with_all_its_processors(workshop: Workshop, name: str) -> None:
    if name != ALWAYS and not has_mirror(name):
        pytest.skip(f"no mirror of {name} is configured (mirrors: or sources: in the user's configuration)")
    (row,) = check_eras(workshop, [name])
    if row.state is EraState.UNREACHABLE:
        pytest.skip(f"{name} is in no mirror that is configured: {row.reason}")
    assert row.state is EraState.HOLDS, row.reason
    assert row.boots[-1].cpus == 4
    assert row.boots[-1].release.startswith(row.version.split("-")[0])
    assert dict(row.boots[-1].areas)["swap"] == "yes"
