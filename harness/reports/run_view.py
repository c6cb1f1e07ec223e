"""What the page of a run shows, decided before any markup: which rows, which excerpts, how much of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.model.finding import Severity
from harness.model.plain_text import clean
from harness.model.tree import FixupState
from harness.model.verdict import Verdict
from harness.reports.applied import AppliedLine, applied_lines
from harness.reports.build_lines import BuildLine, build_lines
from harness.reports.folding import (
    VERDICT_ORDER,
    Fold,
    Occurrence,
    TitleLines,
    fold,
    occurrences,
    stressors_of,
    suppressed_counts,
    suppressed_words,
    verdict_titles,
)
from harness.reports.seen_functions import SeenTable, seen_table
from harness.reports.trace import TraceLine, trace_lines
from harness.reports.wording import Mark, Tone, conclusion_mark, severity_mark, verdict_mark
from harness.results.store import CellRow, KernelRow, RunRow, StressorRow, TreeRow
from harness.results.summary import KernelSummary, RunSummary, TreeSummary

Excerpt = Callable[[str, str, int, int], Sequence[str]]
"""(cell key, artefact, first line, last line) to lines of the console or the kernel's log; 1-based, both inclusive."""

Source = Callable[[CellRow, str, int], str]
"""(cell, file, line) to that line of the source that the cell's kernel was built from; "" where it is not at hand."""

LINES_BEFORE = 3
LINES_AFTER = 2
MAX_EXCERPT_LINES = 160
MAX_EXCERPT_COLUMNS = 300
MAX_EXCERPTS = 3
"""Consoles shown per title: the first occurrence on each of so many kernels. The rest are named, not shown."""
MAX_OCCURRENCES = 60
"""Occurrences listed per title."""


def no_source(_cell: CellRow, _file: str, _line: int) -> str:
    """The source is not at hand."""
    return ""


@dataclass(frozen=True, slots=True)
class Box:
    """A stressor's outcome on a kernel as a small box: symbol, count where repeats differ, words for the pointer."""

    text: str
    words: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class KernelView:
    """One line of the series' list and its rows in the table: ``boxes`` has a place for each stressor of the tree."""

    row: KernelRow
    boxes: tuple[Box | None, ...]
    folds: tuple[Fold, ...]
    mark: Mark
    verdict_words: str


@dataclass(frozen=True, slots=True)
class ExcerptLine:
    """A console line with its number (None where the number is not known); ``own`` True inside the finding."""

    number: int | None
    text: str
    own: bool


