"""Which prefixes a request names, and which requests are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.model.errors import UserError
from harness.runs.request import RunRequest, chosen_prefixes


@pytest.mark.parametrize(
    ("patches", "total", "chosen"),
    [
        ("ends", 9, (0, 9)),
        ("ends", 0, (0,)),
        ("each", 3, (0, 1, 2, 3)),
        ("3", 6, (0, 3)),
        ("1,3,6", 6, (0, 1, 3, 6)),
        ("6, 3 ,3", 6, (0, 3, 6)),
        ("2-4", 6, (0, 2, 3, 4)),
        ("0,1-2,6", 6, (0, 1, 2, 6)),
    ],
)
def test_chosen(patches: str, total: int, chosen: tuple[int, ...]) -> None:
    assert chosen_prefixes(patches, total) == chosen


@pytest.mark.parametrize("patches", ["", "end", "1,", "-1", "1..3", "1-", "all", "1;2", "0x1"])
def test_neither_a_word_nor_numbers(patches: str) -> None:
    with pytest.raises(UserError, match="neither ends, each nor numbers"):
        chosen_prefixes(patches, 6)


@pytest.mark.parametrize(("patches", "first"), [("12", 12), ("1,7,9", 7), ("5-8", 7), ("9999", 9999)])
def test_beyond_the_series(patches: str, first: int) -> None:
    with pytest.raises(UserError, match=f"names patch {first}, the series has 6"):
        chosen_prefixes(patches, 6)


@pytest.mark.parametrize("patches", ["20000", "4-2"])
def test_an_empty_range_is_a_mistake(patches: str) -> None:
    with pytest.raises(UserError):
        chosen_prefixes(patches, 6)


def test_the_same_request() -> None:
    request = RunRequest("demo", ("a",), seed=3)
    assert replace(request, jobs=4).digest == request.digest
    for other in (
        replace(request, seed=4), replace(request, again=True), replace(request, patches="each"),
        replace(request, trees=()), replace(request, mail="box"), replace(request, append=("x",)),
    ):  # fmt: skip
        assert other.digest != request.digest
