"""Much that says the same, folded: repeats of a cell, verdicts of successive prefixes, occurrences of one title."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.model.cell import Outcome
from harness.model.finding import Finding
from harness.model.verdict import TitleVerdict, Verdict
from harness.reports.wording import Mark, outcome_mark, outcome_rank
from harness.results.store import CellRow
from harness.results.summary import TreeSummary


@dataclass(frozen=True, slots=True)
class Fold:
    """The repeats of one stressor on one kernel. ``outcomes`` and ``titles`` are (value, number of cells), worst or
    most frequent first; a title counts once per cell. ``suppressed`` are entries of known noise with the number of
    reports that each took out of ``titles``."""

    stressor: str
    cells: tuple[CellRow, ...]
    outcomes: tuple[tuple[Outcome, int], ...]
    titles: tuple[tuple[str, int], ...]
    suppressed: tuple[tuple[str, int], ...] = ()

    @property
    def mark(self) -> Mark:
        """The mark of the worst outcome."""
        return outcome_mark(self.outcomes[0][0])

    @property
    def uniform(self) -> bool:
        """True when every repeat ended alike."""
        return len(self.outcomes) == 1

    @property
    def booted(self) -> int:
        """Guests booted in this run."""
        return sum(cell.result is not None and not cell.reused for cell in self.cells)

    @property
    def reused(self) -> int:
        """Results taken over from an earlier run."""
        return sum(cell.reused for cell in self.cells)

    @property
    def outcome_words(self) -> str:
        """ "pass", or with repeats "pass 3/3" and "finding 2/3, pass 1/3"."""
        total = len(self.cells)
        if total == 1:
            return outcome_mark(self.outcomes[0][0]).words
        return ", ".join(f"{outcome_mark(outcome).words} {count}/{total}" for outcome, count in self.outcomes)

    @property
    def title_words(self) -> tuple[str, ...]:
        """Titles, with "2/3" where there are repeats."""
        total = len(self.cells)
        return tuple(title if total == 1 else f"{title} ({count}/{total})" for title, count in self.titles)

    @property
    def suppressed_words(self) -> str:
        """ "2 suppressed: topology-sane 2", "" where nothing is."""
        return suppressed_words(self.suppressed)

    @property
    def boot_words(self) -> str:
        """ "3", "1 + 2 reused", "none"."""
        parts = [str(self.booted)] if self.booted else []
        parts += [f"{self.reused} reused"] if self.reused else []
        return " + ".join(parts) or "none"

    @property
    def proof_words(self) -> tuple[str, ...]:
        """The counters that moved, as "pgmigrate_success +812" or, over repeats, "pgmigrate_success +812…+990"."""
        moves: dict[str, list[int]] = {}
        for cell in self.cells:
            for name, move in cell.result.proof.counters if cell.result and cell.result.proof else ():
                moves.setdefault(name, []).append(move)
        words = []
        for name, values in moves.items():
            low, high = min(values), max(values)
            if high > 0:
                words.append(f"{name} +{high}" if low == high else f"{name} +{low}…+{high}")
        return tuple(words)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why cells are neither a pass nor a finding, each reason once."""
        plain = (Outcome.PASS, Outcome.FINDING)
        return tuple(dict.fromkeys(c.reason for c in self.cells if c.outcome not in plain and c.reason))


def fold(cells: Iterable[CellRow]) -> tuple[Fold, ...]:
    """The cells of one kernel, one Fold per stressor, in order of name."""
    by_stressor: dict[str, list[CellRow]] = {}
    for cell in cells:
        by_stressor.setdefault(cell.stressor, []).append(cell)
    return tuple(_fold(stressor, by_stressor[stressor]) for stressor in sorted(by_stressor))


