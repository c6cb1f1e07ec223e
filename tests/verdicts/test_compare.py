"""Verdicts per title: counting, the line of the series' own, reports that blame nobody."""

from __future__ import annotations

import pytest

from harness.model.observation import Observation
from harness.model.verdict import Verdict
from harness.verdicts.compare import compare, exit_code

OWN = {"WARNING in x": (2, "mm/x.c:10")}


def seen(*titles: str, stressor: str = "s", own: bool = False, untrusted: tuple[str, ...] = ()) -> Observation:
    """One counted cell."""
    return Observation(stressor, frozenset(titles), OWN if own else {}, frozenset(untrusted))


def test_own_line_needs_no_numbers() -> None:
    (verdict,) = compare([seen()], [seen("WARNING in x", own=True)])
    assert (verdict.verdict, verdict.p_value) == (Verdict.WORSE, 0.0)
    assert "mm/x.c:10, a line that patch 2 adds" in verdict.evidence


def test_own_line_that_the_baseline_says_too_is_counted() -> None:
    before, after = [seen("WARNING in x")], [seen("WARNING in x", own=True)]
    assert compare(before, after)[0].verdict is Verdict.SAME


def test_foreign_line_needs_numbers() -> None:
    before, after = [seen()], [seen("BUG in y")]
    verdicts = compare(before, after)
    assert verdicts[0].verdict is Verdict.UNDECIDED
    assert verdicts[0].more_runs in (2, 3)
    assert exit_code(verdicts, before, after) == 4
    verdicts = compare(before * 4, after * 4)
    assert verdicts[0].verdict is Verdict.WORSE
    assert exit_code(verdicts, before * 4, after * 4) == 1


def test_many_titles_need_more_evidence() -> None:
    before, after = [seen()] * 4, [seen("a", "b", "c", "d")] * 4
    assert {v.verdict for v in compare(before, after)} == {Verdict.UNDECIDED}


@pytest.mark.parametrize("runs", [1, 5, 50])
def test_corrupted_reports_never_blame(runs: int) -> None:
    before, after = [seen()] * runs, [seen(untrusted=("BUG in y",))] * runs
    verdicts = compare(before, after)
    assert [v.verdict for v in verdicts] == [Verdict.UNDECIDED]
    assert exit_code(verdicts, before, after) == 4


def test_only_stressors_of_both_sides_are_held_against_each_other() -> None:
    before = [seen(stressor="a")] * 9
    after = [seen(stressor="a")] * 9 + [seen("BUG in y", stressor="b")] * 9
    verdicts = compare(before, after)
    assert verdicts == ()
    # Nothing is worse where both were run, but of "b" nothing can be said.
    assert exit_code(verdicts, before, after) == 4
    assert exit_code(verdicts, before, after[:9]) == 0
    assert exit_code((), [seen(stressor="a")], [seen(stressor="b")]) == 4
    assert exit_code((), [], []) == 4


def test_better_or_rarer_is_not_worse() -> None:
    before, after = [seen("BUG in y")] * 5, [seen()] * 5
    verdicts = compare(before, after)
    assert verdicts[0].verdict is Verdict.BETTER
    assert exit_code(verdicts, before, after) == 0
    assert exit_code(compare(before[:1], after[:1]), before[:1], after[:1]) == 0


def test_worst_first() -> None:
    before = [seen("gone")] * 5
    after = [seen("new")] * 5
    assert [v.title for v in compare(before, after)] == ["new", "gone"]
