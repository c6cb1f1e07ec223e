"""Traces with the source beside them: as lines, in a terminal of any width, and as JSON."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from harness.model.cell import Outcome
from harness.model.finding import Finding, FrameTouch, SourceFrame
from harness.reports import tables
from harness.reports.run_json import cell_object, source_objects
from harness.reports.trace import TraceLine, trace_lines
from tests.reports import sample


def text(file: str, line: int) -> str:
    return f"\t\tif (line == {line}) /* {file} */"


def drawn(finding: Finding = sample.WARNING) -> str:
    stream = io.StringIO()
    lines = trace_lines(finding.source, sample.TOUCHED, text)
    tables.show(stream, tables.TraceTable(finding.title, lines))
    return stream.getvalue()


def test_what_is_drawn_of_a_frame() -> None:
    first, second, third, guess, last = trace_lines(sample.WARNING_SOURCE, sample.TOUCHED, text)
    place = "include/linux/page_ref.h:281"
    assert first == TraceLine(
        "folio_ref_try_add", place, "if (line == 281) /* include/linux/page_ref.h */", True, True, "+2",
        "the line is patch 2's", True,
    )  # fmt: skip
    assert (second.mark, second.inlined) == ("", False)
    assert (third.mark, third.mark_words) == ("~1,2", "its function was changed by patches 1, 2")
    assert not guess.trusted and (last.place, last.text) == ("", "")


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_of_any_width_has_frame_place_and_source(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = drawn().splitlines()
    assert max(map(len, lines)) <= columns
    assert lines[0] == sample.WARNING.title
    frames = lines[1:-1]
    if columns == 80:  # the source below its frame
        assert len(frames) == 2 * len(sample.WARNING_SOURCE) - 1
        assert re.match(r" +if \(line == 281\) /\* include/linux/page_ref.h \*/", frames.pop(1))
        frames = frames[:1] + frames[1::2]
    assert re.match(r"\+2 +folio_ref_try_add \(inlined\) +include/linux/page_ref.h:281", frames[0])
    assert re.match(r"~1,2 filemap_get_entry +mm/filemap.c:1840", frames[2])
    assert re.match(r" +\? stale_entry +mm/filemap.c:99", frames[3])
    assert columns == 80 or re.search(r":281 +if \(line == 281\)", frames[0])
    assert lines[-1].startswith("+N: a line of patch N")


def test_hostile_frames_are_cut_and_cleaned() -> None:
    shown = drawn(sample.HOSTILE_FINDING)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\u200b]", shown)
    assert max(map(len, shown.splitlines())) <= 120


def test_json_says_what_is_not_known() -> None:
    objects = source_objects(sample.WARNING_SOURCE, sample.TOUCHED)
    assert objects[0]["touched"] == {"patches": (2,), "by_line": True} and objects[0]["inlined"]
    assert objects[1]["touched"] is None and objects[1]["line"] == 301
    assert objects[4] == {
        "function": "entry_SYSCALL_64_after_hwframe", "file": None, "line": None, "inlined": False, "trusted": True,
        "touched": None,
    }  # fmt: skip
    result = sample.result("00", Outcome.FINDING, "", (sample.OOPS, sample.WARNING))
    told = cell_object(result, {}, {1: sample.TOUCHED})["findings"]
    assert told[0]["source"] == [] and told[1]["source"] == objects
    assert cell_object(result, {})["findings"][1]["source"][0]["touched"] is None


def test_many_patches_are_told_as_ranges() -> None:
    (line,) = trace_lines(sample.WARNING_SOURCE[:1], {0: FrameTouch((1, 2, 4, 5, 6, 9), False)}, text)
    assert (line.mark, line.mark_words) == ("~1,2,4-6,9", "its function was changed by patches 1, 2, 4 to 6, 9")


def test_a_frame_without_a_name_has_a_place_all_the_same() -> None:
    (line,) = trace_lines([replace(sample.WARNING_SOURCE[0], function="")], {}, text)
    assert line.function == "?"
    (line,) = trace_lines([SourceFrame("f", "mm/x.c", 0)], {}, text)
    assert (line.place, line.text) == ("mm/x.c", "")
