"""What was ever found, by title: where, since when, how often. Made from the rows of all runs; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.model.finding import Effect, Finding, Severity
from harness.results.store import CellUse


@dataclass(frozen=True, slots=True)
class Sighting:
    """A judged finding of a cell in a run, without its lines; ``place`` is its number in the cell."""

    finding: Finding
    use: CellUse
    place: int

    @property
    def title(self) -> str:
        """The finding's."""
        return self.finding.title

    @property
    def also(self) -> tuple[str, ...]:
        """The finding's other titles."""
        return self.finding.also

    @property
    def corrupted(self) -> bool:
        """The finding's."""
        return self.finding.corrupted

    @property
    def own(self) -> tuple[int, str] | None:
        """Patch and source line of the series that printed it."""
        return self.use.own_lines.get(self.place)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a cell was finished (seconds since the epoch) and in which run."""

    time: float
    run: str


@dataclass(frozen=True, slots=True)
class KernelRate:
    """How often a title was seen on one kernel under one stressor: in ``hits`` of ``cells``, ``corrupted`` of the hits
    only as a torn report, ``suppressed`` of them as known noise. ``series`` is "" for a baseline (``patches`` 0)."""

    tree: str
    series: str
    patches: int
    stressor: str
    hits: int
    cells: int
    corrupted: int
    suppressed: int
    last: float


@dataclass(frozen=True, slots=True)
class TitleSummary:
    """One bug over all runs.

    ``titles`` are all that it was seen under, the commonest first; ``also`` those that it is known to have in other
    shapes. ``hits`` of ``cells``: the distinct cells that show it, of those booted of the same trees and stressors.
    ``reports`` are in them, since a guest can say the same more than once. ``corrupted`` counts hits that are only torn
    reports, ``suppressed`` those that are known noise. ``noise`` are entries with the number of their hits.
    """

    title: str
    titles: tuple[str, ...]
    also: tuple[str, ...]
    kind: str
    function: str
    severity: Severity
    effect: Effect
    first: Moment
    last: Moment
    trees: tuple[str, ...]
    series: tuple[str, ...]
    hits: int
    cells: int
    reports: int
    corrupted: int
    suppressed: int
    noise: tuple[tuple[str, int], ...]
    signatures: tuple[tuple[str, int], ...]
    kernels: tuple[KernelRate, ...]
    runs: tuple[tuple[str, int], ...]
    own: tuple[tuple[str, int, str], ...]
    best: Sighting

    @property
    def all_suppressed(self) -> bool:
        """True where every hit is known noise."""
        return self.suppressed == self.hits

    def side(self, patched: bool) -> tuple[int, int]:
        """(Hits, cells) of the patched kernels, or of the baselines."""
        mine = [kernel for kernel in self.kernels if bool(kernel.patches) is patched]
        return sum(kernel.hits for kernel in mine), sum(kernel.cells for kernel in mine)


def best_sighting(sightings: Iterable[Sighting]) -> Sighting:
    """The one to be shown: whole, then with the longest trace, then the newest."""
    return max(
        sightings,
        key=lambda seen: (not seen.corrupted, len(seen.finding.frames), seen.use.finished, not seen.use.reused),
    )


def title_summary(sightings: Sequence[Sighting], uses: Sequence[CellUse], title: str = "") -> TitleSummary:
    """The summary of the sightings of one bug, at least one; ``uses`` are all booted cells of all runs. ``title`` is
    its name, by default the commonest of its whole reports."""
    titles = _commonest(seen.title for seen in sightings if not seen.corrupted) or _commonest(
        seen.title for seen in sightings
    )
    name = title or titles[0]
    rest = [other for other in dict.fromkeys((*titles, *(seen.title for seen in sightings))) if other != name]
    by_cell: dict[str, list[Sighting]] = {}
    for seen in sightings:
        by_cell.setdefault(seen.use.cell, []).append(seen)
    # A cell that later runs took over was seen once, when it was booted.
    booted = {cell: min(found, key=lambda s: (s.use.reused, s.use.started)).use for cell, found in by_cell.items()}
    torn = {cell for cell, found in by_cell.items() if all(seen.corrupted for seen in found)}
    hidden = {cell for cell, found in by_cell.items() if all(seen.finding.suppressed for seen in found)}
    first = min(booted.values(), key=lambda use: use.finished)
    last = max(booted.values(), key=lambda use: use.finished)
    where = {(seen.use.tree, seen.use.stressor) for seen in sightings}
    near = [use for use in uses if (use.tree, use.stressor) in where]
    best = best_sighting(sightings)
    whole = [seen.finding for seen in sightings if not seen.corrupted] or [seen.finding for seen in sightings]
    order = list(Severity)
    return TitleSummary(
        title=name,
        titles=(name, *rest),
        also=tuple(sorted({other for seen in sightings for other in seen.also} - {name, *rest})),
        kind=_commonest(finding.kind for finding in whole)[0],
        function=next(iter(_commonest(finding.function for finding in whole if finding.function)), ""),
        severity=min((finding.severity for finding in whole), key=order.index),
        effect=min((finding.effect for finding in whole), key=list(Effect).index),
        first=Moment(first.finished, first.run),
        last=Moment(last.finished, last.run),
        trees=tuple(sorted({seen.use.tree for seen in sightings})),
        series=tuple(sorted({seen.use.series for seen in sightings if seen.use.series})),
        hits=len(by_cell),
        cells=len({use.cell for use in near}),
        reports=sum({(seen.use.cell, seen.place): seen.finding.repeats for seen in sightings}.values()),
        corrupted=len(torn),
        suppressed=len(hidden),
        noise=_counted((seen.finding.noise, seen.use.cell) for seen in sightings if seen.finding.noise),
        signatures=_counted((seen.finding.signature, seen.use.cell) for seen in sightings if seen.finding.signature),
        kernels=_kernel_rates(by_cell, near, torn, hidden),
        runs=_runs(sightings),
        own=tuple(sorted({(seen.use.series, *seen.own) for seen in sightings if seen.own is not None})),
        best=best,
    )


def _commonest(words: Iterable[str]) -> list[str]:
    return [word for word, _ in sorted(Counter(words).items(), key=lambda item: (-item[1], item[0]))]


def _counted(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    """Words with the number of distinct cells, the commonest first."""
    counts = Counter(word for word, _ in set(pairs))
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _runs(sightings: Sequence[Sighting]) -> tuple[tuple[str, int], ...]:
    """Runs with the number of their cells that show it, the newest first."""
    started = {seen.use.run: seen.use.started for seen in sightings}
    counts = Counter(run for run, _ in {(seen.use.run, seen.use.cell) for seen in sightings})
    return tuple((run, counts[run]) for run in sorted(started, key=lambda run: (-started[run], run)))


def _kernel_rates(
    by_cell: dict[str, list[Sighting]], near: Sequence[CellUse], torn: set[str], hidden: set[str]
) -> tuple[KernelRate, ...]:
    cells: dict[tuple[str, str, int, str], set[str]] = {}
    last: dict[tuple[str, str, int, str], float] = {}
    for use in near:
        # All baselines of a tree are one, whichever series it was built for.
        key = (use.tree, use.series if use.patches else "", use.patches, use.stressor)
        cells.setdefault(key, set()).add(use.cell)
        if use.cell in by_cell:
            last[key] = max(last.get(key, 0.0), use.finished)
    rates = []
    for key in sorted(cells, key=lambda k: (k[0], k[2] > 0, k[1], k[2], k[3])):
        tree, series, patches, stressor = key
        hits = cells[key] & by_cell.keys()
        rates.append(
            KernelRate(
                tree, series, patches, stressor, len(hits), len(cells[key]), len(hits & torn), len(hits & hidden),
                last.get(key, 0.0),
            )
        )  # fmt: skip
    return tuple(rates)


def listed(summaries: Iterable[TitleSummary]) -> tuple[TitleSummary, ...]:
    """The gravest first, then what was seen last."""
    order = list(Severity)
    return tuple(sorted(summaries, key=lambda s: (order.index(s.severity), -s.last.time, s.title)))
