"""What the lines of a report look like, apart from its header and its trace entries, as data.

A line that no entry knows is foreign: it is part of a report only if known lines follow it. So an entry that is too
wide makes reports too long, one that is missing makes them end early; neither changes their names.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

LOCKDEP = frozenset(
    {
        "suspicious-rcu",
        "deadlock",
        "inconsistent-lock",
        "unlock-balance",
        "held-lock-freed",
        "lock-held",
        "invalid-wait-context",
        "unregistered-lock",
    }
)
PAGES = frozenset({"bug", "warning", "bad-page-state", "bad-page-map", "page-mapcount", "bad-swap-entry"})
MEMORY = frozenset({"page-allocation-failure", "oom-kill"})
OBJECTS = frozenset({"slab-corruption", "kasan", "kmsan", "kcsan", "kfence", "ubsan", "list-corruption"})
STALLS = frozenset({"rcu-stall", "soft-lockup", "hard-lockup", "hung-task", "workqueue-lockup"})


@dataclass(frozen=True, slots=True)
class BodyPart:
    """Lines of a report that begin with one of ``patterns``; ``kinds`` None: of every report."""

    patterns: tuple[str, ...]
    kinds: frozenset[str] | None
    reason: str


_REGISTERS = BodyPart(
    (
        r"(?:[RE](?:IP|SP|AX|BX|CX|DX|SI|DI|BP|FLAGS)|RFL|EFL|IP|SP|[CD]R\d|R\d\d|FS|GS|DS|CS|SS|ES|ORIG_RAX|PKRU)\s?:",
        r"x\d{1,2}\s?:|(?:e[abcd]x|e[sd]i|e[bs]p|ds|es|pc|lr|sp|psr)\s{0,4}:",
        r"(?:EIP|RIP|PC) is at |(?:RIP|RSP) {1,2}[\[<0]",
        r"Code\b|Stack\b|(?:Bad )?[ER]IP value|Bad RIP",
        r"[0-9a-f]{8}(?:[0-9a-f]{8})?(?: |$)",
    ),
    None,
    "registers and raw stack words: 'RIP:' of x86-64, 'eax: …' and 'EIP is at' of i386",
)
_CONTEXT = BodyPart(
    (
        r"(?:Process|Modules linked in|Hardware name|last sysfs file|CPU|Pid|PID|PGD|PUD|P4D|CR2|Workqueue|"
        r"Kernel Offset|"
        r"Comm|Tainted|Supported|Dumping ftrace|Oops|PREEMPT|SMP|printing eip|note|#PF)[: ]",
        r"\*?p(?:gd|ud|md|te|de|4d)\b ?[=:]",
        r"note: |Not tainted|Disabling lock debugging|In interrupt handler|In idle task|Shutting down cpus|"
        r"Press Any Key|printing eip",
    ),
    None,
    "who ran on which CPU, and what the page tables said",
)
_TRACE = BodyPart(
    (
        r"</?(?:<?[#A-Z_]{2,20}>?)>",
        r"={5,}|-{5,}",
        r"(?:Call [Tt]race|Trace|Backtrace|stack backtrace)\b",
        r"(?:hardirqs|softirqs) last|irq event stamp|Preemption disabled|preempt_count|RCU nest depth|in_atomic|"
        r"INFO: lockdep is turned off",
        r"\d{1,4} locks? held by|no locks held|1 lock on stack| ?#\d{1,3}:",
    ),
    None,
    "what surrounds a call trace: its marks, the interrupt state, the locks held",
)

BODY: tuple[BodyPart, ...] = (
    _REGISTERS,
    _CONTEXT,
    _TRACE,
    BodyPart(
        (
            r"other info|which lock already|the existing dependency|but task is already|but now in|and this task|"
            r"which would create|to a |but this new|and is trying|but there are no more|may be due to|"
            r"Possible (?:unsafe|interrupt)|Chain exists|rcu_scheduler_active|the code is fine|you didn't|turning off|"
            r"the shortest dep|the dependencies between|the second lock|the existing dep|maybe you|"
            r"INFO: lockdep|context-|\*\*\* DEADLOCK|<Interrupt>",
            r"\.\.\. ?(?:key|acquired)|-> ?#\d|\{[\w -]{1,60}\}|lock\(|CPU0 {2,}CPU1",
            r".{0,120}(?:is trying to|but task is|just changed the state|\[HC\d|is freeing|is leaving the kernel|"
            r"is exiting with|takes:|"
            r"holds:|lock held|suspicious |invoked rcu_|in atomic)",
            r"(?:[0-9a-f]{8,16} )?\(.{1,120}\)\s?\{|\(.{1,100}\),? ?at|(?:[0-9a-f]{8,16} )?\(.{1,100}\)",
            r"INIT|ZERO",
        ),
        LOCKDEP,
        "lockdep's sentences and lock classes",
    ),
    BodyPart(
        (
            r"page(?::|\s?->| pfn| dumped| last| has| owner|_type|_owner)|head:|flags:|raw:|aops|anon |ksm |"
            r"memcg:|addr:|"
            r"vma|file:|bad because|count:|mapcount:|pfn:|Trying to fix|Backtrace:|Hexdump|Eeek|prot:|process",
            r"(?:freed|allocated) ",
        ),
        PAGES,
        "dump_page(), print_bad_pte() and the page dumps of 2.6",
    ),
    BodyPart(
        (
            r"Mem-[Ii]nfo|Node \d|(?:DMA|DMA32|Normal|HighMem|Movable)\b|(?:in)?active|unevictable|slab_|mapped|free:|"
            r"lowmem_reserve|protections|(?:Swap|Free swap|Total swap|swap)\b|\d+ (?:total|pages|slab|reserved|"
            r"page)|Hugepages|"
            r"Tasks state|\[ *pid *\]|oom-kill:|\[ *\d+\]|memory:|memory\+swap|kmem:|Memory cgroup|Task in |cpu \d|"
            r"(?:cold|hot|CPU)\b|Zone|writeback|SLUB: |cache: |node \d|oom_reaper|[Oo]ut of [Mm]emory|Killed process",
        ),
        MEMORY,
        "show_mem() and the OOM killer's lists",
    ),
    BodyPart(
        (
            r"Bytes b4|Object|Redzone|Padding|Slab|INFO: |FIX |cache|Last user|Prev obj|Next obj|slab |[0-9a-f]{3}: |"
            r"(?:Write|Read) of |(?:read|write|read-write)(?: \([a-z, ]{1,40}\))? to |race at |"
            r"The buggy|which belongs|The buggy address|(?:Freed|Allocated|freed|"
            r"allocated) |"
            r"Memory state|kfence-|Reported by|value changed|[>^ ]{0,3}(?:[0-9a-f]{16}|ffff)|\^|index |shift |"
            r"signed|load |"
            r"member |Last potentially|Uninit|Local variable|Bytes \d|Memory access|Corrupted|Out-of|Use-after|"
            r"Invalid free|"
            r"list_(?:add|del)|physical page|page|flags|raw|head|memcg",
        ),
        OBJECTS,
        "slab objects and the memory around an address",
    ),
    BodyPart(
        (
            r"\[Hardware Error\]|mce: |TSC |PROCESSOR |ADDR |MISC |MCG|Bank |STATUS |Run the above|Machine [Cc]heck|"
            r"Kernel does",
        ),
        frozenset({"machine-check"}),
        "a machine check's banks",
    ),
    BodyPart(
        (r"comm \"|hex dump |backtrace|(?:[0-9a-f]{2} ){8,32}",),
        frozenset({"memory-leak"}),
        "kmemleak's object",
    ),
    BodyPart(
        (
            r"rcu: |\d+-[.!?]{1,4}|\(detected by|\(t=|\t?\d+: \(|task:|Tasks blocked|Sending NMI|NMI backtrace|"
            r"\"echo 0|"
            r"Not tainted|Tainted:|.{1,40} [RSDTtXZ] {1,3}|Showing busy|workqueue |pool |pending|in-flight|"
            r"INFO: NMI handler|Future hung|Blocked by|.{0,80}blocked on a",
        ),
        STALLS,
        "the lists of CPUs and tasks of the watchdogs",
    ),
)

AFTER_END = re.compile("|".join(f"(?:{p})" for p in (*_REGISTERS.patterns, r"note: ", r"Modules linked in")))
"""All that still comes after an oops's end mark: 5.x and later repeat the registers."""


@functools.cache
def body_of(kind: str) -> re.Pattern[str]:
    """Return what matches the beginning of the body lines of a kind."""
    parts = [part for part in BODY if part.kinds is None or kind in part.kinds]
    return re.compile("|".join(f"(?:{pattern})" for part in parts for pattern in part.patterns))
