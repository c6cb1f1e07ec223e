"""Pages: well-formed, everything escaped, nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from harness.model.verdict import Rate, TitleVerdict, Verdict
from harness.reports.html import ReportContext, compare_page, run_page
from harness.results.comparison import Column, Comparison, TitleRow
from tests.reports import sample

VOID = {"meta", "br", "hr", "img", "input", "link", "col", "wbr"}


class Checker(HTMLParser):
    """Collects tags and attributes, and fails on a close that does not match."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, (tag, self.open[-5:])
            self.open.pop()


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    assert "script" not in checker.tags and "iframe" not in checker.tags
    assert not [name for name, _ in checker.attributes if name.startswith("on")]
    for name, value in checker.attributes:
        if name in ("src", "href", "srcset", "action"):
            assert value is not None and value.startswith("#"), (name, value)
    assert not re.search(r"url\(|@import", page)
    return checker


@pytest.mark.parametrize("reader", [sample.excerpt, sample.hostile_excerpt])
def test_an_awkward_run_is_one_safe_file(reader: object) -> None:
    page = run_page(sample.awkward_run(), ReportContext(excerpt=reader, source=sample.source))  # type: ignore[arg-type]
    check(page)
    assert "<script>" not in page and "\x1b" not in page and "\x00" not in page
    assert "\u202e" not in page and "\u200b" not in page
    assert "&lt;script&gt;" in page
    assert "did-not-exercise" in page or "did not exercise" in page
    assert "unavailable" in page
    assert "include/linux/page_ref.h:281" in page and "the line is patch 2&#39;s" in page
    assert "its function was changed by patches 1, 2" in page


def test_a_large_run_stays_readable() -> None:
    page = run_page(sample.large_run(), ReportContext(excerpt=sample.excerpt))
    check(page)
    assert len(page) < 4_000_000
    assert page.count("<details") >= 1


def test_a_comparison_is_one_safe_file() -> None:
    rate = Rate(1, 4, 0.05, 0.7)
    verdict = TitleVerdict(sample.HOSTILE, Verdict.UNDECIDED, Rate(0, 4, 0.0, 0.49), rate, 0.5, sample.SCRIPT, 10)
    page = compare_page(
        Comparison(
            heading=sample.HOSTILE,
            columns=(Column("v3.0 + 0"), Column(sample.SCRIPT, "note")),
            rows=(TitleRow(sample.HOSTILE, (None, rate)),),
            verdicts=(verdict,),
            exit_code=4,
            conclusion=sample.SCRIPT,
            unavailable=(("v2.5", sample.SCRIPT),),
        ),
        ReportContext(excerpt=sample.excerpt),
    )
    check(page)
    assert "<script>" not in page
