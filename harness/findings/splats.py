"""The kinds of report a kernel writes, as data: how each begins, what names it, what it must hold, and why.

To teach the parser a report, add an entry (and a case file under tests/findings/cases). Order matters only where two
headers match one line: the first wins, so the special stands before the general.

All patterns are matched at the start of a message (the console prefix is off) and have bounded repetition: a hostile
line costs time linear in its length.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from harness.model.finding import Severity


class Key(enum.Enum):
    """Where the key function of a report is looked for; plumbing and shared helpers are passed over on the way."""

    INSTRUCTION = "instruction"
    """The header's function, then where the CPU was (RIP, EIP), then the call trace: the code that hit the trap."""
    TRACE = "trace"
    """The call trace: the report was called for by a check deep below the code that is meant."""
    LOCK = "lock"
    """The first ``at: function`` (where the lock in question is taken), then the call trace."""
    INTERRUPTED = "interrupted"
    """Where the CPU was when the watchdog's interrupt came: the first RIP or EIP, then what follows the interrupt's
    own part of the trace."""
    HEADER = "header"
    """The header alone; the trace, if any, tells nothing of the cause."""
    NONE = "none"
    """No function: what the report is about has none (a counter at exit, the victim of the OOM killer)."""


@dataclass(frozen=True, slots=True)
class Splat:
    """One kind of report.

    ``header`` begins it; groups: ``function`` (``function2`` …: key function named by the header), ``file`` (named in
    the title if no function can be had), ``what`` (filled into ``title``), ``address`` (of the function, for those who
    can resolve it). ``leads`` are literals one of which every header line begins with, after the prefix; ``words``
    literals one of which it holds anywhere. Every header needs one or the other: lines without any are skipped unread,
    which is what makes clean logs fast.
    """

    kind: str
    title: str
    severity: Severity
    header: re.Pattern[str]
    key: Key
    reason: str
    leads: tuple[bytes, ...] = ()
    words: tuple[bytes, ...] = ()
    needs_trace: bool = True
    """Every kernel prints a trace (or, for oopses, at least EIP and a trace) with it: without one it is corrupted."""
    is_death: bool = False
    """Goes through die(): registers follow, and a "Fatal exception" panic after it is its consequence."""
    continues: frozenset[str] = frozenset()
    """Kinds whose header, as long as no trace was seen, is only the next line of this report."""
    refines: frozenset[str] = frozenset()
    """Kinds of an open report without trace that this header renames: the message of a WARN or BUG that says more."""
    confirm: bool = False
    """The header alone is too weak to be believed (any program can print it): without a trace it is not reported."""
    ends: re.Pattern[str] | None = None
    """A last line that only this kind has."""
    patience: int = 12
    """Lines in a row that are not part of any report until this one is taken for finished."""
    other_cpus: bool = False
    """Other CPUs print their backtraces into it, under their own caller id."""


_F = r"(?P<function>[A-Za-z_.$][\w.$]{0,120})"
_AT = r"(?P<file>[\w./+-]{1,200}):\d{1,7}"
_DIES = frozenset({"invalid-opcode", "oops", "general-protection", "double-fault", "divide-error"})
_TRAPS = frozenset({"bug", "warning", "invalid-opcode", "oops"})


