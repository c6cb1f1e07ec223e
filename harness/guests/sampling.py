"""Which of the kernel's functions run: where the processors stand, asked through the monitor again and again.

Nothing in the guest takes part, so it works for every kernel. The processors are not stopped for it. Under TCG QEMU
then tells where a processor was when it last left a chain of translated blocks: not this instant's place, but one at
which it was a moment ago, and so one that it executed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from harness.guests.monitor import Monitor, QemuStuck
from harness.model.guest import Sampling

MAX_ADDRESSES = 200_000
"""A guest of 64 processors that runs for five minutes has fewer."""
MAX_FILE = 1 << 20
_HEAD = re.compile(r"# (\d{1,12}) samples")
_LINE = re.compile(r"(\d{1,12}) ([A-Za-z_]\w{0,199})")


class CpuSampler:
    """Takes samples of one guest. A QEMU that does not answer ends the sampling, not the guest."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._seen: Counter[int] = Counter()
        self._refused = False

    def look(self) -> None:
        """One sample of each processor."""
        if self._refused or not self._monitor.connected or len(self._seen) > MAX_ADDRESSES:
            return
        try:
            self._seen.update(cpu.counter for cpu in self._monitor.cpus())
        except (OSError, QemuStuck):
            self._refused = True

    def sampling(self, function_at: Callable[[int], str | None]) -> Sampling | None:
        """What was seen, in functions as ``function_at`` names them by an address; None where nothing was."""
        if not self._seen:
            return None
        functions: Counter[str] = Counter()
        for address, count in self._seen.items():
            name = function_at(address)
            if name:  # the parts that a compiler makes of a function (.isra.0, .cold) are that function
                functions[name.partition(".")[0]] += count
        ordered = sorted(functions.items(), key=lambda one: (-one[1], one[0]))
        return Sampling(self._seen.total(), tuple(ordered))


def write_samples(path: Path, sampling: Sampling) -> None:
    """Writes the artefact: a head with the number of samples, then "COUNT FUNCTION" lines."""
    lines = [f"# {sampling.samples} samples", *(f"{count} {name}" for name, count in sampling.functions)]
    path.write_text("\n".join(lines) + "\n")


def read_samples(path: Path) -> Sampling | None:
    """The artefact again; None where there is none or it is none. Lines that are none of its own are passed over."""
    try:
        with path.open("rb") as handle:
            head, *lines = handle.read(MAX_FILE).decode("ascii", "replace").splitlines() or [""]
    except OSError:
        return None
    total = _HEAD.fullmatch(head)
    if total is None:
        return None
    found = (match for line in lines if (match := _LINE.fullmatch(line)))
    return Sampling(int(total[1]), tuple((match[2], int(match[1])) for match in found))
