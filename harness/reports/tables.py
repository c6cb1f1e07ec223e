"""Results as tables for a terminal, a pipe or a mail: nothing is cut silently, long words go on in the next line."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Column as TableColumn
from rich.table import Table
from rich.text import Text

from harness.model.finding import Effect, Finding
from harness.model.noise import NoiseEntry
from harness.model.plain_text import clean
from harness.model.verdict import Rate, TitleVerdict, Verdict
from harness.reports.applied import applied_lines, fixup_words
from harness.reports.build_lines import build_lines
from harness.reports.folding import Fold, fold, suppressed_counts, suppressed_words, verdict_titles
from harness.reports.seen_functions import HEADING, seen_table
from harness.reports.trace import TraceLine
from harness.reports.wording import (
    TONE_STYLES,
    Tone,
    conclusion_mark,
    duration,
    severity_mark,
    share,
    verdict_mark,
)
from harness.results.comparison import Comparison
from harness.results.store import KernelRow
from harness.results.summary import RunSummary, TreeSummary

WIDTH = 120
"""Columns where the output is no terminal and COLUMNS is not set."""
MIN_WIDTH = 80
"""In fewer columns a table cannot keep its short columns whole; the terminal wraps its lines instead."""


# Output


def rendered(*parts: RenderableType, width: int = WIDTH, colour: bool = False) -> str:
    """The parts as text, ``width`` columns wide, without any escape sequence unless ``colour``."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        height=100,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
    for part in parts:
        console.print(part)
    # Cells are padded to their column's width; blanks at the end of a line are noise in a diff or a mail.
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def show(stream: TextIO, *parts: RenderableType) -> None:
    """Writes the parts to ``stream``: in colour and in its width on a terminal, else plain and 120 columns wide.

    COLUMNS sets the width in both cases; NO_COLOR and TERM=dumb take the colours away.
    """
    terminal = stream.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in (None, "", "dumb")
    asked = os.environ.get("COLUMNS", "")
    width = int(asked) if asked.isdecimal() else WIDTH
    if terminal and not asked:
        width = Console(file=stream).width
    encoding = stream.encoding or "utf-8"
    text = rendered(*parts, width=max(width, MIN_WIDTH), colour=colour)
    stream.write(text.encode(encoding, "replace").decode(encoding))


