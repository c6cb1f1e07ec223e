"""What a comparison says."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.StrEnum):
    """Patched against baseline."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits`` of ``runs``; ``low`` and ``high`` are the Wilson score interval."""

    hits: int
    runs: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TitleVerdict:
    """One title (or ``outcome: ...``) on one pair of kernels, with its evidence in one sentence."""

    title: str
    verdict: Verdict
    before: Rate
    after: Rate
    p_value: float
    evidence: str
    more_runs: int | None = None
