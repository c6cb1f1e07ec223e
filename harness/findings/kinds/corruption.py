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
        starts(
            r"refcount_t: (?:decrement|underflow|addition|increment|saturated|overflow)|"
            r"refcount_t (?:hit zero|underflow|overflow|saturated) at "
        ),
        Key.TRACE,
        "the message of a WARN (4.11 on); RIP is lib/refcount.c",
        leads=(b"refcount_t",),
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
        "usercopy",
        "bad usercopy",
        Severity.ERROR,
        starts(
            r"usercopy: (?:Kernel memory|kernel memory) (?:exposure|overwrite) attempt|"
            r"Bad or missing usercopy whitelist\?"
        ),
        Key.TRACE,
        "hardened usercopy (4.8 on): before a BUG, or a WARN for the whitelist; RIP is mm/usercopy.c",
        leads=(b"usercopy: Kernel", b"usercopy: kernel", b"Bad or missing usercopy"),
        continues=TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
    Splat(
        "fortify",
        "buffer overflow",
        Severity.ERROR,
        starts(r"(?:\w{1,30}: )?detected (?:buffer overflow|field-spanning write|buffer overread)"),
        Key.TRACE,
        "FORTIFY_SOURCE (4.13 on): before a BUG, or the message of a WARN (6.x); RIP is lib/string_helpers.c",
        leads=(b"detected buffer", b"detected field"),
        words=(b"detected buffer", b"detected field"),
        continues=TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
    Splat(
        "busy-inodes",
        "VFS: {what}",
        Severity.ERROR,
        starts(r"VFS: (?P<what>Busy inodes after unmount|Close: file count is (?:0|zero))"),
        Key.NONE,
        "2.5 on; a line of its own, or before a BUG or WARN (6.x), whose trace is always the unmount",
        leads=(b"VFS: Busy", b"VFS: Close"),
        needs_trace=False,
        continues=TRAPS,
        refines=frozenset({"bug", "warning"}),
        patience=3,
    ),
    Splat(
        "bad-vfree",
        "vfree() of a bad address",
        Severity.ERROR,
        starts(r"Trying to vfree\(\) (?:bad address|nonexistent vm area)"),
        Key.TRACE,
        "2.5 on; a line with, since 2.6, a trace, or the message of a WARN (2.6.27 on)",
        leads=(b"Trying to vfree()",),
        needs_trace=False,
        continues=TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
    Splat(
        "uninitialised-timer",
        "uninitialised timer",
        Severity.ERROR,
        starts(r"Uninitialised timer!"),
        Key.TRACE,
        "2.5.4x to 2.6.10: who adds or deletes the timer is meant",
        leads=(b"Uninitialised timer",),
    ),
    Splat(
        "hard-lockup",
        "hard lockup",
        Severity.FATAL,
        starts(
            r"(?:Kernel panic[ \w-]{0,20}: )?(?:NMI watchdog: |watchdog: )?"
            r"(?:CPU\d{1,4}: )?Watchdog detected hard LOCKUP on cpu|"
            r"(?:BUG: )?NMI Watchdog detected LOCKUP"
        ),
        Key.INTERRUPTED,
        "2.5 to 2.6.36 'NMI Watchdog detected LOCKUP'; later the message of a WARN, or a line of its own",
        words=(b"LOCKUP",),
        continues=TRAPS,
        refines=frozenset({"warning"}),
        other_cpus=True,
    ),
)