def _p(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _lockdep(kind: str, title: str, messages: str, reason: str, key: Key = Key.LOCK, needs_trace: bool = True) -> Splat:
    """One of lockdep's reports: ``[ INFO: … ]`` or ``[ BUG: … ]`` up to 4.10, ``WARNING: …`` after."""
    return Splat(
        kind,
        title,
        Severity.ERROR,
        _p(rf"(?:\[ )?(?:INFO|WARNING|BUG): (?:{messages})"),
        key,
        reason,
        words=(b"INFO: ", b"WARNING: ", b"BUG"),
        needs_trace=needs_trace,
        patience=40,
    )


_DIE_CODE = r"(?:: [0-9a-f]{4}\b| \[#\d)"

SPLATS: tuple[Splat, ...] = (
    # --- memory debuggers: their headers begin with "BUG:", so they stand first -------------------------------------
    Splat(
        "kasan",
        "KASAN: {what}",
        Severity.ERROR,
        _p(rf"BUG: KASAN: (?P<what>[a-z][\w -]{{1,60}}?) (?:in|on address) (?:{_F}[+( ]|)"),
        Key.INSTRUCTION,
        "the header names the accessing function; for memcpy() and the like the caller in the trace is meant",
        words=(b"BUG",),
    ),
    Splat(
        "kmsan",
        "KMSAN: {what}",
        Severity.ERROR,
        _p(rf"BUG: KMSAN: (?P<what>[a-z][\w -]{{1,60}}?) in {_F}\+"),
        Key.INSTRUCTION,
        "6.1 on; shape as KASAN's",
        words=(b"BUG",),
    ),
    Splat(
        "kcsan",
        "KCSAN: {what}",
        Severity.WARNING,
        _p(rf"BUG: KCSAN: (?P<what>[a-z][\w :-]{{1,60}}?) in {_F}"),
        Key.INSTRUCTION,
        "5.8 on; two functions race, the header sorts them: the first names it",
        words=(b"BUG",),
        patience=25,
    ),
    Splat(
        "kfence",
        "KFENCE: {what}",
        Severity.ERROR,
        _p(rf"BUG: KFENCE: (?P<what>[a-z][\w -]{{1,60}}?) in {_F}\+"),
        Key.INSTRUCTION,
        "5.12 on",
        words=(b"BUG",),
    ),
    Splat(
        "ubsan",
        "UBSAN: {what}",
        Severity.WARNING,
        _p(rf"UBSAN: (?P<what>[A-Za-z][\w -]{{1,60}}?) in {_AT}"),
        Key.TRACE,
        "4.5 on; the header holds file:line only",
        leads=(b"UBSAN: ",),
    ),
    # --- messages that precede or accompany a BUG or WARN and say more than it ---------------------------------------
    Splat(
        "list-corruption",
        "list corruption",
        Severity.ERROR,
        _p(r"list_(?:add|del)(?:_rcu)?(?: double add| corruption)[.,:]"),
        Key.TRACE,
        "printed before BUG() (2.6.16-2.6.26, 4.10 on) or as the message of a WARN (2.6.27-4.9); RIP is list_debug.c",
        leads=(b"list_add", b"list_del"),
        continues=_TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
    Splat(
        "refcount",
        "refcount error",
        Severity.ERROR,
        _p(r"refcount_t: (?:decrement|underflow|addition|increment|saturated|overflow)"),
        Key.TRACE,
        "the message of a WARN (4.11 on); RIP is lib/refcount.c",
        leads=(b"refcount_t: ",),
        continues=_TRAPS,
        refines=frozenset({"bug", "warning"}),
    ),
    Splat(
        "page-mapcount",
        "page_mapcount went negative",
        Severity.ERROR,
        _p(r"Eeek! page_mapcount\(page\) went negative"),
        Key.TRACE,
        "2.6.7-2.6.27: page_remove_rmap() prints the page, then BUG()s: its caller is meant",
        leads=(b"Eeek!",),
        needs_trace=False,
        continues=_TRAPS,
    ),
    Splat(
        "hard-lockup",
        "hard lockup",
        Severity.FATAL,
        _p(
            r"(?:Kernel panic[ \w-]{0,20}: )?(?:NMI watchdog: |watchdog: )?"
            r"(?:CPU\d{1,4}: )?Watchdog detected hard LOCKUP on cpu|"
            r"NMI Watchdog detected LOCKUP"
        ),
        Key.INTERRUPTED,
        "2.5 to 2.6.36 'NMI Watchdog detected LOCKUP'; later the message of a WARN, or a line of its own",
        words=(b"LOCKUP",),
        continues=_TRAPS,
        refines=frozenset({"warning"}),
        other_cpus=True,
    ),
    # --- BUG and oopses ----------------------------------------------------------------------------------------------
    Splat(
        "bug",
        "BUG",
        Severity.FATAL,
        _p(rf"[Kk]ernel BUG at (?P<file>[\w./+-]{{1,200}})|BUG: failure at [\w./+-]{{1,200}}:\d{{1,7}}/{_F}\(\)"),
        Key.INSTRUCTION,
        "BUG(), BUG_ON(), VM_BUG_ON(); the trap's own line (invalid operand, invalid opcode, Oops) follows",
        words=(b"BUG",),
        is_death=True,
        continues=frozenset({"invalid-opcode", "oops"}),
    ),
    Splat(
        "null-dereference",
        "NULL pointer dereference",
        Severity.FATAL,
        _p(r"(?:BUG: |Internal error: )?(?:[Uu]nable to handle kernel NULL pointer|kernel NULL pointer dereference)"),
        Key.INSTRUCTION,
        "2.5 'Unable to handle', 2.6.20 'BUG: unable to handle', 5.1 'BUG: kernel NULL pointer dereference'",
        words=(b"BUG", b"Unable to handle"),
        is_death=True,
        continues=_DIES,
    ),
    Splat(
        "page-fault",
        "bad page fault",
        Severity.FATAL,
        _p(
            r"(?:BUG: )?[Uu]nable to handle (?:kernel )?(?:paging request|page fault|access to user memory)|"
            r"BUG: unable to handle kernel (?!NULL)|kernel tried to execute NX-protected page"
        ),
        Key.INSTRUCTION,
        "the address may be small or wild for one and the same bug; NULL is kept apart because the kernel does",
        leads=(b"kernel tried to execute",),
        words=(b"BUG", b"Unable to handle"),
        is_death=True,
        continues=_DIES | {"page-fault", "null-dereference"},
    ),
    Splat(
        "stack-overflow",
        "stack overflow",
        Severity.FATAL,
        _p(r"BUG: (?:(?:TASK|IRQ|NMI|#DF) )?stack guard page was hit|do_IRQ: stack overflow|kernel stack overflow"),
        Key.INSTRUCTION,
        "vmapped stacks (4.9 on) hit the guard page; i386 with DEBUG_STACKOVERFLOW looks in do_IRQ()",
        leads=(b"do_IRQ: stack", b"kernel stack overflow"),
        words=(b"BUG",),
        is_death=True,
        continues=_DIES,
    ),
    Splat(
        "general-protection",
        "general protection fault",
        Severity.FATAL,
        _p(rf"(?:Oops: )?general protection fault[^\[]{{0,120}}?{_DIE_CODE}"),
        Key.INSTRUCTION,
        "6.10 on 'Oops: general protection fault, probably for non-canonical address …'",
        leads=(b"general protection fault",),
        words=(b"Oops",),
        is_death=True,
        continues=frozenset({"oops"}),
    ),
    Splat(
        "double-fault",
        "double fault",
        Severity.FATAL,
        _p(rf"(?:Oops: |PANIC: |traps: PANIC: )?double fault(?:{_DIE_CODE}|, (?:gdt|error_code))"),
        Key.INSTRUCTION,
        "i386 has its own shape: 'double fault, gdt at …'",
        leads=(b"double fault", b"PANIC: double", b"traps: PANIC"),
        words=(b"Oops",),
        is_death=True,
        continues=frozenset({"oops", "double-fault"}),
    ),
    Splat(
        "divide-error",
        "divide error",
        Severity.FATAL,
        _p(rf"(?:Oops: )?divide error{_DIE_CODE}"),
        Key.INSTRUCTION,
        "a user-space division by zero is 'traps: … divide error ip:' and does not match",
        leads=(b"divide error",),
        words=(b"Oops",),
        is_death=True,
        continues=frozenset({"oops"}),
    ),
    Splat(
        "invalid-opcode",
        "invalid opcode",
        Severity.FATAL,
        _p(rf"(?:Oops: )?invalid (?:opcode|operand){_DIE_CODE}"),
        Key.INSTRUCTION,
        "'operand' up to 2.6.16; after 'kernel BUG at' it is that report's second line",
        leads=(b"invalid op",),
        words=(b"Oops",),
        is_death=True,
        continues=frozenset({"oops"}),
    ),
    Splat(
        "oops",
        "oops",
        Severity.FATAL,
        _p(
            rf"(?:Oops: |Oops - |Internal error: Oops)|"
            rf"(?:stack segment|segment not present|invalid TSS|bounds|int3|alignment check|"
            rf"coprocessor segment overrun|iret exception|stack segment fault){_DIE_CODE}"
        ),
        Key.INSTRUCTION,
        "any other trap that goes through die()",
        leads=(
            b"Internal error: Oops",
            b"stack segment",
            b"segment not",
            b"invalid TSS",
            b"bounds: ",
            b"int3: ",
            b"alignment check",
            b"coprocessor seg",
            b"iret exc",
        ),
        words=(b"Oops",),
        is_death=True,
        continues=frozenset({"oops"}),
    ),
    Splat(
        "early-exception",
        "exception before traps are set up",
        Severity.FATAL,
        _p(
            r"PANIC: early exception(?: \w{1,6} (?:rip|IP) [0-9a-f]{1,4}:(?P<address>[0-9a-f]{8,16})\b|)|"
            r"BUG: Int \d{1,3}: CR2|"
            r"Unknown interrupt(?: or fault at (?:EIP|IP)(?: [0-9a-f]{8}){0,2}? (?P<address2>[c-f][0-9a-f]{7})\b|"
            r"(?: or fault at (?:EIP|IP))?(?: [0-9a-f]{8,16}\b|$))|"
            rf"RIP {_F}\+0x[0-9a-f]{{1,8}}/0x[0-9a-f]{{1,8}}$"
        ),
        Key.INSTRUCTION,
        "x86-64 2.6.11 on 'PANIC: early'; i386 'Unknown interrupt' (2.5: again and again), 'Int' from 2.6.24 on",
        # The line with PANIC goes round the log, straight to an early console: there RAM has only "RIP f+0x".
        leads=(b"PANIC: early", b"Unknown interrupt", b"RIP "),
        words=(b"BUG",),
        needs_trace=False,
        ends=_p(r"Unknown interrupt|RIP [A-Za-z_.$]"),
        patience=8,
    ),
    # --- panics that name their own cause ----------------------------------------------------------------------------
    Splat(
        "stack-corruption",
        "stack corruption",
        Severity.FATAL,
        _p(rf"Kernel panic[ \w-]{{0,20}}: (?:stack-protector: Kernel stack is corrupted in: )(?:[0-9a-f]+$|{_F}|)"),
        Key.INSTRUCTION,
        "the compiler's stack protector (2.6.24 on); an address instead of a function up to 4.x",
        words=(b"Kernel panic",),
        needs_trace=False,
    ),
    Splat(
        "stack-corruption",
        "stack corruption",
        Severity.FATAL,
        _p(
            r"(?:Kernel panic[ \w-]{0,20}: |BUG: )?corrupted stack end detected|"
            r"Thread overran stack, or stack corrupted"
        ),
        Key.TRACE,
        "the magic word at the end of the stack is gone; noticed in schedule() or at the next oops",
        leads=(b"corrupted stack end", b"Thread overran"),
        words=(b"Kernel panic", b"BUG"),
        needs_trace=False,
    ),
    Splat(
        "init-died",
        "kernel panic: {what}",
        Severity.FATAL,
        _p(r"Kernel panic[ \w-]{0,20}: (?P<what>Attempted to kill (?:init|the idle task))"),
        Key.NONE,
        "process 1 exited or was killed; its trace is always do_exit() and says nothing",
        words=(b"Kernel panic",),
        needs_trace=False,
    ),
    Splat(
        "panic",
        "kernel panic: {what}",
        Severity.FATAL,
        _p(r"Kernel panic[ \w-]{0,20}: (?P<what>.{0,160})"),
        Key.NONE,
        "the reason is the name; panics that follow from another report are joined to it (PANICS_AFTER)",
        words=(b"Kernel panic",),
        needs_trace=False,
    ),
    # --- lockdep and RCU ---------------------------------------------------------------------------------------------
    _lockdep(
        "suspicious-rcu",
        "suspicious RCU usage",
        r"suspicious RCU usage|suspicious rcu_dereference_check\(\) usage",
        "2.6.34 names rcu_dereference_check(), 3.1 on 'RCU usage'; the check is called where the rule is broken",
        Key.TRACE,
    ),
    _lockdep(
        "deadlock",
        "possible deadlock",
        r"possible circular locking|possible recursive locking|possible irq lock inversion|Nested lock was not taken|"
        r"(?:hard|soft|HARDIRQ|SOFTIRQ|RECLAIM_FS|FS_RECLAIM)-safe -> |possible reclaim lock",
        "the acquisition that would close the circle names it, not the chain's other ends",
    ),
    _lockdep(
        "inconsistent-lock",
        "inconsistent lock state",
        r"inconsistent lock state|inconsistent \{[\w -]{1,60}\}",
        "one lock taken both in interrupt context and with interrupts on",
    ),
    _lockdep(
        "unlock-balance",
        "bad unlock balance",
        r"bad unlock balance|bad contention detected",
        "the release of a lock that is not held; the releasing function is the first 'at:'",
    ),
    _lockdep(
        "held-lock-freed",
        "held lock freed",
        r"held lock freed",
        "memory with a held lock in it is freed; the trace names who frees",
        Key.TRACE,
    ),
    _lockdep(
        "lock-held",
        "{what}",
        r"(?:[\w./:-]{1,60} )?(?P<what>lock held when returning to user space|lock held at task exit time|"
        r"still has locks held)",
        "the function that took the lock names it; the kernel prints the locks held and no trace",
        needs_trace=False,
    ),
    _lockdep(
        "invalid-wait-context",
        "invalid wait context",
        r"Invalid wait context",
        "PROVE_RAW_LOCK_NESTING, 5.8 on",
    ),
    _lockdep(
        "unregistered-lock",
        "trying to register non-static key",
        r"trying to register non-static key",
        "a lock used without initialisation",
        Key.TRACE,
    ),
    Splat(
        "rcu-stall",
        "RCU stall",
        Severity.ERROR,
        _p(
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
    # --- watchdogs ---------------------------------------------------------------------------------------------------
    Splat(
        "soft-lockup",
        "soft lockup",
        Severity.ERROR,
        _p(r"(?:NMI watchdog: |watchdog: )?BUG: soft lockup"),
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
        _p(r"INFO: task [^\n]{1,40}?:\d{1,10} blocked for more than \d{1,9} seconds"),
        Key.TRACE,
        "2.6.25 on; schedule() and the waiting primitives on top of the trace are the same for all",
        words=(b"INFO: ",),
    ),
    Splat(
        "workqueue-lockup",
        "workqueue lockup",
        Severity.ERROR,
        _p(r"BUG: workqueue lockup"),
        Key.NONE,
        "4.5 on; lists pools, seldom traces",
        words=(b"BUG",),
        needs_trace=False,
    ),
    # --- memory management -------------------------------------------------------------------------------------------
    Splat(
        "bad-page-state",
        "Bad page state",
        Severity.ERROR,
        _p(rf"(?:BUG: )?Bad page state (?:at {_F}|in process)"),
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
        _p(r"BUG: Bad page (?:map|cache) in process|Bad pte = "),
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
        _p(r"BUG: Bad rss-counter state"),
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
        _p(r"BUG: non-zero (?:pgtables_bytes|nr_ptes|nr_pmds) on freeing mm"),
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
        _p(rf"(?:swap_info_get: |\w{{1,20}}: )?{_F}: (?:Bad|Unused) swap (?:file|offset) entry"),
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
        _p(
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
        _p(r"(?:warn_alloc: )?\S[^\n]{0,60}?: page allocation (?:failure|stalls)"),
        Key.TRACE,
        "the caller of the allocator names it; memory statistics follow",
        words=(b"page allocation ",),
        patience=20,
    ),
    Splat(
        "oom-kill",
        "OOM kill",
        Severity.NOTICE,
        _p(
            r"\S[^\n]{0,60}? invoked oom-killer:|(?:Memory cgroup )?[Oo]ut of [Mm]emory: Kill|"
            r"oom-killer: (?:gfp_mask|constraint)=|VM: killing process"
        ),
        Key.NONE,
        "the victim depends on the load, the trace on who asked last: neither is a name",
        leads=(b"VM: killing",),
        words=(b"oom-killer", b"emory: Kill"),
        needs_trace=False,
        ends=_p(r"(?:Memory cgroup )?[Oo]ut of [Mm]emory: Kill|Killed process \d|oom_reaper: reaped"),
        patience=60,
    ),
    # --- context -----------------------------------------------------------------------------------------------------
    Splat(
        "atomic-schedule",
        "scheduling while atomic",
        Severity.ERROR,
        _p(r"(?:BUG: |bad: )?scheduling while atomic"),
        Key.TRACE,
        "2.5 'bad:', 2.6 without prefix, 2.6.18 on 'BUG:'",
        leads=(b"bad: scheduling", b"scheduling while"),
        words=(b"BUG",),
    ),
    Splat(
        "atomic-sleep",
        "sleeping function called from invalid context",
        Severity.ERROR,
        _p(r"(?:BUG: |Debug: )?[Ss]leeping function called from (?:invalid|illegal) context"),
        Key.TRACE,
        "2.5 'illegal', 2.6 'Debug:', 2.6.16 on 'BUG:'; who called the sleeping function is meant",
        leads=(b"Debug: sleeping", b"Sleeping function", b"sleeping function"),
        words=(b"BUG",),
    ),
    Splat(
        "preemptible-cpu-id",
        "smp_processor_id() in preemptible code",
        Severity.WARNING,
        _p(r"BUG: using (?:__this_cpu_\w{1,20}\(\)|(?:raw_)?smp_processor_id\(\)) in preemptible"),
        Key.TRACE,
        "DEBUG_PREEMPT, 2.6.12 on",
        words=(b"BUG",),
    ),
    Splat(
        "spinlock",
        "spinlock {what}",
        Severity.ERROR,
        _p(r"BUG: (?:spin|rw)lock (?P<what>bad magic|lockup|recursion|wrong owner|wrong CPU|already unlocked|trylock)"),
        Key.TRACE,
        "DEBUG_SPINLOCK, 2.6.13 on",
        words=(b"BUG",),
    ),
    # --- WARN --------------------------------------------------------------------------------------------------------
    Splat(
        "warning",
        "WARNING",
        Severity.WARNING,
        _p(
            rf"WARNING: (?:CPU: \d{{1,5}} PID: \d{{1,10}} )?at {_AT}(?: {_F}[+(]?|)|"
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
        _p(
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
        _p(r"(?:mce: )?(?:\[Hardware Error\]: )?CPU \d{1,4}: Machine Check(?: Exception)?:|HARDWARE ERROR"),
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
        _p(r"Uhhuh\. NMI received"),
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
        _p(r"kmemleak: \d{1,9} new suspected memory leaks"),
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
        _p(r"BUG: (?P<what>\S.{0,120})"),
        Key.TRACE,
        "a message this table does not know; believed only if a call trace follows, because programs print such too",
        words=(b"BUG",),
        confirm=True,
    ),
)

BY_KIND = {splat.kind: splat for splat in reversed(SPLATS)}


@dataclass(frozen=True, slots=True)
class PanicAfter:
    """A panic that by its reason follows from another report, which it ends and makes fatal."""

    what: re.Pattern[str]
    kinds: frozenset[str] | None
    """Kinds it can follow; None: any report that is still open."""
    reason: str
    only_after: bool = False
    """Printed by the dying path alone: if the report it follows has been handed out already, nothing is new."""


DEATHS = frozenset(splat.kind for splat in SPLATS if splat.is_death)

PANICS_AFTER: tuple[PanicAfter, ...] = (
    PanicAfter(
        re.compile(r"Fatal exception|Aiee, killing interrupt handler|Fatal trap|panic_on_oops"),
        DEATHS | {"hard-lockup", "page-mapcount", "list-corruption", "stack-corruption"},
        "the end of die(), of do_exit() in an interrupt",
        only_after=True,
    ),
    PanicAfter(
        re.compile(r"Attempted to kill"),
        DEATHS | {"page-mapcount", "list-corruption"},
        "the oops hit process 1 or the idle task",
    ),
    PanicAfter(
        re.compile(r"(?:\S+: )?panic_on_warn set|kernel: panic_on_warn"), None, "every reporter looks at panic_on_warn"
    ),
    PanicAfter(re.compile(r"softlockup: hung tasks"), frozenset({"soft-lockup"}), "softlockup_panic=1"),
    PanicAfter(re.compile(r"hung_task: blocked tasks"), frozenset({"hung-task"}), "hung_task_panic=1"),
    PanicAfter(re.compile(r"RCU Stall"), frozenset({"rcu-stall"}), "panic_on_rcu_stall=1"),
    PanicAfter(
        re.compile(
            r"Hard LOCKUP|(?:NMI watchdog: )?Watchdog detected hard LOCKUP|[Nn]on maskable interrupt|nmi watchdog"
        ),
        frozenset({"hard-lockup"}),
        "nmi_watchdog=panic",
    ),
    PanicAfter(
        re.compile(r"machine check|Fatal [Mm]achine"), frozenset({"machine-check"}), "an uncorrected machine check"
    ),
    PanicAfter(re.compile(r"bad_page|Bad page"), frozenset({"bad-page-state", "bad-page-map"}), "vendor trees"),
)


@dataclass(frozen=True, slots=True)
class Preamble:
    """A line that can come before a header and belongs to the report if a header follows soon."""

    start: re.Pattern[str]
    leads: tuple[bytes, ...]
    reach: int
    """Lines within which the header (or the next preamble) must follow."""
    reason: str
    vouched: re.Pattern[str] | None = None
    """A line that must come between it and the header: without it, it belonged to something else."""


PREAMBLES: tuple[Preamble, ...] = (
    Preamble(
        re.compile(r"-{10,14}\[ cut here \]"),
        (b"------------[ cut",),
        8,
        "before BUG (2.6.9 on) and WARN (2.6.27 on); the text of a WARN comes between them since 4.x",
    ),
    Preamble(
        re.compile(r"={10,90}$"),
        (b"==========",),
        2,
        "the rule above lockdep's and KASAN's headers; on i386 2.6 also the end of any trace",
    ),
    Preamble(
        re.compile(r"page: ?(?:[0-9a-f]{8,16} |refcount:|\(ptrval\) )"),
        (b"page:",),
        40,
        "dump_page() of VM_BUG_ON_PAGE(), with page_owner's traces below it (3.14 on); other reports dump pages too",
        vouched=re.compile(r"page dumped because: VM_"),
    ),
)

CLOSES_ALL = re.compile(r"(?:sysrq|SysRq) ?: |# post-mortem: ")
"""A key of SysRq was pressed, or the harness adds what it saw itself: the traces that follow were asked for and belong
to no report."""

END_TRACE = re.compile(r"---\[ end trace [0-9a-f]{1,16} \]---")
END_PANIC = re.compile(r"---\[ end Kernel panic|Rebooting in \d{1,6} seconds")
