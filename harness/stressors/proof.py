"""Did the stressor's path run? Its rules against the counters the guest reported."""

from __future__ import annotations

from collections.abc import Mapping

from harness.model.cell import Proof, Stressor
from harness.model.version import KernelVersion
from harness.stressors.report_port import StressorReport


def judge(
    stressor: Stressor,
    report: StressorReport,
    version: KernelVersion | None = None,
    seconds: int | None = None,
    seen: Mapping[str, int] | None = None,
) -> Proof:
    """The proof of one cell: every rule for its ``version`` (None: not known, all rules) needs one of its counters to
    have moved by its minimum; by the same part of it where the stressor ran for a part of its own time (``seconds``).
    ``seen`` tells in how many samples of the processors each function was seen; None where none were taken."""
    counters: dict[str, int] = {}
    missing = []
    part = min(1.0, seconds / stressor.seconds) if seconds else 1.0
    for rule in stressor.proof:
        if version is not None and version not in rule.versions:
            continue
        moves = {name: move for name in rule.any_of if (move := _moved(name, report, seen)) is not None}
        minimum = max(1, int(rule.minimum * part))
        counters.update(moves)
        if not moves:
            missing.append(f"this kernel has none of {', '.join(rule.any_of)} ({rule.reason})")
        elif max(moves.values()) < minimum:
            told = ", ".join(f"{name} +{move}" for name, move in moves.items())
            missing.append(f"{told}: less than {minimum} ({rule.reason})")
    # A stressor without rules is a control: it proves itself by having ended.
    summary = ", ".join(f"{name} +{move}" for name, move in counters.items() if move > 0)
    return Proof(tuple(sorted(counters.items())), not missing, tuple(missing), summary)


def _moved(name: str, report: StressorReport, seen: Mapping[str, int] | None) -> int | None:
    if name.startswith("seen."):
        return None if seen is None else seen.get(name.removeprefix("seen."), 0)
    return report.moved(name)
