"""A step of work as the listener is told of it."""

from __future__ import annotations

import time
import uuid

from harness.model.errors import HarnessError
from harness.model.events import StepFinished, StepProgress, StepStarted
from harness.runs.workshop import Workshop


class Step:
    """A step told to the listener: started on entry, finished on ``done`` or with the error that ended it."""

    def __init__(self, workshop: Workshop, label: str, kind: str, expected: float | None) -> None:
        self.listener = workshop.listener
        self.name = f"{label}-{uuid.uuid4().hex[:6]}"
        self.label, self.kind, self.expected = label, kind, expected
        self._finished = False

    def __enter__(self) -> Step:
        self.started = time.monotonic()
        self.listener.event(StepStarted(self.name, self.kind, self.label, self.expected))
        return self

    def progress(self, text: str) -> None:
        """A word on how far it is."""
        self.listener.event(StepProgress(self.name, text))

    def done(self, text: str, good: bool = True) -> None:
        """The step's result."""
        self._finished = True
        self.listener.event(StepFinished(self.name, text, time.monotonic() - self.started, good))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and not self._finished:
            text = error.what if isinstance(error, HarnessError) else type(error).__name__
            self.done(text, good=False)
