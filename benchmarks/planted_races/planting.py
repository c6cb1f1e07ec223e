"""Planted races: their file, and a series of one patch for each."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.runs.tree_files import named_tree_files
from harness.runs.workshop import Workshop

FILE = Path(__file__).parent / "plants.yaml"
FRAGMENTS = "[boot, mm, debug]"


@dataclass(frozen=True, slots=True)
class Edit:
    """``find``, which is in ``file`` once, becomes ``replace``."""

    file: str
    find: str
    replace: str


@dataclass(frozen=True, slots=True)
class PlantedRace:
    """A bug of our own in a tree, the stressor that is to find it and one that is not."""

    name: str
    tree: str
    right: str
    wrong: str
    bug: str
    edits: tuple[Edit, ...]


def planted_races(path: Path = FILE) -> tuple[PlantedRace, ...]:
    """All of them, in the order of the file."""
    return tuple(
        PlantedRace(
            row["name"], row["tree"], row["right"], row["wrong"], row["bug"],
            tuple(Edit(e["file"], e["find"].rstrip("\n"), e["replace"].rstrip("\n")) for e in row["edits"]),
        )
        for row in yaml.safe_load(path.read_text())["plants"]
    )  # fmt: skip


def planted_diff(race: PlantedRace, read: dict[str, str]) -> str:
    """The patch, for the files as they are in the tree. Raises ValueError for a text that is not there just once."""
    after = dict(read)
    for edit in race.edits:
        count = after[edit.file].count(edit.find)
        if count != 1:
            raise ValueError(f"{race.name}: {edit.file} of {race.tree} has {count} times {edit.find[:60]!r}")
        after[edit.file] = after[edit.file].replace(edit.find, edit.replace)
    parts = []
    for file, before in read.items():
        lines = difflib.unified_diff(
            before.splitlines(keepends=True), after[file].splitlines(keepends=True), f"a/{file}", f"b/{file}"
        )
        parts.append(f"diff --git a/{file} b/{file}\n{''.join(lines)}")
    return "".join(parts)


def write_series(workshop: Workshop, race: PlantedRace, folder: Path) -> Path:
    """Writes the series of a planted race into ``folder``/NAME and returns its path."""
    files = named_tree_files(workshop, race.tree)
    read = {}
    for edit in race.edits:
        content = files.read(edit.file)
        if content is None:
            raise ValueError(f"{race.name}: {race.tree} has no {edit.file}")
        read[edit.file] = content.decode("utf-8", "surrogateescape")
    series = folder / f"planted-{race.name.replace('.', '-')}"
    patches = series / "patches"
    patches.mkdir(parents=True, exist_ok=True)
    mail = (
        "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n"
        "From: harness benchmarks <benchmarks@harness.invalid>\n"
        "Date: Thu, 1 Jan 2026 00:00:00 +0000\n"
        f"Subject: [PATCH] planted: {race.name}\n\n{race.bug}\n---\n{planted_diff(race, read)}-- \n2.39\n"
    )
    (patches / "0001-planted.patch").write_text(mail, encoding="utf-8", errors="surrogateescape")
    (series / "series.yaml").write_text(
        f"title: 'Planted race: {race.name}'\nposted: '2026-01-01'\npatches: 1\n"
        f"trees: [{{tree: {race.tree}, port: patches}}]\nkconfig: {FRAGMENTS}\n"
    )
    return series
