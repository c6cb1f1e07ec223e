"""The page of verbs says what the verbs say."""

from __future__ import annotations

from pathlib import Path

from harness.cli.help_page import help_page


def test_the_page_is_made_from_todays_help() -> None:
    page = Path(__file__).parents[2] / "docs" / "verbs.md"
    assert page.read_text() == help_page(), "run: python -m harness.cli.help_page > docs/verbs.md"
