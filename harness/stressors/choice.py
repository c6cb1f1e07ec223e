"""Which stressors a series calls for: those whose area's files and functions it touches. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.model.cell import Stressor

FALLBACK = ("mix", "quiet")
"""What runs where nothing that a series touches is any stressor's, the first one that there is: several at once, or at
least a boot."""
MAX_TOLD = 4

Touched = Mapping[str, Sequence[int]]
"""File or function to the numbers of the patches that touch it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A stressor of a run with the reason in a few words; ``weight`` is how much speaks for it."""

    stressor: Stressor
    why: str
    weight: int = 0


@lru_cache(maxsize=64)
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(".*".join(map(re.escape, glob.split("*"))) for glob in globs) or r"(?!)")


def _fitting(globs: tuple[str, ...], names: Iterable[str]) -> list[str]:
    pattern = _pattern(globs)
    return [name for name in names if pattern.fullmatch(name)]


def choose(stressors: Iterable[Stressor], files: Touched, functions: Touched) -> tuple[Choice, ...]:
    """The stressors that something touched speaks for, the weightiest first; one of FALLBACK where there is none.

    A function weighs as much as three files: a file is touched by many patches that leave its area alone.
    """
    known = {one.name: one for one in stressors}
    chosen = []
    for stressor in known.values():
        by_file, by_function = _fitting(stressor.files, files), _fitting(stressor.functions, functions)
        if by_file or by_function:
            chosen.append(Choice(stressor, _told(by_function, by_file), 3 * len(by_function) + len(by_file)))
    if not chosen:
        general = [known[name] for name in FALLBACK if name in known] or list(known.values())
        return tuple(Choice(one, "nothing that the series touches is one stressor's own") for one in general[:1])
    return tuple(sorted(chosen, key=lambda choice: (-choice.weight, choice.stressor.name)))


def _told(functions: Sequence[str], files: Sequence[str]) -> str:
    names = [*functions, *files]
    more = f" and {len(names) - MAX_TOLD} more" if len(names) > MAX_TOLD else ""
    return f"touches {', '.join(names[:MAX_TOLD])}{more}"
