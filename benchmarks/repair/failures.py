"""A failure of ours as a person reads it: per hunk that is not the author's, what came, and ours against the truth."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.repair.cases import write_files
from benchmarks.repair.clean import HUNK, Lines, Part, parse, render
from benchmarks.repair.compare import Outcome, Result

MOST_LINES = 70  # of one block


@dataclass(frozen=True, slots=True)
class _Hunk:
    path: str
    start: int
    number: int
    header: str
    body: tuple[str, ...]


def _hunks(lines: Lines) -> list[_Hunk]:
    found: list[_Hunk] = []
    path, header, start = "", "", 0
    for line in lines:
        if line.part is Part.NAME and line.text.startswith("+++ "):
            path = line.text[4:].split("\t")[0].partition("/")[2]
        elif line.part is Part.HUNK:
            match = HUNK.match(line.text)
            header, start = line.text, int(match[1]) if match else 0
            found.append(_Hunk(path, start, line.hunk, header, ()))
        elif line.part.in_hunk or line.part is Part.NO_NEWLINE:
            last = found[-1]
            text = " " + line.text if line.part is Part.CONTEXT else str(line)
            found[-1] = _Hunk(path, start, last.number, header, (*last.body, text))
    return found


def visible(text: str) -> str:
    """Tabs as arrows to the next column of eight, trailing blanks as dots, whatever controls a terminal as its code."""
    shown = ""
    for character in text:
        if character == "\t":
            shown += "→" + " " * (7 - len(shown) % 8)
        else:
            shown += character if character.isprintable() else f"\\x{ord(character):02x}"
    kept = shown.rstrip(" ")
    return kept + "·" * (len(shown) - len(kept))


def _block(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"  {title}"
    for line in lines[:MOST_LINES]:
        yield f"    {line}"
    if len(lines) > MOST_LINES:
        yield f"    … {len(lines) - MOST_LINES} more lines"


def _against(truth: Sequence[str], ours: Sequence[str]) -> list[str]:
    """The two bodies as one: ``T`` stands before a line of the truth only, ``O`` before one of ours only."""
    found = []
    for line in difflib.unified_diff(truth, ours, lineterm="", n=3):
        if line.startswith(("---", "+++")) and line[3:4] in (" ", ""):
            continue
        found.append(
            "   ⋮" if line.startswith("@@") else {"-": "T |", "+": "O |"}.get(line[0], "  |") + visible(line[1:])
        )
    return found


def described(outcome: Outcome) -> Iterator[str]:
    """The failure, line by line."""
    attempt = outcome.attempt
    grade = f", graded {attempt.grade} ({attempt.confidence:.2f})" if attempt.grade else ""
    yield f"── {outcome.case.name} · {outcome.way} · {outcome.result}{grade} · {outcome.left} · {outcome.case.tree}"
    if attempt.reason:
        yield f"  {visible(attempt.reason)}"
    try:
        ours = _hunks(parse(attempt.diff))
    except ValueError as error:
        yield f"  our diff is malformed: {error}"
        ours = []
    for true in _hunks(outcome.case.lines):
        of_path = [hunk for hunk in ours if hunk.path == true.path]
        mine = min(of_path, key=lambda hunk: abs(hunk.start - true.start), default=None)
        if mine is not None and mine.body == true.body and mine.start == true.start:
            continue
        came = [visible(str(line)) for line in outcome.damaged if line.hunk == true.number]
        yield f"  {true.path} {true.header}" + (
            "" if mine is None or mine.start == true.start else f" ours: {mine.header}"
        )
        yield from _block("damaged:", came)
        if mine is None:
            yield from _block("truth (nothing of ours):", [f"T |{visible(line)}" for line in true.body])
        else:
            yield from _block("truth (T) against ours (O):", _against(true.body, mine.body))
    known = set(outcome.case.before)
    for hunk in ours:
        if hunk.path not in known:
            yield from _block(f"of ours only: {hunk.path} {hunk.header}", [visible(line) for line in hunk.body])


def is_failure(outcome: Outcome) -> bool:
    return outcome.result is not Result.IDENTICAL


def save(outcome: Outcome, folder: Path) -> Path:
    """Writes the case below ``folder``: clean.patch, damaged.txt, repaired.patch and the files before/ and after/."""
    place = folder / f"{outcome.way}-{outcome.case.name}".replace("/", "-")
    write_files(
        place,
        {
            "clean.patch": outcome.case.text.encode("utf-8", "surrogateescape"),
            "damaged.txt": render(outcome.damaged).encode("utf-8", "surrogateescape"),
            "repaired.patch": outcome.attempt.diff.encode("utf-8", "surrogateescape"),
            **{f"before/{path}": data for path, data in outcome.case.before.items()},
            **{f"after/{path}": data for path, data in outcome.case.after.items()},
        },
    )
    return place
