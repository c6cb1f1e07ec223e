"""The repairer under Atheris; see README.md beside this file."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["harness.intake.repair"]):
    from tests.intake.test_repair_fuzz import repaired, whole_tree

FILES = whole_tree()
# A diff's first lines, so that most inputs get as far as a hunk of a file that is there.
HEAD = "--- a/mm/shelf.c\n+++ b/mm/shelf.c\n"


def one_input(data: bytes) -> None:
    """One input of the fuzzer; its first byte decides whether it gets a file's header."""
    text = data[1:].decode("utf-8", "surrogateescape")
    repaired(HEAD + text if data[:1] > b"\x40" else text, FILES)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
