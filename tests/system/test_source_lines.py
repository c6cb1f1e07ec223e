"""Source lines of real kernels: a BUG's own report says where it stands, and the vmlinux must say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.findings.source_places import SourcePlaces
from harness.guests.kernel_symbols import read_symbols
from harness.runs.execute import source_locations
from harness.runs.tree_files import source_text
from harness.runs.workshop import Workshop
from tests.system.planting import Plant, fail, has_source, planted_kernel

pytestmark = pytest.mark.system

TREES = ("v2.5.31-bk", "v2.6.9", "v2.6.22-rc2", "v2.6.27-rc3", "v3.0.1", "linux-6.1")


@pytest.mark.timeout(5400)
@pytest.mark.parametrize("tree", TREES)
def test_a_bug_is_where_its_report_says(tree: str, workshop: Workshop, folder: Path) -> None:
    if tree not in workshop.catalogue.tree_names() or not has_source(workshop, tree):
        pytest.skip(f"no mirror of {tree} is configured (sources: in the user's configuration)")
    planted = planted_kernel(workshop, tree)
    failure = fail(workshop, planted, Plant("bug", ("BUG in planted_bug",)), folder)
    finding = next(one for one in failure.findings if one.title == "BUG in planted_bug")
    vmlinux = planted.kernel.vmlinux
    frames = SourcePlaces(vmlinux, lambda: read_symbols(vmlinux), keep=False).frames(finding)

    # "kernel BUG at kernel/sys.c:2791!"; 2.5 prints the file's name alone.
    told = next(place for place in source_locations(finding) if "sys.c" in place)
    assert f"/{frames[0].file}:{frames[0].line}".endswith(f"/{told.rpartition('/')[2]}")
    assert frames[0].function == "planted_bug" and frames[0].trusted and not frames[0].inlined

    text = source_text(workshop, planted.kernel.tree_id)
    assert "BUG" in text(frames[0].file, frames[0].line)
    # The line of a caller is its call; 2.5 prints pointers to functions, too.
    calls = [text(frame.file, frame.line) for frame in frames if frame.function == "planted_thread"]
    assert any("planted_act(" in call for call in calls), frames
    placed = [frame for frame in frames if frame.file]
    assert len(placed) >= len(frames) // 2
    assert all(text(frame.file, frame.line).strip() for frame in placed), "every place is in the tree"
