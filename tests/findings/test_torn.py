"""A report is called corrupted when it cannot be trusted, and a whole one never is."""

from __future__ import annotations

import pytest

from harness.findings import parse_console
from harness.model.finding import Finding
from tests.findings.test_console_cases import CASES, case_name, read_case, symbols_of

OOPS = """[   10.000100] BUG: unable to handle page fault for address: ffff88800012f000
[   10.000200] #PF: supervisor write access in kernel mode
[   10.000300] Oops: 0002 [#1] PREEMPT SMP
[   10.000400] CPU: 0 PID: 71 Comm: churn Not tainted 6.1.0 #1
[   10.000500] RIP: 0010:shrink_lruvec+0x1a/0x40
[   10.000600] RSP: 0018:ffffc90000247e10 EFLAGS: 00010246
[   10.000700] Call Trace:
[   10.000800]  <TASK>
[   10.000900]  shrink_node+0x101/0x1f0
[   10.001000]  balance_pgdat+0x101/0x1f0
[   10.001100]  kswapd+0x101/0x1f0
[   10.001200]  kthread+0xe9/0x110
[   10.001300]  ret_from_fork+0x22/0x30
[   10.001400]  </TASK>
[   10.001500] ---[ end trace 0000000000000000 ]---
"""
SLEEP = """[   10.000100] BUG: sleeping function called from invalid context at mm/page_alloc.c:12
[   10.000200] CPU: 0 PID: 71 Comm: churn Not tainted 6.1.0 #1
[   10.000300] Call Trace:
[   10.000400]  <TASK>
[   10.000500]  dump_stack_lvl+0x34/0x44
[   10.000600]  __might_resched+0x101/0x1f0
[   10.000700]  __alloc_pages+0x101/0x1f0
[   10.000800]  __pte_alloc+0x101/0x1f0
[   10.000900]  do_anonymous_page+0x101/0x1f0
[   10.001000]  </TASK>
"""


def only(text: str) -> Finding:
    (finding,) = parse_console(text.encode())
    return finding


def without(text: str, *fragments: str) -> str:
    kept = [line for line in text.splitlines(True) if not any(fragment in line for fragment in fragments)]
    assert len(kept) < text.count("\n")
    return "".join(kept)


def up_to(text: str, fragment: str) -> str:
    return text[: text.index("\n", text.index(fragment)) + 1]


@pytest.mark.parametrize("text", [OOPS, SLEEP])
def test_whole_ones_are_not(text: str) -> None:
    finding = only(text)
    assert not finding.corrupted
    assert finding.function in ("shrink_lruvec", "__pte_alloc")


def test_no_trace() -> None:
    assert only(up_to(SLEEP, "CPU: 0 PID")).corrupted
    assert only(up_to(OOPS, "Oops: 0002")).corrupted


def test_a_trace_cut_before_it_names_a_function() -> None:
    assert only(up_to(SLEEP, "__might_resched")).corrupted
    assert only(up_to(SLEEP, "dump_stack_lvl")).corrupted
    assert not only(up_to(SLEEP, "__pte_alloc")).corrupted


def test_a_trace_that_has_no_better_name_is_whole() -> None:
    """A kernel thread of nothing but waiting."""
    idle = (
        "INFO: task x:12 blocked for more than 120 seconds.\nCall Trace:\n schedule+0x12/0x34\n"
        " schedule_timeout+0x12/0x34\n kthread+0x12/0x34\n ret_from_fork+0x12/0x34\n"
    )
    assert not only(idle).corrupted


def test_a_cut_trace_does_not_take_the_instruction_pointer_away() -> None:
    assert not only(up_to(OOPS, " shrink_node+")).corrupted


def test_two_tasks_in_one_report() -> None:
    both = OOPS.replace(
        "[   10.000500]",
        "[   10.000450] CPU: 1 PID: 99 Comm: other Not tainted 6.1.0 #1\n[   10.000500]",
        1,
    )
    assert only(both).corrupted


def test_the_same_task_twice_is_one() -> None:
    twice = "WARNING: CPU: 0 PID: 71 at mm/vmscan.c:12 shrink_node+0x12/0x34\n"
    twice += "CPU: 0 PID: 71 Comm: churn Not tainted 6.1.0 #1\nCall Trace:\n balance_pgdat+0x12/0x34\n"
    assert not only(twice).corrupted


def test_time_goes_backwards() -> None:
    assert only(OOPS.replace("[   10.000900]", "[    2.000900]")).corrupted
    assert not only(OOPS.replace("[   10.000900]", "[    9.999999]")).corrupted, "CPUs stamp before they print"


def test_another_kernel_starts_inside() -> None:
    again = "[    0.000000] Linux version 6.1.0 (x@y) (gcc) #1\n[    0.000000]  kswapd+0x101/0x1f0\n"
    finding = only(up_to(SLEEP, "__might_resched") + again)
    assert finding.corrupted
    assert finding.last_line == 6


def test_lost_bytes_in_the_header() -> None:
    assert only(OOPS.replace("page fault for address: ffff88800012f000", "kernel ")).corrupted
    kasan = "BUG: KASAN: use-after-free in {}\nCall Trace:\n dump_stack+0x1/0x2\n foo+0x1/0x2\n ret_from_fork+0x1/0x2\n"
    assert only(kasan.format("")).corrupted
    assert not only(kasan.format("foo+0x1/0x2")).corrupted


def test_dropped_messages() -> None:
    dropped = SLEEP.replace("[   10.000300]", "** 120 printk messages dropped **\n[   10.000300]", 1)
    assert only(dropped).corrupted
    late = SLEEP + "** 120 printk messages dropped **\n[   12.000300] other things\n"
    assert not only(late).corrupted


def test_a_panic_without_its_cause() -> None:
    assert only("Kernel panic - not syncing: Fatal exception in interrupt\n").corrupted
    assert not only("Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n").corrupted


def test_the_middle_of_a_report_whose_beginning_was_lost() -> None:
    middle = "INFO: Freed in foo+0x14/0x20 age=624 cpu=0 pid=3\n bar+0x1/0x2\n"
    assert only(middle).corrupted
    whole = "BUG kmalloc-64 (Not tainted): Poison overwritten\n" + middle + "Call Trace:\n foo+0x1/0x2\n bar+0x1/0x2\n"
    assert not only(whole).corrupted


def test_recorded_ones_are_whole_unless_their_case_says_so() -> None:
    for path in CASES:
        expected, console = read_case(path)
        if b"# wrong today:" in path.read_bytes():
            continue
        torn = [line.endswith("| corrupted") for line in expected]
        assert [finding.corrupted for finding in parse_console(console, symbols_of(path).get)] == torn, case_name(path)
