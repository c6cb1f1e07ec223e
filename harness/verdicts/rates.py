"""Rates and their comparison. Pure functions; the statistics are scipy's.

Interval: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927).
Test: Fisher's exact test, one-sided in each direction; it holds for any small number of runs, which is what we have.
"""

from __future__ import annotations

import math

from harness.model.verdict import Rate, Verdict

CONFIDENCE = 0.95


def rate(hits: int, runs: int, confidence: float = CONFIDENCE) -> Rate:
    """``hits`` of ``runs`` with the Wilson score interval; (0, 1) where nothing was run."""
    if runs == 0:
        return Rate(0, 0, 0.0, 1.0)
    from scipy.stats import binomtest

    interval = binomtest(hits, runs).proportion_ci(confidence_level=confidence, method="wilson")
    return Rate(hits, runs, float(interval.low), float(interval.high))


def exact_p(fewer: Rate, more: Rate) -> float:
    """Chance of ``more``'s hits or a more extreme split if both had the same rate."""
    if fewer.runs == 0 or more.runs == 0:
        return 1.0
    from scipy.stats import fisher_exact

    table = [[more.hits, more.runs - more.hits], [fewer.hits, fewer.runs - fewer.hits]]
    return float(fisher_exact(table, alternative="greater")[1])


def judge(before: Rate, after: Rate, tests: int = 1, confidence: float = CONFIDENCE) -> tuple[Verdict, float]:
    """(verdict, p-value). ``tests`` titles are judged at once: the level is divided by it (Bonferroni).

    A difference that is there but not yet significant is UNDECIDED; so is everything that never ran on one side. No
    hit on either side, or equal shares, is SAME.
    """
    level = (1.0 - confidence) / max(1, tests)
    if before.runs == 0 or after.runs == 0:
        return Verdict.UNDECIDED, 1.0
    if after.hits * before.runs == before.hits * after.runs:
        return Verdict.SAME, 1.0
    worse = after.hits * before.runs > before.hits * after.runs
    p = exact_p(before, after) if worse else exact_p(after, before)
    if p <= level * (1.0 + 1e-9):  # three of three against none is p = 0.05: decided, and not by rounding
        return (Verdict.WORSE if worse else Verdict.BETTER), p
    return Verdict.UNDECIDED, p


def more_runs(before: Rate, after: Rate, tests: int = 1, confidence: float = CONFIDENCE) -> int | None:
    """How many more runs on each side would decide it if the shares stayed as seen; None where no number would."""
    if before.runs == 0 or after.runs == 0:
        return 1
    low, high = sorted((before.hits / before.runs, after.hits / after.runs))
    if low == high:
        return None
    for runs in range(max(before.runs, after.runs) + 1, 2001):
        verdict, _ = judge(_scaled(low, runs), _scaled(high, runs), tests, confidence)
        if verdict is Verdict.WORSE:
            return runs - min(before.runs, after.runs)
        if runs > 64 and high - low < math.sqrt(1.0 / runs):
            continue
    return None


def _scaled(share: float, runs: int) -> Rate:
    return Rate(round(share * runs), runs, 0.0, 1.0)
