"""What booting a tree's baseline showed: the rows of the table of eras."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from harness.model.build import DroppedOption


class EraState(enum.StrEnum):
    """Whether a row holds; only a reachable one can fail."""

    HOLDS = "holds"
    FAILS = "fails"  # the kernel does not build, does not reach init, or misses what it was asked for
    UNREACHABLE = "unreachable"  # no source of the tree can be had here
    HARNESS_FAILED = "harness failed"


@dataclass(frozen=True, slots=True)
class EraBoot:
    """One boot of a baseline to init. ``seconds`` from power-on to the first word of init, None where it did not come.

    ``release``, ``cpus``, ``nodes`` and ``areas`` are the guest's own words; ``why`` says what was wrong, "" nothing.
    """

    seconds: float | None
    release: str = ""
    compiler: str = ""
    cpus: int = 0
    nodes: int = 0
    areas: tuple[tuple[str, str], ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class EraRow:
    """One tree's row. ``fixups`` are names, ``build_seconds`` those of the build that made the kernel (before now where
    it was ``at_hand``). ``boots`` are in order; the last one is the one the row tells of."""

    tree: str
    version: str
    era: str
    arch: str
    toolchain: str
    state: EraState
    reason: str = ""
    image_digest: str = ""
    fixups: tuple[str, ...] = ()
    build_seconds: float | None = None
    at_hand: bool = False
    dropped: tuple[DroppedOption, ...] = ()
    boots: tuple[EraBoot, ...] = ()

    @property
    def good_boots(self) -> int:
        """Boots at which nothing was wrong."""
        return sum(not boot.why for boot in self.boots)

    @property
    def areas(self) -> tuple[str, ...]:
        """Stressor areas that are possible, "memcg (v1)" where the guest said more than yes."""
        told = self.boots[-1].areas if self.boots else ()
        return tuple(name if value == "yes" else f"{name} ({value})" for name, value in told if value != "no")
