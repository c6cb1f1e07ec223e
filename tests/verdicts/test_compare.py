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


def known(*titles: str) -> Observation:
    """A counted cell whose titles the tree is known to have."""
    return Observation("s", frozenset(titles), {}, known=frozenset(titles))


def test_corrupted_reports_are_no_runs() -> None:
    torn = seen(untrusted=("BUG in y",))
    (verdict,) = compare([seen()] * 3, [torn, seen(), seen()])
    assert (verdict.before.runs, verdict.after.runs) == (3, 2)
    assert verdict.evidence == "corrupted report only: not counted (1 patched)"
    # On the baseline only, they leave no question about the series.
    (verdict,) = compare([torn, seen()], [seen()] * 2)
    assert verdict.verdict is Verdict.SAME
    assert exit_code((verdict,), [torn, seen()], [seen()] * 2) == 0
    # Beside a whole report a cell is evidence of that one.
    verdicts = compare([seen()] * 5, [seen("WARNING in x", untrusted=("BUG in y",))] * 5)
    assert {v.title: v.verdict for v in verdicts} == {"WARNING in x": Verdict.WORSE, "BUG in y": Verdict.UNDECIDED}


def test_corrupted_reports_of_the_baseline_keep_the_patch_from_blame() -> None:
    before = [seen(untrusted=("BUG in y",))] * 5 + [seen()] * 5
    after = [seen("BUG in y")] * 5 + [seen()] * 5
    (verdict,) = compare(before[5:], after)
    assert verdict.verdict is not Verdict.BETTER
    (verdict,) = compare(before, [seen("BUG in y")] * 9 + [seen()])
    assert verdict.verdict is Verdict.UNDECIDED
    assert "5 and 0 corrupted reports of it, it would be undecided" in verdict.evidence


def test_corrupted_reports_of_the_patched_kernel_keep_it_from_praise() -> None:
    before = [seen("BUG in y")] * 6
    after = [seen()] * 4 + [seen(untrusted=("BUG in y",))] * 6
    assert compare(before, [seen()] * 4)[0].verdict is Verdict.BETTER
    assert compare(before, after)[0].verdict is Verdict.UNDECIDED


def test_what_the_tree_is_known_to_have_asks_for_no_more_runs() -> None:
    before, after = [seen()] * 3, [known("BUG in y"), seen(), seen()]
    (verdict,) = compare(before, after)
    assert verdict.verdict is Verdict.SAME
    assert "known of this tree without the series" in verdict.evidence
    assert exit_code((verdict,), before, after) == 0
    # But a series that makes it much more frequent is worse.
    before, after = [seen()] * 8, [known("BUG in y")] * 8
    (verdict,) = compare(before, after)
    assert verdict.verdict is Verdict.WORSE
    assert "although the tree is known to have it" in verdict.evidence


def test_cells_that_are_no_evidence_decide_nothing() -> None:
    torn = [seen(untrusted=("BUG in y",))] * 3
    assert exit_code(compare([seen()] * 3, torn), [seen()] * 3, torn) == 4
    assert exit_code((), torn, torn) == 4
