"""What a cell says in a comparison, from its judged findings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.findings.silent_death import silent_death
from harness.model.cell import Outcome
from harness.model.finding import Effect, Finding, Severity
from harness.model.guest import GuestEnd
from harness.model.observation import HANG_TITLE, Observation
from harness.runs.repro import alike
from harness.runs.summary import observation
from tests.reports.sample import cell, result

WARNING = Finding("warning", "WARNING in x", "x", Severity.WARNING, 1, 2, ("a",))
TORN = replace(WARNING, title="BUG at mm/x.c", corrupted=True)
HANG = silent_death(GuestEnd.HUNG, True, (), "silent for 75 s")


def seen(outcome: Outcome, *findings: Finding, own: dict[int, tuple[int, str]] | None = None) -> Observation:
    """What a cell with the findings says."""
    found = observation(cell(1, "s", outcome, findings, own=own))
    assert found is not None
    return found


def test_what_is_only_shown_is_not_compared() -> None:
    shown = replace(WARNING, effect=Effect.SHOW)
    assert seen(Outcome.PASS, shown).titles == frozenset()
    assert seen(Outcome.PASS, replace(shown, noise="known")).titles == frozenset()
    assert seen(Outcome.PASS, replace(WARNING, effect=Effect.COUNT)).titles == {WARNING.title}
    assert seen(Outcome.FINDING, WARNING).titles == {WARNING.title}


def test_a_corrupted_report_alone_is_no_evidence() -> None:
    found = seen(Outcome.FINDING, TORN)
    assert found.untrusted == {TORN.title}
    assert not found.titles and not found.is_evidence
    assert seen(Outcome.FINDING, TORN, WARNING).is_evidence
    # It cannot make its title the series' own, nor spoil a cell that it would not fail.
    assert seen(Outcome.FINDING, TORN, own={0: (2, "mm/x.c:7")}).own == {}
    passed = seen(Outcome.PASS, replace(TORN, effect=Effect.COUNT))
    assert passed.is_evidence and not passed.titles


@pytest.mark.parametrize("findings", [(), (HANG,), (TORN,), (TORN, HANG)])
def test_a_death_is_counted_whatever_became_of_its_report(findings: tuple[Finding, ...]) -> None:
    found = seen(Outcome.HUNG, *findings)
    assert found.titles == {HANG_TITLE} and found.is_evidence


def test_a_hang_that_the_tree_is_known_to_have() -> None:
    assert seen(Outcome.HUNG, replace(HANG, noise="hangs")).known == {HANG_TITLE}
    assert seen(Outcome.PASS, replace(WARNING, noise="w", effect=Effect.COUNT)).known == {WARNING.title}


def test_the_environments_death_says_nothing() -> None:
    suppressed = replace(HANG, noise="busy-host", effect=Effect.SHOW)
    assert observation(cell(1, "s", Outcome.DID_NOT_EXERCISE, (suppressed,))) is None


def test_a_repeated_cell_is_alike_by_what_counts() -> None:
    noise = replace(WARNING, title="WARNING in y", noise="n", effect=Effect.SHOW)
    recorded = result("k", Outcome.FINDING, "", (WARNING, noise))
    assert alike(recorded, result("k", Outcome.FINDING, "", (WARNING,)))
    assert not alike(recorded, result("k", Outcome.FINDING, "", (noise,)))
    elsewhere = replace(HANG, title="guest hung in y")
    assert alike(result("k", Outcome.HUNG, "", (HANG,)), result("k", Outcome.HUNG, "", (elsewhere,)))
