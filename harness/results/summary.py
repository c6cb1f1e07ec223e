"""A run read back from the store with its verdicts: what reports and exports are made from."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.verdict import TitleVerdict
from harness.results.store import CellRow, KernelRow, RunRow, TreeRow


@dataclass(frozen=True, slots=True)
class KernelSummary:
    """One kernel of a tree: its cells and, for a patched one, the verdicts against the tree's baseline."""

    row: KernelRow
    cells: tuple[CellRow, ...]
    verdicts: tuple[TitleVerdict, ...]


@dataclass(frozen=True, slots=True)
class TreeSummary:
    """One tree of a run, baseline first."""

    row: TreeRow
    kernels: tuple[KernelSummary, ...]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run with everything that was seen in it."""

    run: RunRow
    trees: tuple[TreeSummary, ...]
    exit_code: int
    conclusion: str
