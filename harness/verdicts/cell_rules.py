"""What the findings of a cell do to it: known reports, policy, outcome. Pure, and told anew whenever a cell is read.

A cell's key and what is stored of it know neither noise nor policy: a rule that changes changes what is said of every
cell that was ever booted, and boots none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date

from harness.findings.silent_death import KINDS as SILENT_KINDS
from harness.model.cell import CellResult, Ending, Outcome
from harness.model.finding import Effect, Finding, Severity
from harness.model.noise import NoiseEntry, NoiseList
from harness.model.policy import PolicyRule
from harness.model.version import KernelVersion


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where a console is from. What is not known ("", None) is in nobody's scope."""

    tree: str = ""
    version: KernelVersion | None = None
    stressor: str = ""
    accelerator: str = ""


NOWHERE = Circumstances()


@dataclass(frozen=True, slots=True)
class CellRules:
    """The known reports and the policy as they are ``today``; ``policy`` has the rules that go before others first."""

    noise: tuple[NoiseEntry, ...] = ()
    policy: tuple[PolicyRule, ...] = ()
    today: date = date.min


NO_RULES = CellRules()
"""Nothing is known; fatal, error and warning fail a cell, a notice does not."""


# Known reports


def glob_fits(pattern: str, text: str) -> bool:
    """Whether ``text`` is ``pattern``, in which ``*`` stands for any text; linear in the text."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    last = rest.pop()
    if not text.startswith(first) or len(text) < len(first) + len(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in rest:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return text.endswith(last)


def _said(pattern: str, finding: Finding) -> bool:
    return any(glob_fits(f"*{pattern}*", line) for line in finding.lines)


def in_scope(entry: NoiseEntry, where: Circumstances) -> bool:
    """Whether an entry speaks of what runs there."""
    if entry.stressors and where.stressor not in entry.stressors:
        return False
    if entry.accelerator and where.accelerator != entry.accelerator:
        return False
    ranged = entry.versions.since is not None or entry.versions.until is not None
    if not entry.trees and not ranged:
        return True
    return where.tree in entry.trees or (ranged and where.version is not None and where.version in entry.versions)


def means(entry: NoiseEntry, finding: Finding) -> bool:
    """Whether an entry is about the finding. A death is meant only by the very title, and never one that is corrupted:
    its title is not to be trusted."""
    if finding.severity is Severity.FATAL and (finding.corrupted or finding.title != entry.title):
        return False
    return (
        (not entry.title or glob_fits(entry.title, finding.title))
        and (not entry.kind or entry.kind == finding.kind)
        and (not entry.function or entry.function == finding.function)
        and (not entry.signature or entry.signature == finding.signature)
        and (not entry.message or _said(entry.message, finding))
        and not (entry.unless and _said(entry.unless, finding))
    )


def _live(entries: Sequence[NoiseEntry], where: Circumstances, today: date) -> list[NoiseEntry]:
    return [entry for entry in entries if not entry.expired(today) and in_scope(entry, where)]


def expired_entries(entries: Sequence[NoiseEntry], today: date) -> tuple[NoiseEntry, ...]:
    """Entries whose last day is over."""
    return tuple(entry for entry in entries if entry.expired(today))


# Policy


def default_effect(severity: Severity) -> Effect:
    """What holds where no rule speaks."""
    return Effect.SHOW if severity is Severity.NOTICE else Effect.FAIL


def policy_effect(finding: Finding, stressor: str, rules: Sequence[PolicyRule]) -> Effect:
    """The effect by the most special rule that speaks of the finding; of equally special ones the first. A death always
    fails its cell."""
    if finding.severity is Severity.FATAL:
        return Effect.FAIL
    fitting = [
        rule
        for rule in rules
        if (rule.kind == finding.kind if rule.kind else rule.severity is finding.severity)
        and (not rule.stressors or stressor in rule.stressors)
    ]
    best = max(fitting, key=lambda rule: rule.rank, default=None)  # the first one of the highest rank
    return best.effect if best is not None else default_effect(finding.severity)


def judged(
    findings: Sequence[Finding], rules: CellRules, where: Circumstances, own: Collection[int] = ()
) -> tuple[Finding, ...]:
    """The findings with their noise and effect. What a line of the series itself printed (``own``: places in
    ``findings``) is nobody's noise.

    Noise of the environment is shown only. What is the tree's own counts where it would have failed the cell; a death
    fails it all the same.
    """
    found = []
    live = _live(rules.noise, where, rules.today)
    for place, finding in enumerate(findings):
        effect = policy_effect(finding, where.stressor, rules.policy)
        entry = next((entry for entry in live if place not in own and means(entry, finding)), None)
        if entry is not None and entry.list is NoiseList.DENY:
            effect = Effect.SHOW
        elif entry is not None and effect is Effect.FAIL and finding.severity is not Severity.FATAL:
            effect = Effect.COUNT
        noise = entry.name if entry is not None else ""
        same = (noise, effect) == (finding.noise, finding.effect)
        found.append(finding if same else replace(finding, noise=noise, effect=effect))
    return tuple(found)


# Outcome

SILENTLY = " without a word"
"""Part of the reason of an ending; where there was a report, there was a word."""


def decide(ending: Ending | None, findings: Sequence[Finding]) -> tuple[Outcome, str]:
    """(outcome, reason in one line) of a cell from how its guest ended and from its judged findings.

    A failure of the harness or of QEMU is never the kernel's. Then what the kernel reported: the gravest report that is
    whole names the cell. Torn reports alone name nobody: what they leave is a guest that died, or a cell that does not
    count. A death that is the environment's leaves nothing that was tested. Only then the ending speaks for itself.
    """
    if ending is not None and ending.outcome is Outcome.HARNESS_FAILURE:
        return ending.outcome, ending.reason
    # A silent death is the ending itself, not a report.
    failing = [f for f in findings if f.effect is Effect.FAIL and f.kind not in SILENT_KINDS]
    whole = [finding for finding in failing if not finding.corrupted]
    if whole:
        return Outcome.FINDING, _told(whole) + _aftermath(ending)
    if failing and ending is not None and ending.outcome is Outcome.HUNG:
        return Outcome.HUNG, f"{_with_a_word(ending.reason)}; corrupted report only: {_told(failing)}"
    if failing:
        return Outcome.FINDING, f"corrupted report only, not counted: {_told(failing)}" + _aftermath(ending)
    deaths = [finding for finding in findings if finding.suppressed and finding.severity is Severity.FATAL]
    if deaths:
        return Outcome.DID_NOT_EXERCISE, f"the environment's own: {_told(deaths)} (noise {deaths[0].noise})"
    if ending is None:
        return Outcome.DID_NOT_EXERCISE, "how the guest ended was not kept when it ran: --again boots it anew"
    also = [finding for finding in findings if finding.effect is Effect.COUNT]
    return ending.outcome, f"{ending.reason}; not failing: {_told(also)}" if also else ending.reason


def _told(findings: Sequence[Finding]) -> str:
    worst = min(findings, key=lambda finding: [*Severity].index(finding.severity))
    more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
    origin = f" ({worst.origin})" if worst.origin else ""
    known = f" (known: {worst.noise})" if worst.known else ""
    return f"{worst.title}{origin}{known}{more}"


def _aftermath(ending: Ending | None) -> str:
    """What became of the guest that reported: a warning is no death."""
    if ending is None:
        return ""
    words = {
        Outcome.PASS: "; the guest went on, the stressor finished",
        Outcome.HUNG: f"; the guest {_with_a_word(ending.reason)}",
        Outcome.TIMED_OUT: "; the stressor was still at work at the wall-clock limit",
    }
    return words.get(ending.outcome, f"; the guest went on: {ending.reason}")


def _with_a_word(reason: str) -> str:
    return reason.replace(SILENTLY, "", 1)


def rejudged(result: CellResult, rules: CellRules, where: Circumstances, own: Collection[int] = ()) -> CellResult:
    """A finished cell under today's rules. One from before its ending was kept, which did not fail then, has ended as
    its outcome says."""
    ending = result.ending
    if ending is None and result.outcome is not Outcome.FINDING:
        ending = Ending(result.outcome, result.reason)
    findings = judged(result.findings, rules, where, own)
    outcome, reason = decide(ending, findings)
    return replace(result, findings=findings, outcome=outcome, reason=reason)
