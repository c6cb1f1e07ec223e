"""Series that do not apply: the run ends at the first failure, or leaves out what fails; either way it is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.model.tree import Applied
from tests.chain.conftest import Make
from tests.fake.checkout import Checkout, FakePatch, harmless, patch

pytestmark = pytest.mark.slow

LOST = FakePatch(("	state += 2;",), subject="mm: lost", context="	was_never_there++;")
WARN = "	guest(warn, function=demo_check);"


def states(checkout: Checkout) -> list[tuple[int, Applied | None]]:
    """(patch, how it went in) of the newest run."""
    store = checkout.store()
    return [(state.patch, state.applied) for state in store.patches(store.runs()[0].id)]


def test_the_run_ends_at_the_first_failure_and_names_it(make: Make) -> None:
    checkout = make([*harmless(1), LOST, *harmless(1)])
    ended = checkout.harness("run", "demo")
    assert ended.code == 2
    lines = ended.err.splitlines()
    assert "patch 2 ('mm: lost') does not apply to fake: hunks at mm/step2.c:4" in lines[-1]
    assert lines[-1].endswith("patches 1 to 1 do: --patches 0,1 runs those, --keep-going all that apply")
    # Above it: what the patch wants, and what the tree has there.
    shown = "\n".join(line.strip() for line in lines)
    assert "was_never_there++;" in shown and "=       int state = 0;" in ended.err
    assert "!       state++;" in ended.err
    assert checkout.store().runs() == []


def test_the_patches_before_it_can_be_run(make: Make) -> None:
    checkout = make([*harmless(1), LOST, *harmless(1)])
    ended = checkout.harness("run", "demo", "--patches", "0,1")
    assert ended.code == 0, ended
    assert states(checkout) == [(1, Applied.CLEAN), (2, Applied.CONFLICT), (3, None)]
    assert "✗ patch 2 (mm: lost)  conflict: hunks at mm/step2.c:4" in ended.out
    assert "· patch 3  not tried" in ended.out


def test_keep_going_runs_what_applies(make: Make) -> None:
    checkout = make([*harmless(1), LOST, replace(patch(WARN), subject="mm: warn")])
    ended = checkout.harness("run", "demo", "--keep-going", "--patches", "each")
    assert ended.code == 1, ended
    assert "mm/step3.c:7, a line that patch 3 adds" in ended.out, "it is still patch 3"
    assert "patch 2 ('mm: lost') is left out: hunks at mm/step2.c:4" in ended.err
    assert "(without patches 2 on fake, which do not apply)" in ended.out
    assert states(checkout) == [(1, Applied.CLEAN), (2, Applied.CONFLICT), (3, Applied.CLEAN)]
    store = checkout.store()
    kernels = store.kernels(store.runs()[0].id)
    assert [(row.patches, row.subject) for row in kernels][1:] == [
        (1, "mm: take step 1"), (3, "mm: warn (without 2)"),
    ]  # fmt: skip
    shown = checkout.harness("show")
    assert (shown.code, "(mm: lost)  conflict" in shown.out) == (1, True)
    page = checkout.harness("report", "last")
    assert page.code == 0
    report = next(checkout.layout.results.glob("reports/*.html")).read_text()
    assert "Patches on this tree" in report and "hunks at mm/step2.c:4" in report


def test_the_end_left_out_is_the_patch_before_it(make: Make) -> None:
    checkout = make([*harmless(2), LOST])
    ended = checkout.harness("run", "demo", "--keep-going")
    assert ended.code == 0, ended
    store = checkout.store()
    assert [row.patches for row in store.kernels(store.runs()[0].id)] == [0, 2]
    # Asked again, it goes on with the same run and results.
    assert checkout.harness("run", "demo", "--keep-going").code == 0
    assert checkout.boots() == 2


def test_nothing_left_to_run(make: Make) -> None:
    checkout = make([FakePatch(("	x;",), context="	no1++;"), FakePatch(("	x;",), context="	no2++;")])
    ended = checkout.harness("run", "demo", "--keep-going")
    assert ended.code == 2
    assert "patch 1 ('mm: take step 1') does not apply to fake" in ended.err.splitlines()[-1]
    assert "series base tells" in ended.err.splitlines()[-1]


def test_plan_and_series_show_tell_the_same(make: Make) -> None:
    checkout = make([*harmless(1), LOST, *harmless(1)])
    checkout.harness("tree", "fetch", "fake")
    plan = checkout.harness("run", "demo", "--keep-going", "--plan")
    shown = checkout.harness("series", "show", "demo", "--tree", "fake")
    for ended in (plan, shown):
        assert ended.code == 0, ended
        assert "✓ patch 1  clean" in ended.out
        assert "✗ patch 2 (mm: lost)  conflict: hunks at mm/step2.c:4" in ended.out
    assert "was_never_there++;" in shown.err
    assert checkout.harness("run", "demo", "--plan").code == 2
    assert checkout.store().runs() == []


def test_series_base_on_the_trees_that_are_here(make: Make) -> None:
    checkout = make(harmless(2))
    port = str(checkout.series_folder / "port")
    ended = checkout.harness("series", "base", port)
    assert ended.code == 2 and "no tree is here to try: fake, gone" in ended.err
    checkout.harness("tree", "fetch", "fake")
    ended = checkout.harness("series", "base", port)
    assert ended.code == 0, ended
    assert "all 2 hunks stand at their lines" in ended.out
    assert ended.out.splitlines()[-1] == "likely fake, the only tree that was tried"
    assert "gone  not tried: not here: harness tree fetch gone" in ended.out
    # Named, a tree that cannot be had is an error; a folder and a second one are tried together.
    assert checkout.harness("series", "base", port, "--candidates", "gone").code == 3
    (checkout.folder / "other").mkdir()
    both = checkout.harness(
        "series", "base", port, "--candidates", str(checkout.folder / "other"), str(checkout.root / "tree")
    )
    assert both.code == 0, both
    assert both.out.index("root/tree") < both.out.index("other")
    assert "harness: what is 'x'?" in checkout.harness("series", "base", port, "x").err
    assert "did you mean demo?" in checkout.harness("series", "base", "dmeo").err