def _fold(stressor: str, cells: Sequence[CellRow]) -> Fold:
    outcomes = Counter(cell.outcome for cell in cells)
    titles: Counter[str] = Counter()
    suppressed: Counter[str] = Counter()
    for cell in cells:
        found = cell.result.findings if cell.result else ()
        titles.update({finding.title for finding in found if not finding.suppressed})
        suppressed.update(dict(suppressed_counts(found)))
    return Fold(
        stressor,
        tuple(sorted(cells, key=lambda c: (c.seed, c.repeat))),
        tuple(sorted(outcomes.items(), key=lambda item: outcome_rank(item[0]))),
        tuple(sorted(titles.items(), key=lambda item: (-item[1], item[0]))),
        tuple(sorted(suppressed.items())),
    )


def suppressed_counts(findings: Iterable[Finding]) -> tuple[tuple[str, int], ...]:
    """(Entry of known noise, number of reports that it suppresses), by name."""
    counts: Counter[str] = Counter()
    for finding in findings:
        if finding.suppressed:
            counts[finding.noise] += finding.repeats
    return tuple(sorted(counts.items()))


def suppressed_words(counts: Iterable[tuple[str, int]]) -> str:
    """ "2 suppressed: topology-sane 2" of entries with the number of reports that each suppresses."""
    counts = tuple(counts)
    listed = ", ".join(f"{name} {count}" for name, count in counts)
    return f"{sum(count for _, count in counts)} suppressed: {listed}" if counts else ""


def stressors_of(tree: TreeSummary) -> tuple[str, ...]:
    """Every stressor that a tree has a cell of, in order of name."""
    return tuple(sorted({cell.stressor for kernel in tree.kernels for cell in kernel.cells}))


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A finding where it was seen: ``place`` is its number in the cell, ``own`` the patch and source line of the series
    that printed it."""

    finding: Finding
    cell: CellRow
    place: int
    own: tuple[int, str] | None


def occurrences(tree: TreeSummary) -> dict[str, tuple[Occurrence, ...]]:
    """Every finding of a tree by title: titles with the gravest severity first, then the most frequent; occurrences by
    patch, stressor, seed and repeat."""
    found: dict[str, list[Occurrence]] = {}
    for kernel in tree.kernels:
        for cell in sorted(kernel.cells, key=lambda c: (c.stressor, c.seed, c.repeat)):
            for place, finding in enumerate(cell.result.findings if cell.result else ()):
                found.setdefault(finding.title, []).append(Occurrence(finding, cell, place, cell.own_lines.get(place)))

    def order(title: str) -> tuple[int, int, str]:
        severities = list(type(found[title][0].finding.severity))
        return min(severities.index(o.finding.severity) for o in found[title]), -len(found[title]), title

    return {title: tuple(found[title]) for title in sorted(found, key=order)}


VERDICT_ORDER = (Verdict.WORSE, Verdict.UNDECIDED, Verdict.BETTER, Verdict.SAME)


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """A verdict on the kernels ``first`` to ``last`` patches, which have the same rates and evidence."""

    first: int
    last: int
    verdict: TitleVerdict

    @property
    def patches(self) -> str:
        """ "+3", or "+3 to +9"."""
        return f"+{self.first}" if self.first == self.last else f"+{self.first} to +{self.last}"


@dataclass(frozen=True, slots=True)
class TitleLines:
    """The verdicts on one title, by number of patches; ``worst`` decides where it stands."""

    title: str
    worst: Verdict
    lines: tuple[VerdictLine, ...]


def verdict_titles(tree: TreeSummary) -> tuple[TitleLines, ...]:
    """Every title's verdicts over the kernels of a tree, worst title first; kernels that say the same are one line."""
    lines: dict[str, list[VerdictLine]] = {}
    for kernel in tree.kernels:
        for verdict in kernel.verdicts:
            of_title = lines.setdefault(verdict.title, [])
            before = of_title[-1] if of_title else None
            if before is not None and before.verdict == verdict:
                of_title[-1] = VerdictLine(before.first, kernel.row.patches, verdict)
            else:
                of_title.append(VerdictLine(kernel.row.patches, kernel.row.patches, verdict))
    titles = [
        TitleLines(title, min((line.verdict.verdict for line in found), key=VERDICT_ORDER.index), tuple(found))
        for title, found in lines.items()
    ]
    return tuple(sorted(titles, key=lambda t: (VERDICT_ORDER.index(t.worst), t.title)))
