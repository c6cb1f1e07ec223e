"""Watchdogs: what does not come on."""

from __future__ import annotations

from harness.findings.splat import Key, Splat, starts
from harness.model.finding import Severity

KINDS: tuple[Splat, ...] = (
    # --- watchdogs ---------------------------------------------------------------------------------------------------
    Splat(
        "soft-lockup",
        "soft lockup",
        Severity.ERROR,
        starts(r"(?:NMI watchdog: |watchdog: )?BUG: soft lockup"),
        Key.INTERRUPTED,
        "2.6.15 on; RIP is what looped, unless it waits for a lock or another CPU",
        words=(b"BUG",),
        patience=25,
        other_cpus=True,
    ),
    Splat(
        "hung-task",
        "INFO: task hung",
        Severity.ERROR,
        starts(
            r"INFO: task [^\n]{1,40}?:\d{1,10} (?:blocked(?: in I/O wait)?|can't die) for more than \d{1,9} seconds"
        ),
        Key.TRACE,
        "2.6.25 on; schedule() and the waiting primitives on top of the trace are the same for all",
        words=(b"INFO: ",),
        names_itself=starts(r"_*synchronize_(?:rcu|sched|srcu|rcu_bh|rcu_tasks)(?:_expedited)?"),
    ),
    Splat(
        "workqueue-leak",
        "work leaked a lock or atomic",
        Severity.ERROR,
        starts(r"BUG: workqueue leaked (?:lock or atomic|atomic, lock or RCU)"),
        Key.LOCK,
        "2.6.21 on; the next line names the function that ran last",
        words=(b"BUG",),
    ),
    Splat(
        "workqueue-lockup",
        "workqueue lockup",
        Severity.ERROR,
        starts(r"BUG: workqueue lockup"),
        Key.NONE,
        "4.5 on; lists pools, seldom traces",
        words=(b"BUG",),
        needs_trace=False,
    ),
)
