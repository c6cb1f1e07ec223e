"""Reports of the memory debuggers: KASAN, KMSAN, KCSAN, KFENCE, UBSAN, kmemleak."""

from __future__ import annotations

from harness.findings.splat import AT, FUNCTION, TRAPS, Key, Splat, starts
from harness.model.finding import Severity

KINDS: tuple[Splat, ...] = (
    # --- memory debuggers: their headers begin with "BUG:", so they stand first -------------------------------------
    Splat(
        "kasan",
        "KASAN: {what}",
        Severity.ERROR,
        starts(rf"BUG: KASAN: (?P<what>[a-z][\w -]{{1,60}}?) (?:on address|in(?: {FUNCTION}[+( ]|(?P<lost>)$))"),
        Key.INSTRUCTION,
        "the header names the accessing function; for memcpy() and the like the caller in the trace is meant",
        words=(b"BUG",),
    ),
    Splat(
        "kmsan",
        "KMSAN: {what}",
        Severity.ERROR,
        starts(rf"BUG: KMSAN: (?P<what>[a-z][\w -]{{1,60}}?) in {FUNCTION}\+"),
        Key.INSTRUCTION,
        "6.1 on; shape as KASAN's",
        words=(b"BUG",),
    ),
    Splat(
        "kcsan",
        "KCSAN: {what}",
        Severity.WARNING,
        starts(
            rf"BUG: KCSAN: (?P<what>[a-z][\w :-]{{1,60}}?) in {FUNCTION}(?: / (?P<other>[A-Za-z_.$][\w.$]{{0,120}}))?"
        ),
        Key.HEADER,
        "5.8 on; two functions race, and both name it: none of them is more to blame than the other",
        words=(b"BUG",),
        patience=25,
    ),
    Splat(
        "kfence",
        "KFENCE: {what}",
        Severity.ERROR,
        starts(rf"BUG: KFENCE: (?P<what>[a-z][\w -]{{1,60}}?) in {FUNCTION}\+"),
        Key.INSTRUCTION,
        "5.12 on",
        words=(b"BUG",),
    ),
    Splat(
        "ubsan",
        "UBSAN: {what}",
        Severity.WARNING,
        starts(rf"UBSAN: (?P<what>[A-Za-z][\w -]{{1,60}}?) in {AT}"),
        Key.TRACE,
        "4.5 on; the header holds file:line only, and up to 5.7 nothing of what it is: the next line says that",
        leads=(b"UBSAN: ",),
        says=(
            (starts("(?:signed|unsigned) integer overflow"), "signed-integer-overflow"),
            (starts("shift exponent|left shift of"), "shift-out-of-bounds"),
            (starts("index .{1,40} is out of range"), "array-index-out-of-bounds"),
            (starts("division by zero|division of "), "division-overflow"),
            (starts("member access within null|load of null pointer|store to null pointer"), "null-ptr-deref"),
            (starts("(?:member access within|load of|store to) misaligned"), "misaligned-access"),
            (starts("(?:member access within|load of|store to) address"), "object-size-mismatch"),
            (starts("load of value .{1,60} is not a valid value"), "invalid-load"),
            (starts("variable length array bound"), "vla-bound-not-positive"),
            (starts("calling __builtin_unreachable"), "unreachable"),
            (starts("execution reached the end"), "missing-return"),
        ),
    ),
    Splat(
        "memory-leak",
        "memory leak",
        Severity.WARNING,
        starts(r"(?:kmemleak: )?unreferenced object 0x[0-9a-f]{8,16} \(size|BUG: memory leak$"),
        Key.TRACE,
        "kmemleak.verbose=1, or somebody copied debugfs to the console; who allocated names it",
        leads=(b"unreferenced object", b"kmemleak: unref"),
        words=(b"BUG",),
        continues=frozenset({"memory-leak"}),
        patience=12,
    ),
    Splat(
        "memory-leak",
        "kmemleak: suspected memory leak",
        Severity.WARNING,
        starts(r"kmemleak: \d{1,9} new suspected memory leaks"),
        Key.NONE,
        "2.6.31 on; the traces are in debugfs, not on the console",
        words=(b"suspected memory leaks",),
        needs_trace=False,
        patience=2,
    ),
    Splat(
        "memory-leak",
        "kmemleak: {what}",
        Severity.WARNING,
        starts(
            r"kmemleak: (?P<what>Cannot insert .{1,40} into the object search tree|Trying to color unknown object|"
            r"Freeing unknown object|Partially freeing unknown object|Scan area larger than object|"
            r"Adding scan area to unknown object)"
        ),
        Key.TRACE,
        "kmemleak's own checks of what allocators tell it",
        leads=(
            b"kmemleak: Cannot",
            b"kmemleak: Trying",
            b"kmemleak: Freeing",
            b"kmemleak: Partially",
            b"kmemleak: Scan area",
            b"kmemleak: Adding",
        ),
    ),
    Splat(
        "debug-objects",
        "ODEBUG: {what}",
        Severity.ERROR,
        starts(
            r"ODEBUG: (?P<what>(?:activate|deactivate|init|free|destroy|assert_init|active_state) "
            r"(?:active|not available|destroyed|inactive|init|not initialized|\S{1,20})|object is (?:not )?on stack)"
        ),
        Key.TRACE,
        "the message of a WARN (2.6.26 on) whose RIP is always debug_print_object()",
        leads=(b"ODEBUG: ",),
        continues=TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
)
