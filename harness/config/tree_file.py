"""configs/trees/*.yaml: trees, their sources and pins."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from harness.config.yaml_file import Schema, check_name, read_yaml
from harness.model.errors import UserError
from harness.model.tree import Overlay, Pin, PinKind, Source, SourceKind, Tree
from harness.model.version import KernelVersion

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")
_LENGTH = {PinKind.TREE: 40, PinKind.COMMIT: 40, PinKind.SHA256: 64}


class PinSchema(Schema):
    """One key of tree, commit or sha256."""

    tree: str | None = None
    commit: str | None = None
    sha256: str | None = None

    @model_validator(mode="after")
    def _one(self) -> PinSchema:
        given = {k: v for k, v in ((k, getattr(self, k.value)) for k in PinKind) if v is not None}
        if len(given) != 1:
            raise ValueError("a pin is exactly one of tree, commit, sha256")
        kind, value = next(iter(given.items()))
        if not re.fullmatch(rf"[0-9a-f]{{{_LENGTH[kind]}}}", value):
            raise ValueError(f"{kind} pin must be {_LENGTH[kind]} lower-case hexadecimal digits")
        return self

    def pin(self) -> Pin:
        """As the model's value."""
        return next(Pin(kind, getattr(self, kind)) for kind in PinKind if getattr(self, kind) is not None)


class OverlaySchema(Schema):
    """A patch file on top of a source: path or URL, and the SHA-256 of the file as it is offered."""

    patch: str = Field(min_length=1)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class SourceSchema(Schema):
    """One key of git, debian, tarball or directory says where; revision which; pins what it must be; overlay what goes
    on top."""

    git: str | None = None
    debian: str | None = None
    tarball: str | None = None
    directory: str | None = None
    revision: str | None = None
    suite: str | None = None
    paths: list[str] = Field(default_factory=list)
    exclude: list[str] = Field(default_factory=list)
    overlay: list[OverlaySchema] = Field(default_factory=list, max_length=64)
    pins: list[PinSchema] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one(self) -> SourceSchema:
        given = [kind for kind in SourceKind if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError("a source is exactly one of git, debian, tarball, directory")
        if self.git is not None and not self.revision:
            raise ValueError("a git source needs a revision")
        first, dots, last = (self.revision or "").partition("..")
        if dots:
            if not (self.git and first and last and any(pin.tree for pin in self.pins)):
                raise ValueError("a range, FIRST..LAST of a git source, needs a tree pin to find its commit by")
            if self.paths:
                raise ValueError("a range cannot have paths")
            if self.overlay:
                raise ValueError("a range cannot have an overlay: its tree pin is the base's, name the base's commit")
        if (self.paths or self.exclude) and self.git is None:
            raise ValueError("paths and exclude are for git sources")
        if self.exclude and not self.paths:
            raise ValueError("exclude needs paths to leave something out of")
        return self

    @field_validator("paths", "exclude")
    @classmethod
    def _inside(cls, value: list[str]) -> list[str]:
        if bad := [path for path in value if path.startswith(("/", "-", ":")) or ".." in path.split("/")]:
            raise ValueError(f"{bad[0]!r} is not a path inside the tree")
        return value

    @field_validator("git", "debian", "revision", "suite")
    @classmethod
    def _no_option(cls, value: str | None) -> str | None:
        if value is not None and value.startswith("-"):
            raise ValueError("must not begin with a dash")
        return value


class TreeSchema(Schema):
    """A tree: name, kernel version, era (else its version tells it), sources in the order they are tried."""

    name: str
    version: str
    era: str | None = None
    sources: list[SourceSchema] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not NAME.match(value):
            raise ValueError("a name is letters, digits, and . _ + - after the first")
        return value

    @field_validator("version")
    @classmethod
    def _version(cls, value: str) -> str:
        KernelVersion.parse(value)
        return value


def source_of(fields: Mapping[str, object], overlays: Sequence[str] = ()) -> SourceSchema:
    """A source of keys and values given one by one, with patch files on top. Raises UserError."""
    try:
        return SourceSchema.model_validate({**fields, "overlay": [{"patch": patch} for patch in overlays]})
    except ValidationError as error:
        told = error.errors()[0]
        name = ".".join(str(step) for step in told["loc"])
        raise UserError(f"{name + ': ' if name else ''}{told['msg'].removeprefix('Value error, ')}") from None


def is_url(location: str) -> bool:
    """True for what is fetched from somewhere, False for a path of this machine."""
    return "://" in location


def _absolute(location: str, base: Path) -> str:
    return str((base / Path(location).expanduser()).resolve())


def source_from(schema: SourceSchema, base: Path, where: str) -> Source:
    """The model's value; local paths become absolute, relative ones counted from ``base``."""
    kind = next(kind for kind in SourceKind if getattr(schema, kind) is not None)
    location = str(getattr(schema, kind))
    if kind is SourceKind.DIRECTORY or (
        kind is not SourceKind.DEBIAN and not is_url(location) and not re.match(r"^[\w.-]+@[\w.-]+:", location)
    ):
        location = _absolute(location, base)
    return Source(
        kind=kind,
        location=location,
        revision=schema.revision,
        pins=tuple(pin.pin() for pin in schema.pins),
        suite=schema.suite,
        paths=tuple(schema.paths),
        exclude=tuple(schema.exclude),
        overlay=tuple(
            Overlay(one.patch if is_url(one.patch) else _absolute(one.patch, base), one.sha256)
            for one in schema.overlay
        ),
        where=where,
    )


def tree_from(schema: TreeSchema, base: Path, where: str) -> Tree:
    """The model's value of a tree's schema."""
    sources = tuple(source_from(source, base, where) for source in schema.sources)
    return Tree(schema.name, schema.version, schema.era, sources, where)


def load_tree(path: Path) -> Tree:
    """The tree that ``path`` defines. Raises UserError."""
    schema = read_yaml(path, TreeSchema)
    check_name(path, schema.name)
    return tree_from(schema, path.parent, str(path))


def tree_text(tree: Tree) -> str:
    """A tree's definition as a file, which ``load_tree`` reads back as it was."""
    lines = [f"name: {_scalar(tree.name)}", f"version: {_scalar(tree.version)}"]
    if tree.era is not None:
        lines.append(f"era: {_scalar(tree.era)}")
    lines.append("sources:")
    for source in tree.sources:
        lines.append(f"  - {source.kind}: {_scalar(source.location)}")
        lines += [
            f"    {key}: {_scalar(value)}"
            for key, value in (("suite", source.suite), ("revision", source.revision))
            if value
        ]
        for key, paths in (("paths", source.paths), ("exclude", source.exclude)):
            if paths:
                lines.append(f"    {key}: [{', '.join(map(_scalar, paths))}]")
        if source.overlay:
            lines.append("    overlay:")
        for one in source.overlay:
            lines.append(f"      - patch: {_scalar(one.location)}")
            if one.sha256:
                lines.append(f"        sha256: {one.sha256}")
        if source.pins:
            lines.append("    pins:")
            lines += [f"      - {pin.kind}: {_scalar(pin.value)}" for pin in source.pins]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """Plain where YAML reads the same text from it, else quoted: "6.10" is text, 6.10 a number."""
    plain = re.fullmatch(r"[A-Za-z0-9/][A-Za-z0-9_./:@+~-]*", text) is not None
    return text if plain and yaml.safe_load(text) == text else json.dumps(text, ensure_ascii=False)
