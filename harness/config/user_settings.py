"""The user's own configuration: where mail and local mirrors are, which engine, how much machine to use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from harness.config.policy_file import PolicyRuleSchema, policy_rules
from harness.config.tree_file import SourceSchema, TreeSchema, load_tree, source_from, tree_from
from harness.config.yaml_file import Schema, read_yaml
from harness.model.errors import UserError
from harness.model.policy import PolicyRule
from harness.model.tree import Source, Tree


class SettingsSchema(Schema):
    """Keys of the user's configuration file (docs/configuration.md)."""

    mail: dict[str, str] = Field(default_factory=dict)
    sources: dict[str, list[SourceSchema]] = Field(default_factory=dict)
    trees: list[TreeSchema] = Field(default_factory=list)
    mirrors: list[str] = Field(default_factory=list)
    registry: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9.:/_-]*$")
    engine: str | None = None
    qemu: str = "qemu-system-x86_64"
    jobs: int | None = Field(default=None, ge=1, le=1024)
    build_memory_mib: int = Field(default=8192, ge=512)
    noise: list[str] = Field(default_factory=list)
    policy: list[PolicyRuleSchema] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Settings:
    """``mail``: series name to mbox or folder. ``sources``: tree name to sources tried before the repository's own.
    ``trees``: trees of the user's own. ``mirrors``: git directories tried for every git tree. ``registry``: where base
    images are pulled from in place of the engine's default registry. ``jobs``: make -j. ``noise``: files of known
    reports, beside the repository's. ``policy``: rules before the repository's."""

    mail: Mapping[str, Path]
    sources: Mapping[str, tuple[Source, ...]]
    trees: tuple[Tree, ...]
    engine: str | None
    qemu: str
    jobs: int
    build_memory_mib: int
    where: str | None
    mirrors: tuple[Path, ...] = ()
    registry: str | None = None
    noise: tuple[Path, ...] = ()
    policy: tuple[PolicyRule, ...] = ()


def settings_path(root: Path, environment: Mapping[str, str]) -> Path | None:
    """HARNESS_CONFIG, else harness.local.yaml in the checkout, else ~/.config/harness/config.yaml; else None."""
    named = environment.get("HARNESS_CONFIG")
    if named:
        if not Path(named).is_file():
            raise UserError("HARNESS_CONFIG names no file", where=named)
        return Path(named)
    home = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/root")) / ".config")
    return next((p for p in (root / "harness.local.yaml", home / "harness" / "config.yaml") if p.is_file()), None)


def own_trees_folder(root: Path, environment: Mapping[str, str]) -> Path:
    """The folder of the user's own tree files: beside the configuration file, of its name with .trees at its end."""
    home = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME", "/root")) / ".config")
    return (settings_path(root, environment) or home / "harness" / "config.yaml").with_suffix(".trees")


def load_settings(root: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The user's configuration, or the defaults. Relative paths in it are relative to its own folder."""
    env = os.environ if environment is None else environment
    path = settings_path(root, env)
    schema = read_yaml(path, SettingsSchema) if path else SettingsSchema()
    base = path.parent if path else root

    def resolved(text: str) -> Path:
        return (base / Path(text).expanduser()).resolve()

    where = str(path) if path else "defaults"
    trees = [tree_from(tree, base, where) for tree in schema.trees]
    for file in sorted(own_trees_folder(root, env).glob("*.yaml")):
        tree = load_tree(file)
        if any(tree.name == other.name for other in trees):
            raise UserError(f"tree {tree.name} is defined twice", where=str(file), remedy=f"also in {where}")
        trees.append(tree)
    return Settings(
        mail={name: resolved(text) for name, text in schema.mail.items()},
        sources={name: tuple(source_from(s, base, where) for s in many) for name, many in schema.sources.items()},
        trees=tuple(trees),
        engine=schema.engine,
        qemu=schema.qemu,
        jobs=schema.jobs or os.cpu_count() or 1,
        build_memory_mib=schema.build_memory_mib,
        where=str(path) if path else None,
        mirrors=tuple(resolved(text) for text in schema.mirrors),
        registry=schema.registry,
        noise=tuple(resolved(text) for text in schema.noise),
        policy=policy_rules(schema.policy, path) if path else (),
    )
