"""What a stressor's rules ask of its own program is what the program counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.config.kernel_files import load_stressor

REPOSITORY = Path(__file__).resolve().parents[2]
GUEST = REPOSITORY / "vm-images/guest"
# Printed by the supervisor for all of them.
COMMON = {"died", "killed", "stuck", "corruptions", "order"}


def programs() -> list[str]:
    listed: str = re.findall(r"^STRESSORS = \\\n((?:\t.*\n)+)", (GUEST / "Makefile").read_text(), re.M)[0]
    return listed.replace("\\", " ").split()


@pytest.mark.parametrize("name", ["reclaim", "rmap", "swapoff"])
def test_counters_of_the_rules_are_counted(name: str) -> None:
    source = (GUEST / f"{name}.c").read_text()
    (names,) = re.findall(r"counter_names\[\] = \{(.*?)\};", source, re.S)
    counted = re.findall(r'"(\w+)"', names)
    (places,) = re.findall(r"enum \{ ROUNDS,(.*?)\};", source, re.S)
    assert len(counted) == places.count(",") + 2, "names and places of the counters differ in number"
    assert counted[0] == "rounds" and len(counted) == len(set(counted)) <= 20
    rules = load_stressor(REPOSITORY / "configs/stressors" / f"{name}.yaml").proof
    asked = {c.removeprefix("digest.") for rule in rules for c in rule.any_of if c.startswith("digest.")}
    assert asked and asked <= {*counted, *COMMON}


def test_every_program_is_described() -> None:
    described = {path.stem for path in (REPOSITORY / "configs/stressors").glob("*.yaml")}
    assert set(programs()) <= described
    assert all((GUEST / f"{name}.c").is_file() for name in programs())
