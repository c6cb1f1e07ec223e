"""Warnings of builds from the compiler to the run's tables, report and store; they are told and never judged."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import pytest

from tests.chain.conftest import Make
from tests.fake.checkout import harmless, patch

pytestmark = pytest.mark.slow


def test_a_patch_that_adds_a_warning_in_a_file_it_touches_says_so(make: Make) -> None:
    checkout = make([*harmless(1), patch("#warning loud"), *harmless(3)[2:]], core=["#warning always there"])
    ended = checkout.harness("run", "demo", "--patches", "each")
    line = "patch 2 adds a warning in mm/step2.c, which it touches: mm/step2.c:7:2: #warning loud [-Wcpp]"
    assert ended.code == 0, "a warning makes no kernel worse"
    assert line in ended.out
    assert "1 warning in the baseline, 2 with +3: 1 new, 0 gone" in ended.out
    assert ended.out.count("#warning") == 1
    page = next((checkout.layout.results / "reports").glob("*.html")).read_text()
    assert "patch 2 adds a warning in mm/step2.c, which it touches" in page
    shown = checkout.harness("show")
    assert line in shown.out

    # A kernel at hand keeps its warnings; a run of the ends names the patch by the file.
    again = checkout.harness("run", "demo")
    assert line in again.out and checkout.containers("build") == 4
    found = json.loads(checkout.harness("show", "--json").out)
    kernels = found["trees"][0]["kernels"]
    assert [kernel["patches"] for kernel in kernels] == [0, 3]
    (new,) = kernels[1]["new_warnings"]
    assert (new["file"], new["line"], new["option"], new["patches"], new["touched"]) == (
        "mm/step2.c", 7, "-Wcpp", [2], True,
    )  # fmt: skip
    assert (kernels[1]["gone_warnings"], len(kernels[0]["warnings"])) == ([], 1)


def test_a_build_that_fails_tells_its_errors_with_their_places(make: Make) -> None:
    checkout = make([*harmless(1), patch("#error broken")])
    ended = checkout.harness("run", "demo", "--patches", "each")
    assert ended.code == 1
    assert "+2 does not build: mm/step2.c:7:2: #error broken" in ended.out
    store = checkout.store()
    (error,) = store.build_messages(store.runs()[0].id)["fake", 2]
    assert (error.kind, error.file, error.line) == ("error", "mm/step2.c", 7)
    # Told again by a run that knows the failure.
    assert "+2 does not build: mm/step2.c:7:2" in checkout.harness("run", "demo", "--patches", "each").out


def test_a_bisection_knows_which_files_its_patches_touch(make: Make) -> None:
    checkout = make([*harmless(1), patch("	guest(warn, function=demo_check);", "#warning loud")])
    assert checkout.harness("run", "demo").code == 1
    # 4: a few boots of two patches name it with less than 95 %.
    assert checkout.harness("bisect", "demo", "--title", "WARNING in demo_check").code in (0, 4)
    store = checkout.store()
    run = store.runs()[0]
    assert (run.kind, [state.patch for state in store.patches(run.id)]) == ("bisect", [1, 2])
    line = "patch 2 adds a warning in mm/step2.c, which it touches: mm/step2.c:8:2: #warning loud"
    assert line in checkout.harness("show", run.id).out
    # One of before that was written down says nothing of it.
    with contextlib.closing(sqlite3.connect(checkout.layout.results / "harness.sqlite")) as connection:
        connection.execute("delete from run_patch_files")
        connection.commit()
    shown = checkout.harness("show", run.id).out
    assert "patch 2 adds a warning: mm/step2.c:8:2" in shown and "touch" not in shown


def test_kernels_of_before_warnings_were_kept_are_not_known(make: Make) -> None:
    checkout = make([patch("#warning loud")])
    assert checkout.harness("run", "demo").code == 0
    for path in (checkout.layout.cache / "builds").glob("*/warnings.json"):
        path.unlink()
    ended = checkout.harness("run", "demo")
    assert "warnings of the baseline, +1 are not known" in ended.out
    kernels = json.loads(checkout.harness("show", "--json").out)["trees"][0]["kernels"]
    assert [kernel["warnings"] for kernel in kernels] == [None, None]
    assert kernels[1]["new_warnings"] is None
