"""The metrics that stress-ng prints at its end (--metrics, --metrics-brief), as counters."""

from __future__ import annotations

import re

# "stress-ng: metrc: [PID] NAME  OPERATIONS  REAL  USER  SYSTEM ..."; older ones say info for metrc.
_METRIC = re.compile(
    r"^stress-ng: (?:metrc|info): +\[\d{1,10}\] +([a-z][a-z0-9_-]{0,40}) +(\d{1,18}) +\d+\.\d+ +\d+\.\d+ +\d+\.\d+ ",
    re.MULTILINE | re.ASCII,
)
MAX_STRESSORS = 500  # stress-ng has some 300


def bogo_operations(output: str) -> dict[str, int]:
    """Operations by stressor, "stress-ng.NAME", from a command's output; empty where it printed no metrics."""
    found: dict[str, int] = {}
    for name, operations in _METRIC.findall(output):
        key = f"stress-ng.{name}"
        if key in found or len(found) < MAX_STRESSORS:
            found[key] = found.get(key, 0) + int(operations)
    return found
