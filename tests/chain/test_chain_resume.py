"""A run that is killed at any moment goes on where it was, and ends as one that was left alone."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.model.cell import Outcome
from tests.chain.conftest import Make
from tests.fake.checkout import Checkout, harmless, patch

pytestmark = pytest.mark.slow

COMMAND = ("run", "demo", "--patches", "each", "--repeat", "2", "--jobs", "1")
PATCHES = [*harmless(1), patch("	guest(warn, function=demo_check);")]
CELLS = 3 * 2


def until(condition: Callable[[], bool], process: Callable[[], bool]) -> bool:
    """Waits for a condition; False when the process ended first."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if condition():
            return True
        if process():
            return False
        time.sleep(0.005)
    raise AssertionError("waited for a minute")


def finished(checkout: Checkout) -> int:
    """Cells that are in the store; read from outside, so that the run is not disturbed."""
    path = checkout.layout.results / "harness.sqlite"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM cells").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def conclusion(checkout: Checkout) -> list[tuple[object, ...]]:
    """What the newest run says, apart from names and times."""
    store = checkout.store()
    run = store.runs()[0]
    cells = [
        (c.tree, c.patches, c.stressor, c.seed, c.repeat, c.outcome, c.reason, sorted(c.own_lines.items()))
        for c in store.run_cells(run.id)
    ]
    kernels = [(k.tree, k.patches, k.key, k.digest) for k in store.kernels(run.id)]
    return [(run.exit_code, run.conclusion), *kernels, *cells]


def test_killed_at_many_moments(make: Make, tmp_path: Path) -> None:
    checkout = make(PATCHES)
    chance = random.Random(2011)
    moments: list[Callable[[], bool]] = [
        checkout.log.is_file,
        lambda: checkout.boots() >= 1,
        lambda: finished(checkout) >= 3,
    ]
    for moment in moments:
        pid = checkout.fork(*COMMAND)
        hit = until(moment, lambda pid=pid: os.waitpid(pid, os.WNOHANG)[0] != 0)  # type: ignore[misc]
        assert hit, "the run ended before it could be killed"
        time.sleep(chance.random() * 0.1)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    time.sleep(0.3)  # a guest that had just been started has noted its boot by then, and died with its harness
    done, booted, built = finished(checkout), checkout.boots(), checkout.containers("build")
    assert 3 <= done < CELLS
    ended = checkout.harness(*COMMAND)
    assert ended.code == 1, ended
    assert checkout.boots() - booted == CELLS - done, "finished cells are not booted again, none is lost"
    assert checkout.containers("build") == built
    assert len(checkout.store().runs()) == 1, "it is one run"

    undisturbed = Checkout(tmp_path / "other").make(PATCHES)
    assert undisturbed.harness(*COMMAND).code == 1
    assert conclusion(checkout) == conclusion(undisturbed)


def test_a_killed_process_is_resumed(make: Make) -> None:
    checkout = make(PATCHES)
    process = checkout.spawn(*COMMAND)
    try:
        assert until(lambda: finished(checkout) >= 1, lambda: process.poll() is not None)
    finally:
        process.kill()
        process.wait()
    time.sleep(0.3)
    done, booted = finished(checkout), checkout.boots()
    # --resume takes what the run was asked with, not what stands beside it.
    ended = checkout.harness("run", "demo", "--resume")
    assert ended.code == 1, ended
    assert checkout.boots() - booted == CELLS - done
    ended = checkout.harness("run", "demo", "--resume")
    assert (ended.code, ended.err.splitlines()[-1]) == (2, "harness: no unfinished run of demo to resume")


def test_an_interrupted_new_repeat_stays_a_new_repeat(make: Make) -> None:
    checkout = make(harmless(1))
    assert checkout.harness("run", "demo", "--jobs", "1").code == 0
    pid = checkout.fork("run", "demo", "--again", "--jobs", "1")
    assert until(lambda: finished(checkout) >= 3, lambda: os.waitpid(pid, os.WNOHANG)[0] != 0)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert checkout.harness("run", "demo", "--again", "--jobs", "1").code == 0
    store = checkout.store()
    assert {cell.repeat for cell in store.run_cells(store.runs()[0].id)} == {1}, "not the results of the first run"
    assert finished(checkout) == 4


def test_an_interrupt_is_no_result(make: Make) -> None:
    checkout = make([patch("	guest(hang);")])
    pid = checkout.fork("run", "demo", "--jobs", "1")
    assert until(lambda: checkout.boots() >= 2, lambda: os.waitpid(pid, os.WNOHANG)[0] != 0)
    os.kill(pid, signal.SIGINT)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    store = checkout.store()
    assert [cell.outcome for cell in store.run_cells(store.runs()[0].id)] in ([Outcome.PASS], [])
    assert store.runs()[0].finished is None
