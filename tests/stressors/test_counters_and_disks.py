"""The counters of a stressor have a number each, and its RAM disk is its own in the mix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUEST = ROOT / "vm-images" / "guest"


def source(name: str) -> str:
    """A program's text."""
    return (GUEST / f"{name}.c").read_text()


def programs() -> list[str]:
    """The programs that the Makefile makes."""
    found = re.search(r"^STRESSORS = \\\n((?:\t\w+(?: \\)?\n)+)", (GUEST / "Makefile").read_text(), re.MULTILINE)
    assert found
    return re.findall(r"\w+", found[1])


def counters(name: str) -> list[str]:
    """The counters of a program that is made of a crew, in their order."""
    found = re.search(r"counter_names\[\] = \{(.*?)NULL", source(name), re.DOTALL)
    return re.findall(r'"(\w+)"', found[1]) if found else []


CREWS = [name for name in programs() if counters(name)]


@pytest.mark.parametrize("name", CREWS)
def test_counters_have_numbers_and_room(name: str) -> None:
    limit = re.search(r"#define CREW_COUNTERS (\d+)", (GUEST / "crew.h").read_text())
    numbers = re.search(r"enum \{\s*ROUNDS,(.*?)\}", source(name), re.DOTALL)
    assert limit and numbers
    assert len(counters(name)) == 1 + len(re.findall(r"\w+", numbers[1])) <= int(limit[1])
    assert counters(name)[0] == "rounds"


@pytest.mark.parametrize("name", CREWS)
def test_mix_gives_a_disk_to_each_program_that_uses_one(name: str) -> None:
    rule = re.search(rf'\{{ "{name}", (\w+), (\d+), "', source("mix"))
    assert rule
    uses = "ramdisk_path(" in source(name)
    assert rule[1] == "NEVER" or (int(rule[2]) > 0) == uses
