"""A report's signature: its kind and its first frames, for sharper grouping than the title's.

Two reports with one title can have come there by different ways; the signature tells them apart. Functions have the
names that stand for all they were called; report plumbing, shared helpers and entry code are left out, as for the
title, and so are repetitions (a function and a wrapper that has the same name in titles).

A compiler that inlines a function leaves its frame out of the trace, so that signatures of two compilers can differ
where titles do not. ``signatures_agree`` allows for that: what one lacks in between must be in order in the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.findings.frames import is_entry_code, is_plumbing, is_shared_helper
from harness.model.function_name import Aliases

FRAMES = 3
_JOINT = " < "


def signature_of(kind: str, key: str | None, trace: Sequence[str], title: str, aliases: Aliases) -> str:
    """Return "KIND: FUNCTION < CALLER < CALLER" from the key function, or the title where a report has no function.

    ``trace`` are the functions of the trace, innermost first; what stands in it above ``key`` is left out.
    """
    if key is None:
        return title
    outwards = list(trace[trace.index(key) :]) if key in trace else [key, *trace]
    return f"{kind}: {_JOINT.join(_first(outwards, key, aliases))}"


def _first(functions: Iterable[str], key: str, aliases: Aliases) -> list[str]:
    chosen: list[str] = []
    for function in functions:
        if function != key and (is_plumbing(function) or is_shared_helper(function) or is_entry_code(function)):
            continue
        name = aliases.canonical(function)
        if name not in chosen[-1:]:
            chosen.append(name)
        if len(chosen) == FRAMES:
            break
    return chosen


def signatures_agree(one: str, other: str) -> bool:
    """Whether two signatures can be of one way to the report, built by compilers that inline differently."""
    if one == other:
        return True
    (kind, _, ours), (other_kind, _, theirs) = one.partition(": "), other.partition(": ")
    first, second = ours.split(_JOINT), theirs.split(_JOINT)
    if kind != other_kind or first[0] != second[0] or min(len(first), len(second)) < FRAMES:
        return False
    return _skips(first, second) or _skips(second, first)


def _skips(longer: list[str], shorter: list[str]) -> bool:
    """Whether ``shorter`` is ``longer`` with frames left out, and then goes on further out."""
    rest = iter(longer)
    met = 0
    for function in shorter:
        if function not in rest:
            break
        met += 1
    return met >= FRAMES - 1 and not set(shorter[met:]) & set(longer)
