"""Corruption that a check names in words before, or as the message of, a BUG or WARN."""

from __future__ import annotations

from harness.findings.splat import TRAPS, Key, Splat, starts
from harness.model.finding import Severity

KINDS: tuple[Splat, ...] = (
    # --- messages that precede or accompany a BUG or WARN and say more than it ---------------------------------------
    Splat(
        "list-corruption",
        "list corruption",
        Severity.ERROR,
        starts(r"list_(?:add|del)(?:_rcu)?(?: double add| corruption)[.,:]"),
        Key.TRACE,
        "printed before BUG() (2.6.16-2.6.26, 4.10 on) or as the message of a WARN (2.6.27-4.9); RIP is list_debug.c",
        leads=(b"list_add", b"list_del"),
        continues=TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
    Splat(
        "refcount",
        "refcount error",
        Severity.ERROR,
        starts(r"refcount_t: (?:decrement|underflow|addition|increment|saturated|overflow)"),
        Key.TRACE,
        "the message of a WARN (4.11 on); RIP is lib/refcount.c",
        leads=(b"refcount_t: ",),
        continues=TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
    Splat(
        "page-mapcount",
        "page_mapcount went negative",
        Severity.ERROR,
        starts(r"Eeek! page_mapcount\(page\) went negative"),
        Key.TRACE,
        "2.6.7-2.6.27: page_remove_rmap() prints the page, then BUG()s: its caller is meant",
        leads=(b"Eeek!",),
        needs_trace=False,
        continues=TRAPS,
    ),
    Splat(
        "hard-lockup",
        "hard lockup",
        Severity.FATAL,
        starts(
            r"(?:Kernel panic[ \w-]{0,20}: )?(?:NMI watchdog: |watchdog: )?"
            r"(?:CPU\d{1,4}: )?Watchdog detected hard LOCKUP on cpu|"
            r"NMI Watchdog detected LOCKUP"
        ),
        Key.INTERRUPTED,
        "2.5 to 2.6.36 'NMI Watchdog detected LOCKUP'; later the message of a WARN, or a line of its own",
        words=(b"LOCKUP",),
        continues=TRAPS,
        refines=frozenset({"warning"}),
        other_cpus=True,
    ),
)
