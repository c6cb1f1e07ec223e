"""YAML files read with the line of every value, so that an error names file and line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.model.errors import UserError

MAX_BYTES = 4 * 1024 * 1024  # far above any hand-written configuration
# The C library's is ten times as fast; every verb reads some files.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Schema(BaseModel):
    """Base of every schema at the YAML border: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Schema)


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase naming the closest known names, or all of them where none is close."""
    names = sorted(known)
    if not names:
        return "none is defined"
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(names)}"


def _line_of(node: yaml.Node | None, path: Sequence[int | str]) -> int:
    """1-based line of the value at ``path``, or of the innermost part of it that exists."""
    line = node.start_mark.line + 1 if node else 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if found is None:
                return line
            line = found[0].start_mark.line + 1
            node = found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def entry_lines(path: Path, key: str) -> tuple[int, ...]:
    """1-based lines of the entries of the list ``key`` of a file that was read already."""
    node = yaml.compose(path.read_text("utf-8"), Loader=_LOADER)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    found = next((value for name, value in pairs if name.value == key), None)
    return tuple(one.start_mark.line + 1 for one in found.value) if isinstance(found, yaml.SequenceNode) else ()


def check_name(path: Path, name: str) -> None:
    """Raises UserError where a definition is not called as its file is: it would be found by one name only."""
    own = path.name.removesuffix(path.suffix)
    if name != own:
        raise UserError(f"its name is {name!r}, the file's {own!r}", where=str(path), remedy="call both the same")


def read_yaml(path: Path, schema: type[S]) -> S:
    """The file's content as ``schema``.

    Raises UserError naming file and line for a missing file, bad YAML, an unknown key or a wrong value.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError("no such file", where=str(path)) from None
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
    if len(data) > MAX_BYTES:
        raise UserError(f"larger than {MAX_BYTES} bytes", where=str(path))
    return parse_yaml(data, schema, str(path))


def parse_yaml(data: bytes, schema: type[S], where: str) -> S:
    """As read_yaml, of bytes already at hand; ``where`` is named in errors."""
    try:
        text = data.decode("utf-8")
        content: Any = yaml.load(text, Loader=_LOADER)
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 at byte {error.start}", where=where) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"not valid YAML: {error.problem}", where=f"{where}:{line}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that does not exist
        raise UserError(f"not valid YAML: {str(error).splitlines()[0]}", where=where) from None
    if not isinstance(content, dict):
        raise UserError("a mapping of keys to values was expected", where=f"{where}:1")
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        path = first["loc"]
        line = _line_of(yaml.compose(text, Loader=_LOADER), path)
        name = ".".join(str(step) for step in path)
        if first["type"] == "extra_forbidden":
            remedy = nearest(str(path[-1]), schema.model_fields) if len(path) == 1 else None
            raise UserError(f"unknown key {name}", where=f"{where}:{line}", remedy=remedy) from None
        if first["type"] == "missing":
            raise UserError(f"key {name} is missing", where=f"{where}:{line}") from None
        raise UserError(f"{name}: {first['msg']}", where=f"{where}:{line}") from None
