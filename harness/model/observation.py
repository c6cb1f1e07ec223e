"""What a comparison is made from: one counted cell, reduced to what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HANG_TITLE = "guest hung"
"""What hangs and silent deaths are counted as, wherever they happen."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Titles seen in one cell that counts. ``own`` maps a title to the patch and source line of the series itself
    that printed it. ``untrusted`` are titles of reports marked corrupted, which never blame; ``known`` those of
    ``titles`` that the tree is known to have without any series. ``panicked``: the guest died of it, so the rest of the
    cell was never run."""

    stressor: str
    titles: frozenset[str]
    own: Mapping[str, tuple[int, str]]
    untrusted: frozenset[str] = frozenset()
    panicked: bool = False
    known: frozenset[str] = frozenset()

    @property
    def is_evidence(self) -> bool:
        """False where all there is are corrupted reports: neither a clean run nor a hit of anything."""
        return bool(self.titles) or not self.untrusted
