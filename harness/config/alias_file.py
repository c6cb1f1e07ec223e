"""configs/findings/aliases.yaml: what functions were called over the kernel's history."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from harness.config.layout import find_layout
from harness.config.yaml_file import Schema, read_yaml
from harness.model.errors import UserError
from harness.model.function_name import Aliases, RenamedFamily
from harness.model.version import KernelVersion

_NAME = re.compile(r"[A-Za-z_]\w{0,119}", re.ASCII)
_OWN = Path(__file__).resolve().parents[2] / "configs" / "findings" / "aliases.yaml"
# Groups, alternatives, classes and repetitions of one character: nothing that could be nested into slowness.
_PLAIN_PATTERN = re.compile(r"(?:[\w|]|\(\??:?|\)\??|\[[\w-]{1,20}\](?:\{\d,\d\})?|\\w[+*])+", re.ASCII)


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no function name")
    return name


class _Knowledge(Schema):
    """What every entry says: the first kernel known to print it, why, and where that can be read."""

    since: str
    reason: str = Field(min_length=3)
    source: str = Field(min_length=3)

    @field_validator("since")
    @classmethod
    def _version(cls, value: str) -> str:
        KernelVersion.parse(value)
        return value


class AliasSchema(_Knowledge):
    """``name`` stands for the functions ``printed``."""

    name: str
    printed: list[str] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return _checked_name(value)

    @field_validator("printed")
    @classmethod
    def _printed(cls, value: list[str]) -> list[str]:
        return [_checked_name(name) for name in value]


class FamilySchema(_Knowledge):
    """``name``, with \\1, stands for all functions that the pattern ``printed`` matches; ``examples`` maps some."""

    printed: str
    name: str
    examples: dict[str, str] = Field(min_length=1)

    @model_validator(mode="after")
    def _pattern(self) -> FamilySchema:
        if not _PLAIN_PATTERN.fullmatch(self.printed):
            raise ValueError("a pattern has names, groups, alternatives, [classes] and \\w+, nothing else")
        try:
            pattern = re.compile(self.printed, re.ASCII)
        except re.error as error:
            raise ValueError(f"not a pattern: {error}") from None
        if pattern.groups != 1 or "\\1" not in self.name or not _NAME.fullmatch(self.name.replace("\\1", "x")):
            raise ValueError("a pattern has one group, which the name takes as \\1")
        for printed, name in self.examples.items():
            match = pattern.fullmatch(printed)
            if match is None or match.expand(self.name) != name:
                raise ValueError(f"{printed} does not become {name}")
            if pattern.fullmatch(name):
                raise ValueError(f"{name} is matched again")
        return self


class AliasesSchema(Schema):
    """Keys of configs/findings/aliases.yaml."""

    families: list[FamilySchema]
    aliases: list[AliasSchema]

    @model_validator(mode="after")
    def _one_name_each(self) -> AliasesSchema:
        patterns = [re.compile(family.printed, re.ASCII) for family in self.families]
        claimed: dict[str, str] = {}
        for alias in self.aliases:
            for printed in alias.printed:
                if printed in claimed:
                    raise ValueError(f"{printed} is claimed by {claimed[printed]} and by {alias.name}")
                if any(pattern.fullmatch(printed) for pattern in patterns):
                    raise ValueError(f"{printed} is of a family: give the name that the family's rule makes of it")
                claimed[printed] = alias.name
        names = [alias.name for alias in self.aliases]
        for name in names:
            if name in claimed:
                raise ValueError(f"{name} stands for others and is itself printed for {claimed[name]}")
            if names.count(name) > 1:
                raise ValueError(f"{name} has two entries")
            if any(pattern.fullmatch(name) for pattern in patterns):
                raise ValueError(f"{name} stands for others and is of a family itself")
        return self


def load_aliases(path: Path) -> Aliases:
    """The names that ``path`` defines. Raises UserError."""
    content = read_yaml(path, AliasesSchema)
    return Aliases(
        {printed: alias.name for alias in content.aliases for printed in alias.printed},
        tuple(RenamedFamily(re.compile(family.printed, re.ASCII), family.name) for family in content.families),
    )


@functools.cache
def default_aliases() -> Aliases:
    """The names of the checkout that this package runs from, wherever it is called; of find_layout() where the package
    is installed apart from its data. Read once. Raises UserError."""
    if _OWN.is_file():
        return load_aliases(_OWN)
    path = find_layout().configs / "findings" / "aliases.yaml"
    if not path.is_file():
        raise UserError("no such file", where=str(path), remedy="set HARNESS_ROOT to a whole checkout")
    return load_aliases(path)
