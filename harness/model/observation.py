"""What a comparison is made from: one counted cell, reduced to what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """Titles seen in one cell that counts. ``own`` maps a title to the patch and source line of the series itself
    that printed it. ``untrusted`` are titles of reports marked corrupted, which never blame. ``panicked``: the guest
    died of it, so the rest of the cell was never run."""

    stressor: str
    titles: frozenset[str]
    own: Mapping[str, tuple[int, str]]
    untrusted: frozenset[str] = frozenset()
    panicked: bool = False
