"""Reports that are known: noise of the machine that kernels are run on, and what a tree reports without any series."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date

from harness.model.version import ALL_VERSIONS, VersionRange


class NoiseList(enum.StrEnum):
    """Which of the two lists an entry stands on; they mean different things."""

    DENY = "denylist"
    """The report is the environment's (the emulator, the machine): it says nothing of any kernel."""
    ALLOW = "allowlist"
    """The report is the tree's own: it is a bug of the kernel, and the series did not bring it."""


@dataclass(frozen=True, slots=True)
class NoiseEntry:
    """One known report. A finding is meant where everything that is said of it fits; "" and () say nothing.

    ``title`` is exact, or has a ``*`` for any text; ``message`` (any text for ``*`` too) stands somewhere in one of the
    report's lines, and ``unless`` in none of them. ``trees`` are names; a cell's tree is one of them or has one of
    ``versions``. Past ``expires`` the entry knows nothing any more. ``where`` is file:line.
    """

    name: str
    list: NoiseList
    reason: str
    added: date
    expires: date
    title: str = ""
    kind: str = ""
    function: str = ""
    signature: str = ""
    message: str = ""
    unless: str = ""
    trees: tuple[str, ...] = ()
    versions: VersionRange = ALL_VERSIONS
    stressors: tuple[str, ...] = ()
    accelerator: str = ""
    where: str = ""

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.expires