def listing(headers: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> Table:
    """A plain table of ``rows``; the columns named in ``right`` hold numbers. For series, trees and the like."""
    table = _table(*headers)
    for column, header in zip(table.columns, headers, strict=True):
        if header in right:
            column.justify = "right"
    for row in rows:
        table.add_row(*(Text(clean("" if value is None else str(value))) for value in row))
    return table


# Runs


def run_result(summary: RunSummary) -> Group:
    """A whole run: per tree its table and its verdicts, trees that were not available, and the conclusion."""
    parts: list[RenderableType] = [run_heading(summary)]
    for tree in summary.trees:
        if tree.row.available:
            parts += [
                Text(""),
                tree_heading(tree),
                *((Text(fixup_words(tree.fixups)),) if tree.fixups else ()),
                *(_toned(line.words, line.mark.tone) for line in applied_lines(tree.patches)),
            ]
            if not tree.kernels:
                parts.append(Text("no kernel was built"))
                continue
            parts.append(kernel_list(tree))
            parts += [Text(f"{clean(row.stressor)}: {clean(row.why)}") for row in tree.stressors]
            if said := build_lines(tree):
                parts += [Text(""), *(_toned(line.words, line.mark.tone) for line in said)]
            parts += [Text(""), run_table(tree)]
            if any(kernel.verdicts for kernel in tree.kernels):
                parts += [Text(""), verdict_table(tree)]
            if (seen := seen_table(tree)) is not None:
                parts += [Text(""), Text(HEADING), listing(seen.header, seen.rows, right=seen.header[2:-1])]
                parts += [Text(note) for note in seen.notes]
    unavailable = unavailable_lines(summary)
    if unavailable:
        parts += [Text(""), *(Text(line) for line in unavailable)]
    return Group(*parts, Text(""), conclusion_line(summary.exit_code, summary.conclusion))


def run_heading(summary: RunSummary) -> Text:
    """The series' title and the run's id; says so where the run has no end."""
    state = "" if summary.run.finished is not None else " (unfinished)"
    return Text.assemble((clean(summary.run.title), "bold"), f"\nrun {clean(summary.run.id)}{state}")


def tree_heading(tree: TreeSummary) -> Text:
    """A tree's name, whether its pin held, and what the series says of it."""
    notes = [clean(text) for text in (tree.row.note, tree.row.reason) if text]
    return Text.assemble((clean(tree.row.tree), "bold"), *(f"  {note}" for note in notes))


def kernel_list(tree: TreeSummary) -> Table:
    """The series as it lies on the tree: one line per kernel with its subject and its build."""
    table = Table.grid(TableColumn(no_wrap=True), TableColumn(overflow="fold"), TableColumn(), padding=(0, 2, 0, 0))
    for kernel in tree.kernels:
        row = kernel.row
        table.add_row(patch_words(row), Text(clean(row.subject) if row.patches else ""), _build_words(row))
    return table


def run_table(tree: TreeSummary) -> Table:
    """One row per kernel and stressor; repeats are folded, as "pass 3/3"."""
    table = _table("patch", "stressor", "outcome", "proof", "findings", "boots")
    for kernel in tree.kernels:
        name = patch_words(kernel.row)
        if kernel.row.state == "failed":
            reason = Text(clean(kernel.row.reason))
            table.add_row(name, "", _toned("build failed", Tone.BROKEN), "", reason, "none", end_section=True)
            continue
        folds = fold(kernel.cells)
        if not folds:
            table.add_row(name, "", "no cell yet", "", "", "none", end_section=True)
        for place, folded in enumerate(folds):
            table.add_row(
                name if place == 0 else "",
                Text(clean(folded.stressor)),
                _toned(folded.outcome_words.replace(", ", "\n"), folded.mark.tone),
                Text(clean(", ".join(folded.proof_words))),
                Text(_seen(folded)),
                folded.boot_words,
                end_section=place == len(folds) - 1,
            )
    return table


def verdict_table(tree: TreeSummary) -> Table:
    """Every title's verdicts against the baseline; successive kernels that say the same are one row, as "+2 to +9"."""
    table = _table("title", "patch", "verdict", "before", "after", "evidence")
    for title in verdict_titles(tree):
        for place, line in enumerate(title.lines):
            name, verdict, before, after, evidence = _verdict_cells(line.verdict)
            end = place == len(title.lines) - 1 and len(title.lines) > 1
            shown = name if place == 0 else ""
            table.add_row(shown, line.patches, verdict, before, after, evidence, end_section=end)
    return table


def unavailable_lines(summary: RunSummary) -> list[str]:
    """Lines such as "v3.0  unavailable: why"."""
    absent = [tree.row for tree in summary.trees if not tree.row.available]
    width = max((len(clean(row.tree)) for row in absent), default=0)
    return [f"{clean(row.tree):{width}}  unavailable: {clean(row.reason)}" for row in absent]


def conclusion_line(exit_code: int, conclusion: str) -> Text:
    """The last line: symbol, words, sentence."""
    mark = conclusion_mark(exit_code)
    words = "" if mark.words.lower() in conclusion.lower() else f"{mark.words}: "
    return _toned(f"{mark.symbol} {words}{clean(conclusion)}", mark.tone)


# Comparisons


def comparison(value: Comparison) -> Group:
    """A comparison: the matrix of titles and columns, the verdicts, what was not available, and the conclusion."""
    parts: list[RenderableType] = [Text(clean(value.heading), style="bold")]
    parts += [Text(f"{clean(column.name)}: {clean(column.note)}") for column in value.columns if column.note]
    parts.append(title_matrix(value) if value.rows else Text("no finding on any side"))
    if value.verdicts:
        table = _table("title", "verdict", "before", "after", "evidence")
        for verdict in value.verdicts:
            table.add_row(*_verdict_cells(verdict))
        parts += [Text(""), table]
    parts += [Text(f"{clean(name)}  unavailable: {clean(why)}") for name, why in value.unavailable]
    parts += [Text(f"note: {clean(note)}") for note in value.notes]
    return Group(*parts, Text(""), conclusion_line(value.exit_code, value.conclusion))


def title_matrix(value: Comparison) -> Table:
    """Titles down, runs or trees across; hits of runs in each place, a dash where nothing counted was run."""
    table = _table("title", *(clean(column.name) for column in value.columns))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in value.rows:
        table.add_row(Text(clean(row.title)), *(_rate_cell(rate) for rate in row.rates))
    return table


# Findings


def findings_table(findings: Sequence[Finding]) -> Table:
    """The findings of one console."""
    table = _table("lines", "severity", "title", "function")
    for finding in findings:
        mark = severity_mark(finding.severity)
        title = clean(finding.title) + (" (corrupted report)" if finding.corrupted else "")
        title += f" ({finding.repeats} times)" if finding.repeats > 1 else ""
        title += f" ({finding.origin})" if finding.origin else ""
        title += f" ({remark})" if (remark := effect_words(finding)) else ""
        lines = f"{finding.first_line}-{finding.last_line}"
        table.add_row(lines, _toned(mark.words, mark.tone), Text(title), Text(clean(finding.function or "")))
    return table


def effect_words(finding: Finding) -> str:
    """Why a finding does not fail its cell, "" where it does."""
    if finding.suppressed:
        return f"suppressed: {clean(finding.noise)}"
    known = f"known of the tree: {clean(finding.noise)}" if finding.known else ""
    effect = {Effect.COUNT: "counts, fails no cell", Effect.SHOW: "shown only", Effect.FAIL: ""}[finding.effect]
    return "; ".join(filter(None, (known, effect)))


def suppressed_lines(findings: Sequence[Finding], entries: Mapping[str, NoiseEntry]) -> list[str]:
    """How many findings known noise suppresses, and each entry with its reason; none where there are none."""
    counts = suppressed_counts(findings)
    known = sorted({finding.noise for finding in findings if finding.noise})
    lines = [suppressed_words(counts)] if counts else []
    for name in known:
        entry = entries.get(name)
        reason = f"{entry.reason} (until {entry.expires}, {entry.where})" if entry else "not defined any more"
        lines.append(f"  {name}: {reason}")
    return [clean(line) for line in lines]


@dataclass(frozen=True, slots=True)
class TraceTable:
    """A trace with its source: who was inlined stands indented above the function that it is in, what lay on
    the stack from earlier calls is dim and has a "?". The source stands beside the frame, or below it where there is
    no room for it."""

    heading: str
    lines: Sequence[TraceLine]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(clean(self.heading), style="bold")
        mark = max((len(line.mark) for line in self.lines), default=0)
        left = options.max_width - (mark + 1 if mark else 0)
        names = [_frame_name(line) for line in self.lines]
        longest = max(map(len, names), default=0), max((len(line.place) for line in self.lines), default=0)
        name, place = min(longest[0], left * 3 // 10), min(longest[1], left // 4)
        beside = left - name - place - 2
        if beside < MIN_BESIDE:
            name, place = min(longest[0], left * 2 // 5), min(longest[1], left * 2 // 5)
        for line, shown in zip(self.lines, names, strict=True):
            row = Text(no_wrap=True, overflow="crop")
            if mark:
                row.append(line.mark.ljust(mark + 1), style=TONE_STYLES[Tone.BAD if line.by_line else Tone.OPEN])
            style = "" if line.trusted else "dim"
            row.append(_cut(shown, name).ljust(name + 1), style=style)
            # The end of a long path says more than its beginning.
            row.append(_cut(line.place[::-1], place)[::-1].ljust(place + 1), style=style)
            if beside >= MIN_BESIDE:
                row.append(_cut(line.text, beside), style=style or "cyan")
            row.rstrip()
            yield row
            if beside < MIN_BESIDE and line.text:
                indent = options.max_width - left + 4
                yield Text(f"{'': <{indent}}{_cut(line.text, left - 4)}", style=style or "cyan", no_wrap=True)
        if mark:
            yield Text("+N: a line of patch N; ~N: patch N changed another line of the function", style="dim")


MIN_BESIDE = 40
"""Columns from which on the source stands beside its frame."""


def _frame_name(line: TraceLine) -> str:
    return f"{'  ' if line.inlined else ''}{'' if line.trusted else '? '}{line.function}" + " (inlined)" * line.inlined


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


# Parts


_FIRM = frozenset(("patch", "outcome", "boots", "verdict", "before", "after", "lines", "severity"))
"""Columns of few and short words: they keep their width and the others wrap."""


def _table(*headers: str) -> Table:
    # "fold" breaks a word only where it is longer than its whole column, and then loses nothing.
    columns = [TableColumn(Text(header), overflow="fold", no_wrap=header in _FIRM) for header in headers]
    return Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)


def _toned(text: str, tone: Tone) -> Text:
    return Text(text, style=TONE_STYLES[tone])


def patch_words(row: KernelRow) -> str:
    """ "baseline", or "+3"."""
    return f"+{row.patches}" if row.patches else "baseline"


def _build_words(row: KernelRow) -> Text:
    if row.state == "failed":
        return _toned("does not build", Tone.BROKEN)
    if row.state == "cached":
        return Text("cached", style="dim")
    return Text(f"built in {duration(row.seconds)}{', incremental' if row.incremental else ''}", style="dim")


def _seen(folded: Fold) -> str:
    hidden = (folded.suppressed_words,) if folded.suppressed else ()
    return clean("; ".join((*folded.title_words, *folded.reasons, *hidden)))


def _verdict_cells(verdict: TitleVerdict) -> tuple[Text, Text, str, str, Text]:
    mark = verdict_mark(verdict.verdict)
    word = _toned(mark.words, mark.tone if verdict.verdict is not Verdict.SAME else Tone.QUIET)
    evidence = Text(clean(verdict.evidence))
    return Text(clean(verdict.title)), word, share(verdict.before), share(verdict.after), evidence


def _rate_cell(rate: Rate | None) -> Text:
    if rate is None or rate.runs == 0:
        return Text("–", style="dim")
    return Text(share(rate), style="bold" if rate.hits else "dim")
