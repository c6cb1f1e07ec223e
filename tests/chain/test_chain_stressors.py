"""Which stressors run on the fake tree, what is said before anything is built, and what a report port may not hold."""

from __future__ import annotations

import json

import pytest

from harness.model.cell import Outcome
from tests.chain.conftest import Make
from tests.fake.checkout import harmless, patch

TOUCHED = """name: {name}
area: fake
summary: moves the fake counter
{more}
chosen_for:
  files: [{files}]
  functions: [{functions}]
proof:
  - any_of: [fake_work]
    minimum: 100
    reason: the fake path ran
seconds: 1
"""


def stressor(name: str, files: str = "", functions: str = "", more: str = "") -> str:
    """A stressor's file."""
    return TOUCHED.format(name=name, files=files, functions=functions, more=more)


def test_what_the_series_touches_chooses_and_is_told(make: Make) -> None:
    checkout = make(harmless(2), stressors=())
    checkout.write("configs/stressors/migration.yaml", stressor("migration", functions="step2"))
    checkout.write("configs/stressors/memcg.yaml", stressor("memcg", files="mm/other.c"))
    absent = checkout.harness("run", "demo", "--plan")
    assert absent.code == 0 and "the stressors of fake are chosen once it is here" in absent.out, absent
    ended = checkout.harness("run", "demo")
    assert ended.code == 0, ended
    assert "stressor migration: touches step2" in ended.err
    planned = checkout.harness("run", "demo", "--plan")
    assert planned.code == 0 and "migration  touches step2" in planned.out, planned
    store = checkout.store()
    run = store.runs()[0].id
    assert [(row.tree, row.stressor, row.why) for row in store.stressors(run)] == [
        ("fake", "migration", "touches step2")
    ]
    assert {row.function: row.patches for row in store.touched_functions(run)} == {"step1": (1,), "step2": (2,)}
    told = json.loads(checkout.harness("show", "last", "--json").out)["trees"][0]
    assert told["stressors"] == [{"stressor": "migration", "why": "touches step2"}]
    assert [one["function"] for one in told["functions"]] == ["step1", "step2"]


def test_names_go_before_what_is_touched_and_commas_part_them(make: Make) -> None:
    checkout = make(harmless(1), stressors=())
    checkout.write("configs/stressors/migration.yaml", stressor("migration", files="mm/step1.c"))
    assert checkout.harness("run", "demo", "--stressors", "memcg,quiet").code == 0
    store = checkout.store()
    assert {cell.stressor for cell in store.run_cells(store.runs()[0].id)} == {"memcg", "quiet"}
    ended = checkout.harness("run", "demo", "--stressors", "memcg,migratoin")
    assert (ended.code, checkout.boots()) == (2, 4)
    assert "unknown stressor 'migratoin'; did you mean migration?" in ended.err


def test_a_kernel_without_the_area_boots_nothing_for_it(make: Make) -> None:
    checkout = make(harmless(1))
    absent = stressor("migration", more="since: '6.2'\nabsent: fake migration")
    checkout.write("configs/stressors/migration.yaml", absent)
    ended = checkout.harness("run", "demo")
    assert (ended.code, checkout.boots()) == (4, 0)
    assert "fake migration (from 6.2)" in ended.out
    store = checkout.store()
    assert {cell.outcome for cell in store.run_cells(store.runs()[0].id)} == {Outcome.NOT_IN_THIS_KERNEL}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--memory", "1048576"), "--memory 1048576 MiB: this machine has"),
        (("--numa", "8"), "--numa 8: a guest of 4 processors has at most as many nodes"),
    ],
)
def test_a_guest_that_cannot_be_is_said_before_anything_is_built(make: Make, words: tuple[str, ...], told: str) -> None:
    checkout = make(harmless(1))
    ended = checkout.harness("run", "demo", *words)
    assert (ended.code, checkout.containers("build")) == (2, 0)
    assert told in ended.err


def test_a_stressor_without_a_program_is_said_before_anything_is_built(make: Make) -> None:
    checkout = make(harmless(1), stressors=("other",))
    checkout.write("configs/stressors/other.yaml", stressor("other"))
    ended = checkout.harness("run", "demo")
    assert (ended.code, checkout.containers("build"), checkout.boots()) == (2, 0, 0)
    assert "stressor other cannot start on x86_64: vm-images/guest makes no program of that name" in ended.err


def test_a_port_with_what_is_no_report_is_no_pass(make: Make) -> None:
    checkout = make([patch("	guest(noise);")])
    ended = checkout.harness("run", "demo")
    assert ended.code == 4
    assert "1 line on the report port is no report" in ended.out
    assert "\x1b" not in ended.out


def test_list_show_and_try(make: Make) -> None:
    checkout = make(harmless(1))
    assert "migration  fake" in checkout.harness("stress", "list").out
    shown = checkout.harness("stress", "show", "migration").out
    assert "moves the fake counter" in shown and "fake_work" in shown and "needs" in shown
    assert "did you mean migration?" in checkout.harness("stress", "show", "migratoin").err
    tried = checkout.harness("stress", "try", "migration", "--tree", "fake", "--format", "json")
    assert tried.code == 0, tried
    (trial,) = json.loads(tried.out)
    assert [boot["outcome"] for boot in trial["boots"]] == ["pass"]
    assert trial["boots"][0]["counters"] == {"fake_work": 1000}
    assert checkout.harness("stress", "try", "--tree", "faek").code == 2
