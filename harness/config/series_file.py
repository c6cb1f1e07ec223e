"""series/NAME/series.yaml: what a series is, where its mail can be had, which trees it is run on."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.config.yaml_file import Schema, read_yaml
from harness.model.errors import UserError
from harness.model.series import SeriesSpec, SeriesTree


class SeriesTreeSchema(Schema):
    """A tree of the series, with the folder of a port where the mails do not apply."""

    tree: str
    port: str | None = None
    note: str = ""


class RequirementSchema(Schema):
    """An option without which the series tests nothing, and why."""

    option: str
    reason: str


class SeriesSchema(Schema):
    """Keys of a series file; see harness.model.series.SeriesSpec."""

    title: str
    summary: str = ""
    posted: str
    lists: list[str] = Field(default_factory=list)
    patches: int = Field(ge=0)
    message_ids: list[str] = Field(default_factory=list)
    archive: str | None = None
    trees: list[SeriesTreeSchema] = Field(min_length=1)
    kconfig: list[str] = Field(min_length=1)
    requires: list[RequirementSchema] = Field(default_factory=list)
    stressors: list[str] = Field(min_length=1)


def load_series_spec(folder: Path) -> SeriesSpec:
    """What ``folder``/series.yaml says. Raises UserError; a port folder outside ``folder`` is refused."""
    path = folder / "series.yaml"
    s = read_yaml(path, SeriesSchema)
    trees = []
    for tree in s.trees:
        port = None
        if tree.port is not None:
            resolved = (folder / tree.port).resolve()
            if not resolved.is_relative_to(folder.resolve()):
                raise UserError(f"port {tree.port} of {tree.tree} lies outside the series' folder", where=str(path))
            port = str(resolved)
        trees.append(SeriesTree(tree.tree, port, tree.note))
    return SeriesSpec(
        name=folder.name,
        path=str(path),
        title=s.title,
        posted=s.posted,
        lists=tuple(s.lists),
        patches=s.patches,
        message_ids=tuple(s.message_ids),
        archive=s.archive,
        trees=tuple(trees),
        kconfig=tuple(s.kconfig),
        requires=tuple((r.option, r.reason) for r in s.requires),
        stressors=tuple(s.stressors),
        summary=s.summary,
    )
