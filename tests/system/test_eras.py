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


def at_hand(name: str) -> bool:
    """Whether the tree is on this machine, fetched or in a mirror that the user's configuration names."""
    layout = find_layout()
    settings = load_settings(layout.root)
    sources = settings.sources.get(name, ())
    return any(Path(source.location).is_dir() for source in sources)


@pytest.mark.parametrize("name", [ALWAYS, *OLD])
def test_the_baseline_boots_with_all_its_processors(workshop: Workshop, name: str) -> None:
    if name != ALWAYS and not at_hand(name):
        pytest.skip(f"no mirror of {name} is configured (sources: {name}: in the user's configuration)")
    (row,) = check_eras(workshop, [name])
    assert row.state is EraState.HOLDS, row.reason
    assert row.boots[-1].cpus == 4
    assert row.boots[-1].release.startswith(row.version.split("-")[0])
    assert row.fixups or name == ALWAYS or name.startswith(("v2.6.9", "v3."))