@dataclass(frozen=True, slots=True)
class ConsoleView:
    """An excerpt of the console that an occurrence was found on, and its trace in the source."""

    occurrence: Occurrence
    lines: tuple[ExcerptLine, ...]
    note: str
    trace: tuple[TraceLine, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingView:
    """A title with where it was seen. ``kernels`` are (patches, hits, cells) of the kernels that have it; ``noise``
    says how many of the reports are suppressed, and by which entries."""

    title: str
    anchor: str
    severity: Mark
    corrupted: int
    noise: str
    own: tuple[tuple[int, str], ...]
    kernels: tuple[tuple[int, int, int], ...]
    shown: tuple[Occurrence, ...]
    hidden: int
    consoles: tuple[ConsoleView, ...]


@dataclass(frozen=True, slots=True)
class TreeView:
    """One tree of the run."""

    row: TreeRow
    anchor: str
    mark: Mark
    stressors: tuple[str, ...]
    kernels: tuple[KernelView, ...]
    patches: tuple[AppliedLine, ...]
    builds: tuple[BuildLine, ...]
    fixups: tuple[FixupState, ...]
    titles: tuple[TitleLines, ...]
    same: tuple[TitleLines, ...]
    findings: tuple[FindingView, ...]
    chosen: tuple[StressorRow, ...]
    seen: SeenTable | None


@dataclass(frozen=True, slots=True)
class RunView:
    """A whole run."""

    run: RunRow
    mark: Mark
    exit_code: int
    conclusion: str
    trees: tuple[TreeView, ...]
    counts: tuple[tuple[str, str], ...]
    images: tuple[str, ...]
    asked: tuple[tuple[str, str], ...]
    command: str


def run_view(summary: RunSummary, excerpt: Excerpt, command: str, source: Source = no_source) -> RunView:
    """The view of a run; ``excerpt`` is asked for at most MAX_EXCERPTS consoles per title and tree, ``source`` for the
    frames of the same findings."""
    kernels = [kernel for tree in summary.trees for kernel in tree.kernels]
    return RunView(
        run=summary.run,
        mark=conclusion_mark(summary.exit_code),
        exit_code=summary.exit_code,
        conclusion=summary.conclusion,
        trees=tuple(_tree(tree, f"tree-{place}", excerpt, source) for place, tree in enumerate(summary.trees)),
        counts=_counts(kernels),
        images=tuple(dict.fromkeys(kernel.row.image for kernel in kernels if kernel.row.image)),
        asked=tuple(
            (name, value if isinstance(value, str) else json.dumps(value, default=str))
            for name, value in sorted(summary.run.arguments.items())
            if value not in (None, "", [], (), False)
        ),
        command=command,
    )


def _counts(kernels: Sequence[KernelSummary]) -> tuple[tuple[str, str], ...]:
    states = [kernel.row.state for kernel in kernels]
    cells = [cell for kernel in kernels for cell in kernel.cells]
    built = ", ".join(f"{states.count(state)} {state}" for state in ("built", "cached", "failed") if state in states)
    booted = sum(cell.result is not None and not cell.reused for cell in cells)
    reused = sum(cell.reused for cell in cells)
    counted = sum(cell.result is not None and cell.result.counts for cell in cells)
    return (
        ("kernels", built or "none"),
        ("cells", f"{len(cells)}: {booted} booted, {reused} reused"),
        ("evidence", f"{counted} of {len(cells)} cells count"),
    )


def _tree(tree: TreeSummary, anchor: str, excerpt: Excerpt, source: Source) -> TreeView:
    stressors = stressors_of(tree)
    titles = verdict_titles(tree)
    kernels = tuple(_kernel(kernel, stressors) for kernel in tree.kernels)
    return TreeView(
        row=tree.row,
        anchor=anchor,
        mark=_tree_mark(tree, kernels),
        stressors=stressors,
        kernels=kernels,
        patches=applied_lines(tree.patches),
        builds=build_lines(tree),
        fixups=tree.fixups,
        titles=tuple(t for t in titles if t.worst is not Verdict.SAME),
        same=tuple(t for t in titles if t.worst is Verdict.SAME),
        findings=tuple(
            _finding(tree, title, seen, f"{anchor}-finding-{place}", excerpt, source)
            for place, (title, seen) in enumerate(occurrences(tree).items())
        ),
        chosen=tree.stressors,
        seen=seen_table(tree),
    )


def _tree_mark(tree: TreeSummary, kernels: Sequence[KernelView]) -> Mark:
    if not tree.row.available:
        return Mark("!", "unavailable", Tone.BROKEN)
    patched = [kernel.mark for kernel in kernels if kernel.row.patches]
    for tone in (Tone.BAD, Tone.BROKEN, Tone.OPEN, Tone.GOOD):
        for mark in patched:
            if mark.tone is tone:
                return mark
    return Mark("?", "not compared", Tone.OPEN)


def _kernel(kernel: KernelSummary, stressors: Sequence[str]) -> KernelView:
    folds = {folded.stressor: folded for folded in fold(kernel.cells)}
    boxes = tuple(_box(folds[name]) if name in folds else None for name in stressors)
    mark, words = _verdict_of(kernel)
    return KernelView(kernel.row, boxes, tuple(folds.values()), mark, words)


def _box(folded: Fold) -> Box:
    total = len(folded.cells)
    mark = folded.mark
    text = mark.symbol if folded.uniform else f"{mark.symbol}{folded.outcomes[0][1]}/{total}"
    detail = "; ".join((*folded.title_words, *folded.reasons))
    return Box(text, f"{folded.stressor}: {folded.outcome_words}{f'. {detail}' if detail else ''}", mark.tone)


def _verdict_of(kernel: KernelSummary) -> tuple[Mark, str]:
    """The kernel's worst verdict, and how many titles share it."""
    if kernel.row.state == "failed":
        return Mark("B", "does not build", Tone.BROKEN), "does not build"
    if kernel.row.patches == 0:
        return Mark("·", "baseline", Tone.QUIET), "baseline"
    verdicts = [verdict.verdict for verdict in kernel.verdicts]
    for worst in VERDICT_ORDER:
        count = verdicts.count(worst)
        if count and worst is not Verdict.SAME:
            mark = verdict_mark(worst)
            return mark, f"{mark.words}: {count} title{'s' if count > 1 else ''}"
    if not any(cell.result is not None and cell.result.counts for cell in kernel.cells):
        return Mark("?", "no evidence", Tone.OPEN), "no evidence"
    return Mark("✓", "not worse", Tone.GOOD), "not worse"


def _finding(
    tree: TreeSummary, title: str, seen: tuple[Occurrence, ...], anchor: str, excerpt: Excerpt, source: Source
) -> FindingView:
    worst = min((o.finding.severity for o in seen), key=list(Severity).index)
    kernels = []
    first: dict[int, Occurrence] = {}
    for kernel in tree.kernels:
        patches = kernel.row.patches
        here = [o for o in seen if o.cell.patches == patches]
        if here:
            kernels.append((patches, len({id(o.cell) for o in here}), _counted(kernel.cells)))
            # A whole report shows more than a cut one.
            first[patches] = next((o for o in here if not o.finding.corrupted), here[0])
    return FindingView(
        title=title,
        anchor=anchor,
        severity=severity_mark(worst),
        corrupted=sum(o.finding.corrupted for o in seen),
        noise=suppressed_words(suppressed_counts(o.finding for o in seen)),
        own=tuple(dict.fromkeys(o.own for o in seen if o.own is not None)),
        kernels=tuple(kernels),
        shown=seen[:MAX_OCCURRENCES],
        hidden=max(0, len(seen) - MAX_OCCURRENCES),
        consoles=tuple(_console(o, excerpt, source) for o in list(first.values())[:MAX_EXCERPTS]),
    )


def _counted(cells: Sequence[CellRow]) -> int:
    return sum(cell.result is not None and cell.result.counts for cell in cells)


def _console(occurrence: Occurrence, excerpt: Excerpt, source: Source) -> ConsoleView:
    finding, cell = occurrence.finding, occurrence.cell
    touched = cell.touched_frames.get(occurrence.place, {})
    trace = trace_lines(finding.source, touched, lambda file, line: source(cell, file, line))
    start = max(1, finding.first_line - LINES_BEFORE)
    end = min(finding.last_line + LINES_AFTER, start + MAX_EXCERPT_LINES - 1)
    note = ""
    try:
        lines = list(excerpt(cell.cell, finding.artefact, start, end))[:MAX_EXCERPT_LINES]
    except OSError:
        lines = []
    if lines:
        shown = [
            ExcerptLine(number, clean(text, MAX_EXCERPT_COLUMNS), finding.first_line <= number <= finding.last_line)
            for number, text in enumerate(lines, start)
        ]
        left = finding.last_line - shown[-1].number if shown[-1].number is not None else 0
    else:
        note = f"The {finding.artefact} is not at hand: the lines kept with the finding."
        kept = finding.lines[:MAX_EXCERPT_LINES]
        shown = [ExcerptLine(None, clean(text, MAX_EXCERPT_COLUMNS), True) for text in kept]
        left = len(finding.lines) - len(kept)
    if left > 0:
        note = f"{note} {left} more lines are in the {finding.artefact}.".strip()
    return ConsoleView(occurrence, tuple(shown), note, trace)
