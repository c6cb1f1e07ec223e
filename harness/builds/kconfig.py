"""Configuration truth: what was requested, what was obtained, what was dropped and why. Pure functions over text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.builds.definitions import MAX_NESTING, NO_DEFINITIONS, Definition, Definitions, conjunction, conjuncts
from harness.model.build import Config, DropKind, DroppedOption, Fragment
from harness.model.option import OptionNeed, OptionsOf, Presence

MAX_NAMED = 6  # options named in one reason; the rest are counted


@dataclass(frozen=True, slots=True)
class Translation:
    """Fragments as a kernel understands them.

    ``requests`` are what is asked for, in the kernel's own names, in the order of the fragments. ``today`` maps those
    names back, ``added`` are the needs among them. ``always`` are today's options that are there without one, each with
    what the history says; ``absent`` those that cannot be asked for.
    """

    requests: Mapping[str, str]
    today: Mapping[str, str]
    added: tuple[OptionNeed, ...]
    always: tuple[tuple[str, str], ...]
    absent: tuple[DroppedOption, ...]


def translated(
    fragments: Iterable[Fragment],
    options: OptionsOf,
    left_out: Mapping[str, str] | None = None,
    extra: Iterable[tuple[str, str]] = (),
) -> Translation:
    """The fragments' requests, later ones win, for the kernel of ``options``.

    ``left_out`` maps today's options that its era does without to the reason; ``extra`` are requests of the era in its
    own names, which have the last word.
    """
    wanted: dict[str, str] = {}
    for fragment in fragments:
        for option, value in fragment.options:
            wanted[option] = value
    requests: dict[str, str] = {}
    today: dict[str, str] = {}
    always: list[tuple[str, str]] = []
    absent: list[DroppedOption] = []
    for option, value in wanted.items():
        step = options.step(option)
        if left_out and option in left_out and value != "n":
            if step.presence in (Presence.OPTION, Presence.ALWAYS):
                absent.append(DroppedOption(option, value, "n", left_out[option], DropKind.LEFT_OUT, option))
            else:
                absent.append(_absent(option, value, options))
        elif step.presence is Presence.OPTION:
            # Two of today's options can be one of then: the request that wants it wins over one that does not.
            if value != "n" or requests.get(step.name, "n") == "n":
                requests[step.name] = value
                today[step.name] = option
        elif step.presence is Presence.ALWAYS:
            if value == "n" or (step.value and value not in ("y", "m", step.value)):
                got = step.value or "y"
                told = options.told(option)
                absent.append(DroppedOption(option, value, got, told, DropKind.CONSTANT, option))
            else:
                always.append((option, options.told(option)))
        elif value != "n":
            absent.append(_absent(option, value, options))
    asked = frozenset(option for option, value in wanted.items() if value != "n")
    added = []
    for need in options.needed(asked):
        name = options.step(need.option).name
        if name not in requests:
            requests[name] = need.value
            today[name] = need.option
            added.append(need)
    for name, value in extra:
        requests[name] = value
    return Translation(requests, today, tuple(added), tuple(always), tuple(absent))


def _absent(option: str, value: str, options: OptionsOf) -> DroppedOption:
    kind = {
        Presence.NOT_YET: DropKind.NOT_YET,
        Presence.GONE: DropKind.GONE,
        Presence.OTHER_ARCH: DropKind.OTHER_ARCH,
    }[options.step(option).presence]
    return DroppedOption(option, value, "n", options.told(option), kind, option)


def allconfig_text(requests: Mapping[str, str]) -> str:
    """The requests as a KCONFIG_ALLCONFIG file."""
    lines = [f"# CONFIG_{o} is not set" if v == "n" else f"CONFIG_{o}={v}" for o, v in requests.items()]
    return "\n".join(lines) + "\n"


def check(
    requests: Mapping[str, str],
    obtained: Iterable[tuple[str, str]],
    definitions: Definitions = NO_DEFINITIONS,
    translation: Translation | None = None,
    renamed: Mapping[str, str] | None = None,
) -> Config:
    """Requested against obtained; ``translation`` adds what could not even be asked for.

    ``definitions`` are the tree's, for the reasons. ``renamed`` maps names that options once had to today's.
    """
    got = dict(obtained)
    today = translation.today if translation else {}
    dropped = []
    for option, value in requests.items():
        if not _satisfied(value, got.get(option, "n")):
            kind, reason = _reason(option, value, got, definitions, renamed or {})
            dropped.append(DroppedOption(option, value, got.get(option, "n"), reason, kind, today.get(option, option)))
    absent = translation.absent if translation else ()
    return Config(tuple(requests.items()), tuple(got.items()), (*dropped, *absent))


def _satisfied(wanted: str, got: str) -> bool:
    if wanted.strip('"') == "" and got == "n":
        return True
    return wanted == got or (wanted == "m" and got == "y")


def _reason(
    option: str, wanted: str, got: Mapping[str, str], definitions: Definitions, renamed: Mapping[str, str]
) -> tuple[DropKind, str]:
    places = definitions.of(option)
    if not places:
        return _unknown(option, definitions, renamed)
    selectors = _selectors(option, got, definitions)
    if wanted == "n" and selectors:
        return DropKind.SELECTED, f"selected by {_listed(selectors)}"
    prompted = [place for place in places if place.visible is not None]
    if not prompted:
        return _without_prompt(option, places, got, definitions)
    unmet = min((unmet_dependencies(place.visible or "", got) for place in prompted), key=len)
    if unmet:
        return DropKind.UNMET, "unmet dependency: " + ", ".join(unmet)
    numbers = [place for place in prompted if place.kind in ("int", "hex")]
    if numbers and (bounds := _outside(wanted, numbers, got)):
        return DropKind.RANGE, bounds
    for place in prompted:
        if place.choice is not None:
            taken = [name for name in definitions.members(place.choice) if got.get(name) == "y" and name != option]
            if taken:
                return DropKind.CHOICE, f"{_listed(taken)} was taken of its choice"
            if wanted == "n":
                return DropKind.CHOICE, "the one left of its choice"
    if wanted == "y" and got.get(option) == "m":
        return DropKind.UNMET, "only as a module, as what it depends on"
    depends = conjunction(*(place.depends for place in prompted[:1]))
    return DropKind.UNEXPLAINED, f"no reason found; depends on {depends}" if depends else "no reason found"


def _unknown(option: str, definitions: Definitions, renamed: Mapping[str, str]) -> tuple[DropKind, str]:
    told = "this tree has no such option"
    if option in renamed:
        return DropKind.RENAMED, f"{told}: {renamed[option]} is its name of today, which fragments are written in"
    near = difflib.get_close_matches(option, definitions.options, n=3, cutoff=0.8)
    return DropKind.UNKNOWN, told + (f"; did you mean {' or '.join(near)}?" if near else "")


def _without_prompt(
    option: str, places: tuple[Definition, ...], got: Mapping[str, str], definitions: Definitions
) -> tuple[DropKind, str]:
    told = "has no prompt"
    unmet = min((unmet_dependencies(place.depends, got) for place in places), key=len)
    if unmet:
        return DropKind.UNMET, f"unmet dependency: {', '.join(unmet)}"
    by = [f"{selector}={got.get(selector, 'n')}" for selector, _ in definitions.selected_by.get(option, ())]
    follows = [
        conjunction("" if value == "y" else _with_values(value, got), _with_values(condition, got))
        for place in places
        for value, condition in place.defaults
    ]
    if by:
        told += f", is selected by {_listed(by)}"
    if any(follows):
        told += f", follows {_listed([text for text in follows if text])}"
    return DropKind.NO_PROMPT, told


def _selectors(option: str, got: Mapping[str, str], definitions: Definitions) -> list[str]:
    return [
        selector
        for selector, condition in definitions.selected_by.get(option, ())
        if got.get(selector, "n") in ("y", "m") and not unmet_dependencies(condition, got)
    ]


def _outside(wanted: str, places: list[Definition], got: Mapping[str, str]) -> str:
    """ "outside 12 to 21" where the number is; "" where it is not, or no range is known."""
    try:
        number = int(wanted, 0)
    except ValueError:
        return f"{wanted} is no number"
    for low, high, condition in (bounds for place in places for bounds in place.ranges):
        ends = [got.get(end, end) for end in (low, high)]
        try:
            inside = int(ends[0], 0) <= number <= int(ends[1], 0)
        except ValueError:
            continue
        if not inside and not unmet_dependencies(condition, got):
            return f"outside {ends[0]} to {ends[1]}"
    return ""


def _listed(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(names))
    told = ", ".join(every[:MAX_NAMED])
    return told + (f" and {len(every) - MAX_NAMED} more" if len(every) > MAX_NAMED else "")


def unmet_dependencies(expression: str, got: Mapping[str, str]) -> tuple[str, ...]:
    """The conjuncts of a "depends on" expression that do not hold, each with the values that decide it ("A=n"); a
    disjunction is judged as a whole."""
    return tuple(dict.fromkeys(_with_values(part, got) for part in conjuncts(expression) if not _holds(part, got)))


_OPTION = re.compile(r"(?<![\"$\w(])\(*([A-Za-z0-9_]*[A-Z][A-Za-z0-9_]*)(?![\"\w])")


def _with_values(expression: str, got: Mapping[str, str]) -> str:
    """The expression with the options' values: "A=n", or "A || B (A=n, B=n)"."""
    if re.fullmatch(r"\w+", expression):
        return f"{expression}={got.get(expression, 'n')}" if expression not in ("y", "m", "n") else expression
    names = list(dict.fromkeys(_OPTION.findall(expression)))
    values = [f"{name}={got.get(name, 'n')}" for name in names[:MAX_NAMED]]
    if len(names) > 1 and all(value.endswith("=n") for value in values):
        values = ["all n"]
    return f"{expression} ({', '.join(values)})" if values else expression


