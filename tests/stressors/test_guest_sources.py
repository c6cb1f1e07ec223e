"""What the guest's sources and the stressors' data say of each other, and what fits into a line of the report port."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.config.kernel_files import load_stressor

TREE = Path(__file__).resolve().parents[2]
GUEST = TREE / "vm-images" / "guest"
DATA = sorted((TREE / "configs" / "stressors").glob("*.yaml"))
PROGRAMS = [path.stem for path in DATA if path.stem != "quiet"]
CREWED = [name for name in PROGRAMS if name != "mix"]
LINE_MAX = 400  # REPORT_LINE_MAX of report.h
RANDOM_64 = "18446744073709551615"


def counters(program: str) -> list[str]:
    """The names in the program's table of counters."""
    text = (GUEST / f"{program}.c").read_text()
    table = re.search(r"counter_names\[\] = \{(.*?)NULL", text, re.DOTALL)
    assert table, program
    return re.findall(r'"([^"]+)"', table[1])


def test_the_digest_of_the_mix_fits_with_all_its_parts() -> None:
    text = (GUEST / "mix.c").read_text()
    keys = re.search(r'" (rounds=.*?order=)%llu"', re.sub(r'"\s*\n\s*"', "", text), re.DOTALL)
    assert keys
    line = "# digest mix " + keys[1].replace("%u", "9999") + RANDOM_64
    line += "".join(f" {name}.rounds=9999" for name in CREWED if name != "hwpoison")
    assert len(line) <= LINE_MAX, len(line)


def test_the_mix_knows_what_each_program_takes() -> None:
    rules = re.findall(r'^\t\{ "(\w+)", ', (GUEST / "mix.c").read_text(), re.MULTILINE)
    assert sorted(rules) == sorted(PROGRAMS)


@pytest.mark.parametrize("path", DATA, ids=lambda path: path.stem)
def test_a_proof_names_counters_that_the_program_has(path: Path) -> None:
    stressor = load_stressor(path)
    asked = {name.removeprefix("digest.") for rule in stressor.proof for name in rule.any_of if "digest." in name}
    if stressor.name == "mix":
        assert asked <= {"phases", "started", "finished", "worked"}
    elif asked:
        assert asked <= set(counters(stressor.name))
