"""WARN, hardware, and anything else that calls itself a bug."""

from __future__ import annotations

from harness.findings.splat import AT, FUNCTION, Key, Splat, starts
from harness.model.finding import Severity

KINDS: tuple[Splat, ...] = (
    # --- WARN --------------------------------------------------------------------------------------------------------
    Splat(
        "warning",
        "WARNING",
        Severity.WARNING,
        starts(
            rf"WARNING: (?:CPU: \d{{1,5}} PID: \d{{1,10}} )?at {AT}(?: {FUNCTION}[+(]?|)|"
            rf"WARNING: [\w./+-]{{1,200}}:\d{{1,7}} at (?P<function2>[A-Za-z_.$][\w.$]{{0,120}})[+(]"
        ),
        Key.INSTRUCTION,
        "2.6.24 on; 3.11 adds CPU and PID, 6.17 turns file and function round",
        words=(b"WARNING: ",),
    ),
    Splat(
        "warning",
        "WARNING",
        Severity.WARNING,
        starts(
            r"Badness in (?P<function>[A-Za-z_][\w.]{0,120}) at |"
            r"BUG: warning at [\w./+-]{1,200}:\d{1,7}/(?P<function2>[A-Za-z_][\w.]{0,120})\(\)|"
            r"BUG: at [\w./+-]{1,200}:\d{1,7} (?P<function3>[A-Za-z_][\w.]{0,120})\(\)"
        ),
        Key.INSTRUCTION,
        "WARN_ON() said 'Badness in' in 2.6.0-2.6.17, 'BUG: warning at' in 2.6.18-20, 'BUG: at' in 2.6.21-23",
        leads=(b"Badness in ",),
        words=(b"BUG",),
    ),
    # --- hardware and leaks ------------------------------------------------------------------------------------------
    Splat(
        "machine-check",
        "machine check",
        Severity.WARNING,
        starts(r"(?:mce: )?(?:\[Hardware Error\]: )?CPU \d{1,4}: Machine Check(?: Exception)?:|HARDWARE ERROR"),
        Key.NONE,
        "the machine's fault, not the patch's: kept so that it is seen",
        leads=(b"HARDWARE ERROR",),
        words=(b"Machine Check",),
        needs_trace=False,
        patience=4,
    ),
    Splat(
        "unknown-nmi",
        "unknown NMI",
        Severity.NOTICE,
        starts(r"Uhhuh\. NMI received"),
        Key.NONE,
        "2.5 on; QEMU's inject-nmi looks so too",
        leads=(b"Uhhuh.",),
        needs_trace=False,
        patience=3,
    ),
    Splat(
        "memory-leak",
        "kmemleak: suspected memory leak",
        Severity.WARNING,
        starts(r"kmemleak: \d{1,9} new suspected memory leaks"),
        Key.NONE,
        "2.6.31 on; the traces are in debugfs, not on the console",
        leads=(b"kmemleak: ",),
        needs_trace=False,
        patience=2,
    ),
    # --- anything else that calls itself a bug -----------------------------------------------------------------------
    Splat(
        "bug-message",
        "BUG: {what}",
        Severity.ERROR,
        starts(r"BUG: (?P<what>\S.{0,120})"),
        Key.TRACE,
        "a message this table does not know; believed only if a call trace follows, because programs print such too",
        words=(b"BUG",),
        confirm=True,
    ),
)
