"""Findings over all runs, as a list, as the page of one, and as JSON."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.findings.silent_death import KINDS as SILENT_KINDS
from harness.model.finding import Effect, Finding
from harness.model.noise import NoiseEntry
from harness.model.observation import HANG_TITLE
from harness.model.plain_text import clean
from harness.reports.folding import suppressed_words
from harness.reports.run_json import noise_entry_object
from harness.reports.tables import TraceTable, listing
from harness.reports.trace import TraceLine
from harness.reports.wording import TONE_STYLES, severity_mark
from harness.results.finding_list import Moment, Sighting, TitleSummary

_EFFECTS: Mapping[Effect, str] = {
    Effect.FAIL: "fails its cell",
    Effect.COUNT: "counts, fails no cell",
    Effect.SHOW: "shown only",
}


# The list


def findings_list(found: Sequence[TitleSummary], hidden: Sequence[TitleSummary]) -> Group:
    """The table of ``found``, and how many are ``hidden`` because every sighting of them is known noise."""
    parts: list[RenderableType] = [_list_table(found)] if found else [Text("no finding")]
    if hidden:
        parts += [Text(""), Text(f"{hidden_words(hidden)} (--suppressed lists them)")]
    return Group(*parts)


def hidden_words(hidden: Sequence[TitleSummary]) -> str:
    """ "2 suppressed: tcg-smp-callin 2", in cells."""
    counts: Counter[str] = Counter()
    for summary in hidden:
        counts.update(dict(summary.noise))
    return suppressed_words(sorted(counts.items()))


def _list_table(found: Sequence[TitleSummary]) -> Table:
    table = listing(("severity", "title", "cells", "trees", "first", "last"), (), right=("cells",))
    for summary in found:
        mark = severity_mark(summary.severity)
        title = Text(clean(summary.title))
        if remarks := _remarks(summary):
            title.append("\n" + "\n".join(remarks), style="dim")
        table.add_row(
            Text(mark.words, style=TONE_STYLES[mark.tone]),
            title,
            f"{summary.hits}/{summary.cells}",
            Text(clean("\n".join(summary.trees)).replace(" ", "\n")),
            _day_and_run(summary.first),
            _day_and_run(summary.last),
        )
    return table


def _remarks(summary: TitleSummary) -> list[str]:
    baseline, _ = summary.side(patched=False)
    remarks = ["on a baseline too"] if baseline else []
    if summary.own:
        remarks.append("printed by a line of the series itself")
    if summary.corrupted:
        remarks.append(f"{summary.corrupted} corrupted" + (" (all)" if summary.corrupted == summary.hits else ""))
    if summary.noise:
        words = "suppressed" if summary.suppressed else "known of the tree"
        remarks.append(f"{words}: {', '.join(f'{clean(name)} {count}' for name, count in summary.noise)}")
    elif summary.effect is not Effect.FAIL:
        remarks.append(_EFFECTS[summary.effect])
    return remarks


def _day_and_run(moment: Moment) -> str:
    return f"{day(moment.time)}\n#{clean(moment.run)[-4:]}"


def day(seconds: float) -> str:
    """The day of a moment, in local time."""
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d")


# One of them


def finding_page(
    summary: TitleSummary,
    sample: Finding,
    entries: Mapping[str, NoiseEntry],
    command: str = "harness",
    trace: Sequence[TraceLine] = (),
) -> Group:
    """All that is known of a bug: where it is from, how often, its best sample with its ``trace`` in the source, and
    how to have it again. ``entries`` are the known reports by name."""
    mark = severity_mark(summary.severity)
    function = f", function {clean(summary.function)}" if summary.function else ""
    kind = f"{mark.words}, kind {clean(summary.kind)}{function}; {_EFFECTS[summary.effect]}"
    parts: list[RenderableType] = [
        Text(clean(summary.title), style="bold"),
        Text(kind, style=TONE_STYLES[mark.tone]),
        Text(f"in {summary.hits} of {summary.cells} cells of these trees and stressors{_count_words(summary)}"),
        Text(f"first {day(summary.first.time)} in {clean(summary.first.run)}"),
        Text(f"last  {day(summary.last.time)} in {clean(summary.last.run)}"),
    ]
    if others := [*summary.titles[1:], *summary.also]:
        parts.append(Text(f"also seen as: {'; '.join(clean(title) for title in others)}"))
    for name, count in summary.noise:
        entry = entries.get(name)
        reason = f": {clean(entry.reason)} (until {entry.expires}, {clean(entry.where)})" if entry is not None else ""
        parts.append(Text(f"{'noise' if summary.suppressed else 'known of the tree'} {clean(name)}, {count}{reason}"))
    parts += [Text(""), Text(whose_fault(summary), style="bold")]
    parts += [Text(line) for line in _own_lines(summary)]
    parts += [Text(""), _kernel_table(summary), Text("")]
    for signature, count in summary.signatures[:8]:
        parts.append(Text(f"signature ({count}): {clean(signature)}"))
    parts += [Text(f"run {clean(run)}: {count} cell{'s' if count > 1 else ''}") for run, count in summary.runs[:20]]
    if len(summary.runs) > 20:
        parts.append(Text(f"and {len(summary.runs) - 20} more runs"))
    parts += [Text(""), Text(sample_heading(summary.best, sample), style="bold")]
    parts += [Text(clean(line.expandtabs())) for line in sample.lines]
    if trace:
        parts += [Text(""), TraceTable("the trace in the source", trace)]
    parts += [Text(""), Text(f"repeat it: {repro_line(summary.best, command)}")]
    if bisect := bisect_line(summary, command):
        parts.append(Text(f"which patch: {bisect}"))
    return Group(*parts)


def _count_words(summary: TitleSummary) -> str:
    words = [f"{summary.reports} reports"] if summary.reports > summary.hits else []
    if summary.corrupted:
        words.append(f"{summary.corrupted} as a corrupted report only, which blames nobody")
    if summary.suppressed:
        words.append(f"{summary.suppressed} suppressed")
    return f" ({'; '.join(words)})" if words else ""


def whose_fault(summary: TitleSummary) -> str:
    """The one sentence that keeps a series from false blame: whether baselines show it."""
    whole = {patched: [k for k in summary.kernels if bool(k.patches) is patched] for patched in (False, True)}
    baselines = sorted({k.tree for k in whole[False] if k.hits > k.corrupted})
    torn = sorted({k.tree for k in whole[False] if k.hits and k.hits == k.corrupted})
    hits, cells = summary.side(patched=False)
    if baselines:
        return f"seen on the baseline of {', '.join(map(clean, baselines))}: no series brought it there"
    if torn:
        return f"corrupted on the baseline of {', '.join(map(clean, torn))}: no series can be blamed for it"
    if summary.corrupted == summary.hits:
        return "corrupted reports only: they blame nobody"
    if not cells:
        return "on patched kernels only, and no baseline of the same trees was booted with these stressors"
    return f"on patched kernels only: {hits} of {cells} cells of the same trees' baselines show it"


def _own_lines(summary: TitleSummary) -> list[str]:
    return [
        f"printed by {clean(place)}, a line that patch {patch} of {clean(series)} adds"
        for series, patch, place in summary.own[:8]
    ]


def _kernel_table(summary: TitleSummary) -> Table:
    rows = []
    for kernel in summary.kernels:
        name = f"{kernel.series} +{kernel.patches}" if kernel.patches else "baseline"
        remarks = [f"{kernel.corrupted} corrupted"] if kernel.corrupted else []
        remarks += [f"{kernel.suppressed} suppressed"] if kernel.suppressed else []
        last = day(kernel.last) if kernel.hits else ""
        share = f"{kernel.hits}/{kernel.cells}"
        rows.append((kernel.tree, name, kernel.stressor, share, last, ", ".join(remarks)))
    return listing(("tree", "kernel", "stressor", "cells", "last", ""), rows, right=("cells",))


def sample_heading(best: Sighting, sample: Finding) -> str:
    """Which cell the sample is of, and where in it."""
    use = best.use
    kernel = f"+ {use.patches} of {clean(use.series)}" if use.patches else "baseline"
    place = f"{sample.artefact} lines {sample.first_line} to {sample.last_line}" if sample.first_line else "report"
    torn = ", corrupted" if sample.corrupted else ""
    return f"{clean(use.tree)} {kernel}, {clean(use.stressor)}, cell {use.cell[:16]}: {place}{torn}"


def repro_line(best: Sighting, command: str = "harness") -> str:
    """The command that boots the sample's cell again."""
    return f"{command} repro {best.use.cell[:16]}"


