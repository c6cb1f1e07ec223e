"""What steps say while they work; terminal, log and dashboard listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step begins. ``step`` names it uniquely while it lasts; ``expected`` seconds, if known."""

    step: str
    kind: str
    label: str
    expected: float | None = None


@dataclass(frozen=True, slots=True)
class StepProgress:
    """A word on how far a step is."""

    step: str
    text: str


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A step ended after ``seconds``; ``good`` is False where what it says is not what one hopes for."""

    step: str
    text: str
    seconds: float
    good: bool = True


@dataclass(frozen=True, slots=True)
class Remaining:
    """Work left over all: cells and builds to do, and the seconds they are expected to take."""

    builds: int
    cells: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told once: a chosen accelerator, an unavailable tree, an image being made."""

    text: str


Event = StepStarted | StepProgress | StepFinished | Remaining | Notice


class Listener(Protocol):
    """Takes events; called from several threads, one call at a time."""

    def event(self, event: Event) -> None:
        """Shows or records the event."""
        ...
