"""What limits take, in which order, and what they leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model.errors import UserError
from harness.runs.cleaning import Expendable, limit, parse_size

DAY = 86400.0
NOW = 100 * DAY


def thing(name: str, days: float, size: int = 10, needed: str = "", always: bool = False) -> Expendable:
    return Expendable("builds", Path(name), size, NOW - days * DAY, needed, always)


THINGS = (thing("log", 50), thing("old", 40), thing("repro", 35, needed="repro"), thing("run", 34, 10, "run", True),
          thing("new", 1))  # fmt: skip


def names(many: tuple[Expendable, ...]) -> list[str]:
    return [one.path.name for one in many]


def test_age() -> None:
    found = limit(THINGS, 100, 30, None, False, NOW)
    assert (names(found.removed), names(found.kept), found.left) == (["log", "old"], ["repro", "run"], 80)
    found = limit(THINGS, 100, 30, None, True, NOW)
    assert (names(found.removed), names(found.kept), found.left) == (["log", "old", "repro"], ["run"], 70)


def test_size_takes_the_oldest_first_and_no_more_than_it_must() -> None:
    assert names(limit(THINGS, 100, None, 100, False, NOW).removed) == []
    assert names(limit(THINGS, 100, None, 95, False, NOW).removed) == ["log"]
    assert names(limit(THINGS, 100, None, 75, False, NOW).removed) == ["log", "old", "new"]
    assert names(limit(THINGS, 100, None, 0, True, NOW).removed) == ["log", "old", "repro", "new"]


def test_both() -> None:
    assert names(limit(THINGS, 100, 45, 85, False, NOW).removed) == ["log", "old"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("20G", 20 << 30), ("1.5g", 3 << 29), ("800M", 800 << 20), ("7", 7), ("2TiB", 2 << 40), ("1KB", 1024)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1G", "1e9", "1 000", "9" * 40, "1X", "٣G"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UserError, match="is no size"):
        parse_size(text)
