"""A store of made-up runs: as many cells as asked for, a few bugs at known rates."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from harness.model.cell import Cell, Ending, Outcome
from harness.model.finding import Finding, Severity
from harness.model.guest import Accelerator, GuestSpec
from harness.results.store import RunRow, Store

TREES = ("v3.0", "linux-6.1")
STRESSORS = ("migration", "thpsplit")
DAY = 86_400.0
BEGAN = 1_790_000_000.0

BUG = Finding(
    "bug", "BUG in __split_huge_page", "__split_huge_page", Severity.FATAL, 40, 44,
    ("kernel BUG at mm/huge_memory.c:1242!", "Call Trace:", " split_huge_page+0x1/0x2", " \x1b[2Jadd_to_swap", "end"),
    frames=("__split_huge_page", "split_huge_page", "add_to_swap"),
    signature="bug: __split_huge_page < split_huge_page",
)  # fmt: skip
WARNING = Finding("warning", "WARNING in folio_try_get", "folio_try_get", Severity.WARNING, 7, 9, ("WARNING", "x", "y"))
OOM = Finding("oom-kill", "OOM kill", None, Severity.NOTICE, 90, 95, ("invoked oom-killer",))
CALLIN = Finding(
    "bug", "BUG in smp_callin", "smp_callin", Severity.FATAL, 82, 99,
    ("kernel BUG at arch/i386/kernel/smpboot.c:342!", "Call Trace:"), frames=("smp_callin",),
)  # fmt: skip


_RUN_CELL = "run, tree, patches, stressor, seed, repeat, cell, outcome, reason, reused, own_lines"


def made_up_store(folder: Path, cells: int, per_run: int = 200, found: Sequence[Finding] = ()) -> Store:
    """``cells`` cells in runs of ``per_run``, one a day. Of each ten cells one patched one shows BUG (torn every fifth
    time), one any WARNING, one an OOM kill; ``found`` is on the very first cell, a baseline of v3.0."""
    store = Store(f"sqlite:///{folder / 'harness.sqlite'}", folder)
    for run in range(-(-cells // per_run)):
        name = f"run{run:04d}-demo-{run:04x}"
        store.start_run(RunRow(name, "demo", "t", "p", {"series": "demo"}, BEGAN + run * DAY, None, None, "", {}))
    with sqlite3.connect(folder / "harness.sqlite") as connection:
        for number in range(cells):
            run, place = divmod(number, per_run)
            name = f"run{run:04d}-demo-{run:04x}"
            tree = TREES[number % 2]
            patches = (number // 2 % 2) * 3
            cell = Cell(
                "k", f"{tree}{patches}", tree, patches, STRESSORS[number // 4 % 2], 20, number, 0, GuestSpec(), "i",
                "a", Accelerator.TCG,
            )  # fmt: skip
            shown = _shown(number, patches) if number else list(found)
            _put(connection, cell, shown, BEGAN + run * DAY + place * 30)
            connection.execute(
                f"INSERT INTO run_cells ({_RUN_CELL}) VALUES (?, ?, ?, ?, ?, 0, ?, ?, '', 0, '{{}}')",
                (name, tree, patches, cell.stressor, number, cell.key, "finding" if shown else "pass"),
            )
    return store


def _shown(number: int, patches: int) -> list[Finding]:
    shown = []
    if number % 10 == 3 and patches:
        shown.append(replace(BUG, corrupted=number % 50 == 3, frames=BUG.frames[: 1 + number % 3]))
    if number % 10 == 4:
        shown.append(WARNING)
    if number % 10 == 5:
        shown.append(OOM)
    return shown


def _put(connection: sqlite3.Connection, cell: Cell, findings: Sequence[Finding], finished: float) -> None:
    outcome = Outcome.FINDING if findings else Outcome.PASS
    ending = Ending(Outcome.PASS, "work +9")
    columns = (
        "key, outcome, reason, seconds, command_line, guest, finished, spec, kernel_digest, stressor, ending, "
        "ending_reason"
    )
    values = (
        cell.key, outcome.value, "", 20.0, "qemu", "", finished, json.dumps(asdict(cell)), cell.kernel_digest,
        cell.stressor, ending.outcome.value, ending.reason,
    )  # fmt: skip
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO cells ({columns}) VALUES ({marks})", values)
    for place, one in enumerate(findings):
        names = (
            "cell, place, kind, title, function, severity, first_line, last_line, lines, corrupted, frames, signature, "
            "also"
        )
        row = (
            cell.key, place, one.kind, one.title, one.function, one.severity.value, one.first_line, one.last_line,
            json.dumps(one.lines), one.corrupted, json.dumps(one.frames), one.signature, json.dumps(one.also),
        )  # fmt: skip
        connection.execute(f"INSERT INTO findings ({names}) VALUES ({', '.join('?' * len(row))})", row)
