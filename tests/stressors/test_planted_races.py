"""The file of planted races, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.planted_races.planting import Edit, PlantedRace, planted_diff, planted_races
from harness.intake.sources import read_series

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
RACE = PlantedRace("x-6.1", "linux-6.1", "memcg", "quiet", "a bug", (Edit("mm/x.c", "lock();", ""),))


def test_every_race_is_for_a_tree_and_for_stressors_that_there_are() -> None:
    races = planted_races()
    names = [race.name for race in races]
    assert len(names) == len(set(names))
    stressors = {path.stem for path in (CONFIGS / "stressors").glob("*.yaml")}
    for race in races:
        assert {race.right, race.wrong} <= stressors and race.right != race.wrong, race.name
        assert all(edit.find and edit.find != edit.replace for edit in race.edits), race.name


def test_each_area_has_one_today_and_one_then() -> None:
    areas: dict[str, set[bool]] = {}
    for race in planted_races():
        areas.setdefault(race.right, set()).add(race.tree == "linux-6.1")
    assert all(times == {True, False} for times in areas.values()), areas
    own = {path.stem for path in (CONFIGS / "stressors").glob("*.yaml")} - {"mix", "quiet"}
    assert set(areas) == own


def test_a_text_must_be_there_once() -> None:
    diff = planted_diff(RACE, {"mm/x.c": "a\n\tlock();\nb\n"})
    assert "-\tlock();\n+\t\n" in diff and diff.startswith("diff --git a/mm/x.c b/mm/x.c\n--- a/mm/x.c\n")
    for text in ("a\n", "lock();lock();\n"):
        with pytest.raises(ValueError, match=r"x-6\.1: mm/x\.c of linux-6\.1 has [02] times 'lock"):
            planted_diff(RACE, {"mm/x.c": text})


def test_the_patch_is_one_that_is_read(tmp_path: Path) -> None:
    mail = tmp_path / "0001.patch"
    mail.write_text(
        "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: a <a@b.invalid>\n"
        "Date: Thu, 1 Jan 2026 00:00:00 +0000\nSubject: [PATCH] planted\n\nx\n---\n"
        + planted_diff(RACE, {"mm/x.c": "a\n\tlock();\nb\n"})
        + "-- \n2.39\n"
    )
    (patch,) = read_series("planted", [tmp_path]).patches
    assert patch.files == ("mm/x.c",) and not patch.damage
