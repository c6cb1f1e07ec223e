"""Configuration truth: what was requested, what was obtained, what was dropped and why. Pure functions over text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from harness.model.build import Config, DroppedOption, Fragment
from harness.model.era import Era


def merged(fragments: Iterable[Fragment], era: Era) -> tuple[dict[str, str], tuple[str, ...]]:
    """(requests in the era's own names, later fragments win; today's names that the era does not have)."""
    names = dict(era.kconfig_names)
    requests: dict[str, str] = {}
    absent: list[str] = []
    for fragment in fragments:
        for option, value in fragment.options:
            translated = names.get(option, option)
            if translated:
                requests[translated] = value
            elif value != "n":
                absent.append(option)
    return requests, tuple(dict.fromkeys(absent))


def allconfig_text(requests: Mapping[str, str]) -> str:
    """The requests as a KCONFIG_ALLCONFIG file."""
    lines = [f"# CONFIG_{o} is not set" if v == "n" else f"CONFIG_{o}={v}" for o, v in requests.items()]
    return "\n".join(lines) + "\n"


def check(requests: Mapping[str, str], obtained: Iterable[tuple[str, str]], kconfig: Mapping[str, str]) -> Config:
    """Requested against obtained. ``kconfig`` maps an option to the expressions it depends on, joined by "&&"
    ("" none, missing: the option is not defined)."""
    got = dict(obtained)
    dropped = [
        DroppedOption(option, value, got.get(option, "n"), _reason(option, value, got, kconfig))
        for option, value in requests.items()
        if not _satisfied(value, got.get(option, "n"))
    ]
    return Config(tuple(requests.items()), tuple(got.items()), tuple(dropped))


def _satisfied(wanted: str, got: str) -> bool:
    if wanted.strip('"') == "" and got == "n":
        return True
    return wanted == got or (wanted == "m" and got == "y")


def _reason(option: str, wanted: str, got: Mapping[str, str], kconfig: Mapping[str, str]) -> str:
    if wanted == "n":
        return "another option selects it"
    if option not in kconfig:
        return "this tree has no such option"
    unmet = unmet_dependencies(kconfig[option], got)
    if unmet:
        return "unmet dependency: " + ", ".join(unmet)
    return f"depends on {kconfig[option]}" if kconfig[option] else "no reason found: choice or invisible option?"


def unmet_dependencies(expression: str, got: Mapping[str, str]) -> tuple[str, ...]:
    """The conjuncts of a "depends on" expression that do not hold; a disjunction is judged as a whole."""
    unmet = []
    for conjunct in _conjuncts(expression):
        if not _holds(conjunct, got):
            unmet.append(conjunct)
    return tuple(unmet)


def _conjuncts(expression: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if depth == 0 and expression.startswith("&&", position):
            parts.append(expression[start:position])
            start = position + 2
    parts.append(expression[start:])
    stripped = [part.strip() for part in parts if part.strip()]
    # "A || B && C" is one condition: && binds closer, so it must not be torn apart.
    return [expression.strip()] if any("||" in part and not part.startswith("(") for part in stripped) else stripped


def _holds(expression: str, got: Mapping[str, str]) -> bool:
    tokens = re.findall(r"\(|\)|&&|\|\||!=|=|!|\"[^\"]*\"|[A-Za-z0-9_$.-]+", expression)
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
        if peek() in ("=", "!="):
            operator, right = take(), take()
            equal = got.get(token, "n") == right.strip('"')
            return equal if operator == "=" else not equal
        return token in ("y", "m") or got.get(token, "n") not in ("n", "")

    return either()


def dependencies(text: str, option: str) -> str | None:
    """The "depends on" lines of an option's definition in a Kconfig file, and of the ``if`` blocks and menus around
    it, joined by "&&"; None where the file does not define it."""
    open_conditions: list[str] = []
    current: list[str] | None = None
    menu_pending = False
    help_indent: int | None = None
    for raw in text.replace("\\\n", " ").splitlines():
        indent = len(raw.expandtabs(8)) - len(raw.expandtabs(8).lstrip())
        if help_indent is not None:
            # Help is prose: it ends at the first line that is indented no deeper than the word "help".
            if not raw.strip() or indent > help_indent:
                continue
            help_indent = None
        if raw.strip() in ("help", "---help---"):
            help_indent = indent
            continue
        line = raw.split("#")[0].strip() if '"' not in raw else raw.strip()
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word in ("config", "menuconfig"):
            if current is not None:
                break
            menu_pending = False
            if rest == option:
                current = [c for c in open_conditions if c]
        elif word in ("menu", "choice") or (word == "if" and current is None):
            if current is not None:
                break
            open_conditions.append(rest if word == "if" else "")
            menu_pending = word != "if"
        elif word in ("endif", "endmenu", "endchoice"):
            if current is not None:
                break
            if open_conditions:
                open_conditions.pop()
        elif line.startswith("depends on "):
            condition = line.removeprefix("depends on ").strip()
            if current is not None:
                current.append(condition)
            elif menu_pending and open_conditions:
                open_conditions[-1] = condition
    if current is None:
        return None
    return " && ".join(f"({c})" if "||" in c and len(current) > 1 else c for c in current)
