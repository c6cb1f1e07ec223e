#!/usr/bin/env python3
"""Time and memory of the chain, as ratios measured in one run.

    .venv/bin/python benchmarks/chain.py [--series rcu-page-counts] [--tree linux-6.1] [--boots 5]

Run the series once before (make run). Printed are: baseline and incremental build (from the store, with the ratio),
boot to the first stressor line by the harness against bare QEMU with the same kernel, initramfs and command line
(alternating, medians and ratio), and `harness run` again when everything is at hand, against the run that made it.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.guests.qemu import Boot, command_line, run_guest
from harness.model.events import Event
from harness.model.guest import GuestLimits
from harness.runs.doctor import canary_boot
from harness.runs.workshop import Workshop

FIRST_LINE = b"# harness: user-space"


class _Quiet:
    def event(self, event: Event) -> None:
        """Benchmarks print their own figures."""

    def feed(self, data: bytes) -> bool:
        """As a console watch: never ends a guest."""
        return False

    def close(self) -> bool:
        """Nor says how it ended."""
        return False


def harness_boot(boot: Boot) -> float:
    """Seconds from starting the guest to its first line on the report port, through the harness."""
    with tempfile.TemporaryDirectory() as folder:
        limits = GuestLimits(wall=300, silence=300)
        result = run_guest(boot, Path(folder), limits, _Quiet())
        if result.user_space is None:
            sys.exit(f"the guest did not reach user space: {result.end} {result.detail}")
        return result.user_space


def bare_boot(boot: Boot) -> float:
    """The same with QEMU alone: its report port is a pipe that is read as it comes."""
    with tempfile.TemporaryDirectory() as folder:
        words = command_line(boot)
        report = words.index("chardev:report") - 2
        words[report] = "stdio,id=report"
        started = time.monotonic()
        process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert process.stdout is not None
        for line in process.stdout:
            if FIRST_LINE in line:
                seconds = time.monotonic() - started
                break
        else:
            sys.exit("bare QEMU: the guest did not reach user space")
        process.stdout.read()
        process.wait()
        return seconds


def row(name: str, value: str, note: str = "") -> None:
    """One line of the table."""
    print(f"{name:44} {value:>16}  {note}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Benchmarks of the whole chain")
    parser.add_argument("--series", default="rcu-page-counts")
    parser.add_argument("--tree", default="linux-6.1")
    parser.add_argument("--boots", type=int, default=5)
    options = parser.parse_args()
    workshop = Workshop(_Quiet())
    full = workshop.store.usual_build_seconds(options.tree, incremental=False)
    incremental = workshop.store.usual_build_seconds(options.tree, incremental=True)
    if full and incremental:
        row("baseline build", f"{full:.0f} s")
        row("incremental build (series)", f"{incremental:.0f} s", f"{incremental / full:.2f} of the baseline build")
    boot = canary_boot(workshop)
    if boot is None:
        sys.exit("no kernel is at hand: make run first")
    ours, bare = [], []
    for _ in range(options.boots):
        ours.append(harness_boot(boot))
        bare.append(bare_boot(boot))
    ratio = statistics.median(o / b for o, b in zip(ours, bare, strict=True))
    row("boot to first line, harness", f"{statistics.median(ours):.2f} s", f"{min(ours):.2f} to {max(ours):.2f}")
    row("boot to first line, bare QEMU", f"{statistics.median(bare):.2f} s", f"ratio {ratio:.2f}")
    first = next((r for r in reversed(workshop.store.runs(options.series)) if r.finished and r.kind == "run"), None)
    command = [sys.executable, "-m", "harness.cli.main", "run", options.series, "--tree", options.tree]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True)
    again = time.monotonic() - started
    row("the same run again, all at hand", f"{again:.1f} s", f"exit {done.returncode}")
    if first is not None and first.finished is not None:
        row("the first run of the series", f"{first.finished - first.started:.0f} s")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    row("peak memory of one process (QEMU or harness)", f"{peak:.0f} MiB")


if __name__ == "__main__":
    main()
