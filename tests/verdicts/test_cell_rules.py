"""Known reports, policy and outcome: what an entry means, what it can never suppress, which rule decides."""

from __future__ import annotations

import random
import re
import time
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from harness.findings.silent_death import silent_death
from harness.model.cell import CellResult, Ending, Outcome
from harness.model.finding import Effect, Finding, Severity
from harness.model.guest import GuestEnd
from harness.model.noise import NoiseEntry, NoiseList
from harness.model.policy import PolicyRule
from harness.model.version import KernelVersion, VersionRange
from harness.verdicts.cell_rules import (
    NOWHERE,
    CellRules,
    Circumstances,
    decide,
    expired_entries,
    glob_fits,
    in_scope,
    judged,
    means,
    policy_effect,
    rejudged,
)

TODAY = date(2026, 11, 21)
PASSED = Ending(Outcome.PASS, "work +9")
DIED = Ending(Outcome.HUNG, "died without a word after user space was reached: reset")
WARNING = Finding("warning", "WARNING in x", "x", Severity.WARNING, 1, 2, ("WARNING: at mm/x.c:7", "cpu 3 of node 1"))
PANIC = Finding("panic", "kernel panic: y", None, Severity.FATAL, 5, 6, ("Kernel panic - not syncing: y",))
TORN = replace(PANIC, corrupted=True)


def entry(which: NoiseList = NoiseList.DENY, **words: Any) -> NoiseEntry:
    """An entry that is valid today."""
    plain = NoiseEntry("known", which, "why", date(2026, 1, 1), date(2027, 1, 1))
    return replace(plain, **words)


def rules(*noise: NoiseEntry, policy: tuple[PolicyRule, ...] = ()) -> CellRules:
    """Today's rules."""
    return CellRules(noise, policy, TODAY)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ({"title": "WARNING in x"}, True),
        ({"title": "WARNING in"}, False),
        ({"title": "WARNING in *"}, True),
        ({"title": "*"}, True),  # the loader refuses it
        ({"title": "warning in x"}, False),
        ({"kind": "warning"}, True),
        ({"kind": "bug"}, False),
        ({"function": "x"}, True),
        ({"function": "y"}, False),
        ({"signature": "warning: x"}, False),
        ({"message": "node 1"}, True),
        ({"message": "cpu * of node"}, True),
        ({"message": "mm/x.c:7*node"}, False),  # within one line
        ({"message": "node 2"}, False),
        ({"title": "WARNING in x", "unless": "node 1"}, False),
        ({"title": "WARNING in x", "unless": "node 2"}, True),
        ({"title": "WARNING in x", "kind": "bug"}, False),  # everything said must fit
    ],
)
def test_what_an_entry_means(words: dict[str, Any], meant: bool) -> None:
    assert means(entry(**words), WARNING) is meant


def test_a_death_is_suppressed_by_its_very_name_only() -> None:
    every: list[dict[str, Any]] = [
        {"kind": "panic"}, {"title": "kernel panic: *"}, {"message": "not syncing"}, {"title": "*: y"}
    ]  # fmt: skip
    for words in every:
        assert not means(entry(**words), PANIC), words
    assert means(entry(title="kernel panic: y"), PANIC)
    assert not means(entry(title="kernel panic: y"), TORN), "a torn report's name is not to be trusted"
    assert not means(entry(title="WARNING in *"), replace(WARNING, severity=Severity.FATAL)), "a warning that panicked"


@pytest.mark.parametrize(
    ("words", "inside"),
    [
        ({}, True),
        ({"trees": ("v3.0",)}, True),
        ({"trees": ("v3.1",)}, False),
        ({"versions": VersionRange(KernelVersion.parse("2.6"))}, True),
        ({"versions": VersionRange(None, KernelVersion.parse("3.0"))}, False),
        ({"trees": ("v3.1",), "versions": VersionRange(KernelVersion.parse("2.6"))}, True),  # one of them
        ({"stressors": ("memcg",)}, True),
        ({"stressors": ("quiet",)}, False),
        ({"accelerator": "tcg"}, True),
        ({"accelerator": "kvm"}, False),
        ({"accelerator": "tcg", "trees": ("v3.1",)}, False),
    ],
)
def test_where_an_entry_holds(words: dict[str, Any], inside: bool) -> None:
    here = Circumstances("v3.0", KernelVersion.parse("3.0"), "memcg", "tcg")
    assert in_scope(entry(**words), here) is inside
    assert in_scope(entry(**words), NOWHERE) is (words == {}), "of a console from nowhere nothing is assumed"


