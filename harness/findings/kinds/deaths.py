"""BUG, oopses, other traps, exceptions before traps are set up, panics."""

from __future__ import annotations

from harness.findings.splat import DIE_CODE, DIES, FUNCTION, Key, Splat, starts
from harness.model.finding import Severity

KINDS: tuple[Splat, ...] = (
    # --- BUG and oopses ----------------------------------------------------------------------------------------------
    Splat(
        "bug",
        "BUG",
        Severity.FATAL,
        starts(
            rf"[Kk]ernel BUG at (?P<file>[\w./+-]{{1,200}})|BUG: failure at [\w./+-]{{1,200}}:\d{{1,7}}/{FUNCTION}\(\)"
        ),
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
        starts(
            r"(?:BUG: |Internal error: )?(?:[Uu]nable to handle kernel NULL pointer|kernel NULL pointer dereference)"
        ),
        Key.INSTRUCTION,
        "2.5 'Unable to handle', 2.6.20 'BUG: unable to handle', 5.1 'BUG: kernel NULL pointer dereference'",
        words=(b"BUG", b"Unable to handle"),
        is_death=True,
        continues=DIES,
    ),
    Splat(
        "page-fault",
        "bad page fault",
        Severity.FATAL,
        starts(
            r"(?:BUG: )?[Uu]nable to handle (?:kernel )?(?:paging request|page fault|access to user memory)|"
            r"BUG: unable to handle kernel(?: (?!NULL)|(?P<lost>)$)|kernel tried to execute NX-protected page"
        ),
        Key.INSTRUCTION,
        "the address may be small or wild for one and the same bug; NULL is kept apart because the kernel does",
        leads=(b"kernel tried to execute",),
        words=(b"BUG", b"Unable to handle"),
        is_death=True,
        continues=DIES | {"page-fault", "null-dereference"},
    ),
    Splat(
        "stack-overflow",
        "stack overflow",
        Severity.FATAL,
        starts(
            r"BUG: (?:[\w#-]{1,10} )?stack guard page was hit|"
            rf"(?:Oops: )?(?:kernel stack overflow|stack guard page)(?: \([a-z -]{{1,20}}\))?{DIE_CODE}|"
            r"Insufficient stack space to handle exception"
        ),
        Key.INSTRUCTION,
        "vmapped stacks (4.9 on) hit the guard page; up to 5.13 the trap's line is 'kernel stack overflow'",
        leads=(b"kernel stack overflow", b"stack guard page", b"Insufficient stack"),
        words=(b"BUG", b"Oops"),
        is_death=True,
        continues=DIES | {"stack-overflow"},
    ),
    Splat(
        "stack-overflow",
        "stack overflow",
        Severity.ERROR,
        starts(r"do_IRQ: (?:\S{1,40} near )?stack overflow"),
        Key.TRACE,
        "DEBUG_STACKOVERFLOW looks at each interrupt, up to 3.x, and goes on",
        leads=(b"do_IRQ: ",),
    ),
    Splat(
        "general-protection",
        "general protection fault",
        Severity.FATAL,
        starts(rf"(?:Oops: )?(?:segment-related )?general protection fault[^\[]{{0,120}}?{DIE_CODE}"),
        Key.INSTRUCTION,
        "6.10 on 'Oops: general protection fault, probably for non-canonical address …'",
        leads=(b"general protection fault", b"segment-related gen"),
        words=(b"Oops",),
        is_death=True,
        continues=frozenset({"oops"}),
    ),
    Splat(
        "double-fault",
        "double fault",
        Severity.FATAL,
        starts(rf"(?:Oops: |PANIC: |traps: PANIC: )?double fault(?:{DIE_CODE}|, (?:gdt|error_code))"),
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
        starts(rf"(?:Oops: )?divide[ _]error{DIE_CODE}"),
        Key.INSTRUCTION,
        "a user-space division by zero is 'traps: … divide error ip:' and does not match",
        leads=(b"divide error", b"divide_error"),
        words=(b"Oops",),
        is_death=True,
        continues=frozenset({"oops"}),
    ),
    Splat(
        "invalid-opcode",
        "invalid opcode",
        Severity.FATAL,
        starts(rf"(?:Oops: )?invalid (?:opcode|operand){DIE_CODE}"),
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
        starts(
            rf"(?:Oops: |Oops - |Internal error: .{{0,60}}\[#|Internal error: Oops|"
            rf"Unhandled (?:fault|prefetch abort)\b|"
            rf"Kernel access of bad area|.{{1,16}}: Corrupted page table at address )|"
            rf"(?:stack segment|segment not present|invalid TSS|bounds|int3|alignment check|"
            rf"Bad pagetable|coprocessor segment overrun|iret exception|stack segment fault){DIE_CODE}"
        ),
        Key.INSTRUCTION,
        "any other trap that goes through die()",
        leads=(
            b"Internal error: ",
            b"Unhandled ",
            b"Kernel access",
            b"Bad pagetable",
            b"stack segment",
            b"segment not",
            b"invalid TSS",
            b"bounds: ",
            b"int3: ",
            b"alignment check",
            b"coprocessor seg",
            b"iret exc",
        ),
        words=(b"Oops", b"Corrupted page table"),
        is_death=True,
        continues=frozenset({"oops"}),
    ),
    Splat(
        "early-exception",
        "exception before traps are set up",
        Severity.FATAL,
        starts(
            r"PANIC: early exception(?: \w{1,6} (?:rip|IP) [0-9a-f]{1,4}:(?P<address>[0-9a-f]{8,16})\b|)|"
            r"BUG: Int \d{1,3}: CR2|"
            r"Unknown interrupt(?: or fault at (?:EIP|IP)(?: [0-9a-f]{8}){0,2}? (?P<address2>[c-f][0-9a-f]{7})\b|"
            r"(?: or fault at (?:EIP|IP))?(?: [0-9a-f]{8,16}\b|$))|"
            rf"RIP {FUNCTION}\+0x[0-9a-f]{{1,8}}/0x[0-9a-f]{{1,8}}$"
        ),
        Key.INSTRUCTION,
        "x86-64 2.6.11 on 'PANIC: early'; i386 'Unknown interrupt' (2.5: again and again), 'Int' from 2.6.24 on",
        # The line with PANIC goes round the log, straight to an early console: there RAM has only "RIP f+0x".
        leads=(b"PANIC: early", b"Unknown interrupt", b"RIP "),
        words=(b"BUG",),
        needs_trace=False,
        ends=starts(r"Unknown interrupt|RIP [A-Za-z_.$]"),
        patience=8,
    ),
    # --- panics that name their own cause ----------------------------------------------------------------------------
    Splat(
        "stack-corruption",
        "stack corruption",
        Severity.FATAL,
        starts(
            r"Kernel panic[ \w-]{0,20}: stack-protector: Kernel stack is corrupted in: "
            rf"(?:[0-9a-f]{{1,16}}$|{FUNCTION}|)"
        ),
        Key.INSTRUCTION,
        "the compiler's stack protector (2.6.24 on); an address instead of a function up to 4.x",
        words=(b"Kernel panic",),
        needs_trace=False,
    ),
    Splat(
        "stack-corruption",
        "stack corruption",
        Severity.FATAL,
        starts(
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
        starts(r"Kernel panic[ \w-]{0,20}: (?P<what>Attempted to kill (?:init|the idle task))"),
        Key.NONE,
        "process 1 exited or was killed; its trace is always do_exit() and says nothing",
        words=(b"Kernel panic",),
        needs_trace=False,
    ),
    Splat(
        "panic",
        "kernel panic: {what}",
        Severity.FATAL,
        starts(r"Kernel panic[ \w-]{0,20}: (?P<what>.{0,160})"),
        Key.NONE,
        "the reason is the name; panics that follow from another report are joined to it (PANICS_AFTER)",
        words=(b"Kernel panic",),
        needs_trace=False,
    ),
)
