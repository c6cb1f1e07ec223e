"""The readers under Atheris; see README.md beside this file."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["harness.intake"]):
    from tests.intake.any_bytes import read_any

FOLDER = Path(tempfile.mkdtemp(prefix="harness-fuzz-"))


def one_input(data: bytes) -> None:
    """One input of the fuzzer."""
    read_any(data, FOLDER / "source")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