def test_the_last_day_still_counts_and_the_next_does_not() -> None:
    known = entry(title="WARNING in x", expires=TODAY)
    assert [f.noise for f in judged((WARNING,), CellRules((known,), today=TODAY), NOWHERE)] == ["known"]
    tomorrow = date(2026, 11, 22)
    assert [f.noise for f in judged((WARNING,), CellRules((known,), today=tomorrow), NOWHERE)] == [""]
    assert (expired_entries((known,), TODAY), expired_entries((known,), tomorrow)) == ((), (known,))


def test_a_name_of_another_day_is_taken_back() -> None:
    (found,) = judged((replace(WARNING, noise="gone", effect=Effect.SHOW),), rules(), NOWHERE)
    assert (found.noise, found.effect) == ("", Effect.FAIL)


def test_the_environments_noise_is_shown_and_the_trees_own_counts() -> None:
    (denied,) = judged((WARNING,), rules(entry(title="WARNING in x")), NOWHERE)
    assert (denied.effect, denied.suppressed, denied.known) == (Effect.SHOW, True, False)
    (allowed,) = judged((WARNING,), rules(entry(NoiseList.ALLOW, title="WARNING in x")), NOWHERE)
    assert (allowed.effect, allowed.suppressed, allowed.known) == (Effect.COUNT, False, True)
    (death,) = judged((PANIC,), rules(entry(NoiseList.ALLOW, title="kernel panic: y")), NOWHERE)
    assert (death.effect, death.known) == (Effect.FAIL, True)


def test_what_the_series_printed_itself_is_nobodys_noise() -> None:
    (found,) = judged((WARNING,), rules(entry(title="WARNING in x")), NOWHERE, own=(0,))
    assert (found.noise, found.effect) == ("", Effect.FAIL)


def rule(effect: Effect, **words: object) -> PolicyRule:
    """A rule."""
    return PolicyRule(effect, "why", **words)  # type: ignore[arg-type]


def test_the_most_special_rule_decides_then_the_first() -> None:
    by_severity = rule(Effect.SHOW, severity=Severity.WARNING)
    by_kind = rule(Effect.COUNT, kind="warning")
    here = rule(Effect.FAIL, kind="warning", stressors=("memcg",))
    elsewhere = rule(Effect.SHOW, kind="warning", stressors=("quiet",))
    assert policy_effect(WARNING, "memcg", (by_severity, by_kind, here, elsewhere)) is Effect.FAIL
    assert policy_effect(WARNING, "swapoff", (by_severity, by_kind, here, elsewhere)) is Effect.COUNT
    assert policy_effect(WARNING, "swapoff", (by_severity, here)) is Effect.SHOW
    assert policy_effect(WARNING, "x", (rule(Effect.SHOW, kind="warning"), by_kind)) is Effect.SHOW
    assert policy_effect(WARNING, "x", ()) is Effect.FAIL
    assert policy_effect(replace(WARNING, severity=Severity.NOTICE), "x", (by_kind,)) is Effect.COUNT
    assert policy_effect(replace(WARNING, kind="k", severity=Severity.NOTICE), "x", (by_kind,)) is Effect.SHOW


@pytest.mark.parametrize("effect", [Effect.COUNT, Effect.SHOW])
def test_no_rule_makes_a_death_pass(effect: Effect) -> None:
    every = (rule(effect, kind="panic", stressors=("x",)), rule(effect, kind="panic"), rule(effect, severity="fatal"))
    found = judged((PANIC,), rules(policy=every), Circumstances(stressor="x"))
    assert decide(PASSED, found)[0] is Outcome.FINDING


def test_a_warning_is_not_a_dead_guest() -> None:
    assert decide(PASSED, (WARNING,)) == (
        Outcome.FINDING,
        "WARNING in x; the guest went on, the stressor finished",
    )
    assert decide(DIED, (WARNING,)) == (
        Outcome.FINDING,
        "WARNING in x; the guest died after user space was reached: reset",
    )
    unproven = Ending(Outcome.DID_NOT_EXERCISE, "work +0")
    assert decide(unproven, (WARNING,))[1] == "WARNING in x; the guest went on: work +0"


def test_what_only_counts_is_told_beside_the_pass() -> None:
    counted = replace(WARNING, effect=Effect.COUNT)
    assert decide(PASSED, (counted,)) == (Outcome.PASS, "work +9; not failing: WARNING in x")
    assert decide(DIED, (counted,))[0] is Outcome.HUNG
    assert decide(PASSED, (replace(WARNING, effect=Effect.SHOW),)) == (Outcome.PASS, "work +9")


