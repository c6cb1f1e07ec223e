"""A finding's call trace with the source beside it: what is drawn of each frame, for pages and terminals alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.model.finding import FrameTouch, SourceFrame
from harness.model.plain_text import clean

SourceText = Callable[[str, int], str]
"""(file, line) to the text of that line in the tree that the kernel was built from; "" where it is not at hand."""

MAX_LINE_TEXT = 160


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One frame. ``place`` is "FILE:LINE", "" where it is not known; ``text`` that line of the source, without its
    indentation. ``mark`` is short: "+3" for a line that patch 3 wrote, "~2,3" for a function that patches 2 and 3
    changed elsewhere, "" for one that the series left alone; ``mark_words`` says it in words."""

    function: str
    place: str
    text: str
    inlined: bool
    trusted: bool
    mark: str = ""
    mark_words: str = ""
    by_line: bool = False


def trace_lines(
    frames: Sequence[SourceFrame], touched: Mapping[int, FrameTouch], text: SourceText
) -> tuple[TraceLine, ...]:
    """The frames as they are drawn, innermost first."""
    return tuple(_line(frame, touched.get(place), text) for place, frame in enumerate(frames))


def _line(frame: SourceFrame, touch: FrameTouch | None, text: SourceText) -> TraceLine:
    place = f"{frame.file}:{frame.line}" if frame.file and frame.line else frame.file
    source = text(frame.file, frame.line).strip() if frame.file and frame.line else ""
    mark = words = ""
    if touch is not None:
        numbers = _numbers(touch.patches)
        some = f"patch{'es' if len(touch.patches) > 1 else ''} {numbers.replace(',', ', ').replace('-', ' to ')}"
        mark = f"{'+' if touch.by_line else '~'}{numbers}"
        words = f"the line is {some}'s" if touch.by_line else f"its function was changed by {some}"
    return TraceLine(
        clean(frame.function, 100) or "?",
        clean(place, 200),
        clean(source, MAX_LINE_TEXT),
        frame.inlined,
        frame.trusted,
        mark,
        words,
        touch is not None and touch.by_line,
    )


def _numbers(patches: Sequence[int]) -> str:
    """ "1,2,4-7"."""
    runs: list[list[int]] = []
    for number in patches:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)