def bisect_line(summary: TitleSummary, command: str = "harness") -> str:
    """The command that finds the patch; "" where no series is to be looked at."""
    patched = [k for k in summary.kernels if k.patches and k.hits > k.corrupted]
    baseline = any(k.hits for k in summary.kernels if not k.patches)
    if not patched or baseline or summary.own or summary.all_suppressed or summary.effect is Effect.SHOW:
        return ""
    worst = max(patched, key=lambda kernel: (kernel.hits / kernel.cells, kernel.last))
    title = HANG_TITLE if summary.kind in SILENT_KINDS else summary.title
    return f"{command} bisect {shlex.quote(clean(worst.series))} --title {shlex.quote(clean(title))}"


# For programs


def summary_object(summary: TitleSummary) -> dict[str, Any]:
    """A line of the list as ``harness findings --json`` prints it."""
    baseline, patched = summary.side(patched=False), summary.side(patched=True)
    return {
        "title": summary.title,
        "titles": list(summary.titles),
        "also": list(summary.also),
        "kind": summary.kind,
        "function": summary.function or None,
        "severity": summary.severity.value,
        "effect": summary.effect.value,
        "first_seen": _moment(summary.first),
        "last_seen": _moment(summary.last),
        "trees": list(summary.trees),
        "series": list(summary.series),
        "hits": summary.hits,
        "cells": summary.cells,
        "reports": summary.reports,
        "baseline": {"hits": baseline[0], "cells": baseline[1]},
        "patched": {"hits": patched[0], "cells": patched[1]},
        "corrupted": summary.corrupted,
        "suppressed": summary.suppressed,
        "noise": [{"name": name, "cells": count} for name, count in summary.noise],
    }


