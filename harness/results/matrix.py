"""A comparison: titles by kernels, with the verdicts where two columns are held against each other."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.verdict import Rate, TitleVerdict


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """One kernel: ``run`` it is from, tree, number of patches; ``runs`` counted cells."""

    run: str
    tree: str
    patches: int
    runs: int


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One title with its rate in each column; ``first`` is the first column's tree that shows it."""

    title: str
    rates: tuple[Rate, ...]
    first: str


@dataclass(frozen=True, slots=True)
class ComparedKernels:
    """The verdicts of one kernel of the second run against the same of the first."""

    name: str
    verdicts: tuple[TitleVerdict, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """What ``harness compare`` found. ``notes`` are things that make columns hard to compare."""

    title: str
    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    compared: tuple[ComparedKernels, ...]
    notes: tuple[str, ...]
    exit_code: int
    conclusion: str
