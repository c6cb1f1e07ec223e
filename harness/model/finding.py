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


@dataclass(frozen=True, slots=True)
class Finding:
    """One report found on a console.

    ``title`` is the kind and the key function; it never holds an address, a line number, a CPU or a pid.
    ``first_line`` and ``last_line`` are 1-based physical lines of the file ``artefact``, both inclusive: the console,
    or the kernel's log from guest RAM where the console lacks the report.
    ``lines`` are the report's own lines, cleaned of control characters, at most 400 of them.
    ``corrupted`` says that the report lacks a part which every kernel prints with it (cut or overwritten console).
    ``frames`` are the trusted functions of the first call trace, innermost first, without offsets.
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

    @property
    def origin(self) -> str:
        """Remark for people on where it was found; "" for the console."""
        return "" if self.artefact == CONSOLE else "from guest RAM"
