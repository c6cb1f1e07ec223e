"""An answer that quotes another's patch series and holds a patch of its own, copied from an archive's page."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.intake import patch_functions, read_series
from harness.model.series import Trailer
from tests.intake.seeds import seed


def test_the_patch_in_the_answer() -> None:
    series = read_series("x", [seed("003")], damaged=True)
    assert (series.total, series.missing) == (1, ())  # 2/7 is the number of the mail it answers
    assert series.notes == ("a patch in an answer to patch 2 of 7",)
    assert series.prerequisites == ("headers name linux-2.6.22-rc2-mm1.orig/",)
    (patch,) = series.patches
    assert (patch.index, patch.author) == (1, "KAMEZAWA Hiroyuki")
    assert patch.date == datetime(2007, 5, 30, 2, 42, 20, tzinfo=UTC)
    assert patch.files == ("mm/migrate.c", "include/linux/rmap.h", "mm/rmap.c", "include/linux/migrate.h")
    assert (patch.added, patch.removed) == (79, 8)
    assert {"unmap_and_move", "migrate_pages", "anon_vma_hold", "anon_vma_release"} < set(patch_functions(patch))


def test_its_message_begins_behind_what_is_quoted_and_said() -> None:
    (patch,) = read_series("x", [seed("003")], damaged=True).patches
    assert patch.message.startswith("page migration by kernel v2.\n\nChangelog V1 -> V2")
    assert "Mel Gorman" not in patch.message and ">\n" not in patch.message
    assert patch.trailers == (Trailer("Signed-Off-By", "KAMEZAWA Hiroyuki <kamezawa.hiroyu@xxxxxxxxxxxxxx>"),)


def test_its_diff_ends_before_the_lists_footer() -> None:
    path = seed("003")
    (patch,) = read_series("x", [path], damaged=True).patches
    assert patch.damage.startswith(f"{path}:65: ")
    lines = path.read_text().split("\n")
    first = lines.index("Index: linux-2.6.22-rc2-mm1/mm/migrate.c")
    last = next(at for at, line in enumerate(lines) if line.startswith("To unsubscribe")) - 1
    # the blank lines before the footer's "-" stay: the last hunk's context ends with one
    assert patch.diff.split("\n")[:-1] == lines[first:last]
