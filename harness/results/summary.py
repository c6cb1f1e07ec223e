"""A run read back from the store with its verdicts: what reports and exports are made from."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.build_message import NOT_KNOWN, BuildChange, BuildMessage
from harness.model.tree import Applied, FixupState, PatchState
from harness.model.verdict import TitleVerdict
from harness.results.store import CellRow, KernelRow, RunRow, StressorRow, TreeRow


@dataclass(frozen=True, slots=True)
class KernelSummary:
    """One kernel of a tree: its cells and, for a patched one, the verdicts and the build's messages against the tree's
    baseline. ``warnings`` are None where they are not known, ``errors`` the first ones of a build that failed."""

    row: KernelRow
    cells: tuple[CellRow, ...]
    verdicts: tuple[TitleVerdict, ...]
    warnings: tuple[BuildMessage, ...] | None = None
    build: BuildChange = NOT_KNOWN
    errors: tuple[BuildMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionSeen:
    """A C function that the series touches. ``seen`` has, for each stressor whose kernels have the function under its
    own name, (stressor, samples in the function, samples in all); () where none has: it is inlined everywhere, or
    nothing was sampled."""

    function: str
    patches: tuple[int, ...]
    seen: tuple[tuple[str, int, int], ...]

    @property
    def executed(self) -> bool:
        """Whether it was seen executing."""
        return any(count for _, count, _ in self.seen)


@dataclass(frozen=True, slots=True)
class TreeSummary:
    """One tree of a run, baseline first; ``patches`` tell how each patch of the series went in, ``fixups``
    what the tree itself was changed by before. ``stressors`` tell what ran and why, ``functions`` what of the series
    was seen executing."""

    row: TreeRow
    kernels: tuple[KernelSummary, ...]
    patches: tuple[PatchState, ...] = ()
    fixups: tuple[FixupState, ...] = ()
    stressors: tuple[StressorRow, ...] = ()
    functions: tuple[FunctionSeen, ...] = ()

    @property
    def left_out(self) -> tuple[PatchState, ...]:
        """Patches that do not apply and were left out, or that ended the series."""
        return tuple(state for state in self.patches if state.applied is Applied.CONFLICT)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run with everything that was seen in it."""

    run: RunRow
    trees: tuple[TreeSummary, ...]
    exit_code: int
    conclusion: str
