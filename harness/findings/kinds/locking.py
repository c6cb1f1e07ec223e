"""Locks, RCU and the context in which something may be done."""

from __future__ import annotations

from harness.findings.splat import Key, Splat, lockdep, starts
from harness.model.finding import Severity

KINDS: tuple[Splat, ...] = (
    # --- lockdep and RCU ---------------------------------------------------------------------------------------------
    lockdep(
        "suspicious-rcu",
        "suspicious RCU usage",
        r"suspicious RCU usage|suspicious rcu_dereference_check\(\) usage",
        "2.6.34 names rcu_dereference_check(), 3.1 on 'RCU usage'; the check is called where the rule is broken",
        Key.TRACE,
    ),
    lockdep(
        "deadlock",
        "possible deadlock",
        r"possible circular locking|possible recursive locking|possible irq lock inversion|Nested lock was not taken|"
        r"(?:hard|soft|HARDIRQ|SOFTIRQ|RECLAIM_FS|FS_RECLAIM)-safe -> |possible reclaim lock",
        "the acquisition that would close the circle names it, not the chain's other ends",
    ),
    lockdep(
        "inconsistent-lock",
        "inconsistent lock state",
        r"inconsistent lock state|inconsistent \{[\w -]{1,60}\}",
        "one lock taken both in interrupt context and with interrupts on",
    ),
    lockdep(
        "unlock-balance",
        "bad unlock balance",
        r"bad unlock balance|bad contention detected",
        "the release of a lock that is not held; the releasing function is the first 'at:'",
    ),
    lockdep(
        "held-lock-freed",
        "held lock freed",
        r"held lock freed",
        "memory with a held lock in it is freed; the trace names who frees",
        Key.TRACE,
    ),
    lockdep(
        "lock-held",
        "{what}",
        r"(?:[\w./:-]{1,60} )?(?P<what>lock held when returning to user space|lock held at task exit time|"
        r"still has locks held)",
        "the function that took the lock names it; the kernel prints the locks held and no trace",
        needs_trace=False,
    ),
    lockdep(
        "invalid-wait-context",
        "invalid wait context",
        r"Invalid wait context",
        "PROVE_RAW_LOCK_NESTING, 5.8 on",
    ),
    lockdep(
        "unregistered-lock",
        "trying to register non-static key",
        r"trying to register non-static key",
        "a lock used without initialisation",
        Key.TRACE,
    ),
    Splat(
        "lockdep-limit",
        "lockdep: {what} too low",
        Severity.WARNING,
        starts(r"BUG: (?P<what>MAX_[A-Z_]{4,40}) too (?:low|small)"),
        Key.NONE,
        "a table of lockdep is full, and it turns itself off: nothing is said of the function that asked last",
        words=(b"BUG",),
        needs_trace=False,
    ),
    lockdep(
        "rtmutex-deadlock",
        "rtmutex deadlock",
        r"circular locking deadlock detected",
        "DEBUG_RT_MUTEXES, 2.6.18 to 4.x: a deadlock that has happened",
        Key.TRACE,
    ),
    Splat(
        "rcu-stall",
        "RCU stall",
        Severity.ERROR,
        starts(
            r"(?:rcu: )?INFO: (?:RCU|rcu_\w{1,30}) (?:self-)?detected (?:expedited )?(?:CPU \d{1,4} )?stall|"
            r"RCU detected CPU \d{1,4} stall"
        ),
        Key.INTERRUPTED,
        "what the CPU did when the stall was noticed; 2.6.27 'RCU detected CPU', later per flavour",
        leads=(b"RCU detected CPU",),
        words=(b"INFO: ",),
        patience=25,
        other_cpus=True,
    ),
    # --- context -----------------------------------------------------------------------------------------------------
    Splat(
        "atomic-schedule",
        "scheduling while atomic",
        Severity.ERROR,
        starts(r"(?:BUG: |bad: )?scheduling while atomic"),
        Key.TRACE,
        "2.5 'bad:', 2.6 without prefix, 2.6.18 on 'BUG:'",
        leads=(b"bad: scheduling", b"scheduling while"),
        words=(b"BUG",),
        names_itself=starts(r"cpu_idle\w*|do_idle"),
    ),
    Splat(
        "idle-schedule",
        "scheduling from the idle thread",
        Severity.ERROR,
        starts(r"bad: scheduling from the idle thread"),
        Key.TRACE,
        "2.6 on; the idle task must not wait",
        leads=(b"bad: scheduling",),
    ),
    Splat(
        "atomic-sleep",
        "sleeping function called from invalid context",
        Severity.ERROR,
        starts(r"(?:BUG: |Debug: )?[Ss]leeping function called from (?:invalid|illegal) context"),
        Key.TRACE,
        "2.5 'illegal', 2.6 'Debug:', 2.6.16 on 'BUG:'; who called the sleeping function is meant",
        leads=(b"Debug: sleeping", b"Sleeping function", b"sleeping function"),
        words=(b"BUG",),
    ),
    Splat(
        "preemptible-cpu-id",
        "smp_processor_id() in preemptible code",
        Severity.WARNING,
        starts(r"BUG: using (?:__this_cpu_\w{1,20}\(\)|(?:raw_)?smp_processor_id\(\)) in preemptible"),
        Key.TRACE,
        "DEBUG_PREEMPT, 2.6.12 on",
        words=(b"BUG",),
    ),
    Splat(
        "spinlock",
        "spinlock {what}",
        Severity.ERROR,
        starts(
            r"BUG: (?:spin|rw|read-|write-)lock (?P<what>bad magic|lockup|(?:cpu[- ])?recursion|wrong owner|wrong CPU|"
            r"already unlocked|trylock)"
        ),
        Key.TRACE,
        "DEBUG_SPINLOCK, 2.6.13 on",
        words=(b"BUG",),
    ),
)
