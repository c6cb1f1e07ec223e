"""configs/findings/noise.yaml and a team's own files of that form: reports that are known, with reason and last day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from harness.config.kernel_files import Version
from harness.config.yaml_file import Schema, entry_lines, read_yaml
from harness.model.errors import UserError
from harness.model.noise import NoiseEntry, NoiseList
from harness.model.version import VersionRange

LONGEST = timedelta(days=731)
"""From ``added`` to ``expires``: somebody looks at every entry at least once in two years."""
MAX_STARS = 8

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def _day(value: object) -> object:
    if type(value) is date:
        return value
    raise ValueError("a day is written as 2026-11-21")


Day = Annotated[date, BeforeValidator(_day)]
Words = Annotated[str, Field(min_length=1, max_length=200)]


class NoiseSchema(Schema):
    """One entry; see harness.model.noise.NoiseEntry."""

    name: str
    reason: Words
    added: Day
    expires: Day
    title: Words | None = None
    kind: Words | None = None
    function: Words | None = None
    signature: Words | None = None
    message: Words | None = None
    unless: Words | None = None
    trees: list[Words] = Field(default_factory=list)
    since: Version | None = None
    until: Version | None = None
    stressors: list[Words] = Field(default_factory=list)
    accelerator: Literal["kvm", "tcg"] | None = None

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("a name is small letters, digits, and . _ - after the first")
        return value

    @field_validator("reason")
    @classmethod
    def _reason(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("a reason says why the report may be passed over")
        return value

    @field_validator("title", "message", "unless")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        if value is not None and not value.strip("* "):
            raise ValueError("a pattern of stars alone means every report")
        if value is not None and value.count("*") > MAX_STARS:
            raise ValueError(f"more than {MAX_STARS} stars")
        return value

    @model_validator(mode="after")
    def _whole(self) -> NoiseSchema:
        if not any((self.title, self.kind, self.function, self.signature, self.message)):
            raise ValueError("which report? one of title, kind, function, signature, message says it")
        if self.expires < self.added:
            raise ValueError(f"expires {self.expires} is before added {self.added}")
        if self.expires - self.added > LONGEST:
            raise ValueError(f"expires more than {LONGEST.days} days after added: look at it again by then")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError(f"until {self.until} is not after since {self.since}")
        return self

    def entry(self, which: NoiseList, where: str) -> NoiseEntry:
        """As the model's value."""
        return NoiseEntry(
            name=self.name,
            list=which,
            reason=" ".join(self.reason.split()),
            added=self.added,
            expires=self.expires,
            title=self.title or "",
            kind=self.kind or "",
            function=self.function or "",
            signature=self.signature or "",
            message=self.message or "",
            unless=self.unless or "",
            trees=tuple(self.trees),
            versions=VersionRange(self.since, self.until),
            stressors=tuple(self.stressors),
            accelerator=self.accelerator or "",
            where=where,
        )


class TreeNoiseSchema(NoiseSchema):
    """An entry of the allowlist: it is about trees, so it says which."""

    @model_validator(mode="after")
    def _of_a_tree(self) -> TreeNoiseSchema:
        if not self.trees and self.since is None and self.until is None:
            raise ValueError("which trees? an entry of the allowlist has trees, since or until")
        return self


class NoiseFileSchema(Schema):
    """Keys of a file of known reports."""

    denylist: list[NoiseSchema] = Field(default_factory=list, max_length=1000)
    allowlist: list[TreeNoiseSchema] = Field(default_factory=list, max_length=1000)


def load_noise(paths: Iterable[Path]) -> tuple[NoiseEntry, ...]:
    """The entries of all files, in their order. Raises UserError, also for two entries of one name."""
    found: dict[str, NoiseEntry] = {}
    for path in paths:
        schema = read_yaml(path, NoiseFileSchema)
        for which, entries in ((NoiseList.DENY, schema.denylist), (NoiseList.ALLOW, schema.allowlist)):
            lines = entry_lines(path, which.value) if entries else ()
            for line, one in zip(lines, entries, strict=True):
                entry = one.entry(which, f"{path}:{line}")
                if entry.name in found:
                    raise UserError(
                        f"noise {entry.name} is defined twice",
                        where=entry.where,
                        remedy=f"also {found[entry.name].where}",
                    )
                found[entry.name] = entry
    return tuple(found.values())