def test_a_torn_report_alone_is_neither_a_pass_nor_a_name() -> None:
    outcome, reason = decide(PASSED, (TORN,))
    assert outcome is Outcome.FINDING
    assert reason.startswith("corrupted report only, not counted: kernel panic: y")
    # That the guest died needs no report.
    outcome, reason = decide(DIED, (TORN,))
    assert (outcome, reason) == (
        Outcome.HUNG,
        "died after user space was reached: reset; corrupted report only: kernel panic: y",
    )
    assert decide(DIED, (TORN, WARNING))[1].startswith("WARNING in x;"), "a whole report names the cell"


def test_a_death_of_the_environments_is_no_pass() -> None:
    known = entry(title="kernel panic: y")
    for ending in (PASSED, DIED):
        found = judged((PANIC,), rules(known), NOWHERE)
        outcome, reason = decide(ending, found)
        assert outcome is Outcome.DID_NOT_EXERCISE
        assert reason == "the environment's own: kernel panic: y (noise known)"
    found = judged((PANIC, WARNING), rules(known), NOWHERE)
    assert decide(DIED, found)[0] is Outcome.FINDING, "what else was reported is the kernel's"
    # Noise that killed nobody does not excuse a guest that hangs.
    assert decide(DIED, judged((WARNING,), rules(entry(title="WARNING in x")), NOWHERE))[0] is Outcome.HUNG


def test_a_silent_death_is_an_ending_not_a_report() -> None:
    silent = silent_death(GuestEnd.HUNG, True, (), "silent for 75 s")
    assert decide(DIED, (silent,)) == (DIED.outcome, DIED.reason)
    (known,) = judged((silent,), rules(entry(title=silent.title)), NOWHERE)
    assert decide(DIED, (known,))[0] is Outcome.DID_NOT_EXERCISE
    (known,) = judged((silent,), rules(entry(NoiseList.ALLOW, title=silent.title)), NOWHERE)
    assert (decide(DIED, (known,))[0], known.known) == (Outcome.HUNG, True)


def test_what_the_tree_is_known_to_have_does_not_fail_a_cell_but_for_a_death() -> None:
    found = judged((WARNING,), rules(entry(NoiseList.ALLOW, title="WARNING in x")), NOWHERE)
    assert decide(PASSED, found) == (Outcome.PASS, "work +9; not failing: WARNING in x (known: known)")
    found = judged((PANIC,), rules(entry(NoiseList.ALLOW, title="kernel panic: y")), NOWHERE)
    assert decide(PASSED, found)[0] is Outcome.FINDING


def test_the_harnesss_own_failure_is_never_the_kernels() -> None:
    assert decide(Ending(Outcome.HARNESS_FAILURE, "QEMU"), (PANIC, WARNING)) == (Outcome.HARNESS_FAILURE, "QEMU")


def result(outcome: Outcome, findings: tuple[Finding, ...], ending: Ending | None = None) -> CellResult:
    """A finished cell."""
    return CellResult("k", outcome, "then", findings, None, 1.0, 0.5, "c", "r", "q", ending=ending)


def test_a_cell_follows_the_rules_of_the_day_it_is_read() -> None:
    kept = result(Outcome.FINDING, (WARNING,), PASSED)
    lenient = rules(policy=(rule(Effect.SHOW, severity=Severity.WARNING),))
    now = rejudged(kept, lenient, NOWHERE)
    assert (now.outcome, now.reason, now.findings[0].effect) == (Outcome.PASS, "work +9", Effect.SHOW)
    assert rejudged(now, rules(), NOWHERE).outcome is Outcome.FINDING, "and back"
    assert rejudged(now, lenient, NOWHERE) == now


def test_a_cell_of_before_its_ending_was_kept() -> None:
    lenient = rules(policy=(rule(Effect.SHOW, severity=Severity.WARNING),))
    assert rejudged(result(Outcome.FINDING, (WARNING,)), rules(), NOWHERE).outcome is Outcome.FINDING
    now = rejudged(result(Outcome.FINDING, (WARNING,)), lenient, NOWHERE)
    assert now.outcome is Outcome.DID_NOT_EXERCISE, "how its guest ended is not known"
    assert "--again" in now.reason
    hung = rejudged(result(Outcome.HUNG, ()), lenient, NOWHERE)
    assert (hung.outcome, hung.reason) == (Outcome.HUNG, "then")


def test_a_pattern_means_what_a_regular_expression_would() -> None:
    chosen = random.Random(7)
    for _ in range(3000):
        pattern = "".join(chosen.choices("ab*", k=chosen.randrange(7)))
        text = "".join(chosen.choices("ab", k=chosen.randrange(9)))
        expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.S) is not None
        assert glob_fits(pattern, text) is expected, (pattern, text)


def test_a_hostile_line_costs_linear_time() -> None:
    began = time.perf_counter()
    assert not glob_fits("*a*a*a*a*a*a*a*b", "a" * 400_000)
    assert time.perf_counter() - began < 1.0
