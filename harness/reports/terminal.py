"""Steps shown while they work: plain lines for logs and pipes, a live display for a terminal."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.model.events import Event, Notice, Remaining, StepFinished, StepProgress, StepStarted
from harness.model.plain_text import clean
from harness.reports.wording import TONE_STYLES, Tone, duration

PROGRESS_SECONDS = 30.0
"""A plain listener tells the progress of one step at most this often."""
MAX_LINE = 400
_BAR_WIDTH = 16

# Builds say how long they took in their own words; saying it twice on a line reads like two different times.
_TELLS_TIME = re.compile(r"\bin \d+(?:\.\d+)? s\b")


@dataclass(slots=True)
class _Running:
    started: StepStarted
    since: float
    text: str = ""
    told: float = field(default=0.0)


def finished_text(event: StepFinished) -> str:
    """What a finished step says, with its time."""
    text = clean(event.text, MAX_LINE)
    if not text:
        return f"done in {duration(event.seconds)}" if event.good else f"failed after {duration(event.seconds)}"
    return text if _TELLS_TIME.search(text) else f"{text} [{duration(event.seconds)}]"


class PlainListener:
    """One line with a time for each step that starts or ends and each notice, on ``stream``.

    Progress is told at most every 30 s per step; with ``verbose`` every word of it, and what remains whenever that
    changes. A reader that went away (a closed pipe) does not stop the work: the lines end.
    """

    def __init__(self, stream: TextIO, verbose: bool = False, now: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._verbose = verbose
        self._now = now
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._remaining: tuple[int, int] | None = None
        self._gone = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            for step in self._running.values():
                self._line(f"! {_label(step.started)}: not finished [{duration(self._now() - step.since)}]")
            self._running.clear()

    def event(self, event: Event) -> None:
        """Writes the event's line, if it has one now."""
        with self._lock:
            match event:
                case StepStarted():
                    self._running[event.step] = _Running(event, self._now(), told=self._now())
                    usually = f" (usually {duration(event.expected)})" if event.expected else ""
                    self._line(f"{_label(event)} …{usually}")
                case StepProgress():
                    self._progress(event)
                case StepFinished():
                    step = self._running.pop(event.step, None)
                    label = _label(step.started) if step else clean(event.step, MAX_LINE)
                    self._line(f"{'' if event.good else '! '}{label}: {finished_text(event)}")
                case Remaining():
                    if self._verbose and (event.builds, event.cells) != self._remaining:
                        self._remaining = (event.builds, event.cells)
                        self._line(remaining_text(event))
                case Notice():
                    self._line(clean(event.text, 2 * MAX_LINE))

    def _progress(self, event: StepProgress) -> None:
        step = self._running.get(event.step)
        now = self._now()
        if step is None or not event.text or not (self._verbose or now - step.told >= PROGRESS_SECONDS):
            return
        step.told = now
        self._line(f"{_label(step.started)}: {clean(event.text, MAX_LINE)} [{duration(now - step.since)} so far]")

    def _line(self, text: str) -> None:
        if self._gone:
            return
        stamp = time.strftime("%H:%M:%S", time.localtime(self._now()))
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(f"{stamp} {text}\n".encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):
            self._gone = True


class LiveListener:
    """Running steps with their times and last word, what remains below them; finished steps scroll away above."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._remaining: tuple[Remaining, float] | None = None
        self._live = Live(
            console=console, get_renderable=self.picture, refresh_per_second=4, transient=True, vertical_overflow="crop"
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            left = list(self._running.values())
            self._running.clear()
            self._remaining = None
        self._live.stop()
        for step in left:
            text = f"{_label(step.started)}: not finished [{duration(self._now() - step.since)}]"
            self._console.print(_marked("!", text, Tone.OPEN))

    def event(self, event: Event) -> None:
        """Takes the event into the display."""
        # Nothing is printed while the lock is held: the display's own thread holds rich's lock when it asks for the
        # picture, and would wait for this one.
        line: Text | None = None
        with self._lock:
            match event:
                case StepStarted():
                    self._running[event.step] = _Running(event, self._now())
                case StepProgress():
                    if event.step in self._running:
                        self._running[event.step].text = clean(event.text, MAX_LINE)
                case StepFinished():
                    step = self._running.pop(event.step, None)
                    label = _label(step.started) if step else clean(event.step, MAX_LINE)
                    symbol, tone = ("✓", Tone.GOOD) if event.good else ("✗", Tone.BAD)
                    line = _marked(symbol, f"{label}: {finished_text(event)}", tone)
                case Remaining():
                    self._remaining = (event, self._now())
                case Notice():
                    line = _marked("·", clean(event.text, 2 * MAX_LINE), Tone.QUIET)
        if line is not None:
            self._console.print(line)

    def picture(self) -> RenderableType:
        """What stands at the bottom of the terminal now."""
        with self._lock:
            now = self._now()
            steps = [(step.started, step.since, step.text) for step in self._running.values()]
            remaining = self._remaining
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, ratio=3, overflow="ellipsis")
        table.add_column(width=_BAR_WIDTH, no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, ratio=2, overflow="ellipsis")
        table.expand = True
        room = max(1, self._console.height - 3)
        for started, since, text in steps[:room]:
            elapsed = now - since
            table.add_row(
                Text(_label(started)), _bar(elapsed, started.expected), _times(elapsed, started.expected), Text(text)
            )
        parts: list[RenderableType] = [table]
        if len(steps) > room:
            parts.append(Text(f"and {len(steps) - room} more", style="dim"))
        if remaining is not None:
            event, told = remaining
            parts.append(Text(remaining_text(event, now - told), style="dim", no_wrap=True, overflow="ellipsis"))
        return Group(*parts)


def remaining_text(event: Remaining, since: float = 0.0) -> str:
    """ "still to do: 2 builds, 12 cells, about 14 min 20 s"; ``since`` seconds have passed since it was told."""
    parts = []
    if event.builds:
        parts.append(f"{event.builds} build{'s' if event.builds > 1 else ''}")
    if event.cells:
        parts.append(f"{event.cells} cell{'s' if event.cells > 1 else ''}")
    if not parts:
        return "nothing left to do"
    if event.seconds is not None:
        left = event.seconds - since
        parts.append(f"about {duration(left)}" if left >= 1 else "longer than usual")
    return f"still to do: {', '.join(parts)}"


def console_for(stream: TextIO) -> Console:
    """A rich console on ``stream`` that interprets nothing in what it prints: no markup, emoji or highlighting."""
    return Console(file=stream, markup=False, emoji=False, highlight=False, soft_wrap=False)


def listener_for(stream: TextIO, verbose: bool = False) -> PlainListener | LiveListener:
    """The live display where ``stream`` is a terminal that can move its cursor, else plain lines.

    NO_COLOR takes the colours from the live display, TERM=dumb the display itself; ``verbose`` asks for plain lines.
    """
    if verbose or not stream.isatty() or os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return PlainListener(stream, verbose)
    return LiveListener(console_for(stream))


def _label(started: StepStarted) -> str:
    return clean(started.label, 160)


def _marked(symbol: str, text: str, tone: Tone) -> Text:
    return Text.assemble((symbol, TONE_STYLES[tone]), " ", text)


def _bar(elapsed: float, expected: float | None) -> RenderableType:
    if not expected:
        return Text("")
    return ProgressBar(total=expected, completed=min(elapsed, expected), width=_BAR_WIDTH)


def _times(elapsed: float, expected: float | None) -> Text:
    return Text(f"{duration(elapsed)} of ~{duration(expected)}" if expected else duration(elapsed))
