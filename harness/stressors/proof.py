"""Did the stressor's path run? Its rules against the counters the guest reported."""

from __future__ import annotations

from harness.model.cell import Proof, Stressor
from harness.stressors.report_port import StressorReport


def judge(stressor: Stressor, report: StressorReport) -> Proof:
    """The proof of one cell: every rule needs one of its counters to have moved by its minimum."""
    counters: dict[str, int] = {}
    missing = []
    for rule in stressor.proof:
        moves = {name: move for name in rule.any_of if (move := report.moved(name)) is not None}
        counters.update(moves)
        if not moves:
            missing.append(f"this kernel has none of {', '.join(rule.any_of)} ({rule.reason})")
        elif max(moves.values()) < rule.minimum:
            told = ", ".join(f"{name} +{move}" for name, move in moves.items())
            missing.append(f"{told}: less than {rule.minimum} ({rule.reason})")
    # A stressor without rules is a control: it proves itself by having ended.
    summary = ", ".join(f"{name} +{move}" for name, move in counters.items() if move > 0)
    return Proof(tuple(sorted(counters.items())), not missing, tuple(missing), summary)
