"""configs/findings/policy.yaml, and the ``policy:`` of a series and of the user: which findings fail a cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from harness.config.yaml_file import Schema, entry_lines, read_yaml
from harness.model.errors import UserError
from harness.model.finding import Effect, Severity
from harness.model.policy import PolicyRule

_Word = Annotated[str, Field(min_length=1, max_length=80)]


class PolicyRuleSchema(Schema):
    """One rule; see harness.model.policy.PolicyRule."""

    severity: Severity | None = None
    kind: _Word | None = None
    stressors: list[_Word] = Field(default_factory=list)
    effect: Effect
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _of_one(self) -> PolicyRuleSchema:
        if (self.severity is None) == (self.kind is None):
            raise ValueError("a rule is for a severity or for a kind")
        if self.severity is Severity.FATAL and self.effect is not Effect.FAIL:
            raise ValueError("fatal reports always fail a cell: a kernel that died is never a pass")
        return self


class PolicySchema(Schema):
    """Keys of the policy's file."""

    policy: list[PolicyRuleSchema]


def load_policy(path: Path) -> tuple[PolicyRule, ...]:
    """The rules of ``path``. Raises UserError."""
    return policy_rules(read_yaml(path, PolicySchema).policy, path)


def policy_rules(schemas: Sequence[PolicyRuleSchema], path: Path) -> tuple[PolicyRule, ...]:
    """The rules under ``policy:`` in the file ``path``. Raises UserError where two speak of the same finding."""
    rules: list[PolicyRule] = []
    for line, one in zip(entry_lines(path, "policy") if schemas else (), schemas, strict=True):
        reason = " ".join(one.reason.split())
        rule = PolicyRule(one.effect, reason, one.severity, one.kind or "", tuple(one.stressors), f"{path}:{line}")
        for other in rules:
            if (other.severity, other.kind) != (rule.severity, rule.kind):
                continue
            if set(other.stressors) & set(rule.stressors) or not (other.stressors or rule.stressors):
                name = rule.kind or rule.severity
                raise UserError(f"two rules for {name}", where=rule.where, remedy=f"the other is {other.where}")
        rules.append(rule)
    return tuple(rules)
