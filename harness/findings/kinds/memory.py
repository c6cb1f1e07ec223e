"""Memory management: pages, page tables, swap, slab, allocation."""

from __future__ import annotations

from harness.findings.splat import FUNCTION, TRAPS, Key, Splat, starts
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
        alone=True,
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
        alone=True,
    ),
    Splat(
        "bad-swap-entry",
        "Bad swap entry",
        Severity.ERROR,
        starts(
            rf"(?:\w{{1,20}}: )?{FUNCTION}: "
            r"(?:(?:Bad|Unused) swap (?:file|offset) entry|swap entry overflow)"
        ),
        Key.HEADER,
        "the check prints its own name, or what it calls itself, and no trace",
        words=(b"d swap ", b"swap entry overflow"),
        needs_trace=False,
        alone=True,
        # What 2.5 to 4.x print for the former is no function's name; later ones print __func__.
        spelled={
            "swap_info_get": "swap_free",
            "_swap_info_get": "swap_free",
            "__swap_info_get": "swap_free",
            "swap_duplicate": "swap_dup",
            "__swap_duplicate": "swap_dup",
        },
    ),
    Splat(
        "bad-page-table",
        "bad {what}",
        Severity.ERROR,
        starts(r"[\w./+-]{1,200}:\d{1,7}: bad (?P<what>pgd|p4d|pud|pmd|pte) "),
        Key.NONE,
        "pmd_ERROR() and its like, all eras: an entry of a page table that points nowhere; no trace",
        words=(b": bad p",),
        needs_trace=False,
        alone=True,
    ),
    Splat(
        "slab-corruption",
        "slab corruption",
        Severity.ERROR,
        starts(
            r"BUG [\w:.,-]{1,80}(?: \([^)]{1,80}\))?: [A-Z]|\*\*\* SLUB [\w:.,-]{1,80}: |"
            r"slab error in |Slab corruption|"
            r"slab: (?:double free|Internal list corruption) detected|[Dd]ouble free detected in slab|"
            r"slab: cache \S{1,80} error: "
        ),
        Key.TRACE,
        "SLUB '*** SLUB cache: message' (2.6.22), then 'BUG cache (taint): message'; SLAB 'slab error in' and others",
        leads=(
            b"slab error in",
            b"Slab corruption",
            b"slab: double",
            b"slab: Internal",
            b"slab: cache ",
            b"Double free",
            b"double free det",
            b"*** SLUB",
        ),
        words=(b"BUG",),
        patience=40,
    ),
    Splat(
        "slab-corruption",
        "slab corruption",
        Severity.ERROR,
        starts(
            r"kmem_cache_destroy \S{1,80}: Slab cache still has objects|"
            r"SLUB \S{1,80}: \S{1,40} called for cache that still has objects|"
            r"kmem_cache_destroy: Can't free all objects"
        ),
        Key.TRACE,
        "a line with a trace up to 5.1x, without one in 2.5, a WARN's message after: who destroys the cache is meant",
        words=(b"still has objects", b"Can't free all objects"),
        needs_trace=False,
        continues=TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
    Splat(
        "slab-corruption",
        "slab corruption",
        Severity.ERROR,
        starts(r"kfree(?:_debugcheck)?: (?:bad|out of range) ptr "),
        Key.TRACE,
        "SLAB, before a BUG",
        leads=(b"kfree: ", b"kfree_debugcheck: "),
        continues=frozenset({"bug", "invalid-opcode"}),
    ),
    Splat(
        "slab-corruption",
        "slab corruption",
        Severity.ERROR,
        starts(r"INFO: (?:Allocated|Freed) in [A-Za-z_]"),
        Key.NONE,
        "SLUB's report, of which the beginning was lost: the traces in it are those of the object's owners",
        words=(b"INFO: ",),
        inside=True,
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
        "page-allocation-failure",
        "page allocation failure",
        Severity.WARNING,
        starts(r"__alloc_pages: \d{1,2}-order allocation failed"),
        Key.NONE,
        "2.4 and 2.5 to 2.5.2x: a line without a trace",
        words=(b"-order allocation",),
        needs_trace=False,
        patience=2,
    ),
    Splat(
        "page-allocation-failure",
        "vmalloc allocation failure",
        Severity.WARNING,
        starts(r"(?:warn_alloc: )?\S[^\n]{0,60}?: vmalloc(?: error)?: (?:allocation failure|size \d)"),
        Key.TRACE,
        "2.6.39 on, through the same report as that of pages",
        words=(b"vmalloc: alloc", b"vmalloc error: "),
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
