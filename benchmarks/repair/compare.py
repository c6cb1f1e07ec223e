"""Every case, damaged in every way, given to every tool: one outcome each, in the order of cases and ways."""

from __future__ import annotations

import enum
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from random import Random

from benchmarks.repair.appliers import TOOLS, Attempt
from benchmarks.repair.cases import Case
from benchmarks.repair.clean import Lines, Part, render
from benchmarks.repair.damage import Left, damaged, left, way
from benchmarks.repair.history import History, HistoryFiles
from harness.intake.repair import Repair
from harness.model.tree import TreeFiles
from harness.trees.tree_files import FolderFiles

_DIGITS = re.compile(r"\d+")


class Result(enum.StrEnum):
    """What became of one attempt."""

    IDENTICAL = "identical"  # every file as the clean patch makes it
    REFUSED = "refused"  # nothing written, with a reason
    FAILED = "failed"  # a conflict, a patch that git does not take, an exception
    WRONG = "wrong"  # taken, and a file differs from the truth


Tally = dict[tuple[str, str], tuple[int, int, float]]
"""Of lines by grade and reason: how many are the author's, how many there are, and the sum of how sure ours is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case, one way, one tool.

    ``only_blanks``: the result is wrong, but only in blanks within lines. ``added`` and ``old`` count our lines: the
    added ones, and context and removed ones together. The repair's lines are kept for failures only.
    """

    case: Case
    way: str
    tool: str
    result: Result
    attempt: Attempt
    left: Left
    damaged: Lines
    seconds: float
    only_blanks: bool = False
    added: Tally = field(default_factory=dict)
    old: Tally = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """What one process does at a time: all of one case, so that its tree is read once."""

    case: Case
    ways: tuple[str, ...]
    tools: tuple[str, ...]
    seed: int


def judged(case: Case, attempt: Attempt) -> Result:
    if attempt.refused:
        return Result.REFUSED
    if attempt.files is None:
        return Result.FAILED
    return Result.IDENTICAL if attempt.files == case.after else Result.WRONG


def _only_blanks(case: Case, attempt: Attempt) -> bool:
    def bare(files: dict[str, bytes]) -> dict[str, list[bytes]]:
        return {path: [b"".join(line.split()) for line in data.split(b"\n")] for path, data in files.items()}

    return attempt.files is not None and attempt.files != case.after and bare(attempt.files) == bare(case.after)


def _tally(case: Case, repair: Repair, added: bool) -> Tally:
    """A line counts as the author's if the true patch has it for that file, each as often as it stands there."""
    true: Counter[tuple[str, str, str]] = Counter()
    path = ""
    for line in case.lines:
        if line.part is Part.NAME:
            path = line.text[4:].partition("/")[2] if line.text.startswith("+++ ") else path
        elif line.part.in_hunk:
            true[path, line.mark, line.text] += 1
    found: Tally = {}
    for hunk in repair.hunks:
        for ours in hunk.lines:
            if (ours.mark == "+") is added:
                is_right = true[hunk.path, ours.mark, ours.text] > 0
                true[hunk.path, ours.mark, ours.text] -= is_right
                kind = str(ours.grade), _DIGITS.sub("N", f"{ours.what}: {ours.why}".strip(": "))
                right, whole, sure = found.get(kind, (0, 0, 0.0))
                found[kind] = right + is_right, whole + 1, sure + ours.sure
    return found


@cache
def _history(folder: Path) -> History:
    return History(folder)


class _AsPatched:
    """TreeFiles of a tree in which some files are already changed by the patches before."""

    def __init__(self, tree: TreeFiles, files: dict[str, bytes]) -> None:
        self.tree = tree
        self.files = files
        self.name = tree.name

    def read(self, path: str) -> bytes | None:
        return self.files[path] if path in self.files else self.tree.read(path)

    def paths(self) -> Sequence[str]:
        return self.tree.paths()

    def holding(self, line: str) -> Sequence[str]:
        needle = line.strip().encode("utf-8", "surrogateescape")
        found = {path for path in self.tree.holding(line) if path not in self.files}
        return sorted(found | {path for path, data in self.files.items() if needle and needle in data})


def tree_of(case: Case) -> TreeFiles:
    folder, _, revision = case.tree.rpartition("@")
    tree = HistoryFiles(_history(Path(folder)), revision) if folder else FolderFiles(Path(case.tree))
    return _AsPatched(tree, case.before)


def _random(seed: int, case: Case, name: str) -> Random:
    return Random(f"{seed} {case.name} {name}")


def damaged_text(case: Case, name: str, seed: int) -> str:
    """What the tools are given."""
    return render(damaged(case.lines, way(name), _random(seed, case, name)))


def outcomes(task: Task) -> list[Outcome]:
    """All of one case."""
    tree = tree_of(task.case)
    found = []
    for name in task.ways:
        how = way(name)
        lines = damaged(task.case.lines, how, _random(task.seed, task.case, name))
        remains = left(task.case.lines, how, _random(task.seed, task.case, name))
        text = render(lines)
        for tool in task.tools:
            started = time.perf_counter()
            attempt = TOOLS[tool](text, task.case.before, tree)
            seconds = time.perf_counter() - started
            found.append(_outcome(task.case, name, tool, attempt, remains, lines, seconds))
    return found


def _outcome(
    case: Case, name: str, tool: str, attempt: Attempt, remains: Left, lines: Lines, seconds: float
) -> Outcome:
    result = judged(case, attempt)
    repair = attempt.repair
    kept = replace(attempt, repair=replace(repair, files=())) if repair and result is Result.IDENTICAL else attempt
    return Outcome(
        case,
        name,
        tool,
        result,
        replace(kept, files=None),
        remains,
        lines,
        seconds,
        _only_blanks(case, attempt),
        _tally(case, repair, added=True) if repair else {},
        _tally(case, repair, added=False) if repair else {},
    )


def compare(
    cases: Sequence[Case], ways: Sequence[str], tools: Sequence[str], seed: int, jobs: int
) -> Iterator[list[Outcome]]:
    """The outcomes case by case, with ``jobs`` processes at work."""
    tasks = [Task(case, tuple(ways), tuple(tools), seed) for case in cases]
    if jobs <= 1:
        yield from map(outcomes, tasks)
        return
    with multiprocessing.Pool(jobs) as pool:
        yield from pool.imap(outcomes, tasks, chunksize=4)
