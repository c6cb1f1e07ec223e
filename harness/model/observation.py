"""What a comparison is made from: one counted cell, reduced to what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Observation:
    """Titles seen in one cell that counts. ``own`` maps a title to the patch and source line of the series itself
    that printed it. ``trusted`` is False for reports marked corrupted, which never blame."""

    stressor: str
    titles: frozenset[str]
    own: Mapping[str, tuple[int, str]]
    untrusted: frozenset[str] = frozenset()