_TOKEN = re.compile(
    r"\$\([^()]*(?:\([^()]*\)[^()]*)*\)|\(|\)|&&|\|\||!=|<=|>=|<|>|=|!|\"[^\"]*\"|'[^']*'|[A-Za-z0-9_$.-]+"
)


def _holds(expression: str, got: Mapping[str, str]) -> bool:
    tokens = _TOKEN.findall(expression)
    if tokens.count("(") + tokens.count("!") > MAX_NESTING:
        return True  # no expression of the kernel's own: nothing is said of it
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1] if position <= len(tokens) else ""

    def either() -> bool:
        value = both()
        while peek() == "||":
            take()
            value = both() or value
        return value

    def both() -> bool:
        value = single()
        while peek() == "&&":
            take()
            value = single() and value
        return value

    def single() -> bool:
        token = take()
        if token == "!":
            return not single()
        if token == "(":
            value = either()
            take()
            return value
        if token.startswith("$("):
            return True  # the compiler was asked: nothing here knows what it said
        if peek() in ("=", "!=", "<", ">", "<=", ">="):
            operator, right = take(), take()
            return _compared(got.get(token, "n"), operator, got.get(right, right.strip("\"'")))
        return token in ("y", "m") or got.get(token, "n") not in ("n", "")

    return either()


