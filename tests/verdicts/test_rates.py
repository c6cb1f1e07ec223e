"""Rates and their comparison against values worked out by hand."""

from __future__ import annotations

import pytest

from harness.model.verdict import Verdict
from harness.verdicts.rates import exact_p, judge, more_runs, rate


def test_wilson_interval_of_a_known_table() -> None:
    # Wilson 1927 by hand for 8 of 10 and z = 1.96.
    seen = rate(8, 10)
    assert (round(seen.low, 4), round(seen.high, 4)) == (0.4902, 0.9433)
    assert (rate(0, 0).low, rate(0, 0).high) == (0.0, 1.0)
    assert rate(0, 3).low == 0.0
    assert round(rate(3, 3).low, 4) == 0.4385


@pytest.mark.parametrize(
    ("before", "after", "p"),
    [
        ((0, 1), (1, 1), 1 / 2),
        ((0, 3), (3, 3), 1 / 20),
        ((0, 5), (5, 5), 1 / 252),
        ((0, 5), (4, 5), 5 / 210),
        ((2, 2), (2, 2), 1.0),
    ],
)
def test_fishers_test_one_sided(before: tuple[int, int], after: tuple[int, int], p: float) -> None:
    assert exact_p(rate(*before), rate(*after)) == pytest.approx(p)


@pytest.mark.parametrize(
    ("before", "after", "tests", "verdict"),
    [
        ((0, 1), (1, 1), 1, Verdict.UNDECIDED),
        ((0, 2), (2, 2), 1, Verdict.UNDECIDED),
        ((0, 4), (4, 4), 1, Verdict.WORSE),
        ((4, 4), (0, 4), 1, Verdict.BETTER),
        ((0, 4), (4, 4), 4, Verdict.UNDECIDED),  # p = 1/70 against 0.05 / 4
        ((0, 5), (5, 5), 4, Verdict.WORSE),
        ((2, 4), (3, 6), 1, Verdict.SAME),
        ((0, 9), (0, 3), 1, Verdict.SAME),
        ((0, 0), (3, 3), 1, Verdict.UNDECIDED),
        ((3, 3), (0, 0), 1, Verdict.UNDECIDED),
    ],
)
def test_judge(before: tuple[int, int], after: tuple[int, int], tests: int, verdict: Verdict) -> None:
    assert judge(rate(*before), rate(*after), tests)[0] is verdict


def test_more_runs_are_enough_and_not_too_many() -> None:
    # Three of each give p = 0.05, the level itself.
    assert more_runs(rate(0, 1), rate(1, 1)) in (2, 3)
    assert more_runs(rate(0, 3), rate(3, 3), tests=2) == 1
    assert more_runs(rate(2, 4), rate(2, 4)) is None
    more = more_runs(rate(1, 4), rate(2, 4))
    assert more is not None
    runs = 4 + more
    assert judge(rate(round(runs / 4), runs), rate(round(runs / 2), runs))[0] is Verdict.WORSE
