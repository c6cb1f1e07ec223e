"""What a finding does to its cell."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.finding import Effect, Severity


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """What findings of a ``severity``, or of a ``kind`` (one of the two is set), do to their cell, under any stressor
    or under ``stressors`` only. ``where`` is file:line."""

    effect: Effect
    reason: str
    severity: Severity | None = None
    kind: str = ""
    stressors: tuple[str, ...] = ()
    where: str = ""

    @property
    def rank(self) -> int:
        """How special it is: of the rules that speak of a finding, the most special one decides."""
        return 2 * bool(self.kind) + bool(self.stressors)
