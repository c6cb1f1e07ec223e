"""Reports of the memory debuggers: KASAN, KMSAN, KCSAN, KFENCE, UBSAN, kmemleak."""

from __future__ import annotations

from harness.findings.splat import AT, FUNCTION, Key, Splat, starts
from harness.model.finding import Severity

KINDS: tuple[Splat, ...] = (
    # --- memory debuggers: their headers begin with "BUG:", so they stand first -------------------------------------
    Splat(
        "kasan",
        "KASAN: {what}",
        Severity.ERROR,
        starts(rf"BUG: KASAN: (?P<what>[a-z][\w -]{{1,60}}?) (?:in|on address) (?:{FUNCTION}[+( ]|)"),
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
        starts(rf"BUG: KCSAN: (?P<what>[a-z][\w :-]{{1,60}}?) in {FUNCTION}"),
        Key.INSTRUCTION,
        "5.8 on; two functions race, the header sorts them: the first names it",
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
        "4.5 on; the header holds file:line only",
        leads=(b"UBSAN: ",),
    ),
)
