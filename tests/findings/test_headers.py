"""The first line of each report, as the kernels of every age print it, begins a report of its kind."""

from __future__ import annotations

import pytest

from harness.findings.parser import ConsoleParser
from harness.findings.splats import BY_KIND, SPLATS

HEADERS: dict[str, tuple[str, ...]] = {
    "kasan": (
        "BUG: KASAN: double-free or invalid-free in kfree+0x1/0x2",
        "BUG: KASAN: use-after-free in foo+0x1d/0x40 at addr ffff8800352c5ce0",
        "BUG: KASAN: out of bounds access in foo+0x1d/0x40 at addr ffff8800352c5ce0",
        "BUG: KASAN: stack-out-of-bounds on address ffff8800352c5ce0",
    ),
    "kfence": (
        "BUG: KFENCE: out-of-bounds read in foo+0x1/0x2",
        "BUG: KFENCE: memory corruption in foo+0x1/0x2",
        "BUG: KFENCE: invalid free in foo+0x1/0x2",
        "BUG: KFENCE: invalid read in foo+0x1/0x2",
    ),
    "kmsan": ("BUG: KMSAN: kernel-infoleak in foo+0x1/0x2",),
    "kcsan": (
        "BUG: KCSAN: data-race in foo / bar",
        "BUG: KCSAN: data-race in foo+0x1/0x2",
        "BUG: KCSAN: assert: race in foo / bar",
    ),
    "ubsan": (
        "UBSAN: Undefined behaviour in mm/page_alloc.c:3:4",
        "UBSAN: array-index-out-of-bounds in mm/page_alloc.c:3:4",
    ),
    "bug": (
        "kernel BUG at rmap.c:409!",
        "Kernel BUG at mm/rmap.c:482",
        "kernel BUG at mm/rmap.c:482!",
        "BUG: failure at mm/rmap.c:482/page_remove_rmap()!",
    ),
    "invalid-opcode": (
        "invalid operand: 0000",
        "invalid operand: 0000 [#1]",
        "invalid opcode: 0000 [1] SMP",
        "Oops: invalid opcode: 0000 [#1] PREEMPT SMP",
    ),
    "page-fault": (
        "Unable to handle kernel paging request at virtual address 5a5a5a5a",
        "Unable to handle kernel paging request at ffff8800 RIP:",
        "BUG: unable to handle kernel paging request at 00000000",
        "BUG: unable to handle page fault for address: ffff",
    ),
    "null-dereference": (
        "BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "Unable to handle kernel NULL pointer dereference at virtual address 00000004",
        "BUG: unable to handle kernel NULL pointer dereference at 0000000000000010",
    ),
    "general-protection": (
        "general protection fault: 0000 [#1]",
        "general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP",
        "Oops: general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1] SMP",
        "general protection fault: 0000",
        "segment-related general protection fault: beec [#2] PREEMPT SMP",
    ),
    "divide-error": (
        "divide error: 0000 [#1]",
        "divide_error: 0000 [#1] PREEMPT SMP",
    ),
    "double-fault": (
        "double fault: 0000 [1] SMP",
        "double fault, gdt at c1204000 [255 bytes]",
        "PANIC: double fault, gdt at c1204000 [255 bytes]",
        "PANIC: double fault, error_code: 0x0",
        "traps: PANIC: double fault, error_code: 0x0",
    ),
    "stack-overflow": (
        "kernel stack overflow (page fault): 0000 [#1]",
        "kernel stack overflow (double-fault): 0000 [#1] SMP",
        "BUG: stack guard page was hit at (____ptrval____) (stack is (____ptrval____)..(____ptrval____))",
        "BUG: TASK stack guard page was hit at ffffc90000000000 (stack is 1..2)",
        "stack guard page: 0000 [#1]",
        "Oops: stack guard page: 0000 [#1]",
        "do_IRQ: stack overflow: 123",
        "do_IRQ: kswapd0 near stack overflow (cur:1,rsp:2)",
    ),
    "oops": (
        "Oops: 0002 [#1]",
        "Bad pagetable: 000f [#1]",
        "foo: Corrupted page table at address b7f0",
        "stack segment: 0000 [#1]",
        "int3: 0000 [#1]",
    ),
    "early-exception": (
        "PANIC: early exception rip ffffffff80200000 error 0 cr2 0",
        "PANIC: early exception 0e rip 10:ffffffff80200000 error 0 cr2 0",
        "PANIC: early exception 0x0d IP 10:ffffffff80200000 error 0 cr2 0x0",
        "BUG: Int 6: CR2 00000000",
        "Unknown interrupt",
        "Unknown interrupt or fault at EIP 00000060 c0100200 00000000",
    ),
    "stack-corruption": (
        "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: ffffffff8120",
        "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: foo+0x1/0x2",
        "BUG: corrupted stack end detected inside scheduler",
        "Thread overran stack, or stack corrupted",
    ),
    "init-died": (
        "Kernel panic: Attempted to kill init!",
        "Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b",
        "Kernel panic: Attempted to kill the idle task!",
    ),
    "panic": (
        "Kernel panic: VFS: Unable to mount root fs on 03:01",
        "Kernel panic - not syncing: Out of memory and no killable processes...",
    ),
    "page-mapcount": ("Eeek! page_mapcount(page) went negative! (-1)",),
    "list-corruption": (
        "list_add corruption. next->prev should be prev (ffff), but was 0000. (next=ffff).",
        "list_del corruption. prev->next should be ffff, but was 0",
        "list_del corruption, ffff->next is LIST_POISON1 (dead000000000100)",
        "list_add double add: new=ffff, prev=ffff, next=ffff.",
        "list_add corruption: next->prev should be prev",
    ),
    "refcount": (
        "refcount_t: increment on 0; use-after-free.",
        "refcount_t: saturated; leaking memory.",
        "refcount_t: decrement hit 0; leaking memory.",
        "refcount_t: addition on 0; use-after-free.",
        "refcount_t: underflow; use-after-free.",
        "refcount_t hit zero at foo+0x1/0x2 in bar[12], uid/euid: 0/0",
    ),
    "usercopy": (
        "usercopy: Kernel memory exposure attempt detected from SLUB object 'x' (offset 0, size 5)!",
        "usercopy: Kernel memory overwrite attempt detected to process stack (offset 0, size 5)!",
        "usercopy: kernel memory exposure attempt detected from ffff (x) (16 bytes)",
    ),
    "fortify": (
        "detected buffer overflow in memcpy",
        "memcpy: detected buffer overflow: 8 byte write of buffer size 4",
        'memcpy: detected field-spanning write (size 8) of single field "x" at y.c:1 (size 4)',
    ),
    "hard-lockup": (
        "NMI Watchdog detected LOCKUP on CPU0, eip c0123456, registers:",
        "NMI Watchdog detected LOCKUP on CPU0, registers:",
        "BUG: NMI Watchdog detected LOCKUP on CPU1, eip c0123456, registers:",
        "NMI watchdog: Watchdog detected hard LOCKUP on cpu 3",
        "NMI watchdog: Watchdog detected hard LOCKUP on cpu 3dModules linked in:",
        "watchdog: Watchdog detected hard LOCKUP on cpu 3",
        "watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 2",
        "Watchdog detected hard LOCKUP on cpu 0",
        "Kernel panic - not syncing: Watchdog detected hard LOCKUP on cpu 0",
    ),
    "suspicious-rcu": (
        "[ INFO: suspicious rcu_dereference_check() usage. ]",
        "[ INFO: suspicious RCU usage. ]",
        "WARNING: suspicious RCU usage",
    ),
    "deadlock": (
        "[ INFO: possible circular locking dependency detected ]",
        "WARNING: possible circular locking dependency detected",
        "[ INFO: possible recursive locking detected ]",
        "[ INFO: hard-safe -> hard-unsafe lock order detected ]",
        "[ INFO: HARDIRQ-safe -> HARDIRQ-unsafe lock order detected ]",
        "[ INFO: soft-safe -> soft-unsafe lock order detected ]",
        "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
        "[ INFO: RECLAIM_FS-safe -> RECLAIM_FS-unsafe lock order detected ]",
        "[ INFO: possible irq lock inversion dependency detected ]",
        "WARNING: Nested lock was not taken",
        "[ BUG: Nested lock was not taken ]",
    ),
    "inconsistent-lock": (
        "[ INFO: inconsistent lock state ]",
        "WARNING: inconsistent lock state",
    ),
    "unlock-balance": (
        "[ BUG: bad unlock balance detected! ]",
        "WARNING: bad unlock balance detected!",
        "[ BUG: bad contention detected! ]",
    ),
    "held-lock-freed": (
        "[ BUG: held lock freed! ]",
        "WARNING: held lock freed!",
    ),
    "lock-held": (
        "[ BUG: lock held when returning to user space! ]",
        "WARNING: lock held when returning to user space!",
        "[ BUG: lock held at task exit time! ]",
        "[ BUG: kworker/0:1/5 still has locks held! ]",
        "WARNING: init/1 still has locks held!",
    ),
    "invalid-wait-context": ("[ BUG: Invalid wait context ]",),
    "unregistered-lock": ("INFO: trying to register non-static key.",),
    "lockdep-limit": (
        "BUG: MAX_LOCKDEP_ENTRIES too low!",
        "BUG: MAX_LOCK_DEPTH too low!",
    ),
    "rcu-stall": (
        "INFO: rcu_sched_state detected stall on CPU 0 (t=1000 jiffies)",
        "INFO: rcu_bh_state detected stalls on CPUs/tasks: { 1} (detected by 0, t=15002 jiffies)",
        "rcu: INFO: rcu_preempt self-detected stall on CPU",
        "INFO: rcu_preempt self-detected stall on CPU { 1}  (t=6500 jiffies)",
        "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-...D } 21 jiffies s: 1 root: 0x1/.",
        "RCU detected CPU 0 stall (t=4294/1000 jiffies)",
        "INFO: RCU detected CPU 0 stall (t=1000 jiffies)",
        "INFO: rcu_tasks detected stalls on tasks:",
        "INFO: rcu_tasks_trace detected stalls on tasks:",
    ),
    "soft-lockup": (
        "BUG: soft lockup detected on CPU#0!",
        "BUG: soft lockup - CPU#0 stuck for 11s! [x:1]",
        "NMI watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [x:1]",
        "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [x:1]",
    ),
    "hung-task": (
        "INFO: task kswapd0:31 blocked for more than 120 seconds.",
        "INFO: task udevd:5612 blocked in I/O wait for more than 143 seconds.",
    ),
    "workqueue-lockup": ("BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 30s!",),
    "workqueue-leak": (
        "BUG: workqueue leaked lock or atomic: kworker/0:1/0x00000001/5",
        "BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[5]",
    ),
    "bad-page-state": (
        "Bad page state at free_hot_cold_page (in process 'x', page c1001000)",
        "Bad page state in process 'x'",
        "BUG: Bad page state in process x  pfn:00123",
    ),
    "bad-page-map": (
        "Bad pte = 00000067, process = x, vm_flags = 875, vaddr = 80000000",
        "BUG: Bad page map in process x  pte:0067 pmd:0067",
        "BUG: Bad page cache in process x  pfn:00123",
    ),
    "bad-rss-counter": (
        "BUG: Bad rss-counter state mm:ffff idx:1 val:-1",
        "BUG: Bad rss-counter state mm:ffff type:MM_ANONPAGES val:2",
    ),
    "page-table-leak": (
        "BUG: non-zero pgtables_bytes on freeing mm: 4096",
        "BUG: non-zero nr_ptes on freeing mm: 1",
    ),
    "bad-swap-entry": (
        "swap_free: Bad swap file entry 00000001",
        "swap_free: Unused swap offset entry 00000001",
        "swap_dup: Bad swap file entry 00000001",
        "swap_info_get: Bad swap offset entry 00000001",
        "_swap_info_get: Unused swap offset entry 00000001",
        "get_swap_device: Bad swap file entry 3ffffffffffff",
        "swap_dup: swap entry overflow",
    ),
    "bad-page-table": (
        "mm/memory.c:123: bad pmd 00000163.",
        "mm/pgtable-generic.c:50: bad pmd ffff(0000)",
        "memory.c:64: bad pgd 000001e3.",
    ),
    "slab-corruption": (
        "BUG kmalloc-64 (Not tainted): Poison overwritten",
        "BUG kmalloc-64: Redzone overwritten",
        "BUG anon_vma: Poison overwritten",
        "*** SLUB kmalloc-8: Redzone Active@0xc90f6d20 slab 0xc528c530",
        "slab error in verify_redzone_free(): cache `size-64': double free detected",
        "Slab corruption: start=c1234567, len=64",
        "Slab corruption (Not tainted): size-64 start=c1, len=64",
        "slab: double free detected in cache 'x', objp c1.",
        "slab: Internal list corruption detected in cache 'x'(12), slabp c1(3). Hexdump:",
        "kfree_debugcheck: bad ptr c1h.",
        "kmem_cache_destroy anon_vma: Slab cache still has objects",
        "SLUB anon_vma: kmem_cache_destroy called for cache that still has objects.",
        "kmem_cache_destroy: Can't free all objects c1234567",
        "INFO: Freed in fasync_free_rcu+0x14/0x20 age=624 cpu=0 pid=3",
    ),
    "page-allocation-failure": (
        "x: page allocation failure. order:4, mode:0x20",
        "x: page allocation failure: order:4, mode:0x20",
        "__alloc_pages: 0-order allocation failed (gfp=0x1d2/0)",
        "x: vmalloc: allocation failure: 1000 bytes, mode:0xd2",
        "x: vmalloc error: size 4096, vm_struct allocation failed, mode:0xcc0",
        "kworker/u8:1: page allocation stalls for 10000ms, order:0",
    ),
    "oom-kill": (
        "Out of Memory: Killed process 123 (x).",
        "oom-killer: gfp_mask=0xd0",
        "x invoked oom-killer: gfp_mask=0x201da, order=0, oom_adj=0",
        "VM: killing process x",
        "Memory cgroup out of memory: Kill process 12 (x) score 1000 or sacrifice child",
        "Memory cgroup out of memory: Killed process 12 (x)",
    ),
    "atomic-schedule": (
        "bad: scheduling while atomic!",
        "scheduling while atomic: x/0x00000002/1",
        "BUG: scheduling while atomic: x/1/0x00000002",
    ),
    "idle-schedule": ("bad: scheduling from the idle thread!",),
    "atomic-sleep": (
        "Sleeping function called from illegal context at slab.c:1379",
        "Debug: sleeping function called from illegal context at mm/slab.c:1379",
        "Debug: sleeping function called from invalid context at mm/slab.c:1379",
        "BUG: sleeping function called from invalid context at mm/slab.c:1379",
    ),
    "preemptible-cpu-id": (
        "BUG: using smp_processor_id() in preemptible [00000000] code: x/1",
        "BUG: using __this_cpu_add() in preemptible [00000000] code: x/1",
    ),
    "spinlock": (
        "BUG: spinlock bad magic on CPU#0, x/1",
        "BUG: read-lock lockup on CPU#0, x/1, c1",
        "BUG: spinlock lockup suspected on CPU#0, x/1",
        "BUG: spinlock cpu recursion on CPU#0, x/1",
        "BUG: rwlock bad magic on CPU#0, x/1, c1",
    ),
    "warning": (
        "Badness in foo at mm/x.c:12",
        "BUG: warning at mm/x.c:12/foo()",
        "BUG: at mm/x.c:12 foo()",
        "WARNING: at mm/x.c:12 foo()",
        "WARNING: at mm/x.c:12 foo+0x1/0x2()",
        "WARNING: CPU: 0 PID: 1 at mm/x.c:12 foo+0x1/0x2",
        "WARNING: mm/x.c:12 at foo+0x1/0x2, CPU#0: x/1",
        "WARNING: [time_after(jiffies, timeout)] io_uring/io_uring.c:3026 at io_ring_exit_work+0x44c/0xbc0, CPU#0: k",
        "WARNING: fs/ext4/xattr.c:1058 at 0x0, CPU#0: syz.0.17/5982",
    ),
    "machine-check": (
        "CPU 0: Machine Check Exception:                4 Bank 0: b200",
        "CPU 0: Machine Check Exception: 0000000000000004",
        "mce: [Hardware Error]: CPU 0: Machine Check: 0 Bank 0: b2",
        "[Hardware Error]: CPU 0: Machine Check Exception: 5 Bank 0: b2",
        "mce: [Hardware Error]: Machine check events logged",
        "Machine check events logged",
        "MCE: The hardware reports a non fatal, correctable incident occurred on CPU 0.",
        "CPU#0: Machine Check Exception:  0x00000000 (type 0x0).",
    ),
    "unknown-nmi": (
        "Uhhuh. NMI received for unknown reason 21.",
        "Uhhuh. NMI received for unknown reason 21 on CPU 0.",
        "Uhhuh. NMI received. Dazed and confused, but trying to continue",
        "NMI: PCI system error (SERR) for reason a1 on CPU 0.",
    ),
    "memory-leak": (
        "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "unreferenced object 0xffff88803c7d8000 (size 64):",
        "kmemleak: unreferenced object 0xffff88803c7d8000 (size 64):",
    ),
    "debug-objects": (
        "ODEBUG: activate active (active state 0) object type: timer_list hint: foo+0x0/0x10",
        "ODEBUG: free active (active state 0) object type: timer_list hint: foo+0x0/0x10",
    ),
    "busy-inodes": (
        "VFS: Busy inodes after unmount. Self-destruct in 5 seconds.  Have a nice day...",
        "VFS: Busy inodes after unmount of loop0. Self-destruct in 5 seconds.  Have a nice day...",
    ),
    "uninitialised-timer": ("Uninitialised timer!",),
    "unwinder": (
        "WARNING: kernel stack frame pointer at ffff88003e1f7f40 in migration/1:14 has bad value ffffffff85632fb0",
        "WARNING: kernel stack regs at ffff8801d100fea8 in x:1 has bad 'bp' value ffff8801d100ff28",
    ),
    "netdevice-leak": ("unregister_netdevice: waiting for lo to become free. Usage count = 1",),
    "rtmutex-deadlock": ("[ BUG: circular locking deadlock detected! ]",),
    "bad-vfree": ("Trying to vfree() nonexistent vm area (c1)",),
}
_TRACE = """Call Trace:
 [<c0131ab3>] outer_function+0x12/0x34
 [<c0131b90>] outermost_function+0x12/0x34
"""


