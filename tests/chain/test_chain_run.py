"""harness run from series to verdict on the fake tree: prefixes, outcomes, exit codes, and what is not done twice."""

from __future__ import annotations

import json

import pytest

from harness.model.cell import Outcome
from harness.runs.execute import start_or_continue
from tests.chain.conftest import Make
from tests.fake.checkout import Checkout, FakePatch, harmless, patch

WARN = "	guest(warn, function=demo_check);"


def outcomes(checkout: Checkout) -> dict[tuple[int, str], Outcome]:
    """(patches, stressor) to outcome in the newest run."""
    store = checkout.store()
    return {(cell.patches, cell.stressor): cell.outcome for cell in store.run_cells(store.runs()[0].id)}


def test_ends_each_and_numbers(make: Make) -> None:
    checkout = make(harmless(3))
    ended = checkout.harness("run", "demo")
    assert ended.code == 0, ended
    assert "nothing worse than the baseline was seen" in ended.out
    assert set(outcomes(checkout)) == {(0, "migration"), (3, "migration")}
    assert checkout.harness("run", "demo", "--patches", "1,3").code == 0
    assert set(outcomes(checkout)) == {(0, "migration"), (1, "migration"), (3, "migration")}
    assert checkout.harness("run", "series/demo", "--patches", "each").code == 0
    assert len(outcomes(checkout)) == 4
    # Each kernel was built once, each cell booted once, over all three runs.
    assert (checkout.containers("build"), checkout.boots()) == (4, 4)


def test_the_same_again_builds_and_boots_nothing(make: Make) -> None:
    checkout = make(harmless(1), stressors=("migration", "memcg"))
    assert checkout.harness("run", "demo").code == 0
    done = (checkout.containers("configure"), checkout.containers("programs"), checkout.boots())
    assert done == (2, 1, 4)
    ended = checkout.harness("run", "demo")
    assert ended.code == 0
    assert "reused" in ended.out
    assert (checkout.containers("configure"), checkout.containers("programs"), checkout.boots()) == done
    store = checkout.store()
    assert all(cell.reused and cell.result is not None for cell in store.run_cells(store.runs()[0].id))
    # --again means new repeats of the cells, not new kernels.
    assert checkout.harness("run", "demo", "--again").code == 0
    assert (checkout.containers("configure"), checkout.boots()) == (2, 8)
    assert {cell.repeat for cell in store.run_cells(store.runs()[0].id)} == {1}
    assert checkout.harness("run", "demo", "--again").code == 0
    assert {cell.repeat for cell in store.run_cells(store.runs()[0].id)} == {2}


@pytest.mark.slow
def test_another_seed_duration_or_guest_is_another_cell(make: Make) -> None:
    checkout = make(harmless(1))
    for words in ((), ("--seed", "9"), ("--duration", "2", "--append", "nosmp")):
        assert checkout.harness("run", "demo", *words).code == 0
    assert checkout.boots() == 6
    assert checkout.harness("run", "demo", "--repeat", "3").code == 0
    assert checkout.boots() == 10, "repeat 0 was at hand"


def test_a_line_of_the_series_that_speaks_is_worse_after_one_boot(make: Make) -> None:
    checkout = make([*harmless(1), patch(WARN)])
    ended = checkout.harness("run", "demo")
    assert ended.code == 1
    assert "WARNING in demo_check" in ended.out
    assert "mm/step2.c:7, a line that patch 2 adds" in ended.out
    store = checkout.store()
    run = store.runs()[0]
    assert (run.exit_code, run.finished is not None) == (1, True)
    cell = store.run_cells(run.id)[-1]
    assert cell.own_lines == {0: (2, "mm/step2.c:7")}
    assert cell.result is not None
    assert cell.result.findings[0].corrupted is False


def test_what_the_tree_itself_says_needs_numbers(make: Make) -> None:
    # The line is the baseline's; chance decides, so one boot of each proves nothing.
    checkout = make([patch("#define FAKE 1")], core=["	guest(warn, function=old_check, chance=0.5);"])
    ended = checkout.harness("run", "demo", "--repeat", "4")
    rows = checkout.store().run_cells(checkout.store().runs()[0].id)
    hits = {p: sum(c.outcome is Outcome.FINDING for c in rows if c.patches == p) for p in (0, 1)}
    assert hits[0] == hits[1] > 0, "the fake's chance is decided by the seed"
    assert ended.code == 0, ended.out


