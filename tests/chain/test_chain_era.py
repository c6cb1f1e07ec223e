"""harness era: the table of what builds and boots, and what it says of trees that do not."""

from __future__ import annotations

import json

from tests.chain.conftest import Make
from tests.fake.checkout import Checkout


def with_stressor(make: Make, **words: list[str]) -> Checkout:
    """A checkout whose only patch does not matter."""
    return make([], **words)


def test_a_tree_that_boots_and_one_that_cannot_be_had(make: Make) -> None:
    checkout = with_stressor(make)
    ended = checkout.harness("era", "check", "fake", "gone")
    assert ended.code == 0, ended.err
    assert "gone  unreachable: tree gone: directory" in ended.out
    row = next(line for line in ended.out.splitlines() if line.startswith("fake "))
    assert row.split()[-4:-1] == ["1/1", "4", "2"] or row.split()[-3:] == ["1/1", "4", "2"]
    assert (checkout.layout.results / "era-check" / "fake" / "console").is_file()
    again = checkout.harness("era", "check", "--format", "json", "fake")
    (told,) = json.loads(again.out)
    assert (told["state"], told["at_hand"], told["boots"][0]["cpus"]) == ("holds", True, 4)
    table = checkout.harness("era", "check", "--format", "md", "fake")
    assert table.out.splitlines()[0].startswith("| tree | compiler |")


def test_nothing_that_can_be_had_is_a_failure_of_the_machine(make: Make) -> None:
    assert with_stressor(make).harness("era", "check", "gone").code == 3


def test_a_kernel_that_warns_at_boot_does_not_hold(make: Make) -> None:
    checkout = with_stressor(make, core=["	guest(warn, function=start_check);"])
    ended = checkout.harness("era", "check", "fake", "--tries", "2")
    assert ended.code == 1
    assert checkout.boots() == 2
    assert "finding: WARNING in start_check" in ended.out
    assert "era-check/fake" in ended.out.replace("\n", "")


def test_unknown_names(make: Make) -> None:
    checkout = with_stressor(make)
    wrong = checkout.harness("era", "check", "fakee")
    assert (wrong.code, wrong.err) == (2, "harness: unknown tree 'fakee'; did you mean fake?\n")
    nothing = checkout.harness("era", "show", "fak")
    assert (nothing.code, nothing.err) == (2, "harness: no era and no tree 'fak'; did you mean fake?\n")
    shown = checkout.harness("era", "show", "fake")
    assert (shown.code, "kernels        from 6.0" in shown.out) == (0, True)
    assert "fake" in checkout.harness("era", "list").out


def test_a_dead_qemu_is_the_harnesss_failure(make: Make) -> None:
    checkout = with_stressor(make, core=["	guest(kill);"])
    ended = checkout.harness("era", "check", "fake")
    assert ended.code == 3
    assert "fake  harness failed: QEMU ended with killed by signal 9" in ended.out
