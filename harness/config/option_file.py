"""configs/kconfig/*.yaml: the history of configuration options, and what else they need asked for."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from harness.config.kernel_files import Version
from harness.config.yaml_file import Schema, read_yaml
from harness.model.errors import UserError
from harness.model.option import OptionHistory, OptionNeed, OptionStep, OptionTable, Presence
from harness.model.version import VersionRange


class StepSchema(Schema):
    """One step of a history; see harness.model.option.OptionStep. ``name`` where it is not today's."""

    since: Version | None = None
    is_: Presence = Field(default=Presence.OPTION, alias="is")
    name: str = ""
    value: str = ""
    why: str = ""


def _per_arch(value: object) -> object:
    """A history is a list of steps for every architecture, or a mapping of architectures to lists."""
    return {"": value} if isinstance(value, list) else value


Steps = Annotated[dict[str, list[StepSchema]], BeforeValidator(_per_arch)]


class NeedSchema(Schema):
    """See harness.model.option.OptionNeed. ``wanted_by: any`` is asked for in every configuration."""

    option: str
    value: str = "y"
    wanted_by: list[str] | str = Field(min_length=1)
    why: str = Field(min_length=1)
    since: Version | None = None
    until: Version | None = None
    arch: str | None = None


class MeasuredSchema(Schema):
    """The versions of which every release was looked at: first and last."""

    first: Version
    last: Version


class OptionTableSchema(Schema):
    """Keys of a file of histories."""

    measured: MeasuredSchema | None = None
    options: dict[str, Steps] = Field(default_factory=dict)
    needs: list[NeedSchema] = Field(default_factory=list)


def load_option_table(paths: Iterable[Path]) -> OptionTable:
    """The files' histories together. Raises UserError, also for steps out of order and an option told twice."""
    histories: dict[str, OptionHistory] = {}
    needs: list[OptionNeed] = []
    measured = None
    for path in paths:
        schema = read_yaml(path, OptionTableSchema)
        if schema.measured is not None:
            measured = VersionRange(schema.measured.first, schema.measured.last)
        for option, by_arch in schema.options.items():
            if option in histories:
                raise UserError(f"{option} has a history already", where=f"{path}, {histories[option].where}")
            steps = tuple((arch or None, _steps(option, told, path)) for arch, told in by_arch.items())
            histories[option] = OptionHistory(option, steps, str(path))
        for need in schema.needs:
            if isinstance(need.wanted_by, str) and need.wanted_by != "any":
                raise UserError(f"needs: {need.option}: wanted_by is a list of options, or any", where=str(path))
            wanted_by = () if isinstance(need.wanted_by, str) else tuple(need.wanted_by)
            versions = VersionRange(need.since, need.until)
            needs.append(OptionNeed(need.option, need.value, wanted_by, need.why, versions, need.arch))
    return OptionTable(tuple(histories.values()), tuple(needs), measured)


def _steps(option: str, told: list[StepSchema], path: Path) -> tuple[OptionStep, ...]:
    steps = tuple(OptionStep(s.since, s.is_, s.name or option, s.why, s.value) for s in told)
    if not steps or steps[0].since is not None:
        raise UserError(f"{option}: the first step is the beginning and has no since", where=str(path))
    for before, step in itertools.pairwise(steps):
        if step.since is None or (before.since is not None and step.since <= before.since):
            raise UserError(f"{option}: every later step has a since, later than the one before", where=str(path))
    return steps
