"""An answer of 2002 with a patch behind the prose; the page took whitespace, braces, author and address."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.intake import patch_functions, read_series
from tests.intake.seeds import seed


def test_the_patch_behind_the_prose() -> None:
    series = read_series("x", [seed("004")], damaged=True)
    assert (series.total, series.title, series.notes) == (1, "MM patches against 2.5.31", ("a patch in an answer",))
    (patch,) = series.patches
    assert patch.files == ("include/linux/mm.h", "include/linux/pagemap.h", "mm/swap.c", "mm/vmscan.c")
    assert (patch.added, patch.removed) == (73, 25)
    assert patch.author == "" and patch.message_id is None and patch.trailers == ()
    assert patch.date == datetime(2002, 8, 26, tzinfo=UTC)
    assert patch.notes == (
        "the archive's text names no author",
        "only the day is known, from the archive's navigation",
    )
    assert "page_cache_get_lru" in patch_functions(patch)


def test_what_it_was_made_for() -> None:
    series = read_series("x", [seed("004")], damaged=True)
    assert series.prerequisites == (
        "said: \"Here's the promised (untested) patch against bk7 to illustrate what I'm talking about:\"",
        "headers name linux-2.5.31-bk7/",
    )


def test_only_its_own_words_are_the_message() -> None:
    (patch,) = read_series("x", [seed("004")], damaged=True).patches
    assert patch.message.startswith("So the rules would be:\n* if you bring the page count to zero")
    assert patch.message.endswith("patch against bk7 to illustrate what\nI'm talking about:")


def test_its_diff_is_kept_as_it_stands() -> None:
    path = seed("004")
    (patch,) = read_series("x", [path], damaged=True).patches
    assert patch.damage.startswith(f"{path}:123: malformed diff")
    lines = path.read_text().split("\n")
    first = next(at for at, line in enumerate(lines) if line.startswith("diff -ur"))
    last = next(at for at, line in enumerate(lines) if line.startswith("To unsubscribe"))
    assert patch.diff == "\n".join(lines[first:last]) + "\n"
