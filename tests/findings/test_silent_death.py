"""Guests that died without a line on the console: named after where their CPUs stood."""

from __future__ import annotations

import pytest

from harness.findings.silent_death import KINDS, silent_death
from harness.model.finding import Severity
from harness.model.guest import CpuPlace, GuestEnd

IDLE = CpuPlace("default_idle", ("cpu_idle", "rest_init"))
USER = CpuPlace(None)
LOOPS = CpuPlace("migrate_pages", ("sys_move_pages",))
WAITS = CpuPlace("_spin_lock", ("page_referenced", "shrink_list"))


@pytest.mark.parametrize(
    ("end", "user_space", "cpus", "title"),
    [
        (GuestEnd.HUNG, True, (IDLE, LOOPS), "guest hung in migrate_pages"),
        (GuestEnd.HUNG, True, (WAITS, LOOPS), "guest hung in migrate_pages"),
        (GuestEnd.HUNG, True, (WAITS, WAITS), "guest hung in page_referenced"),
        (GuestEnd.WALL_LIMIT, False, (LOOPS,), "guest hung before user space in migrate_pages"),
        (GuestEnd.HUNG, True, (IDLE, IDLE), "guest hung, every CPU idle"),
        (GuestEnd.HUNG, True, (IDLE, USER), "guest hung, its CPUs in user space"),
        (GuestEnd.HUNG, True, (), "guest hung"),
        (GuestEnd.RESET, True, (IDLE, LOOPS), "guest reset itself in migrate_pages"),
        (GuestEnd.RESET, True, (LOOPS, WAITS), "guest reset itself"),
        (GuestEnd.POWER_OFF, False, (), "guest switched itself off before user space"),
    ],
)
def test_title(end: GuestEnd, user_space: bool, cpus: tuple[CpuPlace, ...], title: str) -> None:
    found = silent_death(end, user_space, cpus, "silent for 75 s; CPU 0 in x+0x1")
    assert found.title == title
    assert found.kind in KINDS and found.severity is Severity.FATAL
    assert found.lines == ("silent for 75 s", "CPU 0 in x+0x1")


def test_what_lies_on_a_stack_is_kept_apart() -> None:
    found = silent_death(GuestEnd.HUNG, True, (IDLE, LOOPS), "")
    assert found.frames == ("migrate_pages",) and found.guesses == ("sys_move_pages",)
    assert found.lines == ()