def test_a_panic_is_never_exit_0(make: Make) -> None:
    assert make([patch("	guest(panic, function=demo_check);")]).harness("run", "demo").code == 1


@pytest.mark.slow
def test_a_panic_before_user_space_is_the_kernels(make: Make) -> None:
    checkout = make([patch("	guest(panic, function=demo_init, when=boot);")])
    assert checkout.harness("run", "demo").code == 1
    assert outcomes(checkout)[1, "migration"] is Outcome.FINDING


@pytest.mark.slow
def test_a_panic_on_both_sides_is_no_clean_run(make: Make) -> None:
    checkout = make(harmless(1), core=["	guest(panic, function=core_check);"])
    ended = checkout.harness("run", "demo")
    assert ended.code == 4, ended.out


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "words"), [("hang", "hung in user space"), ("die", "died without a word")])
def test_a_guest_that_falls_silent_is_an_open_question(make: Make, verb: str, words: str) -> None:
    checkout = make([patch(f"	guest({verb});")])
    ended = checkout.harness("run", "demo")
    assert outcomes(checkout)[1, "migration"] is Outcome.HUNG
    # One boot each is not enough to blame anybody.
    assert ended.code == 4
    assert words in ended.out
    assert "guest hung" in ended.out


@pytest.mark.slow
def test_enough_hangs_are_worse(make: Make) -> None:
    checkout = make([patch("	guest(die);")])
    ended = checkout.harness("run", "demo", "--repeat", "5")
    assert ended.code == 1, ended.out


def test_a_stressor_that_did_not_do_its_work_is_no_pass(make: Make) -> None:
    checkout = make([patch("	guest(idle);")])
    ended = checkout.harness("run", "demo")
    assert ended.code == 4
    assert outcomes(checkout)[1, "migration"] is Outcome.DID_NOT_EXERCISE
    assert "fake_work +0: less than 100 (the fake path ran)" in ended.out


@pytest.mark.slow
def test_what_cannot_be_exercised_is_missing_evidence(make: Make) -> None:
    checkout = make(harmless(1), core=["	guest(skip, stressor=migration);", "	guest(fail, stressor=memcg);"])
    assert checkout.harness("run", "demo", "--stressor", "migration", "--stressor", "memcg").code == 4
    assert [outcomes(checkout)[1, name] for name in ("migration", "memcg")] == [
        Outcome.NOT_IN_THIS_KERNEL, Outcome.DID_NOT_EXERCISE,
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["exit", "kill"])
def test_a_dead_qemu_is_never_the_kernels(make: Make, verb: str) -> None:
    checkout = make([patch(f"	guest({verb});")])
    ended = checkout.harness("run", "demo")
    assert ended.code == 3, ended
    assert outcomes(checkout)[1, "migration"] is Outcome.HARNESS_FAILURE
    assert "the harness failed" in ended.out
    assert ("Cannot allocate memory" if verb == "exit" else "signal 9") in ended.out
    # It is no result: the same command tries that cell, and only that one, again.
    assert checkout.harness("run", "demo").code == 3
    assert checkout.boots() == 3


