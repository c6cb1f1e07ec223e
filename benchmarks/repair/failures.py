"""A failure of ours as a person reads it: per hunk that is not the author's, what came, and ours against the truth."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.repair.cases import write_files
from benchmarks.repair.clean import HUNK, Lines, Part, render
from benchmarks.repair.compare import Outcome, Result
from harness.intake.repair import Repair, RepairedLine

MOST_LINES = 70  # of one block


@dataclass(frozen=True, slots=True)
class _Hunk:
    """Body lines with their marks, and what is said of each. ``start``: its first line in the file; None: no place."""

    path: str
    start: int | None
    number: int
    header: str
    body: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def _true_hunks(lines: Lines) -> list[_Hunk]:
    found: list[_Hunk] = []
    path = ""
    for line in lines:
        if line.part is Part.NAME and line.text.startswith("+++ "):
            path = line.text[4:].split("\t")[0].partition("/")[2]
        elif line.part is Part.HUNK:
            match = HUNK.match(line.text)
            found.append(_Hunk(path, int(match[1]) if match else None, line.hunk, line.text))
        elif line.part.in_hunk:
            found[-1] = replace(found[-1], body=(*found[-1].body, (line.mark or " ") + line.text))
    return found


def _our_hunks(repair: Repair) -> list[_Hunk]:
    return [
        _Hunk(
            hunk.path,
            hunk.start,
            hunk.number,
            f"@@ -{hunk.start} @@ {hunk.confidence:.2f} {'; '.join((hunk.reason, *hunk.notes))}".rstrip(),
            tuple(line.mark + line.text for line in hunk.lines),
            tuple(_said(line) for line in hunk.lines),
        )
        for hunk in repair.hunks
    ]


def _said(line: RepairedLine) -> str:
    return (
        f"{line.grade} {line.sure:.2f}" + (f" {line.what}" if line.what else "") + (f": {line.why}" if line.why else "")
    )


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


def _against(truth: _Hunk, ours: _Hunk) -> list[str]:
    """The two bodies as one: ``T`` stands before a line of the truth only, ``O`` before one of ours only."""
    found = []
    matcher = difflib.SequenceMatcher(None, truth.body, ours.body, autojunk=False)
    for group in matcher.get_grouped_opcodes(3):
        found.append("   ⋮")
        for kind, first, last, start, end in group:
            if kind == "equal":
                found += [f"  |{visible(line)}" for line in truth.body[first:last]]
                continue
            found += [f"T |{visible(line)}" for line in truth.body[first:last]]
            pairs = zip(ours.body[start:end], ours.said[start:end], strict=True)
            found += [f"O |{visible(line):<60}   ‹{visible(said)}›" for line, said in pairs]
    return found[1:]


def described(outcome: Outcome) -> Iterator[str]:
    """The failure, line by line."""
    attempt = outcome.attempt
    grade = f", graded {attempt.grade} ({attempt.confidence:.2f})" if attempt.grade else ""
    kind = "wrong in blanks" if outcome.only_blanks else str(outcome.result)
    yield f"── {outcome.case.name} · {outcome.way} · {kind}{grade} · {outcome.left} · {outcome.case.tree}"
    if attempt.reason:
        yield f"  {visible(attempt.reason)}"
    ours = _our_hunks(attempt.repair) if attempt.repair is not None else []
    for note in attempt.repair.notes if attempt.repair is not None else ():
        yield f"  note: {visible(note)}"
    for true in _true_hunks(outcome.case.lines):
        mine = min((hunk for hunk in ours if hunk.path == true.path), key=lambda hunk: _far(hunk, true), default=None)
        if mine is not None and mine.body == true.body and mine.start == true.start:
            continue
        came = [visible(str(line)) for line in outcome.damaged if line.hunk == true.number]
        yield f"  {true.path} {true.header}" + (f"   ours: {visible(mine.header)}" if mine is not None else "")
        yield from _block("damaged:", came)
        if mine is None:
            yield from _block("truth (nothing of ours):", [f"T |{visible(line)}" for line in true.body])
        else:
            yield from _block("truth (T) against ours (O):", _against(true, mine))
    for hunk in ours:
        if hunk.path not in outcome.case.before:
            yield from _block(f"of ours only: {hunk.path} {hunk.header}", [visible(line) for line in hunk.body])


def _far(hunk: _Hunk, true: _Hunk) -> tuple[float, bool]:
    """How unlike the true hunk's place and text: the nearest of our hunks is the one to compare with it."""
    apart = abs((hunk.start or 0) - (true.start or 0)) if hunk.start is not None else float("inf")
    return apart, hunk.body != true.body


def is_failure(outcome: Outcome) -> bool:
    return outcome.result is not Result.IDENTICAL


def save(outcome: Outcome, folder: Path) -> Path:
    """Writes the case below ``folder``: clean.patch, damaged.txt, repaired.patch and the files before/ and after/."""
    repair = outcome.attempt.repair
    place = folder / f"{outcome.way}-{outcome.case.name}".replace("/", "-")
    write_files(
        place,
        {
            "clean.patch": outcome.case.text.encode("utf-8", "surrogateescape"),
            "damaged.txt": render(outcome.damaged).encode("utf-8", "surrogateescape"),
            "repaired.patch": (repair.diff or repair.rejected if repair else "").encode("utf-8", "surrogateescape"),
            **{f"before/{path}": data for path, data in outcome.case.before.items()},
            **{f"after/{path}": data for path, data in outcome.case.after.items()},
        },
    )
    return place
