"""A run read back from the store with its verdicts: what reports and exports are made from."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.build_message import NOT_KNOWN, BuildChange, BuildMessage
from harness.model.tree import Applied, FixupState, PatchState
from harness.model.verdict import TitleVerdict
from harness.results.store import CellRow, KernelRow, RunRow, TreeRow


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
class TreeSummary:
    """One tree of a run, baseline first; ``patches`` tell how each patch of the series went in, ``fixups``
    what the tree itself was changed by before."""

    row: TreeRow
    kernels: tuple[KernelSummary, ...]
    patches: tuple[PatchState, ...] = ()
    fixups: tuple[FixupState, ...] = ()

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
