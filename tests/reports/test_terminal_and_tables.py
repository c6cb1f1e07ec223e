"""What is printed: plain lines without escapes, tables that are not cut."""

from __future__ import annotations

import io
import re

from harness.model.events import Notice, Remaining, StepFinished, StepProgress, StepStarted
from harness.reports import tables
from harness.reports.terminal import LiveListener, PlainListener, console_for, listener_for
from tests.reports import sample

ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202e\u200b]")


def test_plain_listener_writes_one_clean_line_per_event() -> None:
    stream = io.StringIO()
    with PlainListener(stream, verbose=True) as listener:
        listener.event(Notice(f"chosen: {sample.HOSTILE}\nnot a second line"))
        listener.event(StepStarted("s", "build", "build x + 1", 12.0))
        listener.event(StepProgress("s", sample.ESCAPE))
        listener.event(Remaining(1, 2, 30.0))
        listener.event(StepFinished("s", "built", 12.3))
        listener.event(StepFinished("unknown", "never started", 1.0, good=False))
    text = stream.getvalue()
    assert not ESCAPES.search(text)
    assert "build x + 1" in text and "built" in text
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in text.splitlines())


def test_a_pipe_gets_the_plain_listener_and_the_live_one_survives_hostile_text() -> None:
    assert isinstance(listener_for(io.StringIO()), PlainListener)
    stream = io.StringIO()
    with LiveListener(console_for(stream)) as live:
        live.event(StepStarted("s", "boot", f"[bold]{sample.HOSTILE}", None))
        live.event(StepProgress("s", f"[/nonsense] {sample.ESCAPE}"))
        live.event(StepFinished("s", "[red]done", 1.0))
    assert "[bold]" in stream.getvalue()


def test_a_run_prints_every_tree_outcome_and_the_conclusion() -> None:
    summary = sample.awkward_run()
    text = tables.rendered(tables.run_result(summary))
    assert not ESCAPES.search(text)
    assert "unavailable:" in text
    assert max(map(len, text.splitlines())) <= tables.WIDTH
    states = (
        "✓ patches 1 to 2 clean",
        "with offset: 1 of 2 hunks",
        "conflict: hunks at mm/x.c:2",
        "patches 5 to 6 not",
    )
    builds = (
        "+1 does not build: mm/",
        "+1: 2 more errors",
        "patch 2 adds a warning in mm/",
        "which it touches: mm/",
        "one of patches 1, 2 adds a warning: mm/x.o: ",
        "0 warnings in the baseline, 1 with +2: 2 new, 0 gone",
    )
    text = " ".join(text.split())
    for word in ("pass", "harness failure", "build failed", *states, *builds):
        assert word in text, text


def test_plan_and_listing_take_anything() -> None:
    text = tables.rendered(
        tables.listing(("a", "b"), [("x", None), (sample.HOSTILE, 3)]), tables.findings_table([sample.WARNING])
    )
    assert not ESCAPES.search(text)
    assert "folio_try_get" in text
