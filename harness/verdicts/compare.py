"""Baseline against patched, title by title. Pure: observations in, verdicts with their evidence out."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.observation import Observation
from harness.model.verdict import Rate, TitleVerdict, Verdict
from harness.verdicts.rates import CONFIDENCE, judge, more_runs, rate


def compare(
    before: Sequence[Observation],
    after: Sequence[Observation],
    confidence: float = CONFIDENCE,
    sides: tuple[str, str] = ("on the baseline", "patched"),
) -> tuple[TitleVerdict, ...]:
    """A verdict per title seen on either side, worst first. Cells are pooled over stressors that ran on both sides.

    A report that is printed by a line which the series itself added cannot come from the baseline: that is decided by
    where the line comes from, not by counting. ``sides`` names the two in the evidence.
    """
    both = {o.stressor for o in before} & {o.stressor for o in after}
    before = [o for o in before if o.stressor in both]
    after = [o for o in after if o.stressor in both]
    titles = sorted({title for o in (*before, *after) for title in o.titles | o.untrusted})
    verdicts = [_title(title, before, after, len(titles), confidence, sides) for title in titles]
    order = [Verdict.WORSE, Verdict.UNDECIDED, Verdict.BETTER, Verdict.SAME]
    return tuple(sorted(verdicts, key=lambda v: (order.index(v.verdict), -v.after.hits, v.title)))


def _title(
    title: str,
    before: Sequence[Observation],
    after: Sequence[Observation],
    tests: int,
    confidence: float,
    sides: tuple[str, str],
) -> TitleVerdict:
    was = rate(sum(title in o.titles for o in before), len(before), confidence)
    now = rate(sum(title in o.titles for o in after), len(after), confidence)
    counts = f"{was.hits} of {was.runs} {sides[0]}, {now.hits} of {now.runs} {sides[1]}"
    own = next((o.own[title] for o in after if title in o.own), None)
    if own is not None and was.hits == 0 and now.hits > 0:
        patch, line = own
        evidence = f"printed by {line}, a line that patch {patch} adds: the baseline cannot say it; {counts}"
        return TitleVerdict(title, Verdict.WORSE, was, now, 0.0, evidence)
    untrusted = sum(title in o.untrusted for o in after)
    if now.hits == 0 and was.hits == 0 and untrusted:
        evidence = f"only in {untrusted} corrupted report(s), which blame nobody"
        return TitleVerdict(title, Verdict.UNDECIDED, was, now, 1.0, evidence)
    verdict, p = judge(was, now, tests, confidence)
    if verdict is Verdict.SAME:
        return TitleVerdict(title, verdict, was, now, p, f"{counts}: the same share")
    if verdict is Verdict.UNDECIDED:
        more = more_runs(was, now, tests, confidence)
        needs = f"about {more} more runs of each kernel would decide it" if more else "more runs would not decide it"
        return TitleVerdict(title, verdict, was, now, p, f"{counts}: p = {p:.2g}; {needs}", more)
    return TitleVerdict(title, verdict, was, now, p, f"{counts}: p = {p:.2g} ({tests} title(s) judged at once)")


def exit_code(verdicts: Sequence[TitleVerdict], before: Sequence[Observation], after: Sequence[Observation]) -> int:
    """0 nothing is worse, 1 something is, 4 the evidence does not decide it (docs/exit-codes.md)."""
    if any(v.verdict is Verdict.WORSE for v in verdicts):
        return 1
    if any(v.verdict is Verdict.UNDECIDED and is_suspect(v.before, v.after) for v in verdicts):
        return 4
    if any(o.panicked for o in after):
        return 4  # as often as on the baseline, but a kernel that panics is not a clean one
    return 4 if one_sided(before, after) or not after else 0


def one_sided(before: Sequence[Observation], after: Sequence[Observation]) -> tuple[str, ...]:
    """Stressors that counted on one of the two kernels only: of them nothing can be said."""
    return tuple(sorted({o.stressor for o in before} ^ {o.stressor for o in after}))


def is_suspect(before: Rate, after: Rate) -> bool:
    """True where the patched share is not below the baseline's: an open question that a 0 would hide."""
    return after.hits * before.runs >= before.hits * after.runs or before.runs == 0 or after.runs == 0
