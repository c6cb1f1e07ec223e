"""A fake checkout for each test of the chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.fake.checkout import Checkout, FakePatch

Make = Callable[..., Checkout]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes the checkout: ``make(patches, core=..., stressors=..., trees=...)``."""

    def made(patches: Sequence[FakePatch], **words: Sequence[str]) -> Checkout:
        return Checkout(tmp_path).make(patches, **words)

    return made
