"""The search over prefixes against simulated kernels with known rates; every seed is fixed."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from harness.verdicts.bisection import BisectResult, Probe, runs_needed, search, steps_of

pytestmark = pytest.mark.slow

CALIBRATION_RUNS = 3


def simulated(
    total: int, culprit: int, share: float, seed: int, untestable: frozenset[int] = frozenset()
) -> Probe | BisectResult:
    """One bisection of a series whose patch ``culprit`` brings a title that shows in ``share`` of all runs.

    The bad end's probe where calibration never saw it.
    """
    chance = random.Random(seed)

    def measure(patches: int, runs: int) -> Probe:
        if patches in untestable:
            return Probe(patches, 0, 0)
        for run in range(1, runs + 1):
            if patches >= culprit and chance.random() < share:
                return Probe(patches, 1, run)
        return Probe(patches, 0, runs)

    hits = sum(chance.random() < share for _ in range(CALIBRATION_RUNS))
    bad = Probe(total, hits, CALIBRATION_RUNS)
    if not hits:
        return bad
    good = measure(0, runs_needed(hits, CALIBRATION_RUNS, steps_of(total)))
    return search(total, bad, good, measure, 40, lambda text: None)


def results(total: int, share: float, seeds: int) -> list[tuple[int, BisectResult]]:
    """(culprit, answer) of every simulated bisection that calibrated."""
    found = []
    for seed in range(seeds):
        culprit = seed % total + 1
        answer = simulated(total, culprit, share, seed)
        if isinstance(answer, BisectResult):
            found.append((culprit, answer))
    return found


@pytest.mark.parametrize(("share", "right"), [(1.0, 1.0), (0.9, 0.97), (0.5, 0.9), (0.25, 0.85)])
def test_names_the_right_patch(share: float, right: float) -> None:
    answers = results(8, share, 200)
    assert len(answers) > 80
    named = sum(answer.first_bad == culprit for culprit, answer in answers)
    assert named / len(answers) >= right


@pytest.mark.parametrize("share", [0.9, 0.5, 0.25])
def test_never_confidently_wrong(share: float) -> None:
    answers = results(8, share, 300)
    wrong = [answer for culprit, answer in answers if answer.first_bad not in (None, culprit)]
    assert sum(answer.confidence > 0.95 for answer in wrong) / len(answers) <= 0.05


def test_never_certain_and_wrong() -> None:
    answers = [pair for share in (0.5, 0.25) for pair in results(8, share, 300)]
    assert all(answer.confidence < 0.999 for culprit, answer in answers if answer.first_bad != culprit)


def test_untestable_prefixes_are_stepped_around() -> None:
    answer = simulated(8, 6, 1.0, 1, frozenset({4, 5}))
    assert isinstance(answer, BisectResult)
    assert (answer.first_bad, answer.candidates) == (None, (4, 5, 6))
    answer = simulated(8, 7, 1.0, 1, frozenset({4, 5}))
    assert isinstance(answer, BisectResult)
    assert (answer.first_bad, answer.candidates) == (7, (7,))


def test_first_and_last_patch_and_a_series_of_one() -> None:
    for total, culprit in ((1, 1), (2, 1), (2, 2), (9, 1), (9, 9)):
        answer = simulated(total, culprit, 1.0, 1)
        assert isinstance(answer, BisectResult)
        assert answer.first_bad == culprit


def test_probes_grow_with_the_logarithm() -> None:
    probes: list[int] = []

    def measure(patches: int, runs: int) -> Probe:
        probes.append(patches)
        return Probe(patches, int(patches >= 700), runs)

    quiet: Callable[[str], None] = lambda text: None  # noqa: E731
    assert search(1000, Probe(1000, 3, 3), Probe(0, 0, 5), measure, 10, quiet).first_bad == 700
    assert len(probes) <= 10


def test_a_rarer_title_needs_more_runs() -> None:
    assert runs_needed(3, 3, 3) < runs_needed(2, 3, 3) < runs_needed(1, 3, 3)
    assert runs_needed(1, 3, 3) >= 20
