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
    where the line comes from, not by counting. A cell with corrupted reports only is no run of anything, but where it
    could turn a verdict round there is none. A title that the tree is known to have is told as worse only where the
    numbers say so. ``sides`` names the two in the evidence.
    """
    both = {o.stressor for o in before if o.is_evidence} & {o.stressor for o in after if o.is_evidence}
    before = [o for o in before if o.stressor in both or not o.is_evidence]
    after = [o for o in after if o.stressor in both or not o.is_evidence]
    titles = sorted({title for o in (*before, *after) for title in o.titles | o.untrusted})
    verdicts = [_title(title, before, after, len(titles), confidence, sides) for title in titles]
    order = [Verdict.WORSE, Verdict.UNDECIDED, Verdict.BETTER, Verdict.SAME]
    return tuple(sorted(verdicts, key=lambda v: (order.index(v.verdict), -v.after.hits, v.title)))


def _rate(title: str, seen: Sequence[Observation], confidence: float, believing: bool = False) -> Rate:
    """The title's rate over the cells that are evidence; ``believing`` counts its corrupted reports as well."""
    hits = sum(title in o.titles or (believing and title in o.untrusted) for o in seen)
    runs = sum(o.is_evidence or (believing and title in o.untrusted) for o in seen)
    return rate(hits, runs, confidence)


def _title(
    title: str,
    before: Sequence[Observation],
    after: Sequence[Observation],
    tests: int,
    confidence: float,
    sides: tuple[str, str],
) -> TitleVerdict:
    was, now = _rate(title, before, confidence), _rate(title, after, confidence)
    counts = f"{was.hits} of {was.runs} {sides[0]}, {now.hits} of {now.runs} {sides[1]}"
    own = next((o.own[title] for o in after if title in o.own), None)
    if own is not None and was.hits == 0 and now.hits > 0:
        patch, line = own
        evidence = f"printed by {line}, a line that patch {patch} adds: the baseline cannot say it; {counts}"
        return TitleVerdict(title, Verdict.WORSE, was, now, 0.0, evidence)
    torn = [sum(title in o.untrusted and title not in o.titles for o in seen) for seen in (before, after)]
    if now.hits == 0 and was.hits == 0:
        where = ", ".join(f"{count} {side}" for count, side in zip(torn, sides, strict=True) if count)
        verdict = Verdict.UNDECIDED if torn[1] else Verdict.SAME
        return TitleVerdict(title, verdict, was, now, 1.0, f"corrupted report only: not counted ({where})")
    verdict, p = judge(was, now, tests, confidence)
    if any(torn) and verdict in (Verdict.WORSE, Verdict.BETTER):
        believed, _ = judge(
            _rate(title, before, confidence, believing=True),
            _rate(title, after, confidence, believing=True),
            tests,
            confidence,
        )
        if believed is not verdict:
            evidence = f"{counts}; with {torn[0]} and {torn[1]} corrupted reports of it, it would be {believed}"
            return TitleVerdict(title, Verdict.UNDECIDED, was, now, p, evidence)
    known = any(title in o.known for o in (*before, *after))
    if verdict is Verdict.UNDECIDED and known:
        evidence = f"{counts}: known of this tree without the series, and chance explains the difference (p = {p:.2g})"
        return TitleVerdict(title, Verdict.SAME, was, now, p, evidence)
    if verdict is Verdict.SAME:
        return TitleVerdict(title, verdict, was, now, p, f"{counts}: the same share")
    if verdict is Verdict.UNDECIDED:
        more = more_runs(was, now, tests, confidence)
        needs = f"about {more} more runs of each kernel would decide it" if more else "more runs would not decide it"
        return TitleVerdict(title, verdict, was, now, p, f"{counts}: p = {p:.2g}; {needs}", more)
    known_words = ", although the tree is known to have it without the series" if known else ""
    return TitleVerdict(
        title, verdict, was, now, p, f"{counts}: p = {p:.2g} ({tests} title(s) judged at once){known_words}"
    )


def exit_code(verdicts: Sequence[TitleVerdict], before: Sequence[Observation], after: Sequence[Observation]) -> int:
    """0 nothing is worse, 1 something is, 4 the evidence does not decide it (docs/exit-codes.md)."""
    if any(v.verdict is Verdict.WORSE for v in verdicts):
        return 1
    if any(v.verdict is Verdict.UNDECIDED and is_suspect(v.before, v.after) for v in verdicts):
        return 4
    if any(o.panicked for o in after):
        return 4  # as often as on the baseline, but a kernel that panics is not a clean one
    return 4 if one_sided(before, after) or not any(o.is_evidence for o in after) else 0


def one_sided(before: Sequence[Observation], after: Sequence[Observation]) -> tuple[str, ...]:
    """Stressors that counted on one of the two kernels only: of them nothing can be said."""
    return tuple(sorted({o.stressor for o in before if o.is_evidence} ^ {o.stressor for o in after if o.is_evidence}))


def is_suspect(before: Rate, after: Rate) -> bool:
    """True where the patched share is not below the baseline's: an open question that a 0 would hide."""
    return after.hits * before.runs >= before.hits * after.runs or before.runs == 0 or after.runs == 0
