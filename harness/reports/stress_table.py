"""Trials of stressors as a table: what moved, per second."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.cell import Outcome
from harness.model.plain_text import clean
from harness.model.stress_trial import StressTrial, TrialBoot

HEADER = ("tree", "stressor", "outcome", "proof per second", "start", "kernel functions seen most")
MAX_COUNTERS = 6
MAX_FUNCTIONS = 4
# Where a processor stands that has nothing to do.
_IDLE = frozenset(
    "default_idle cpu_idle native_safe_halt mwait_idle poll_idle pv_native_safe_halt acpi_safe_halt acpi_idle_do_entry "
    "default_idle_call do_idle arch_cpu_idle".split()
)


def trial_rows(trials: Sequence[StressTrial]) -> list[tuple[str, ...]]:
    """A row for each trial."""
    return [_row(trial) for trial in trials]


def _row(trial: StressTrial) -> tuple[str, ...]:
    if not trial.boots:
        return trial.tree, trial.stressor, f"{trial.outcome}: {clean(trial.absent)}", "", "", ""
    counts = {outcome: sum(boot.outcome is outcome for boot in trial.boots) for outcome in Outcome}
    total = len(trial.boots)
    outcome = ", ".join(
        f"{name}" + (f" {count} of {total}" if total > 1 else "") for name, count in counts.items() if count
    )
    # Of several boots the slowest speaks: what a user can count on.
    boot = min(trial.boots, key=lambda boot: sum(rate for _, rate in boot.rates))
    if boot.outcome is not Outcome.PASS:
        outcome += f": {clean(boot.reason, 160)}"
    rates = ", ".join(f"{name.removeprefix('digest.')} {_number(rate)}" for name, rate in boot.rates[:MAX_COUNTERS])
    delays = [b.start_delay for b in trial.boots if b.start_delay is not None]
    return trial.tree, trial.stressor, outcome, rates, f"{max(delays):.2f} s" if delays else "", _functions(boot)


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}" if rate >= 0.1 else f"{rate:.2f}"


def _functions(boot: TrialBoot) -> str:
    if boot.sampling is None:
        return ""
    least = boot.sampling.samples // 100
    busy = [(name, count) for name, count in boot.sampling.functions if name not in _IDLE and count > least]
    return ", ".join(f"{name} {count * 100 / boot.sampling.samples:.0f} %" for name, count in busy[:MAX_FUNCTIONS])


def trial_markdown(trials: Sequence[StressTrial]) -> str:
    """The table in Markdown."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in trial_rows(trials)]
    return "\n".join(lines) + "\n"


def trial_object(trial: StressTrial) -> dict[str, object]:
    """The object that ``harness stress try --json`` prints for one trial."""
    return {
        "tree": trial.tree,
        "version": trial.version,
        "stressor": trial.stressor,
        "absent": trial.absent or None,
        "boots": [
            {
                "outcome": boot.outcome.value,
                "reason": boot.reason,
                "seconds": boot.seconds,
                "start_delay": boot.start_delay,
                "counters": dict(boot.counters),
                "samples": None
                if boot.sampling is None
                else {"taken": boot.sampling.samples, "functions": dict(boot.sampling.functions)},
            }
            for boot in trial.boots
        ],
    }
