"""No regular expression over a console takes more than linear time, whatever a guest writes.

Every pattern of harness.findings is taken apart; for each of its repetitions a string is made that keeps it busy: what
leads to it, many of what it repeats, and an end at which the whole must fail.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import harness.findings
from harness.findings.body import body_of
from harness.findings.splats import SPLATS

pytestmark = pytest.mark.slow

Item = tuple[Any, Any]
AnyPattern = re.Pattern[str] | re.Pattern[bytes]
_REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
_ALPHABET = "a0 :./_-(f[A\t<x\n"
_ENDS = ("\x01", "!\x01", "")
_PUMPS = 40
"""Repetitions tried of one pattern, drawn from its own: tables of names have a thousand."""
_LENGTHS = (22, 30, 400, 4000)
"""Characters: enough to tell a power of two, of n squared, and a real line from each other."""
_LIMIT = 0.02
"""Seconds in which any of these must be done; what is slower is measured again at twice the length."""
_GROWTH = 3.2
"""Times as long as it may take then: linear time has 2, its square 4."""


def modules() -> list[str]:
    found = pkgutil.walk_packages(harness.findings.__path__, "harness.findings.")
    return ["harness.findings", *(module.name for module in found)]


def _patterns_in(value: object, seen: set[int]) -> Iterator[AnyPattern]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for part in (*value.keys(), *value.values()):
            yield from _patterns_in(part, seen)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for part in value:
            yield from _patterns_in(part, seen)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _patterns_in(getattr(value, field.name), seen)


def _patterns_in_calls(source: str) -> Iterator[AnyPattern]:
    """Those that functions give to re.search() and its like as they are."""
    for node in ast.walk(ast.parse(source)):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_call and isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args:  # type: ignore[attr-defined]
            first = node.args[0]  # type: ignore[attr-defined]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield re.compile(first.value)


def all_patterns() -> list[AnyPattern]:
    found: dict[tuple[object, int], AnyPattern] = {}
    seen: set[int] = set()
    for name in modules():
        module = importlib.import_module(name)
        for pattern in (
            *_patterns_in(vars(module), seen),
            *_patterns_in_calls(Path(str(module.__file__)).read_text()),
        ):
            found[pattern.pattern, pattern.flags] = pattern
    for kind in {splat.kind for splat in SPLATS}:
        found[body_of(kind).pattern, 0] = body_of(kind)
    return list(found.values())


def _matches(item: Item, letter: str) -> bool:
    """Whether a set (IN) has the letter."""
    code = ord(letter)
    negated = False
    hit = False
    for kind, value in item[1]:
        if kind is ops.NEGATE:
            negated = True
        elif kind is ops.LITERAL:
            hit = hit or code == value
        elif kind is ops.RANGE:
            hit = hit or value[0] <= code <= value[1]
        elif kind is ops.CATEGORY:
            hit = hit or _in_category(value, letter)
    return hit is not negated


def _in_category(category: object, letter: str) -> bool:
    classes: dict[object, Callable[[str], bool]] = {
        ops.CATEGORY_DIGIT: str.isdigit,
        ops.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(),
        ops.CATEGORY_SPACE: str.isspace,
        ops.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
        ops.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
        ops.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
    }
    return classes[category](letter)


def _letters(item: Item) -> list[str]:
    """Letters that a set has: those that other sets are likely to have too, then its own first."""
    common = [letter for letter in _ALPHABET if _matches(item, letter)]
    own = [chr(v if k is ops.LITERAL else v[0]) for k, v in item[1] if k in (ops.LITERAL, ops.RANGE)]
    return common or [letter for letter in own if _matches(item, letter)] or ["a"]


def _sample(items: Sequence[Item], variant: int) -> str:
    """A short text that matches, more or less; ``variant`` chooses among letters and branches."""
    text = ""
    for kind, value in items:
        if kind is ops.LITERAL:
            text += chr(value)
        elif kind is ops.NOT_LITERAL:
            text += "b" if value == ord("a") else "a"
        elif kind is ops.ANY:
            text += "a0 ("[variant % 4]
        elif kind is ops.IN:
            letters = _letters((kind, value))
            text += letters[variant % len(letters)]
        elif kind is ops.BRANCH:
            text += _sample(value[1][variant % len(value[1])], variant)
        elif kind is ops.SUBPATTERN:
            text += _sample(value[-1], variant)
        elif kind is ops.ATOMIC_GROUP:
            text += _sample(value, variant)
        elif kind in _REPEATS:
            text += _sample(value[2], variant) * max(1 if variant % 2 else 0, min(value[0], 4))
    return text


def _pumps(items: Sequence[Item], before: str, variant: int) -> Iterator[tuple[str, str]]:
    """(what leads to a repetition, what it repeats) for all of them, however deep."""
    for index, (kind, value) in enumerate(items):
        lead = before + _sample(items[:index], variant)
        if kind in _REPEATS:
            repeated = _sample(value[2], variant | 1)
            if value[1] > 8 and repeated:
                yield lead, repeated
            yield from _pumps(value[2], lead, variant)
        elif kind is ops.BRANCH:
            for branch in value[1]:
                yield from _pumps(branch, lead, variant)
        elif kind is ops.SUBPATTERN:
            yield from _pumps(value[-1], lead, variant)
        elif kind is ops.ATOMIC_GROUP:
            yield from _pumps(value, lead, variant)
        elif kind in (ops.ASSERT, ops.ASSERT_NOT):
            yield from _pumps(value[1], lead, variant)


def pumps(pattern: AnyPattern) -> set[tuple[str, str]]:
    """(lead, repeated part) of every repetition of a pattern, with several letters each."""
    source = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    items = list(parser.parse(source, pattern.flags & ~re.UNICODE & ~re.DEBUG))
    found = {pump for variant in range(6) for pump in _pumps(items, "", variant)}
    # A search begins anew at each place where the pattern can: many beginnings, each with a failing end.
    found |= {("", _sample(items, variant)) for variant in range(6)}
    return {pump for pump in found if pump[1]}


def searched() -> set[AnyPattern]:
    """The patterns that are looked for anywhere in a text; all others are matched at its beginning."""
    found: set[AnyPattern] = set()
    for name in modules():
        module = importlib.import_module(name)
        used = re.findall(r"(\w+)\.(?:search|sub|finditer|split)\(", Path(str(module.__file__)).read_text())
        found |= {value for value in (vars(module).get(word) for word in used) if isinstance(value, re.Pattern)}
        found |= set(_patterns_in_calls(Path(str(module.__file__)).read_text()))
    return found


def seconds(search: Callable[[Any], object], text: str | bytes) -> float:
    """Processor time of one search, the least of two where it is slow."""
    best = 1e9
    for _ in range(2):
        start = time.process_time()
        search(text)
        best = min(best, time.process_time() - start)
        if best < _LIMIT:
            break
    return best


def too_slow(pattern: AnyPattern, look: Callable[[Any], object], lead: str, repeated: str, end: str) -> str:
    """What a pattern takes too long for, or ""; ``look`` is its method."""
    is_bytes = isinstance(pattern.pattern, bytes)

    def text(length: int) -> str | bytes:
        whole = lead + repeated * (length // len(repeated) + 1) + end
        return whole.encode("latin-1", "replace") if is_bytes else whole

    for length in _LENGTHS:
        took = seconds(look, text(length))
        if length == 400 and 1000 * took < _LIMIT:
            break  # not even the third power of ten times the length would take too long
        if took >= _LIMIT:
            more = seconds(look, text(2 * length)) if length > 30 else 1e9
            if length <= 30 or more / took > _GROWTH:
                return f"{length} characters: {took * 1e3:.0f} ms; twice as many: {more * 1e3:.0f} ms"
    return ""


def slow_pumps(pattern: AnyPattern, search: bool = True) -> Iterator[str]:
    """What the pattern takes too long for, looked for anywhere or matched at the beginning."""
    look = pattern.search if search else pattern.match
    some = sorted(pumps(pattern))
    for lead, repeated in random.Random(1).sample(some, min(len(some), _PUMPS)):
        for end in _ENDS:
            if slow := too_slow(pattern, look, lead, repeated, end):
                yield f"{pattern.pattern!r}: {lead!r} + {repeated!r} * N + {end!r}: {slow}"
                break


def test_the_patterns_are_found() -> None:
    found = all_patterns()
    assert len(found) > 100
    assert any(isinstance(pattern.pattern, bytes) for pattern in found)
    assert sum(len(pumps(pattern)) for pattern in found) > 1000


@pytest.mark.parametrize(
    "pattern",
    [r"(a+)+b", r"(?:\w|\d)*!", r"x\s*\s*\s*y", r"^(?:-?\w+)*:$"],
)
def test_one_that_is_not_linear_is_caught(pattern: str) -> None:
    assert any(slow_pumps(re.compile(pattern)))


@pytest.mark.timeout(900)
def test_every_pattern_takes_linear_time() -> None:
    anywhere = searched()
    told = [line for pattern in all_patterns() for line in slow_pumps(pattern, pattern in anywhere)]
    assert not told, "\n".join(told)
