"""What a comparison of runs or of trees shows: titles down, runs or trees across."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.verdict import Rate, TitleVerdict


@dataclass(frozen=True, slots=True)
class Column:
    """One run or tree: its name and a line about it (kernel, date, accelerator)."""

    name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class TitleRow:
    """One title over the columns, a rate each; None where nothing counted was run in that column."""

    title: str
    rates: tuple[Rate | None, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Columns, titles with a rate per column, and the verdicts drawn from them, with the exit code's sentence.

    ``unavailable`` are (name, why) of columns that could not be had; ``notes`` are what makes the columns hard to
    compare.
    """

    heading: str
    columns: tuple[Column, ...]
    rows: tuple[TitleRow, ...]
    verdicts: tuple[TitleVerdict, ...]
    exit_code: int
    conclusion: str
    unavailable: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
