"""Every form of patch prefix that kernel lists have seen."""

from __future__ import annotations

import pytest

from harness.intake.subject import parse_subject


@pytest.mark.parametrize(
    ("text", "index", "total", "version", "title"),
    [
        ("[PATCH v2 3/9] mm: lock", 3, 9, 2, "mm: lock"),
        ("[PATCHv4 1/2] mm: lock", 1, 2, 4, "mm: lock"),
        ("[PATCH 3/9 v2] mm: lock", 3, 9, 2, "mm: lock"),
        ("[RFC][PATCH -mm 4/7] memcg: lock", 4, 7, 1, "memcg: lock"),
        ("[PATCH 01 of 12] Core of it", 1, 12, 1, "Core of it"),
        ("[patch 02/10] x", 2, 10, 1, "x"),
        ("[RFC PATCH 0/5 take 3] x", 0, 5, 3, "x"),
        ("[PATCH v10 10/11]   two   blanks", 10, 11, 10, "two blanks"),
        ("[linux-mm] [PATCH 1/2] [media] cam: x", 1, 2, 1, "[media] cam: x"),
        ("[PATCH] mm: alone", None, None, 1, "mm: alone"),
        ("[PATCH v3.0 1/2] for a stable tree", 1, 2, 1, "for a stable tree"),
        ("[PATCH 2.6.27-rc3 1/2] x", 1, 2, 1, "x"),
        ("[PATCH 1/99999] x", None, None, 1, "x"),
        ("[3/9] no word", 3, 9, 1, "no word"),
        ("[PATCH 1/1]", 1, 1, 1, "[PATCH 1/1]"),
    ],
)
def test_prefix(text: str, index: int | None, total: int | None, version: int, title: str) -> None:
    subject = parse_subject(text)
    assert (subject.index, subject.total, subject.version, subject.title) == (index, total, version, title)
    assert subject.is_patch and not subject.is_reply


@pytest.mark.parametrize(
    "text", ["Re: [PATCH 1/9] x", "RE: Re: [PATCH 1/9] x", "AW: [PATCH 1/9] x", "Re[2]: [PATCH 1/9] x"]
)
def test_reply(text: str) -> None:
    subject = parse_subject(text)
    assert subject.is_reply and subject.index == 1


@pytest.mark.parametrize("text", ["mm: lock 3/9", "", "[ANNOUNCE] 3.0-rt1", "[media] x", "Rework of page counts"])
def test_no_patch(text: str) -> None:
    assert not parse_subject(text).is_patch


def test_rfc_and_tags() -> None:
    subject = parse_subject("[RFC][PATCH -mm 4/7] memcg: lock")
    assert subject.rfc and "-mm" in subject.tags
    assert not parse_subject("[PATCH 1/2] rfc2822: x").rfc
