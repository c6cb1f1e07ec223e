"""Searching a series for the first prefix that shows a title. Pure: the caller builds and boots.

How often each prefix is run is sized from the rate measured at the bad end, because a fixed number of tries is wrong
for a failure that does not repeat: a clean prefix needs k runs with (1 - p)^k <= risk / steps, p being the lower end
of the measured rate's interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.verdicts.rates import rate

# The lower end of the two-sided 80 % interval bounds the rate from below with 90 %.
ONE_SIDED = 0.8


@dataclass(frozen=True, slots=True)
class Probe:
    """What running one prefix showed; ``runs`` 0 means that it could not be tested (it does not build)."""

    patches: int
    hits: int
    runs: int
    own_line: str = ""


@dataclass(frozen=True, slots=True)
class BisectResult:
    """``first_bad`` is the first prefix that shows the title; ``candidates`` are all that it can be, where prefixes
    that cannot be tested lie between. ``confidence`` is the chance that no clean verdict on the way was luck."""

    first_bad: int | None
    candidates: tuple[int, ...]
    confidence: float
    reason: str


def runs_needed(hits: int, runs: int, steps: int, risk: float = 0.05) -> int:
    """Runs after which a prefix without a hit may be called clean, from ``hits`` of ``runs`` at the bad end."""
    low = rate(hits, runs, ONE_SIDED).low
    if low >= 1.0:
        return 1
    return max(1, math.ceil(math.log(risk / max(1, steps)) / math.log(1.0 - low)))


def steps_of(total: int) -> int:
    """Probes that a binary search over ``total`` patches takes."""
    return max(1, math.ceil(math.log2(max(2, total))))


def search(
    total: int,
    bad: Probe,
    good: Probe,
    measure: Callable[[int, int], Probe],
    most_runs: int,
    told: Callable[[str], None],
) -> BisectResult:
    """Binary search between the clean baseline (``good``) and the end of the series (``bad``), as the caller measured
    them.

    ``measure(patches, runs)`` runs a prefix until ``runs`` runs are clean or one hits. A prefix that cannot be tested
    is stepped around.
    """
    needed = min(runs_needed(bad.hits, bad.runs, steps_of(total)), most_runs)
    # The low end here too: a share seen in few runs must not make the answer surer than it is.
    share = rate(bad.hits, bad.runs, ONE_SIDED).low
    good_end, bad_end = 0, total
    confidence = 1.0 - (1.0 - share) ** good.runs
    untestable: set[int] = set()
    while bad_end - good_end > 1:
        inside = [k for k in range(good_end + 1, bad_end) if k not in untestable]
        if not inside:
            break
        middle = min(inside, key=lambda k: abs(2 * k - good_end - bad_end))
        told(f"patches {good_end + 1} to {bad_end} are left; testing {middle} with up to {needed} runs")
        probe = measure(middle, needed)
        if probe.hits:
            bad_end = middle
        elif probe.runs < needed:
            untestable.add(middle)  # too few of its runs count to call it clean
        else:
            good_end = middle
            confidence *= 1.0 - (1.0 - share) ** probe.runs
    candidates = tuple(range(good_end + 1, bad_end + 1))
    if len(candidates) == 1:
        return BisectResult(bad_end, candidates, confidence, f"patch {bad_end} is the first that shows it")
    listed = ", ".join(str(k) for k in sorted(untestable))
    return BisectResult(None, candidates, confidence, f"one of {candidates}: {listed} cannot be tested")
