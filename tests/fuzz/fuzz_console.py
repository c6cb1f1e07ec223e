"""The console parser under Atheris; see README.md beside this file."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["harness.findings"]):
    from tests.findings.any_console import check_console


def one_input(data: bytes) -> None:
    """One input of the fuzzer: its first byte chooses the size of the pieces."""
    size = data[0] if data else 1
    check_console(data[1:], (max(1, size), 1, max(1, size // 3)))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