def _compared(left: str, operator: str, right: str) -> bool:
    if operator in ("=", "!="):
        return (left.strip('"') == right) is (operator == "=")
    try:
        difference = int(left, 0) - int(right, 0)
    except ValueError:
        return False
    return {"<": difference < 0, ">": difference > 0, "<=": difference <= 0, ">=": difference >= 0}[operator]


def lacking(options: Iterable[str], config: Config, here: OptionsOf) -> tuple[tuple[str, str], ...]:
    """(today's option, why it is not there) of those that a kernel lacks. What is always on in it is there."""
    obtained = dict(config.obtained)
    dropped = {option.today or option.name: option for option in config.dropped}
    missing = []
    for option in options:
        step = here.step(option)
        left_out = dropped.get(option)
        if left_out is not None and left_out.kind is DropKind.LEFT_OUT:
            missing.append((option, left_out.reason))
        elif step.presence is Presence.ALWAYS:
            continue
        elif step.presence is not Presence.OPTION:
            missing.append((option, here.told(option)))
        elif obtained.get(step.name, "n") in ("n", ""):
            asked = step.name in dict(config.requested)
            told = f"dropped, {left_out.reason}" if left_out else "dropped" if asked else "no fragment asks for it"
            missing.append((option, told if step.name == option else f"{told} (here {step.name})"))
    return tuple(missing)
