"""Patch 4 of 7 for an -mm tree, copied from an archive's page that took the leading whitespace."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.intake import patch_functions, read_series
from harness.model.errors import UserError
from harness.model.series import Trailer
from tests.intake.seeds import seed


def test_patch_four_of_seven() -> None:
    series = read_series("x", [seed("002")], damaged=True)
    assert (series.title, series.version, series.total) == ("memcg: lockless page_cgroup", 1, 7)
    assert series.tags == ("RFC", "-mm")
    assert series.missing == (1, 2, 3, 5, 6, 7) and series.missing_ids == ("",) * 6
    assert series.prerequisites == ("headers name mmtom-2.6.27-rc3+.orig/",)
    (patch,) = series.patches
    assert patch.index == 4 and patch.author == "KAMEZAWA Hiroyuki"
    assert patch.date == datetime(2008, 8, 20, 9, 58, 53, tzinfo=UTC)
    assert patch.trailers == (Trailer("Signed-off-by", "KAMEZAWA Hiroyuki <kamezawa.hiroyu@xxxxxxxxxxxxxx>"),)
    assert patch.message.startswith("This patch removes lock_page_cgroup().")
    assert patch.message.endswith("<kamezawa.hiroyu@xxxxxxxxxxxxxx>")


def test_its_files_functions_and_counts() -> None:
    (patch,) = read_series("x", [seed("002")], damaged=True).patches
    assert patch.files == ("mm/memcontrol.c", "mm/memory.c", "include/linux/mm_types.h")
    assert (patch.added, patch.removed) == (51, 86)  # as its diffstat says: no marked line was lost
    assert patch.notes[0] == "address hidden by the archive"
    functions = patch_functions(patch)
    assert {"mem_cgroup_move_lists", "mem_cgroup_charge_common", "mem_cgroup_charge", "do_swap_page"} < set(functions)


def test_its_diff_is_kept_as_it_stands() -> None:
    path = seed("002")
    (patch,) = read_series("x", [path], damaged=True).patches
    assert patch.damage.startswith(f"{path}:66: malformed diff")
    lines = path.read_text().split("\n")
    first = lines.index("Index: mmtom-2.6.27-rc3+/mm/memcontrol.c")
    last = lines.index("#ifdef CONFIG_KMEMCHECK")
    got = patch.diff.split("\n")
    assert got[: last - first + 1] == lines[first : last + 1] and not any(got[last - first + 1 :])


def test_without_leave_it_is_an_error_with_file_and_line() -> None:
    path = seed("002")
    with pytest.raises(UserError) as caught:
        read_series("x", [path])
    told = str(caught.value)
    assert told.startswith(f'{path}:66: patch 4 of 7, "memcg: lockless page_cgroup", is damaged: malformed diff')
    assert told.endswith(f"harness series repair {path} --tree TREE -o FILE")
