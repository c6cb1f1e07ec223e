"""What a maintainer would point at on a console: one report of the kernel about itself."""

from __future__ import annotations

import enum
from dataclasses import dataclass

CONSOLE = "console"
KERNEL_LOG = "kernel-log"
"""Names of a cell's files in which reports are found; the second is a dead kernel's log, read from guest RAM."""


class Severity(enum.StrEnum):
    """How bad a report is for the guest; which severities fail a cell is policy and is decided elsewhere."""

    FATAL = "fatal"
    """The kernel, or the task it was working for, died: oops, BUG, panic, hard lockup."""
    ERROR = "error"
    """The kernel runs on, but a rule that must hold was seen broken: lockdep, bad page, stall, corruption."""
    WARNING = "warning"
    """Something the kernel asks its developers to look at: WARN, UBSAN, allocation failure."""
    NOTICE = "notice"
    """Can be the wanted behaviour of a stressed machine: OOM kill, unknown NMI."""


class Effect(enum.StrEnum):
    """What a report does to its cell, as the policy says (configs/findings/policy.yaml)."""

    FAIL = "fail"
    """The cell's outcome is a finding, and its title is compared with the baseline's."""
    COUNT = "count"
    """The cell can pass; the title is compared with the baseline's."""
    SHOW = "show"
    """The cell can pass and nothing is compared; the report is shown."""


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """Where an entry of a call trace is in the source: ``function`` as the compiler has it, ``file`` from the kernel's
    top folder on and ``line`` 1-based ("" and 0 where nothing is known). ``inlined``: a copy of the function inside of
    the next frame's; ``trusted`` False for the entries that the kernel marks with "?"."""

    function: str
    file: str
    line: int
    inlined: bool = False
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class FrameTouch:
    """How a series touched a frame: ``patches`` are the numbers of the patches that did, in order. ``by_line``: the
    last of them wrote the very line; else they changed another line of its function."""

    patches: tuple[int, ...]
    by_line: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One report found on a console.

    ``title`` is the kind and the key function; it never holds an address, a line number, a CPU or a pid. Where the
    function was renamed in the kernel's history, the title has the name that stands for all of them
    (configs/findings/aliases.yaml) and ``function`` the one that this kernel printed.
    ``signature`` is the kind and the first frames, for sharper grouping than the title's.
    ``also`` are titles that the same bug has where it is reported in another shape, sorted.
    ``first_line`` and ``last_line`` are 1-based physical lines of the file ``artefact``, both inclusive: the console,
    or the kernel's log from guest RAM where the console lacks the report.
    ``repeats`` counts the reports of the console that it stands for: all those of its title and signature.
    ``lines`` are the report's own lines, cleaned of control characters, at most 400 of them.
    ``corrupted`` says that the report lacks a part which every kernel prints with it (cut or overwritten console).
    ``frames`` are the trusted functions of the first call trace, innermost first, without offsets; ``guesses`` those
    that the kernel marks with "?". ``source`` is the trace in the source, where the kernel's vmlinux could tell.
    ``noise`` is the name of the entry of configs/findings/noise.yaml that knows it; "" for a finding that counts.
    ``effect`` is what it does to its cell by the policy and by that entry.
    """

    kind: str
    title: str
    function: str | None
    severity: Severity
    first_line: int
    last_line: int
    lines: tuple[str, ...]
    corrupted: bool = False
    frames: tuple[str, ...] = ()
    artefact: str = CONSOLE
    signature: str = ""
    also: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()
    source: tuple[SourceFrame, ...] = ()
    noise: str = ""
    effect: Effect = Effect.FAIL
    repeats: int = 1

    @property
    def suppressed(self) -> bool:
        """Known noise that says nothing of the kernel; one with an entry that is not suppressed is the tree's own."""
        return bool(self.noise) and self.effect is Effect.SHOW

    @property
    def known(self) -> bool:
        """Known of the tree without any series: compared with the baseline's, but no reason to ask for more runs."""
        return bool(self.noise) and self.effect is not Effect.SHOW

    @property
    def origin(self) -> str:
        """Remark for people on where it was found; "" for the console."""
        return "" if self.artefact == CONSOLE else "from guest RAM"
