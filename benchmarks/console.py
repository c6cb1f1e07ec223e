#!/usr/bin/env python3
"""Reading consoles: bytes in a second, beside grep over the same file in the same run, and memory.

    .venv/bin/python benchmarks/console.py [--size MB] [--rounds 3] [CONSOLE...]

Files are made of the consoles of own boots given (CONSOLE: whole clean logs), or else of the clean parts of the
recorded cases, repeated to ``--size``. A row each: a clean log without time stamps (2.5, 2.6), with them, with caller
ids, one with a report in every 1000 lines, reports only, and messages full of the words of headers. Processor time is
counted, so that other work on the machine matters little; the ratio to ``grep -cE`` of the usual words even less. With
``--size 1000`` (or any from 200 on) ``harness parse`` reads a file of that size in a process of its own, whose largest
resident size is told.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness.findings.parser import findings_of, folded

CASES = Path(__file__).parent.parent / "tests" / "findings" / "cases"
WORDS = r"BUG|WARNING|Oops|Call Trace|[Kk]ernel panic|Unable to handle|INFO: |page allocation|oom-killer"
GOAL = 50.0  # MB/s on clean logs
MEMORY = 100.0  # MB
PIECE = 1 << 18
STAMP = re.compile(rb"(?m)^\[ *\d+\.\d+\]")


def case(name: str) -> bytes:
    """The console of a recorded case."""
    return (CASES / f"{name}.txt").read_bytes().partition(b"# console:\n")[2]


def clean_part(console: bytes) -> bytes:
    """What comes before anything of a report, and behind a torn first line."""
    start = re.search(rb"cut here|BUG|Unable|Oops|WARNING|planted|PANIC", console)
    return console[: console.rindex(b"\n", 0, start.start()) + 1] if start else console


def logs(consoles: list[bytes], size: int) -> Iterator[tuple[str, bytes]]:
    """(name, console of about ``size`` bytes)."""
    stamped = b"".join(text for text in consoles if len(STAMP.findall(text)) * 2 > text.count(b"\n"))
    bare = b"".join(text for text in consoles if not STAMP.search(text)) or STAMP.sub(b"", stamped)
    report = case("6.1-refcount")
    lines = stamped.splitlines(keepends=True)
    thousand = b"".join((lines * (1000 // len(lines) + 1))[:1000])
    reports = b"".join(case(name) for name in ("6.1-refcount", "6.1-vm-bug-on-page", "3.0-vm-bug-huge", "6.1-kasan"))
    words = b"".join(
        b"[%5d.%06d] frog: BUGGY state %d, WARNING level reached, INFO: %x\n" % (n, n, n, n) for n in range(1000)
    )
    made = {
        "clean, no time stamps": bare,
        "clean": stamped,
        "clean, caller ids": STAMP.sub(lambda stamp: stamp[0] + b"[    T1]", stamped),
        "a report in 1000 lines": thousand + report,
        "reports only": reports,
        "words of headers in each line": words,
    }
    for name, text in made.items():
        yield name, text * (size // len(text) + 1)


def processor_seconds(*command: str) -> tuple[float, float]:
    """(processor time of a command, its largest resident size in MB)"""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawnp(command[0], command, dict(os.environ, LC_ALL="C"), file_actions=quiet)
    _, _, used = os.wait4(process, 0)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def parse(path: Path) -> int:
    """The number of reports in a file, read as `harness parse` does."""
    with path.open("rb") as handle:
        return sum(finding.repeats for finding in folded(findings_of(iter(lambda: handle.read(PIECE), b""))))


def main() -> int:
    """Prints the table; exit code 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("consoles", nargs="*", type=Path)
    parser.add_argument("--size", type=int, default=16, metavar="MB")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    consoles = [path.read_bytes() for path in arguments.consoles] or [
        clean_part(path.read_bytes().partition(b"# console:\n")[2]) for path in sorted(CASES.rglob("*/bug.txt"))
    ]
    size = arguments.size * 1_000_000
    missed = False
    print("| log | MB | reports | MB/s | grep | ratio | memory, MB |\n|---|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        for name, text in logs(consoles, size if arguments.size < 200 else 1_000_000):
            with path.open("wb") as handle:
                while handle.tell() < size:
                    handle.write(text)
            megabytes = path.stat().st_size / 1e6
            if arguments.size >= 200:
                seconds, memory = processor_seconds(sys.executable, "-m", "harness.cli.main", "parse", str(path))
                count = "-"
            else:
                times = []
                for _ in range(arguments.rounds):
                    begin = time.process_time()
                    found = parse(path)
                    times.append(time.process_time() - begin)
                seconds, count = min(times), str(found)
                memory = processor_seconds(sys.executable, "-m", "harness.cli.main", "parse", str(path))[1]
            grep = min(processor_seconds("grep", "-cE", WORDS, str(path))[0] for _ in range(arguments.rounds))
            missed |= (name.startswith("clean") and megabytes / seconds < GOAL) or memory > MEMORY
            grep = max(grep, 0.004)  # the resolution of its clock
            row = [name, f"{megabytes:.0f}", count, f"{megabytes / seconds:.1f}", f"{megabytes / grep:.0f}"]
            print(f"| {' | '.join(row)} | {seconds / grep:.1f} | {memory:.0f} |", flush=True)
    print(f"\n{GOAL:.0f} MB/s on clean logs in {MEMORY:.0f} MB of memory: {'missed' if missed else 'met'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
