"""The findings of all runs, by title: read from the store, judged by today's rules, grouped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.config.yaml_file import nearest
from harness.findings.grouping import group_findings
from harness.model.errors import UserError
from harness.model.finding import Finding, Severity
from harness.results.finding_list import Sighting, TitleSummary, listed, title_summary
from harness.results.store import CellUse
from harness.runs.workshop import Workshop
from harness.verdicts.cell_rules import glob_fits, judged


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which findings are asked for; what is empty asks for all. ``severity`` means so grave or graver, ``since`` is
    seconds since the epoch, ``title`` a part of it, or the whole with a ``*`` for any text."""

    trees: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    severity: Severity | None = None
    since: float | None = None
    title: str = ""

    def cell(self, use: CellUse) -> bool:
        """Whether the cell is one to look at."""
        return (
            (not self.trees or use.tree in self.trees)
            and (not self.series or use.series in self.series)
            and (self.since is None or use.finished >= self.since)
        )

    def summary(self, found: TitleSummary) -> bool:
        """Whether the bug is one of those asked for."""
        order = list(Severity)
        pattern = self.title if "*" in self.title else f"*{self.title}*"
        return (
            (not self.kinds or found.kind in self.kinds)
            and (self.severity is None or order.index(found.severity) <= order.index(self.severity))
            and any(glob_fits(pattern.lower(), title.lower()) for title in (*found.titles, *found.also))
        )


ALL = Wanted()


def found_titles(workshop: Workshop, wanted: Wanted = ALL) -> tuple[TitleSummary, ...]:
    """Every bug that the runs have seen, gravest first. Raises UserError for a tree, series or kind that none has."""
    interpretation = workshop.interpretation
    uses = workshop.store.cell_uses()
    _check("tree", wanted.trees, {use.tree for use in uses})
    _check("series", wanted.series, {use.series for use in uses})
    lines = any(entry.message or entry.unless for entry in interpretation.noise)
    findings = workshop.store.findings_of_cells(lines)
    _check("kind", wanted.kinds, {finding.kind for _, found in findings.values() for finding in found})
    uses = [use for use in uses if wanted.cell(use)]
    rules = {asked: interpretation.rules(asked) for asked in {use.asked for use in uses}}
    sightings: list[Sighting] = []
    for use in uses:
        if use.cell not in findings:
            continue
        accelerator, found = findings[use.cell]
        where = interpretation.circumstances(use.tree, use.stressor, accelerator)
        for place, finding in enumerate(judged(found, rules[use.asked], where, use.own_lines)):
            sightings.append(Sighting(finding, use, place))
    near: dict[tuple[str, str], list[CellUse]] = {}
    for use in uses:
        near.setdefault((use.tree, use.stressor), []).append(use)
    summaries = []
    for group in group_findings(sightings):
        where_seen = sorted({(seen.use.tree, seen.use.stressor) for seen in group.findings})
        summary = title_summary(group.findings, [use for key in where_seen for use in near[key]], group.title)
        if wanted.summary(summary):
            summaries.append(summary)
    return listed(summaries)


def _check(what: str, names: Sequence[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            remedy = nearest(name, known) if known else "there is none yet: harness run"
            raise UserError(f"no {what} {name!r} in the results", remedy=remedy)


def one_title(summaries: Sequence[TitleSummary], name: str) -> TitleSummary:
    """The bug with that title, else the only one whose title begins so or holds it. Raises UserError that names the
    candidates."""
    if not summaries:
        raise UserError(f"no finding {name!r}: the results have none", remedy="harness run makes results")
    for fits in (
        lambda title: title == name,
        lambda title: title.lower() == name.lower(),
        lambda title: title.lower().startswith(name.lower()),
        lambda title: name.lower() in title.lower(),
    ):
        found = [summary for summary in summaries if any(fits(title) for title in (*summary.titles, *summary.also))]
        if len(found) == 1:
            return found[0]
        if found:
            listed_titles = ", ".join(repr(summary.title) for summary in found[:8])
            more = f" and {len(found) - 8} more" if len(found) > 8 else ""
            raise UserError(f"{name!r} fits {len(found)} findings", remedy=f"one of: {listed_titles}{more}")
    titles = [title for summary in summaries for title in summary.titles]
    near = nearest(name, titles)
    remedy = near if near.startswith("did you mean") else "harness findings lists them"
    raise UserError(f"no finding {name!r}", remedy=remedy)


def whole_finding(workshop: Workshop, seen: Sighting) -> Finding:
    """A listed finding with its lines and its source, judged as it was listed."""
    result = workshop.store.cell(seen.use.cell, seen.use.asked)
    if result is None or seen.place >= len(result.findings):
        raise UserError(f"cell {seen.use.cell[:16]} is gone from the results", remedy="call it again")
    return replace(result.findings[seen.place], noise=seen.finding.noise, effect=seen.finding.effect)
