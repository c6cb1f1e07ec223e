"""How values are worded for readers: durations, sizes, outcomes and verdicts as words."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from harness.model.cell import Outcome
from harness.model.finding import Severity
from harness.model.tree import Applied
from harness.model.verdict import Rate, Verdict


def duration(seconds: float) -> str:
    """Seconds as people say them: 4.2 s, 43 s, 4 min 03 s, 2 h 05 min."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Bytes in binary units: 812 B, 3.4 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def percent(rate: Rate) -> str:
    """A rate's interval: "12 to 77 %"; empty where nothing was run."""
    return f"{100 * rate.low:.0f} to {100 * rate.high:.0f} %" if rate.runs else ""


def share(rate: Rate) -> str:
    """A rate as a fraction; a dash where nothing was run."""
    return f"{rate.hits}/{rate.runs}" if rate.runs else "–"


class Tone(enum.StrEnum):
    """What a colour stands for. A tone is never shown without its word or symbol."""

    GOOD = "good"
    BAD = "bad"
    OPEN = "open"
    BROKEN = "broken"
    QUIET = "quiet"


TONE_STYLES: Mapping[Tone, str] = {
    Tone.GOOD: "green",
    Tone.BAD: "bold red",
    Tone.OPEN: "yellow",
    Tone.BROKEN: "magenta",
    Tone.QUIET: "dim",
}
"""The tones as rich styles."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A symbol (one character), the words it stands for, and its tone."""

    symbol: str
    words: str
    tone: Tone


_OUTCOMES: Mapping[Outcome, Mark] = {
    Outcome.PASS: Mark("✓", "pass", Tone.GOOD),
    Outcome.FINDING: Mark("✗", "finding", Tone.BAD),
    Outcome.HUNG: Mark("H", "hung", Tone.BAD),
    Outcome.TIMED_OUT: Mark("T", "timed out", Tone.OPEN),
    Outcome.DID_NOT_EXERCISE: Mark("?", "did not exercise", Tone.OPEN),
    Outcome.NOT_IN_THIS_KERNEL: Mark("–", "not in this kernel", Tone.QUIET),
    Outcome.BLOCKED: Mark("b", "blocked", Tone.QUIET),
    Outcome.BUILD_FAILED: Mark("B", "build failed", Tone.BROKEN),
    Outcome.HARNESS_FAILURE: Mark("!", "harness failure", Tone.BROKEN),
}
OUTCOME_ORDER: tuple[Outcome, ...] = (
    Outcome.FINDING,
    Outcome.HUNG,
    Outcome.HARNESS_FAILURE,
    Outcome.BUILD_FAILED,
    Outcome.TIMED_OUT,
    Outcome.DID_NOT_EXERCISE,
    Outcome.BLOCKED,
    Outcome.NOT_IN_THIS_KERNEL,
    Outcome.PASS,
)
"""Outcomes as they are listed where several stand together: what needs a look comes first."""

_VERDICTS: Mapping[Verdict, Mark] = {
    Verdict.WORSE: Mark("✗", "worse", Tone.BAD),
    Verdict.UNDECIDED: Mark("?", "undecided", Tone.OPEN),
    Verdict.BETTER: Mark("▲", "better", Tone.GOOD),
    Verdict.SAME: Mark("=", "same", Tone.QUIET),
}
_SEVERITIES: Mapping[Severity, Mark] = {
    Severity.FATAL: Mark("✗", "fatal", Tone.BAD),
    Severity.ERROR: Mark("✗", "error", Tone.BAD),
    Severity.WARNING: Mark("!", "warning", Tone.OPEN),
    Severity.NOTICE: Mark("i", "notice", Tone.QUIET),
}
_CONCLUSIONS: Mapping[int, Mark] = {
    0: Mark("✓", "not worse", Tone.GOOD),
    1: Mark("✗", "worse", Tone.BAD),
    2: Mark("!", "wrong request", Tone.BROKEN),
    3: Mark("!", "harness failed", Tone.BROKEN),
    4: Mark("?", "not enough evidence", Tone.OPEN),
}


_APPLIED: Mapping[Applied, Mark] = {
    Applied.CLEAN: Mark("✓", "clean", Tone.GOOD),
    Applied.OFFSET: Mark("✓", "with offset", Tone.GOOD),
    Applied.THREE_WAY: Mark("!", "three-way merge", Tone.OPEN),
    Applied.REPAIRED: Mark("!", "repaired", Tone.OPEN),
    Applied.PRESENT: Mark("–", "already in the tree", Tone.QUIET),
    Applied.REVERSED: Mark("!", "in reverse", Tone.OPEN),
    Applied.CONFLICT: Mark("✗", "conflict", Tone.BAD),
}
_NOT_TRIED = Mark("·", "not tried", Tone.QUIET)


def applied_mark(applied: Applied | None) -> Mark:
    """How a patch went into a tree, as a symbol and words; None: it was not tried."""
    return _APPLIED[applied] if applied is not None else _NOT_TRIED


def outcome_mark(outcome: Outcome) -> Mark:
    """An outcome's symbol and words."""
    return _OUTCOMES[outcome]


def outcome_rank(outcome: Outcome) -> int:
    """Place of an outcome in OUTCOME_ORDER."""
    return OUTCOME_ORDER.index(outcome)


def verdict_mark(verdict: Verdict) -> Mark:
    """A verdict's symbol and word."""
    return _VERDICTS[verdict]


def severity_mark(severity: Severity) -> Mark:
    """A severity's symbol and word."""
    return _SEVERITIES[severity]


def conclusion_mark(exit_code: int) -> Mark:
    """What an exit code (docs/exit-codes.md) says of a run."""
    return _CONCLUSIONS.get(exit_code) or Mark("!", f"exit code {exit_code}", Tone.BROKEN)
