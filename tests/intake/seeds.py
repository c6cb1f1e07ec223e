"""Texts copied from web archives, where they lie beside the checkout. They are input, and no part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "seeds"


def seed(number: str) -> Path:
    """The text whose name begins with ``number``; the test is skipped where it is not here."""
    found = sorted(SEEDS.glob(f"{number}_*.txt"))
    if not found:
        pytest.skip(f"the text {number} of a web archive does not lie beside this checkout")
    return found[0]
