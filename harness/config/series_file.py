"""series/NAME/series.yaml: what a series is, where its mail can be had, which trees it is run on."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, model_validator

from harness.config.policy_file import PolicyRuleSchema, policy_rules
from harness.config.yaml_file import Schema, read_yaml
from harness.model.errors import UserError
from harness.model.policy import PolicyRule
from harness.model.series import SeriesCommit, SeriesCommits, SeriesSpec, SeriesTree

TREE_ID = r"^[0-9a-f]{40}$"


class SeriesTreeSchema(Schema):
    """A tree of the series, with the folder of a port where the mails do not apply."""

    tree: str
    port: str | None = None
    note: str = ""


class RequirementSchema(Schema):
    """An option without which the series tests nothing, and why."""

    option: str
    reason: str


class CommitSchema(Schema):
    """A commit by the git tree id of its content, by its subject, or by both."""

    tree: str | None = Field(default=None, pattern=TREE_ID)
    subject: str = ""

    @model_validator(mode="after")
    def _known(self) -> CommitSchema:
        if not self.tree and not self.subject:
            raise ValueError("a commit is known by tree, subject, or both")
        return self


class CommitsSchema(Schema):
    """Commits of a tree's history, one after the other; see harness.model.series.SeriesCommits."""

    of: str
    parent: str | None = Field(default=None, pattern=TREE_ID)
    revisions: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][^\s.]*(?:\.[^\s.]+)*\.\.[A-Za-z0-9_]\S*$")
    list: builtins.list[CommitSchema] = Field(min_length=1, max_length=4096)

    def commits(self) -> SeriesCommits:
        """As the model's value."""
        listed = tuple(SeriesCommit(commit.tree or "", commit.subject) for commit in self.list)
        return SeriesCommits(self.of, self.parent or "", listed, self.revisions or "")


class SeriesSchema(Schema):
    """Keys of a series file; see harness.model.series.SeriesSpec."""

    title: str
    summary: str = ""
    posted: str
    lists: list[str] = Field(default_factory=list)
    patches: int = Field(ge=0)
    message_ids: list[str] = Field(default_factory=list)
    archive: str | None = None
    mail: list[str] = Field(default_factory=list)
    commits: CommitsSchema | None = None
    trees: list[SeriesTreeSchema]
    kconfig: list[str] = Field(min_length=1)
    requires: list[RequirementSchema] = Field(default_factory=list)
    stressors: list[str] = Field(default_factory=list)
    policy: list[PolicyRuleSchema] = Field(default_factory=list)


def load_series_spec(folder: Path) -> SeriesSpec:
    """What ``folder``/series.yaml says. Raises UserError; a port or mail outside ``folder`` is refused."""
    path = folder / "series.yaml"
    s = read_yaml(path, SeriesSchema)
    if s.commits and (s.message_ids or s.mail or s.archive):
        raise UserError("commits, or mail with its message ids, not both", where=str(path))
    if s.commits and len(s.commits.list) != s.patches:
        raise UserError(f"{len(s.commits.list)} commits are listed, {s.patches} patches said", where=str(path))

    def inside(name: str, what: str) -> str:
        resolved = (folder / name).resolve()
        if not resolved.is_relative_to(folder.resolve()):
            raise UserError(f"{what} lies outside the series' folder", where=str(path))
        return str(resolved)

    trees = [
        SeriesTree(tree.tree, inside(tree.port, f"port {tree.port} of {tree.tree}") if tree.port else None, tree.note)
        for tree in s.trees
    ]
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
        mail=tuple(inside(name, f"mail {name}") for name in s.mail),
        commits=s.commits.commits() if s.commits else None,
        policy=policy_rules(s.policy, path),
    )


def _lines(key: str, value: str | int | list[str]) -> str:
    text = yaml.safe_dump(value, allow_unicode=True, width=10_000, default_flow_style=True)
    return f"{key}: {text.removesuffix('...' + chr(10)).rstrip(chr(10))}\n"


def series_yaml(spec: SeriesSpec, folder: Path) -> str:
    """``spec`` as the text of a series.yaml that load_series_spec reads back; paths are written relative to ``folder``.

    Keys that say nothing are left out, but for ``trees``, which is to be filled in.
    """

    def below(path: str) -> str:
        return str(Path(path).relative_to(folder))

    parts = [_lines("title", spec.title)]
    if spec.summary:
        parts.append(_lines("summary", spec.summary))
    parts += [_lines("posted", spec.posted), _lines("lists", list(spec.lists)), _lines("patches", spec.patches)]
    if spec.message_ids:
        ids = {"message_ids": list(spec.message_ids)}
        parts.append(yaml.safe_dump(ids, allow_unicode=True, width=10_000, default_flow_style=False))
    if spec.archive:
        parts.append(_lines("archive", spec.archive))
    parts.append("# the mails as they were found, older versions and answers among them\n")
    parts.append(_lines("mail", [below(path) for path in spec.mail]))
    if spec.trees:
        parts.append("trees:\n")
        for tree in spec.trees:
            facts = {"tree": tree.tree} | ({"port": below(tree.port)} if tree.port else {})
            parts.append("  - " + _flow(facts | ({"note": tree.note} if tree.note else {})))
    else:
        parts.append("# trees to run on, such as: [{tree: linux-6.1}]; --tree NAME runs on another one\ntrees: []\n")
    parts.append(_lines("kconfig", list(spec.kconfig)))
    if spec.requires:
        parts.append("requires:\n")
        parts += ["  - " + _flow({"option": option, "reason": reason}) for option, reason in spec.requires]
    else:
        parts.append("# options without which it tests nothing: requires: [{option: DEBUG_VM, reason: why}]\n")
    if spec.stressors:
        parts.append(_lines("stressors", list(spec.stressors)))
    if spec.policy:
        parts.append("policy:\n")
        parts += ["  - " + _flow(_rule(rule)) for rule in spec.policy]
    return "".join(parts)


def _rule(rule: PolicyRule) -> dict[str, Any]:
    about = {"severity": rule.severity.value} if rule.severity is not None else {"kind": rule.kind}
    stressors = {"stressors": list(rule.stressors)} if rule.stressors else {}
    return {**about, **stressors, "effect": rule.effect.value, "reason": rule.reason}


def _flow(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=True)
