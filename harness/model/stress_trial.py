"""What a stressor does on a tree as it is, boot by boot."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.cell import CellResult, Outcome
from harness.model.guest import Sampling


@dataclass(frozen=True, slots=True)
class TrialBoot:
    """One boot. ``seconds`` is how long the stressor was to run, ``start_delay`` the time from user space to its start
    in seconds of the guest's clock, None where that was not told; ``counters`` are the movements its proof looks at."""

    outcome: Outcome
    reason: str
    seconds: int
    start_delay: float | None
    counters: tuple[tuple[str, int], ...]
    sampling: Sampling | None
    result: CellResult | None = None

    @property
    def rates(self) -> tuple[tuple[str, float], ...]:
        """The counters that moved, per second, the fastest first."""
        moved = [(name, count / self.seconds) for name, count in self.counters if count > 0]
        return tuple(sorted(moved, key=lambda one: -one[1]))


@dataclass(frozen=True, slots=True)
class StressTrial:
    """A stressor on a tree. ``absent`` is why it was not booted, "" where it was."""

    tree: str
    version: str
    stressor: str
    boots: tuple[TrialBoot, ...]
    absent: str = ""
    outcome: Outcome = Outcome.NOT_IN_THIS_KERNEL
