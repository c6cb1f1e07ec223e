"""Real kernels, real containers, real guests: everything here is marked `system`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.model.events import Event, Notice, StepFinished, StepStarted
from harness.runs.workshop import Workshop


class PrintingListener:
    """Shows on pytest's captured output what is being waited for."""

    def event(self, event: Event) -> None:
        """Prints steps and notices."""
        if isinstance(event, (Notice, StepStarted, StepFinished)):
            print(event, flush=True)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """The checkout's own configuration and cache, with results of its own, so that nothing is taken for done."""
    layout = find_layout()
    results = tmp_path_factory.mktemp("results")
    yield Workshop(PrintingListener(), replace(layout, results=results), load_settings(layout.root))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for one guest's logs."""
    return tmp_path / "guest"
