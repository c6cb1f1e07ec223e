"""What of a series was seen executing, in rows and words."""

from __future__ import annotations

from harness.model.cell import Outcome, Seen
from harness.reports.seen_functions import seen_table
from harness.results.store import CellRow, TouchedRow, TreeRow
from harness.results.summary import FunctionSeen, TreeSummary
from harness.runs.summary import functions_seen


def cell(stressor: str, patches: int, seen: Seen | None) -> CellRow:
    """A cell with these samples."""
    return CellRow("v3.0", patches, stressor, 1, 0, "key", Outcome.PASS, "", False, {}, seen=seen)


TOUCHED = [TouchedRow("v3.0", "split_huge_page", (9,)), TouchedRow("v3.0", "get_page", (2, 6)),
           TouchedRow("v3.0", "inlined", (1,))]  # fmt: skip


def tree(*functions: FunctionSeen) -> TreeSummary:
    """A tree with these functions."""
    return TreeSummary(TreeRow("v3.0", True, ""), (), functions=functions)


def test_samples_of_all_cells_of_a_stressor_are_added() -> None:
    cells = [
        cell("thpsplit", 0, Seen(400, (("split_huge_page", 3), ("get_page", 0)))),
        cell("thpsplit", 9, Seen(600, (("split_huge_page", 4), ("get_page", 0)))),
        cell("memcg", 9, Seen(500, (("split_huge_page", 0), ("get_page", 0)))),
        cell("memcg", 9, None),
    ]
    split, get, inlined = functions_seen(TOUCHED, cells)
    assert split.seen == (("thpsplit", 7, 1000), ("memcg", 0, 500)) and split.executed
    assert get.seen == (("thpsplit", 0, 1000), ("memcg", 0, 500)) and not get.executed
    assert inlined.seen == () and not inlined.executed


def test_what_was_not_seen_is_told_with_how_little_that_says() -> None:
    table = seen_table(tree(
        FunctionSeen("get_page", (2, 6), (("thpsplit", 0, 1000),)),
        FunctionSeen("split_huge_page", (9,), (("thpsplit", 1234, 2000), ("memcg", 0, 1000))),
        FunctionSeen("inlined", (1,), ()),
    ))  # fmt: skip
    assert table is not None
    assert table.header == ("function", "patches", "thpsplit", "memcg", "seen")
    assert table.rows == (("split_huge_page", "9", "1,234", "0", "yes"), ("get_page", "2, 6", "0", "", "not seen"))
    first, second = table.notes
    assert first.startswith("not seen in up to 3,000 samples: a processor was there for less than 0.1 %")
    assert second.endswith("inlined")


def test_a_run_without_samples_has_no_table() -> None:
    assert seen_table(tree()) is None
    assert seen_table(tree(FunctionSeen("inlined", (1,), ()))) is None
