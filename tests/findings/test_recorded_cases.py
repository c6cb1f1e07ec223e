"""The recorded consoles against the list of what was planted: what was done to a kernel is what must be found of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.findings.test_console_cases import CASES, FOLDER, case_name, read_case
from tests.system.planting import Plant, plants

RECORDED = [path for path in CASES if path.parent not in (FOLDER, FOLDER / "clean")]
_HEAD = re.compile(r"# recorded: (?P<tree>\S+)(?: (?P<kernel>\w+))?, harness_plant=(?P<kind>[\w-]+)")
PLANTS = {plant.name: plant for plant in plants()}


def planted(path: Path) -> Plant:
    match = _HEAD.match(path.read_text(errors="replace"))
    assert match is not None, f"{path}: the first line does not say what was recorded"
    name = f"{match['kernel']}-{match['kind']}" if match["kernel"] else match["kind"]
    assert name == path.stem and name in PLANTS, f"{path}: no such plant in plants.yaml"
    return PLANTS[name].on(match["tree"])


def test_what_was_planted_is_expected() -> None:
    wrong = []
    for path in RECORDED:
        plant = planted(path)
        titles = [line.split(" | ")[1] for line in read_case(path)[0]]
        if not set(titles) & set(plant.found) and (titles or "" not in plant.found):
            wrong.append(f"{case_name(path)}: {titles[:5]} instead of {plant.found}")
    assert not wrong, "\n".join(wrong)


def test_every_era_has_its_consoles() -> None:
    assert len(RECORDED) >= 150
    folders = {path.parent.name for path in RECORDED}
    assert folders >= {"2.5.31-bk", "2.6.9", "2.6.22-rc2", "2.6.27-rc3", "3.0.1", "6.1"}
    assert folders <= {path.stem for path in (FOLDER / "clean").glob("*.txt")}, "an era without a clean boot"


@pytest.mark.parametrize("path", sorted((FOLDER / "clean").glob("*.txt")), ids=case_name)
def test_nothing_is_expected_of_a_clean_boot(path: Path) -> None:
    expected, console = read_case(path)
    assert expected == []
    assert b"Linux version " in console and len(console.splitlines()) > 50, "not a whole console"
