"""What became of a command that was run in a guest over SSH."""

from __future__ import annotations

import enum
from dataclasses import dataclass

OUTPUT = "output"
"""Name of the artefact with what the command said."""


class Visit(enum.StrEnum):
    """How far a visit in a guest got."""

    OUTSIDE = "outside"  # no login yet
    REFUSED = "refused"  # by us: another host key; or by the guest: our key
    RUNNING = "running"
    LOST = "lost"  # the connection broke while the command ran
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class CommandResult:
    """``status`` is the command's exit status, None where it has none (killed by a signal, or not ended), ``seconds``
    its time. ``detail`` says why there was no login, or why the connection broke. ``last_line`` is the last thing it
    said, ``output`` its file, bounded: ``cut`` says whether something is missing in it."""

    visit: Visit
    status: int | None = None
    seconds: float = 0.0
    detail: str = ""
    last_line: str = ""
    output: str = ""
    cut: bool = False
