"""What a stressor itself saw go wrong: a kernel that corrupts memory need not say so on the console."""

from __future__ import annotations

from harness.model.finding import Finding, Severity
from harness.stressors.report_port import StressorReport

# Key of the digest line -> (kind, title), each counted by the program (vm-images/guest/crew.c). Workers that were
# killed (by the OOM killer, or by the crew itself at its end) are counted apart and are no finding.
_SEEN = {
    "corruptions": ("memory-corruption", "memory corrupted under {name}"),
    "died": ("worker-died", "worker died of a signal under {name}"),
    "stuck": ("worker-stuck", "worker cannot be killed under {name}"),
}

OWN_KINDS = frozenset(kind for kind, _ in _SEEN.values())


def own_findings(stressor: str, report: StressorReport) -> tuple[Finding, ...]:
    """Findings from the digest's counts; they have no console lines (first and last line 0)."""
    found = []
    for key, (kind, title) in _SEEN.items():
        count = report.digest.get(key, 0)
        if count > 0:
            lines = (f"{key}={count}", *([report.error] if report.error else []))
            found.append(Finding(kind, title.format(name=stressor), None, Severity.ERROR, 0, 0, lines))
    return tuple(found)
