"""Noise and policy over a whole run: what they say of its cells, then and later, without booting anything again."""

from __future__ import annotations

import json

import pytest

from tests.chain.conftest import Make
from tests.fake.checkout import Checkout, harmless, patch

pytestmark = pytest.mark.slow

WARN = "	guest(warn, function=demo_check);"
BUG = "	guest(bug, function=demo_die);"
TITLE = "WARNING in demo_check"
DATES = "added: 2026-01-01, expires: 2027-12-31, reason: the machine says it"


def noise(checkout: Checkout, listed: str, entry: str, dates: str = DATES) -> None:
    """The checkout's one known report."""
    checkout.write("configs/findings/noise.yaml", f"{listed}:\n  - {{name: known, {entry}, {dates}}}\n")


def policy(checkout: Checkout, *rules: str) -> None:
    """The checkout's policy."""
    listed = "".join(f"\n  - {{{rule}}}" for rule in rules) or " []"
    checkout.write("configs/findings/policy.yaml", f"policy:{listed}\n")


def test_noise_is_counted_not_dropped(make: Make) -> None:
    checkout = make(harmless(1), core=[WARN])
    noise(checkout, "denylist", f"title: {TITLE}, trees: [fake]")
    ended = checkout.harness("run", "demo")
    assert ended.code == 0, ended
    assert "1 suppressed: known 1" in " ".join(ended.out.split()) and "pass" in ended.out
    (cell,) = [c for c in checkout.store().run_cells(checkout.store().runs()[0].id) if c.patches == 0]
    shown = checkout.harness("show", cell.cell[:12])
    assert shown.code == 0
    assert "known: the machine says it (until 2027-12-31" in " ".join(shown.out.split())
    (found,) = json.loads(checkout.harness("show", cell.cell[:12], "--json").out)["findings"]
    assert (found["suppressed"], found["noise"]["name"], found["noise"]["list"]) == (True, "known", "denylist")
    assert "suppressed: known" in " ".join(checkout.harness("findings").out.split())
    console = str(checkout.store().cell_folder(cell.cell) / "console")
    assert checkout.harness("parse", console).code == 1, "of which tree it is nobody said"
    parsed = checkout.harness("parse", "--tree", "fake", console)
    assert parsed.code == 0
    assert "0 finding(s)" in parsed.out and "1 suppressed: known 1" in parsed.out
    assert TITLE in checkout.harness("parse", "--tree", "fake", "--all", console).out


def test_the_rules_of_the_day_judge_what_was_booted_before(make: Make) -> None:
    checkout = make([patch("	state++;"), *harmless(1)], core=[WARN])
    assert checkout.harness("run", "demo").code == 0, "as often as on the baseline"
    boots = checkout.boots()
    assert "finding" in checkout.harness("show").out
    policy(checkout, "kind: warning, effect: count, reason: r")
    assert "pass" in checkout.harness("show").out and "finding:" not in checkout.harness("show").out
    again = checkout.harness("run", "demo")
    assert (again.code, checkout.boots()) == (0, boots), "a policy is no reason to boot"
    policy(checkout)
    cell = checkout.store().run_cells(checkout.store().runs()[0].id)[0].cell
    assert checkout.harness("show", cell[:12]).code == 1
    noise(checkout, "denylist", f"title: {TITLE}", "added: 2026-01-01, expires: 2026-01-02, reason: r")
    again = checkout.harness("run", "demo")
    assert "expired, so that they suppress nothing any more: noise known since 2026-01-02" in again.err
    assert checkout.harness("show", cell[:12]).code == 1


def test_a_run_that_is_read_by_other_rules_says_so(make: Make) -> None:
    checkout = make([patch(WARN)])
    assert checkout.harness("run", "demo").code == 1
    policy(checkout, "kind: warning, effect: show, reason: r")
    # The series' own line is what it is, but the policy does not compare it.
    shown = checkout.harness("show")
    assert shown.code == 0, shown
    assert "note: at its end the exit code was 1" in shown.err


def test_the_series_has_the_first_word(make: Make) -> None:
    checkout = make(harmless(1), core=[WARN])
    policy(checkout, "kind: warning, effect: fail, reason: r")
    text = (checkout.series_folder / "series.yaml").read_text()
    rule = "policy:\n  - {kind: warning, effect: show, reason: r}\n"
    checkout.write("series/demo/series.yaml", text + rule)
    ended = checkout.harness("run", "demo")
    assert (ended.code, "pass" in ended.out) == (0, True), ended
    cell = checkout.store().run_cells(checkout.store().runs()[0].id)[0].cell
    assert checkout.harness("show", cell[:12]).code == 0, "a cell is read as one of its series"
    assert "demo" in checkout.harness("findings", "show", TITLE).out


def test_what_the_series_printed_itself_is_nobodys_noise(make: Make) -> None:
    checkout = make([*harmless(1), patch(WARN)])
    for listed in ("denylist", "allowlist"):
        noise(checkout, listed, f"title: {TITLE}, trees: [fake]")
        ended = checkout.harness("run", "demo", "--seed", str(len(listed)))
        assert ended.code == 1, ended
        assert "a line that patch 2 adds" in " ".join(ended.out.split())


def test_a_death_is_never_a_pass(make: Make) -> None:
    checkout = make(harmless(1), core=[BUG])
    for entry in ("title: BUG in *", "kind: bug", "message: kernel BUG"):
        noise(checkout, "denylist", entry)
        ended = checkout.harness("run", "demo")
        assert (ended.code, "suppressed" in ended.out) == (4, False), entry
    noise(checkout, "denylist", "title: BUG in demo_die")
    ended = checkout.harness("run", "demo")
    assert ended.code == 4, ended
    assert "did not exercise" in ended.out and "the environment's own: BUG in demo_die" in " ".join(ended.out.split())
    policy(checkout, "severity: fatal, effect: show, reason: r")
    ended = checkout.harness("run", "demo")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert "policy.yaml:2: " in ended.err and "a kernel that died is never a pass" in ended.err


def test_a_wrong_rule_stops_a_run_before_anything_is_built(make: Make) -> None:
    checkout = make(harmless(1))
    policy(checkout, "kind: warnings, effect: show, reason: r")
    ended = checkout.harness("run", "demo")
    assert (ended.code, "unknown kind 'warnings'; did you mean warning" in ended.err) == (2, True)
    assert checkout.containers("build") == 0
