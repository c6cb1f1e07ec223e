"""Comparing runs, and the trees of one series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.model.errors import UserError
from harness.model.observation import Observation
from harness.model.verdict import Verdict
from harness.results.matrix import ComparedKernels, Matrix, MatrixColumn, MatrixRow
from harness.results.store import CellRow, RunRow, Store
from harness.runs.summary import observations
from harness.verdicts.compare import compare, exit_code
from harness.verdicts.rates import rate

_Seen = tuple[MatrixColumn, list[Observation]]


def compare_runs(store: Store, first: RunRow, second: RunRow) -> Matrix:
    """The second run held against the first, kernel by kernel; exit code 1 where it is worse, 4 where undecided.

    Raises UserError when they have no kernel (tree and number of patches) in common.
    """
    seen = _columns(store, first) + _columns(store, second)
    compared, codes = [], []
    for column, after in seen:
        if column.run != second.id:
            continue
        twin = next(
            (o for c, o in seen if c.run == first.id and (c.tree, c.patches) == (column.tree, column.patches)), None
        )
        if twin is None:
            continue
        # What the series' own line prints is nothing new here: both runs have that patch.
        before = [replace(seen, own={}) for seen in twin]
        now = [replace(seen, own={}) for seen in after]
        verdicts = compare(before, now)
        compared.append(ComparedKernels(f"{column.tree} + {column.patches}", verdicts))
        codes.append(exit_code(verdicts, before, now))
    broken = _newly_broken(store, first, second)
    if broken:
        codes.append(1)
    gone = [
        c
        for c, _ in seen
        if c.run == first.id and not _has(seen, second.id, c) and f"{c.tree} + {c.patches}" not in broken
    ]
    if gone:
        codes.append(4)
    if not compared and not broken:
        raise UserError(f"{first.id} and {second.id} have no kernel in common", remedy="compare runs of one series")
    code = 1 if 1 in codes else max(codes)
    words = {0: "nothing worse than in the first run", 1: "worse than the first run", 4: "not enough evidence"}
    notes = (
        *(f"{name} does not build any more" for name in broken),
        *(f"{c.tree} + {c.patches} is not in the second run" for c in gone),
        *_notes(first, second),
    )
    return Matrix(f"{first.id} and {second.id}", *_table(seen), tuple(compared), notes, code, words[code])


def _has(seen: Sequence[_Seen], run: str, column: MatrixColumn) -> bool:
    return any(c.run == run and (c.tree, c.patches) == (column.tree, column.patches) for c, _ in seen)


def _newly_broken(store: Store, first: RunRow, second: RunRow) -> tuple[str, ...]:
    """Kernels that were built in the first run and are not in the second."""
    good = {(k.tree, k.patches) for k in store.kernels(first.id) if k.state != "failed"}
    failed = [k for k in store.kernels(second.id) if k.state == "failed" and (k.tree, k.patches) in good]
    return tuple(f"{k.tree} + {k.patches}" for k in failed)


def _notes(first: RunRow, second: RunRow) -> tuple[str, ...]:
    notes = []
    for what, before, after in (
        ("asked with another", first.arguments, second.arguments),
        ("another", first.machine, second.machine),
    ):
        for key in sorted({*before, *after}):
            if key != "first_repeat" and before.get(key) != after.get(key):
                notes.append(f"{what} {key}: {before.get(key)} and {after.get(key)}")
    return tuple(notes)


def compare_trees(store: Store, series: str) -> Matrix:
    """The newest results of a series on each tree it was run on. Raises UserError when there are none."""
    seen: list[_Seen] = []
    trees: set[str] = set()
    for run in store.runs(series):
        if run.kind == "bisect" or run.finished is None:
            continue
        for column, found in _columns(store, run):
            if (column.tree in trees and all(c.run != run.id for c, _ in seen if c.tree == column.tree)) or not found:
                continue
            trees.add(column.tree)
            seen.append((column, found))
    if not seen:
        raise UserError(f"no results of {series} yet", remedy=f"harness run {series}")
    seen.sort(key=lambda item: (item[0].tree, item[0].patches))
    compared = []
    worse: list[str] = []
    codes: list[int] = []
    for tree in sorted(trees):
        of_tree = [(c, o) for c, o in seen if c.tree == tree]
        base = next((o for c, o in of_tree if c.patches == 0), None)
        last, patched = of_tree[-1]
        if base is None or last.patches == 0:
            continue
        verdicts = compare(base, patched)
        compared.append(ComparedKernels(f"{tree} + {last.patches} against its baseline", verdicts))
        codes.append(exit_code(verdicts, base, patched))
        worse += [tree for v in verdicts if v.verdict is Verdict.WORSE]
    code = 1 if worse else (4 if 4 in codes or not codes else 0)
    said = {
        1: f"worse than the baseline on {', '.join(dict.fromkeys(worse))}",
        4: "not enough evidence",
        0: "worse on no tree",
    }
    return Matrix(f"{series} on {', '.join(sorted(trees))}", *_table(seen), tuple(compared), (), code, said[code])


def _columns(store: Store, run: RunRow) -> list[_Seen]:
    groups: dict[tuple[str, int], list[CellRow]] = {}
    for cell in store.run_cells(run.id):
        groups.setdefault((cell.tree, cell.patches), []).append(cell)
    columns = []
    for (tree, patches), cells in sorted(groups.items()):
        found = observations(cells)
        columns.append((MatrixColumn(run.id, tree, patches, len(found)), found))
    return columns


def _table(seen: Sequence[_Seen]) -> tuple[tuple[MatrixColumn, ...], tuple[MatrixRow, ...]]:
    titles = sorted({title for _, found in seen for o in found for title in o.titles})
    rows = []
    for title in titles:
        rates = tuple(rate(sum(title in o.titles for o in found), len(found)) for _, found in seen)
        first = next((c.tree for (c, _), r in zip(seen, rates, strict=True) if r.hits), "")
        rows.append(MatrixRow(title, rates, first))
    return tuple(column for column, _ in seen), tuple(rows)