@pytest.mark.slow
def test_a_dead_engine_is_never_the_kernels(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.fault = "dead"
    ended = checkout.harness("run", "demo")
    assert (ended.code, checkout.boots()) == (3, 0)
    assert ended.err.splitlines()[-1] == "harness: the container engine went away: connection refused"
    checkout.fault = ""
    assert checkout.harness("run", "demo").code == 0, "it goes on once the engine is back"
    assert len(checkout.store().runs()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["killed", "memory", "late"])
def test_a_container_that_was_ended_is_never_the_kernels(make: Make, fault: str) -> None:
    checkout = make(harmless(1))
    checkout.fault = fault
    assert checkout.harness("run", "demo").code == 3
    checkout.fault = ""
    assert checkout.harness("run", "demo").code == 0


@pytest.mark.slow
def test_qemu_that_is_not_there(make: Make) -> None:
    checkout = make(harmless(1))
    (checkout.folder / "qemu").unlink()
    ended = checkout.harness("run", "demo")
    assert ended.code == 3
    assert "is not installed" in ended.err


def test_a_series_that_breaks_the_build_is_worse(make: Make) -> None:
    checkout = make([*harmless(1), patch("#error broken by the series")])
    ended = checkout.harness("run", "demo", "--patches", "each")
    assert ended.code == 1
    assert "fake + 2 does not build" in ended.out
    assert "mm/step2.c:7:2: error: #error broken by the series" in ended.out
    builds = checkout.containers("build")
    assert checkout.harness("run", "demo", "--patches", "each").code == 1
    assert checkout.containers("build") == builds, "a tree that does not build is not built again"


@pytest.mark.slow
def test_a_baseline_that_does_not_build_blames_nobody(make: Make) -> None:
    checkout = make(harmless(1), core=["#error broken before"])
    ended = checkout.harness("run", "demo")
    assert ended.code == 4
    assert "fake + 0 does not build" in ended.out


def test_a_patch_that_does_not_apply(make: Make) -> None:
    checkout = make([*harmless(2), FakePatch(("	state--;",), "mm: lost", "	nothing_like_it();"), *harmless(1)])
    ended = checkout.harness("run", "demo")
    assert ended.code == 2
    last = ended.err.splitlines()[-1]
    assert "patch 3 ('mm: lost') does not apply to fake: hunks at mm/step3.c:4" in last
    assert "--patches 0,2" in last
    assert checkout.harness("run", "demo", "--patches", "0,2").code == 0
    assert set(outcomes(checkout)) == {(0, "migration"), (2, "migration")}


@pytest.mark.slow
def test_an_unavailable_tree_is_a_line(make: Make) -> None:
    checkout = make(harmless(1), trees=("gone", "fake"))
    ended = checkout.harness("run", "demo")
    assert ended.code == 0, ended
    assert "gone" in ended.out
    assert "unavailable" in ended.out
    assert "not a kernel tree" in ended.out
    assert checkout.harness("run", "demo", "--tree", "fake").code == 0
    # Asked for by name, or nothing else left, it is an error.
    ended = checkout.harness("run", "demo", "--tree", "gone")
    assert ended.code == 3
    assert "no-such-tree" in ended.out + ended.err
    checkout.write_series(harmless(1), trees=("gone",))
    assert checkout.harness("run", "demo", "--seed", "3").code == 3


HISTORY = """
options:
  NUMA:
    - {is: not-yet}
    - {since: "6.5-rc1"}
  DEBUG_VM:
    - {name: OLD_DEBUG_VM}
    - {since: "5.0"}
  PROC_FS:
    - {is: always}
    - {since: "7.0"}
"""


@pytest.mark.slow
def test_a_dropped_option_that_nothing_needs_is_told_once_and_no_error(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.write("configs/kconfig/history.yaml", HISTORY.replace("6.5-rc1", "6.0"))
    checkout.write(
        "configs/kconfig/fake.config",
        "CONFIG_NUMA=y\nCONFIG_DEBUG_VM=y\nCONFIG_PROVE_RCU=y\nCONFIG_PROC_FS=y\nCONFIG_NUMAA=y\n",
    )
    workshop, recorder = checkout.workshop()
    summary = start_or_continue(workshop, checkout.request()).execute()
    assert (summary.exit_code, checkout.boots()) == (0, 2)
    (told,) = [line for line in recorder.notices().splitlines() if "options dropped" in line]
    assert told == (
        "fake: 2 requested options dropped: CONFIG_PROVE_RCU=y (unmet dependency: LOCKDEP_SUPPORT=n), "
        "CONFIG_NUMAA=y (this tree has no such option; did you mean NUMA?); harness config show fake tells all"
    )


@pytest.mark.slow
def test_a_dropped_option_that_the_series_requires_blocks_the_cells_of_its_tree(make: Make) -> None:
    checkout = make(harmless(1))
    series = checkout.series_folder / "series.yaml"
    series.write_text(series.read_text().replace("DEBUG_VM, reason: the assertion needs it", "PROVE_RCU, reason: why"))
    checkout.write("configs/kconfig/fake.config", "CONFIG_NUMA=y\nCONFIG_DEBUG_VM=y\nCONFIG_PROVE_RCU=y\n")
    ended = checkout.harness("run", "demo")
    assert (ended.code, checkout.boots()) == (4, 0)
    assert "the series needs CONFIG_PROVE_RCU (why): dropped, unmet dependency: LOCKDEP_SUPPORT=n" in ended.out


@pytest.mark.slow
def test_a_stressor_is_blocked_by_what_the_kernel_has_not_yet(make: Make) -> None:
    checkout = make(harmless(1), stressors=("migration", "quiet"))
    checkout.write("configs/kconfig/history.yaml", HISTORY)
    ended = checkout.harness("run", "demo")
    assert checkout.boots() == 2, "the other stressor runs"
    assert "needs CONFIG_NUMA: not in this kernel before 6.5-rc1" in ended.out


def test_what_became_of_every_request(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.write("configs/kconfig/history.yaml", HISTORY)
    own = checkout.write("own.config", "CONFIG_PROC_FS=y\nCONFIG_PROVE_RCU=y\n# CONFIG_NOTHING is not set\n")
    ended = checkout.harness("config", "show", "fake", "--series", "demo", "--fragment", str(own), "--json")
    assert (ended.code, checkout.containers("configure"), checkout.containers()) == (0, 1, 0)
    told = json.loads(ended.out)
    assert (told["tree"], told["era"], told["fragments"]) == ("fake", "fake", ["fake", "own"])
    states = {row["option"]: (row["state"], row["reason"]) for row in told["requests"]}
    assert states == {
        "NUMA": ("dropped", "not in this kernel before 6.5-rc1"),
        "DEBUG_VM": ("obtained", ""),
        "PROC_FS": ("always", "always on"),
        "PROVE_RCU": ("dropped", "unmet dependency: LOCKDEP_SUPPORT=n"),
        "NOTHING": ("obtained", ""),
    }
    assert told["counts"] == {"dropped": 2, "obtained": 2, "always": 1, "added": 0}
    assert told["stressors"] == {"migration": {"NUMA": "not in this kernel before 6.5-rc1"}}
    assert told["obtained"]["DEBUG_VM"] == "y"
    words = checkout.harness("config", "show", "fake", "--fragment", str(own), "--all").out
    assert "3 requested by own; 1 obtained, 1 there without an option, 0 no option of this kernel, 1 dropped" in words
    assert "stressor memcg: blocked, needs CONFIG_NUMA: not in this kernel before 6.5-rc1" in words


@pytest.mark.slow
def test_the_history_of_an_option(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.write("configs/kconfig/history.yaml", HISTORY)
    ended = checkout.harness("config", "explain", "CONFIG_OLD_DEBUG_VM")
    assert ended.code == 0 and "CONFIG_OLD_DEBUG_VM is CONFIG_DEBUG_VM today" in ended.out
    told = json.loads(checkout.harness("config", "explain", "numa", "--json").out)
    assert [(step["is"], step["since"], step["until"]) for step in told["history"]] == [
        ("not-yet", None, "6.5-rc1"), ("option", "6.5-rc1", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "fak"), "unknown tree 'fak'; did you mean fake?"),
        (("show", "fake", "--fragment", "fakes"), "unknown kconfig fragment 'fakes'; did you mean fake?"),
        (("show", "fake", "--fragment", "no/such.config"), "no/such.config: cannot be read: No such file or directory"),
        (("show", "fake", "--series", "dem"), "unknown series 'dem'; did you mean demo?"),
        (("explain", "NUMAA"), "did you mean NUMA?"),
        (("explain", "OLD_DEBUG"), "did you mean OLD_DEBUG_VM or DEBUG_VM?"),
    ],
)
def test_what_config_does_not_know(make: Make, words: tuple[str, ...], told: str) -> None:
    checkout = make(harmless(1))
    checkout.write("configs/kconfig/history.yaml", HISTORY)
    ended = checkout.harness("config", *words)
    assert ended.code == 2 and told in ended.err, ended.err


@pytest.mark.slow
def test_a_required_option_that_nobody_requests(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.write("configs/kconfig/fake.config", "CONFIG_NUMA=y\n")
    ended = checkout.harness("run", "demo")
    assert ended.code == 2
    assert "CONFIG_DEBUG_VM is required (the assertion needs it)" in ended.err


@pytest.mark.slow
def test_a_stressor_whose_option_is_missing_is_blocked(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.write("configs/kconfig/fake.config", "CONFIG_DEBUG_VM=y\n")
    ended = checkout.harness("run", "demo")
    assert (ended.code, checkout.boots()) == (4, 0)
    assert "needs CONFIG_NUMA" in ended.out


def test_the_listener_hears_every_step(make: Make) -> None:
    checkout = make(harmless(1))
    workshop, recorder = checkout.workshop()
    summary = start_or_continue(workshop, checkout.request()).execute()
    assert summary.exit_code == 0
    told = recorder.finished()
    assert [text.split(" ")[0].rstrip(":") for text in told] == ["built", "built", "pass", "pass"]
    assert "fake: importing the folder" in recorder.notices()
