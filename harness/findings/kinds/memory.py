"""Memory management: pages, page tables, swap, slab, allocation."""

from __future__ import annotations

from harness.findings.splat import FUNCTION, Key, Splat, starts
from harness.model.finding import Severity

KINDS: tuple[Splat, ...] = (
    # --- memory management -------------------------------------------------------------------------------------------
    Splat(
        "bad-page-state",
        "Bad page state",
        Severity.ERROR,
        starts(rf"(?:BUG: )?Bad page state (?:at {FUNCTION}|in process)"),
        Key.INSTRUCTION,
        "2.6.0-2.6.16 'at function', then 'in process'; the trace shows who frees or allocates the page",
        leads=(b"Bad page state",),
        words=(b"BUG",),
        patience=25,
    ),
    Splat(
        "bad-page-map",
        "Bad page map",
        Severity.ERROR,
        starts(r"BUG: Bad page (?:map|cache) in process|Bad pte = "),
        Key.TRACE,
        "print_bad_pte(): 'Bad pte =' up to 2.6.28, 'Bad page map' after",
        leads=(b"Bad pte",),
        words=(b"BUG",),
        patience=20,
    ),
    Splat(
        "bad-rss-counter",
        "Bad rss-counter state",
        Severity.ERROR,
        starts(r"BUG: Bad rss-counter state"),
        Key.NONE,
        "3.4 on; found at exit of the process, no trace",
        words=(b"BUG",),
        needs_trace=False,
        patience=3,
    ),
    Splat(
        "page-table-leak",
        "non-zero page table bytes at exit",
        Severity.ERROR,
        starts(r"BUG: non-zero (?:pgtables_bytes|nr_ptes|nr_pmds) on freeing mm"),
        Key.NONE,
        "3.x on; found at exit of the process, no trace",
        words=(b"BUG",),
        needs_trace=False,
        patience=3,
    ),
    Splat(
        "bad-swap-entry",
        "Bad swap entry",
        Severity.ERROR,
        starts(rf"(?:swap_info_get: |\w{{1,20}}: )?{FUNCTION}: (?:Bad|Unused) swap (?:file|offset) entry"),
        Key.HEADER,
        "swap_free, swap_dup, swap_info_get: the check prints its own name, and no trace",
        words=(b"d swap ",),
        needs_trace=False,
        patience=3,
    ),
    Splat(
        "slab-corruption",
        "slab corruption",
        Severity.ERROR,
        starts(
            r"BUG [\w:.,-]{1,80}(?: \([^)]{1,80}\))?: [A-Z]|slab error in |Slab corruption|"
            r"slab: double free detected|[Dd]ouble free detected in slab"
        ),
        Key.TRACE,
        "SLUB 'BUG cache (taint): message', SLAB 'slab error in' and 'Slab corruption'",
        leads=(b"slab error in", b"Slab corruption", b"slab: double", b"Double free", b"double free det"),
        words=(b"BUG",),
        patience=40,
    ),
    Splat(
        "page-allocation-failure",
        "page allocation failure",
        Severity.WARNING,
        starts(r"(?:warn_alloc: )?\S[^\n]{0,60}?: page allocation (?:failure|stalls)"),
        Key.TRACE,
        "the caller of the allocator names it; memory statistics follow",
        words=(b"page allocation ",),
        patience=20,
    ),
    Splat(
        "oom-kill",
        "OOM kill",
        Severity.NOTICE,
        starts(
            r"\S[^\n]{0,60}? invoked oom-killer:|(?:Memory cgroup )?[Oo]ut of [Mm]emory: Kill|"
            r"oom-killer: (?:gfp_mask|constraint)=|VM: killing process"
        ),
        Key.NONE,
        "the victim depends on the load, the trace on who asked last: neither is a name",
        leads=(b"VM: killing",),
        words=(b"oom-killer", b"emory: Kill"),
        needs_trace=False,
        ends=starts(r"(?:Memory cgroup )?[Oo]ut of [Mm]emory: Kill|Killed process \d|oom_reaper: reaped"),
        patience=60,
    ),
)
