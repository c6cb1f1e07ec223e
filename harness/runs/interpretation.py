"""Known reports and policy as they are now, for every cell that is run or read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import cached_property
from pathlib import Path

from harness.config.catalogue import Catalogue
from harness.config.yaml_file import nearest
from harness.findings.silent_death import KINDS as SILENT_KINDS
from harness.findings.splats import SPLATS
from harness.model.cell import CellResult
from harness.model.errors import HarnessError, UserError
from harness.model.finding import Effect, Severity
from harness.model.noise import NoiseEntry
from harness.model.policy import PolicyRule
from harness.model.version import KernelVersion
from harness.results.store import CellContext
from harness.stressors.own_findings import OWN_KINDS
from harness.verdicts.cell_rules import CellRules, Circumstances, expired_entries, rejudged


class Interpretation:
    """Judges cells. What it needs is read when it is first asked; ``today`` decides which entries have expired."""

    def __init__(self, catalogue: Catalogue, notice: Callable[[str], None], today: date | None = None) -> None:
        self._catalogue = catalogue
        self._notice = notice
        self._today = today or date.today()
        self._series: dict[str, tuple[PolicyRule, ...]] = {}
        self._versions: dict[str, KernelVersion | None] = {}

    @cached_property
    def noise(self) -> tuple[NoiseEntry, ...]:
        """The known reports. Raises UserError naming file and line."""
        entries = self._catalogue.noise()
        for entry in entries:
            if entry.kind and entry.kind not in known_kinds():
                raise UserError(
                    f"unknown kind {entry.kind!r}", where=entry.where, remedy=nearest(entry.kind, known_kinds())
                )
        return entries

    @cached_property
    def _policy(self) -> tuple[PolicyRule, ...]:
        return checked_policy(self._catalogue.policy())

    def rules(self, series: str = "", policy: tuple[PolicyRule, ...] = ()) -> CellRules:
        """The rules for cells of a series, by its name or path ("": of none), or with the ``policy`` of a series that
        is at hand. Raises UserError for a wrong rule, naming file and line; a series that is gone has no rules."""
        own = checked_policy(policy) or self._of_series(series)
        return CellRules(self.noise, (*own, *self._policy), self._today)

    def _of_series(self, name: str) -> tuple[PolicyRule, ...]:
        if name and name not in self._series:
            self._series[name] = ()
            folder = Path(name)
            if (folder / "series.yaml").is_file() or folder.name in self._catalogue.series_names():
                try:
                    self._series[name] = checked_policy(self._catalogue.series(name).policy)
                except HarnessError as error:
                    # Other series' results are not to be lost to the reader by it.
                    self._notice(f"the policy of {name} is not heeded: {error}")
        return self._series.get(name, ())

    def circumstances(self, tree: str = "", stressor: str = "", accelerator: str = "") -> Circumstances:
        """Where a console is from; the version is the tree's, where that is known."""
        return Circumstances(tree, self.version(tree), stressor, accelerator)

    def version(self, tree: str) -> KernelVersion | None:
        """The version of a tree, None where there is no such tree any more."""
        if tree not in self._versions:
            try:
                self._versions[tree] = self._catalogue.tree(tree).kernel_version if tree else None
            except HarnessError:
                self._versions[tree] = None
        return self._versions[tree]

    def __call__(self, result: CellResult, context: CellContext) -> CellResult:
        """A cell that was read back, under today's rules."""
        where = self.circumstances(context.tree, context.stressor, context.accelerator)
        return rejudged(result, self.rules(context.series), where, context.own)

    def expired(self) -> str:
        """One line that names the entries whose last day is over; "" where there are none."""
        over = expired_entries(self.noise, self._today)
        told = ", ".join(f"{entry.name} since {entry.expires} ({entry.where})" for entry in over)
        return f"expired, so that they suppress nothing any more: noise {told}" if over else ""

    def reasons(self, names: Iterable[str]) -> dict[str, NoiseEntry]:
        """Entries by name; without those that are not there any more."""
        wanted = set(names)
        return {entry.name: entry for entry in self.noise if entry.name in wanted}


def known_kinds() -> frozenset[str]:
    """Every kind that a finding can have."""
    return frozenset(splat.kind for splat in SPLATS) | OWN_KINDS | SILENT_KINDS


def checked_policy(rules: tuple[PolicyRule, ...]) -> tuple[PolicyRule, ...]:
    """The rules. Raises UserError for a kind that there is not, and for one whose reports are deaths and which would
    not fail a cell."""
    for rule in rules:
        if not rule.kind:
            continue
        if rule.kind not in known_kinds():
            raise UserError(f"unknown kind {rule.kind!r}", where=rule.where, remedy=nearest(rule.kind, known_kinds()))
        severities = {splat.severity for splat in SPLATS if splat.kind == rule.kind}
        if rule.effect is not Effect.FAIL and (severities == {Severity.FATAL} or rule.kind in SILENT_KINDS):
            raise UserError(
                f"{rule.kind} is a death, and a kernel that died is never a pass",
                where=rule.where,
                remedy="name the one report exactly in the allowlist or denylist of noise.yaml",
            )
    return rules
