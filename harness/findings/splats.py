"""The kinds of report a kernel writes, as data: how each begins, what names it, what it must hold, and why.

To teach the parser a report, add an entry to the module of its family in ``kinds`` (and a case file under
tests/findings/cases). Order matters only where two headers match one line: the first wins, so the special stands
before the general.

All patterns are matched at the start of a message (the console prefix is off) and have bounded repetition: a hostile
line costs time linear in its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.findings.kinds import corruption, deaths, debuggers, locking, memory, others, watchdogs
from harness.findings.splat import Key, Splat

__all__ = [
    "AFTER_DEATH",
    "BY_KIND",
    "CLOSES_ALL",
    "DEATHS",
    "END_PANIC",
    "END_TRACE",
    "PANICS_AFTER",
    "PREAMBLES",
    "SPLATS",
    "Key",
    "PanicAfter",
    "Preamble",
    "Splat",
]

SPLATS: tuple[Splat, ...] = (
    *debuggers.KINDS,
    *corruption.KINDS,
    *deaths.KINDS,
    *locking.KINDS,
    *watchdogs.KINDS,
    *memory.KINDS,
    *others.KINDS,  # last: it holds what knows no better name
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

AFTER_DEATH = DEATHS | {"atomic-schedule", "atomic-sleep", "invalid-wait-context", "warning"}
"""Reports that the dying of a task can bring: it exits with what it held, or the dump itself meets the bad stack."""

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
        re.compile(r"(?:\S{1,60}: )?panic_on_warn set|kernel: panic_on_warn"),
        None,
        "every reporter looks at panic_on_warn",
    ),
    PanicAfter(
        re.compile(r"scheduling while atomic"), frozenset({"atomic-schedule"}), "panic_on_warn, in words of its own"
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
        re.compile(r"[Mm]achine check|Fatal [Mm]achine|CPU context corrupt|Unable to continue$"),
        frozenset({"machine-check"}),
        "an uncorrected machine check",
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
        re.compile(r"(?:vma|mm) (?:[0-9a-f]{8,16}|\(_{0,8}ptrval_{0,8}\)) (?:start|mmap) "),
        (b"vma ", b"mm "),
        40,
        "dump_vma() and dump_mm() of VM_BUG_ON_VMA() and VM_BUG_ON_MM() (3.18 on)",
    ),
    Preamble(
        re.compile(r"page: ?(?:[0-9a-f]{8,16} |refcount:|\(_{0,8}ptrval_{0,8}\) )"),
        (b"page:",),
        40,
        "dump_page() of VM_BUG_ON_PAGE(), with page_owner's traces below it (3.14 on); other reports dump pages too",
        vouched=re.compile(r"page dumped because: VM_"),
    ),
)

CLOSES_ALL = re.compile(r"(?:sysrq|SysRq) ?: |# post-mortem: |Linux version \d\.\d")
"""A key of SysRq was pressed, or the harness adds what it saw itself: the traces that follow were asked for and belong
to no report. Or a kernel starts."""

END_TRACE = re.compile(r"---\[ end trace [0-9a-f]{1,16} \]---")
END_PANIC = re.compile(r"---\[ end Kernel panic|Rebooting in \d{1,6} seconds")