@pytest.mark.parametrize("kind", HEADERS)
def test_header(kind: str) -> None:
    for header in HEADERS[kind]:
        for prefix in ("", "<0>", "[   12.345678] "):
            text = "\n".join(prefix + line for line in (header + "\n" + _TRACE).splitlines())
            parser = ConsoleParser()
            found = parser.feed(b"booting\n" + text.encode() + b"\n") + parser.close()
            assert [(finding.kind, finding.first_line) for finding in found] == [(kind, 2)], header


def test_every_kind_has_a_header_here() -> None:
    assert set(BY_KIND) - set(HEADERS) == {"bug-message"}


def test_every_kind_says_why() -> None:
    for splat in SPLATS:
        assert len(splat.reason) > 5, splat.kind
        assert splat.leads or splat.words, splat.kind


@pytest.mark.parametrize(
    "line",
    [
        "traps: a.out[33] divide error ip:80483b4 sp:bfdf5a40 error:0 in a.out[8048000+1000]",
        "a.out[33]: segfault at 0 ip 080483b4 sp bfdf5a40 error 6 in a.out[8048000+1000]",
        "a.out[33] general protection ip:80483b4 sp:bfdf5a40 error:0",
        "BUG: Bad page state: 42 messages suppressed",
        "note: this is a test",
        "Lockdep is turned off, see WARNING above",
        "init: WARNING: at boot there was no clock",
        "bad: schedule() with irqs disabled!",  # 2.5.31 says so at each boot
        "NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
        "watchdog: Delayed init of the lockup detector failed: -19",
        "hung_task: nothing is hung",
        "kmemleak: Kernel memory leak detector initialized (mem pool available: 15747)",
        "EXT4-fs (sda): Delayed block allocation failed for inode 12",
        "Freeing unused kernel memory: 404K",
        "Oops, the disk is full, said the installer",
        "VFS: Mounted root (ext2 filesystem) readonly.",
        "Memory: 507916k/524272k available (2126k kernel code, 15808k reserved)",
        "test usercopy: Kernel memory is fine",
        "slab: cache of melons",
    ],
)
def test_lines_that_are_no_report(line: str) -> None:
    parser = ConsoleParser()
    assert parser.feed(line.encode() + b"\nand on it goes\n") + parser.close() == []