def page_object(
    summary: TitleSummary, sample: Finding, entries: Mapping[str, NoiseEntry], command: str = "harness"
) -> dict[str, Any]:
    """What ``harness findings show --json`` prints."""
    use = summary.best.use
    return {
        **summary_object(summary),
        "noise": [{**noise_entry_object(name, entries), "cells": count} for name, count in summary.noise],
        "conclusion": whose_fault(summary),
        "own_lines": [{"series": s, "patch": patch, "place": place} for s, patch, place in summary.own],
        "signatures": [{"signature": signature, "cells": count} for signature, count in summary.signatures],
        "kernels": [
            {name: value for name, value in asdict(kernel).items() if name != "last"}
            | {"series": kernel.series or None, "last_seen": _time(kernel.last) if kernel.hits else None}
            for kernel in summary.kernels
        ],
        "runs": [{"run": run, "cells": count} for run, count in summary.runs],
        "sample": {
            "cell": use.cell,
            "run": use.run,
            "tree": use.tree,
            "series": use.series,
            "patches": use.patches,
            "stressor": use.stressor,
            "artefact": sample.artefact,
            "first_line": sample.first_line,
            "last_line": sample.last_line,
            "corrupted": sample.corrupted,
            "lines": [clean(line.expandtabs()) for line in sample.lines],
            "frames": list(sample.frames),
            "source": [asdict(frame) for frame in sample.source],
        },
        "repro": repro_line(summary.best, command),
        "bisect": bisect_line(summary, command) or None,
    }


def _moment(moment: Moment) -> dict[str, str]:
    return {"time": _time(moment.time), "run": moment.run}


def _time(seconds: float) -> str:
    """ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
