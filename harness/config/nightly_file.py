"""configs/nightly.yaml: what a night runs, and when."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.config.yaml_file import Schema, read_yaml


class NightSeriesSchema(Schema):
    """One series of the night and how it is run; see ``harness run --help``."""

    series: str
    trees: list[str] = Field(default_factory=list)
    patches: str = "ends"
    stressors: list[str] = Field(default_factory=list)
    repeat: int = Field(default=1, ge=1)
    duration: int | None = Field(default=None, ge=1)


class NightlySchema(Schema):
    """Keys of configs/nightly.yaml."""

    at: str = Field(default="01:30", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    runs: list[NightSeriesSchema] = Field(min_length=1)


def load_nightly(path: Path) -> NightlySchema:
    """The night's plan. Raises UserError naming file and line."""
    return read_yaml(path, NightlySchema)
