"""Comparing runs, and the trees of one series."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.model.errors import UserError
from harness.model.observation import Observation
from harness.model.verdict import Rate, TitleVerdict
from harness.reports.folding import suppressed_counts, suppressed_words
from harness.results.comparison import Column, Comparison, TitleRow
from harness.results.store import CellRow, RunRow, Store
from harness.runs.summary import observations
from harness.verdicts.compare import compare, exit_code
from harness.verdicts.rates import rate


@dataclass(frozen=True, slots=True)
class _Seen:
    """One kernel of one run with its counted cells."""

    run: str
    tree: str
    patches: int
    found: tuple[Observation, ...]

    @property
    def kernel(self) -> str:
        return f"{self.tree} + {self.patches}"


def compare_runs(store: Store, first: RunRow, second: RunRow) -> Comparison:
    """The second run held against the first, kernel by kernel; exit code 1 where it is worse, 4 where undecided.

    Raises UserError when they have no kernel (tree and number of patches) in common.
    """
    before, after = _kernels(store, first), _kernels(store, second)
    verdicts: list[TitleVerdict] = []
    codes: list[int] = []
    for now in after:
        then = next((seen for seen in before if seen.kernel == now.kernel), None)
        if then is None:
            continue
        # What the series' own line prints is nothing new here: both runs have that patch.
        was = [replace(seen, own={}) for seen in then.found]
        found = [replace(seen, own={}) for seen in now.found]
        judged = compare(was, found, sides=("in the first run", "in the second"))
        verdicts += _named(now.kernel, judged)
        codes.append(exit_code(judged, was, found))
    broken = _newly_broken(store, first, second)
    gone = [seen.kernel for seen in before if seen.kernel not in {*broken, *(now.kernel for now in after)}]
    codes += [1] * len(broken) + [4] * len(gone)
    if not codes:
        raise UserError(f"{first.id} and {second.id} have no kernel in common", remedy="compare runs of one series")
    code = 1 if 1 in codes else max(codes)
    words = {0: "nothing worse than in the first run", 1: "worse than the first run", 4: "not enough evidence"}
    notes = (
        *(f"{kernel} does not build any more" for kernel in broken),
        *(f"{kernel} is not in the second run" for kernel in gone),
        *_notes(first, second),
        *_suppressed(store, (first.id, second.id)),
    )
    seen = (*before, *after)
    heading = f"{first.id} and {second.id}"
    return Comparison(heading, _columns(seen), _rows(seen), tuple(verdicts), code, words[code], notes=notes)


def _named(name: str, verdicts: Sequence[TitleVerdict]) -> list[TitleVerdict]:
    return [replace(verdict, evidence=f"{name}: {verdict.evidence}") for verdict in verdicts]


def _newly_broken(store: Store, first: RunRow, second: RunRow) -> tuple[str, ...]:
    """Kernels that were built in the first run and are not in the second."""
    good = {(k.tree, k.patches) for k in store.kernels(first.id) if k.state != "failed"}
    failed = [k for k in store.kernels(second.id) if k.state == "failed" and (k.tree, k.patches) in good]
    return tuple(f"{k.tree} + {k.patches}" for k in failed)


def _suppressed(store: Store, runs: Iterable[str]) -> tuple[str, ...]:
    """What known noise took out of each run, a line each; none for one without any."""
    lines = []
    for run in dict.fromkeys(runs):
        results = [cell.result for cell in store.run_cells(run) if cell.result is not None]
        counts = suppressed_counts(finding for result in results for finding in result.findings)
        lines += [f"{run}: {suppressed_words(counts)}"] if counts else []
    return tuple(lines)


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


def compare_trees(store: Store, series: str) -> Comparison:
    """The newest results of a series on each tree it was run on. Raises UserError when there are none."""
    runs = [_kernels(store, run) for run in store.runs(series) if run.kind != "bisect" and run.finished is not None]
    seen: list[_Seen] = []
    # A run that has the baseline and the series is worth more than a newer one with half of it.
    for wanted in (2, 1):
        for kernels in runs:
            done = {known.tree for known in seen}
            for tree in sorted({kernel.tree for kernel in kernels} - done):
                counted = [kernel for kernel in kernels if kernel.tree == tree and kernel.found]
                seen += counted if len(counted) >= wanted else []
    if not seen:
        raise UserError(f"no results of {series} yet", remedy=f"harness run {series}")
    seen.sort(key=lambda kernel: (kernel.tree, kernel.patches))
    trees = list(dict.fromkeys(kernel.tree for kernel in seen))
    verdicts: list[TitleVerdict] = []
    codes: dict[str, int] = {}
    for tree in trees:
        of_tree = [kernel for kernel in seen if kernel.tree == tree]
        base, last = of_tree[0], of_tree[-1]
        if base.patches or not last.patches:
            continue
        judged = compare(base.found, last.found)
        verdicts += _named(f"{last.kernel} against its baseline", judged)
        codes[tree] = exit_code(judged, base.found, last.found)
    worse = [tree for tree, code in codes.items() if code == 1]
    code = 1 if worse else (4 if 4 in codes.values() or not codes else 0)
    words = {1: f"worse than the baseline on {', '.join(worse)}", 4: "not enough evidence", 0: "worse on no tree"}
    heading = f"{series} on {', '.join(trees)}"
    notes = _suppressed(store, (kernel.run for kernel in seen))
    return Comparison(heading, _columns(seen), _rows(seen), tuple(verdicts), code, words[code], notes=notes)


def _kernels(store: Store, run: RunRow) -> list[_Seen]:
    groups: dict[tuple[str, int], list[CellRow]] = {}
    for cell in store.run_cells(run.id):
        groups.setdefault((cell.tree, cell.patches), []).append(cell)
    return [
        _Seen(run.id, tree, patches, tuple(observations(cells))) for (tree, patches), cells in sorted(groups.items())
    ]


def _columns(seen: Sequence[_Seen]) -> tuple[Column, ...]:
    names = [kernel.kernel for kernel in seen]
    return tuple(
        Column(
            kernel.kernel if names.count(kernel.kernel) == 1 else f"{kernel.kernel} #{kernel.run[-4:]}",
            f"{sum(seen.is_evidence for seen in kernel.found)} counted runs of {kernel.run}",
        )
        for kernel in seen
    )


def _rows(seen: Sequence[_Seen]) -> tuple[TitleRow, ...]:
    titles = sorted({title for kernel in seen for found in kernel.found for title in found.titles})
    return tuple(TitleRow(title, tuple(_rate(title, kernel.found) for kernel in seen)) for title in titles)


def _rate(title: str, found: Sequence[Observation]) -> Rate | None:
    runs = sum(seen.is_evidence for seen in found)
    return rate(sum(title in seen.titles for seen in found), runs) if runs else None
