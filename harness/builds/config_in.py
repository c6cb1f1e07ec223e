"""The configuration language of kernels before 2.5.45 (Documentation/kbuild/config-language.txt of its time), as far as
saying why an option was dropped needs it."""

from __future__ import annotations

import re
import shlex

_PROMPTED = {"bool", "tristate", "int", "hex", "string", "dep_bool", "dep_mbool", "dep_tristate"}
_DEFINED = {"define_bool", "define_tristate", "define_int", "define_hex", "define_string"}
_OPERATORS = {"-o": "||", "-a": "&&", "=": "=", "!=": "!=", "!": "!"}


def dependencies(text: str, option: str) -> str | None:
    """What an option depends on in a Config.in: the options that its statement names and the ``if`` statements around
    it, joined by "&&" ("" none); None where the file does not define it.

    A statement with a prompt is preferred to one that defines the option from others.
    """
    conditions: list[str] = []
    found: str | None = None
    for words in _statements(text):
        command = words[0]
        if command == "if":
            conditions.append(_condition(words[1:]))
        elif command == "else" and conditions:
            conditions[-1] = f"!({conditions[-1]})"
        elif command == "fi" and conditions:
            conditions.pop()
        elif (own := _own_dependencies(words, f"CONFIG_{option}")) is not None:
            parts = [part for part in (*conditions, *own) if part]
            expression = " && ".join(_grouped(part) if len(parts) > 1 else part for part in parts)
            if command not in _DEFINED:
                return expression
            found = expression if found is None else found
    return found


def _grouped(part: str) -> str:
    return f"({part})" if "||" in part and not part.startswith("!(") else part


def _statements(text: str) -> list[list[str]]:
    """Words of each statement; "then" and what a shell cannot read are left out."""
    statements = []
    for line in text.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        words = [word.rstrip(";") for word in words if word not in ("then", ";")]
        if words:
            statements.append(words)
    return statements


def _own_dependencies(words: list[str], name: str) -> list[str] | None:
    """What the statement itself asks for, None where it does not define ``name``."""
    command, arguments = words[0], words[1:]
    if command == "choice":
        return [] if len(arguments) > 1 and name in arguments[1].split() else None
    if command in _DEFINED:
        if arguments[:1] != [name]:
            return None
        return [_option(word) for word in arguments[1:2] if word.startswith("$")]
    if command in _PROMPTED and arguments[1:2] == [name]:
        return [_option(word) for word in arguments[2:]] if command.startswith("dep_") else []
    return None


def _condition(words: list[str]) -> str:
    """``[ "$CONFIG_A" = "y" -o "$CONFIG_B" != "n" ]`` as "A = y || B != n"."""
    return " ".join(_OPERATORS.get(word, _option(word)) for word in words if word not in ("[", "]"))


def _option(word: str) -> str:
    # An option that is not set is the empty string there.
    return re.sub(r"^\$\{?CONFIG_(\w+)\}?$", r"\1", word) or "n"
