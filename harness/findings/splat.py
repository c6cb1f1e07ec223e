"""What a kind of report is: how it begins, where its key function is looked for, what it must hold."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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

    ``header`` begins it; groups: ``function`` (``function2`` …: key function named by the header),
    ``other`` (a second function of equal rank, also in the title), ``lost`` (what every
    kernel prints there is missing), ``file`` (named in
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
    says: tuple[tuple[re.Pattern[str], str], ...] = ()
    """Beginnings of later lines that say better than the header what happened, and what ``title`` takes for it."""
    alone: bool = False
    """A line without more: it does not end a report that is open, and what follows does not belong to it."""
    inside: bool = False
    """A line from the middle of a report: it begins one, which is corrupted, only where none is open."""
    names_itself: re.Pattern[str] | None = None
    """Shared helpers that do name a report of this kind: what they wait for is the bug, whoever waits."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """What the header calls a function, where that is not the name by which it goes in titles of this kind."""


FUNCTION = r"(?P<function>[A-Za-z_.$][\w.$]{0,120})"
AT = r"(?P<file>[\w./+-]{1,200}):\d{1,7}"
DIES = frozenset({"invalid-opcode", "oops", "general-protection", "double-fault", "divide-error"})
TRAPS = frozenset({"bug", "warning", "invalid-opcode", "oops"})


def starts(pattern: str) -> re.Pattern[str]:
    """What a header begins with."""
    return re.compile(pattern)


def lockdep(kind: str, title: str, messages: str, reason: str, key: Key = Key.LOCK, needs_trace: bool = True) -> Splat:
    """One of lockdep's reports: ``[ INFO: … ]`` or ``[ BUG: … ]`` up to 4.10, ``WARNING: …`` after."""
    return Splat(
        kind,
        title,
        Severity.ERROR,
        starts(rf"(?:\[ )?(?:INFO|WARNING|BUG): (?:{messages})"),
        key,
        reason,
        words=(b"INFO: ", b"WARNING: ", b"BUG"),
        needs_trace=needs_trace,
        patience=40,
    )


DIE_CODE = r"(?:: [0-9a-f]{4}\b| \[#\d)"
