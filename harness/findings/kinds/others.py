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
            r"WARNING: (?:\[.{1,200}\] )?[\w./+-]{1,200}:\d{1,7} at (?:(?P<function2>[A-Za-z_.$][\w.$]{0,120})[+(]|0x)"
        ),
        Key.INSTRUCTION,
        "2.6.24 on; 3.11 adds CPU and PID, 6.17 turns file and function round, and tells the condition",
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
    Splat(
        "unwinder",
        "kernel stack has a bad value",
        Severity.WARNING,
        starts(r"WARNING: kernel stack (?:regs|frame pointer) at .{1,100} has bad "),
        Key.NONE,
        "4.9 on: the unwinder of frame pointers met a value that is none; whose trace it was making says nothing",
        words=(b"WARNING: ",),
        needs_trace=False,
        alone=True,
    ),
    Splat(
        "netdevice-leak",
        "network device is still in use",
        Severity.ERROR,
        starts(r"unregister_netdevice: waiting for .{1,40} to become free"),
        Key.NONE,
        "2.5 on: a reference was not given back, and the caller waits for ever",
        leads=(b"unregister_netdevice: w",),
        needs_trace=False,
        alone=True,
    ),
    # --- hardware and leaks ------------------------------------------------------------------------------------------
    Splat(
        "machine-check",
        "machine check",
        Severity.WARNING,
        starts(
            r"(?:mce: )?(?:\[Hardware Error\]: )?CPU[ #]\d{1,4}: Machine Check(?: Exception)?:|HARDWARE ERROR|"
            r"(?:mce: )?(?:\[Hardware Error\]: )?Machine check events logged|"
            r"MCE: The hardware reports a non fatal|Machine Check Exception\.? {1,2}CPU"
        ),
        Key.NONE,
        "the machine's fault, not the patch's: kept so that it is seen",
        leads=(b"HARDWARE ERROR", b"MCE: The hardware"),
        words=(b"Machine Check", b"Machine check events"),
        needs_trace=False,
        continues=frozenset({"machine-check"}),
        patience=4,
    ),
    Splat(
        "unknown-nmi",
        "NMI for a hardware error",
        Severity.NOTICE,
        starts(r"NMI: (?:PCI system error|IOCK error|Memory parity error|memory parity error)"),
        Key.NONE,
        "the machine's fault, not the patch's",
        leads=(b"NMI: PCI", b"NMI: IOCK", b"NMI: Memory", b"NMI: memory"),
        needs_trace=False,
        patience=4,
    ),
    Splat(
        "unknown-nmi",
        "unknown NMI",
        Severity.NOTICE,
        starts(r"Uhhuh\. NMI received|Dazed and confused, but trying to continue"),
        Key.NONE,
        "2.5 on; QEMU's inject-nmi looks so too",
        leads=(b"Uhhuh.", b"Dazed and confused"),
        continues=frozenset({"unknown-nmi"}),
        needs_trace=False,
        patience=3,
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
