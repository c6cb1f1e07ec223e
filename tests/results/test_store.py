"""The results store: what is put is got, two writers, another schema, a full or broken disk."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.cell import Cell, CellResult, Ending, Outcome, Proof
from harness.model.errors import InfrastructureError, UserError
from harness.model.finding import KERNEL_LOG, Effect, Finding, FrameTouch, Severity, SourceFrame
from harness.model.guest import Accelerator, GuestSpec
from harness.model.tree import Applied, PatchState
from harness.results.store import SCHEMA_VERSION, CellContext, CellRow, KernelRow, RunRow, Store, TreeRow

FINDING = Finding(
    "warning", "WARNING in x", "x", Severity.WARNING, 3, 9, ("a", "b"), True, ("x", "y"), "console",
    "warning: x y", ("BUG in x",), ("z",),
    (SourceFrame("x", "mm/x.c", 7), SourceFrame("y", "", 0, True, False)), "loud",
)  # fmt: skip


def opened(folder: Path) -> Store:
    """The store in a folder."""
    return Store(f"sqlite:///{folder / 'harness.sqlite'}", folder)


def run_row(name: str, **words: object) -> RunRow:
    """A run that began."""
    row = RunRow(name, "demo", "t", "plan", {"seed": 1, "trees": ["a"]}, 1.0, None, None, "", {"host": "x"})
    return replace(row, **words)  # type: ignore[arg-type]


def cell(seed: int = 1) -> Cell:
    """A cell."""
    return Cell(
        kernel_key="k", kernel_digest="d" * 64, tree="tree", patches=1, stressor="migration", seconds=20, seed=seed,
        repeat=0, guest=GuestSpec(append=("a",)), initramfs_digest="i" * 64, arguments_digest="a" * 64,
        accelerator=Accelerator.TCG,
    )  # fmt: skip


def result(of: Cell, folder: Path, findings: tuple[Finding, ...] = ()) -> CellResult:
    """What its guest left in ``folder``."""
    folder.mkdir(parents=True)
    (folder / "console").write_bytes(b"said \xff")
    proof = Proof((("a", 5),), True, (), "a +5")
    return CellResult(
        of.key, Outcome.FINDING if findings else Outcome.PASS, "why", findings, proof, 1.5, 0.5,
        str(folder / "console"), str(folder / "no-report"), "qemu -x", "guest",
    )  # fmt: skip


def test_how_patches_went_in(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.start_run(run_row("a"))
    states = [
        PatchState("t", 1, "one", Applied.OFFSET, "1 of 2 hunks"),
        PatchState("t", 2, "two", Applied.CONFLICT, "hunks at mm/x.c:2"),
        PatchState("t", 3, "three", None),
    ]
    for state in (replace(states[0], applied=Applied.CLEAN), *reversed(states)):
        store.put_patch("a", state)
    assert opened(tmp_path).patches("a") == states
    assert store.patches("b") == []
    # A store of before it was kept gets the table when it is opened.
    with sqlite3.connect(tmp_path / "harness.sqlite") as connection:
        connection.execute("DROP TABLE run_patches")
    assert opened(tmp_path).patches("a") == []


def test_the_log_from_guest_ram_is_kept(tmp_path: Path) -> None:
    store = opened(tmp_path / "results")
    finding = replace(FINDING, artefact=KERNEL_LOG)
    died = result(cell(), tmp_path / "guest", (finding,))
    (tmp_path / "guest" / KERNEL_LOG).write_bytes(b"kernel BUG\n")
    kept = store.put_cell(cell(), replace(died, kernel_log=str(tmp_path / "guest" / KERNEL_LOG)), 5.0)
    assert Path(kept.kernel_log) == store.cell_folder(kept.key) / KERNEL_LOG
    assert Path(kept.kernel_log).read_bytes() == b"kernel BUG\n"
    assert opened(tmp_path / "results").cell(kept.key) == kept
    # A cell without one does not get the old one's.
    (tmp_path / "guest" / "console").unlink()
    assert store.put_cell(cell(), died, 6.0).kernel_log == ""
    assert opened(tmp_path / "results").cell(kept.key) == store.cell(kept.key)


def test_a_store_of_before_a_column_came_gets_it(tmp_path: Path) -> None:
    store = opened(tmp_path / "results")
    kept = store.put_cell(cell(), result(cell(), tmp_path / "guest", (FINDING,)), 5.0)
    with sqlite3.connect(tmp_path / "results" / "harness.sqlite") as connection:
        connection.execute("ALTER TABLE findings DROP COLUMN artefact")
    assert opened(tmp_path / "results").cell(kept.key) == kept


def test_effects_and_endings_of_a_store_of_before_they_were_kept(tmp_path: Path) -> None:
    notice = replace(FINDING, severity=Severity.NOTICE, effect=Effect.SHOW, noise="")
    store = opened(tmp_path / "results")
    ran = replace(result(cell(), tmp_path / "guest", (FINDING, notice)), ending=Ending(Outcome.PASS, "work +9"))
    kept = store.put_cell(cell(), ran, 5.0)
    assert opened(tmp_path / "results").cell(kept.key) == kept
    with sqlite3.connect(tmp_path / "results" / "harness.sqlite") as connection:
        connection.execute("ALTER TABLE findings DROP COLUMN effect")
        connection.execute("ALTER TABLE cells DROP COLUMN ending")
        connection.execute("DROP INDEX ix_run_cells_cell")
    assert opened(tmp_path / "results").cell(kept.key) == replace(kept, ending=None)
    with sqlite3.connect(tmp_path / "results" / "harness.sqlite") as connection:
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'ix_run_cells_cell'").fetchall() == [(1,)]


def test_what_is_read_back_is_interpreted_where_it_stands(tmp_path: Path) -> None:
    seen: list[CellContext] = []

    def interpret(ran: CellResult, context: CellContext) -> CellResult:
        seen.append(context)
        return replace(ran, outcome=Outcome.PASS, reason="today")

    opened(tmp_path).put_cell(cell(), result(cell(), tmp_path / "guest", (FINDING,)), 5.0)
    store = Store(f"sqlite:///{tmp_path / 'harness.sqlite'}", tmp_path, interpret)
    row = CellRow("other", 1, "migration", 1, 0, cell().key, Outcome.FINDING, "then", False, {0: (2, "mm/x.c:7")})
    failed = replace(row, stressor="memcg", outcome=Outcome.HARNESS_FAILURE, reason="QEMU")
    for name, series in (("a", "demo"), ("b", "/some/where")):
        store.start_run(run_row(name, arguments={"series": series}, started=float(ord(name))))
    for one in (row, failed):
        store.put_run_cell("a", one)
    memcg, migration = store.run_cells("a")
    assert (migration.outcome, migration.reason) == (Outcome.PASS, "today")
    assert (memcg.outcome, memcg.reason, memcg.result) == (Outcome.HARNESS_FAILURE, "QEMU", None)
    assert seen == [CellContext("demo", "other", "migration", "tcg", frozenset({0}))]
    store.put_run_cell("b", replace(row, own_lines={}))
    assert store.find_cell(cell().key[:9]).reason == "today"
    assert seen[-1] == CellContext("/some/where", "other", "migration", "tcg"), "as in the newest run"
    assert store.series_of(cell().key) == "/some/where"
    assert store.cell(cell().key) is not None
    assert seen[-1] == CellContext("", "tree", "migration", "tcg"), "in no run"


def test_a_cell_and_its_artefacts(tmp_path: Path) -> None:
    store = opened(tmp_path / "results")
    kept = store.put_cell(cell(), result(cell(), tmp_path / "guest", (FINDING,)), 5.0)
    assert Path(kept.console).read_bytes() == b"said \xff"
    assert Path(kept.report).read_bytes() == b""
    again = opened(tmp_path / "results")
    assert again.cell(cell().key) == kept
    assert again.find_cell(cell().key[:8]) == kept
    assert again.cell_spec(cell().key)["seed"] == 1
    # Put again, as by a harness that was killed before it noted the cell in its run.
    replaced = again.put_cell(cell(), result(cell(), tmp_path / "guest2"), 6.0)
    assert again.cell(cell().key) == replaced
    assert replaced.findings == ()
    for beginning in ("zz", "%", "_"):
        with pytest.raises(UserError, match="no cell begins with"):
            again.find_cell(beginning)


def test_a_run_and_its_parts(tmp_path: Path) -> None:
    store = opened(tmp_path / "results")
    store.start_run(run_row("20260101-a"))
    store.start_run(run_row("20260102-b", started=2.0, plan="other", kind="nightly"))
    assert [row.id for row in store.runs()] == ["20260102-b", "20260101-a"]
    assert store.run("20260101") == run_row("20260101-a")
    assert store.run("last").id == "20260102-b"
    with pytest.raises(UserError, match="more than one run is called '2026'"):
        store.run("2026")
    assert store.unfinished("plan") == run_row("20260101-a")
    store.finish_run("20260101-a", 9.0, 4, "open")
    assert store.unfinished("plan") is None
    assert store.run("20260101-a") == run_row("20260101-a", finished=9.0, exit_code=4, conclusion="open")
    name = "20260101-a"
    store.put_tree(name, TreeRow("tree", False, "why"))
    store.put_tree(name, TreeRow("tree", True, "", "t", "s", "n"))
    assert store.trees(name) == [TreeRow("tree", True, "", "t", "s", "n")]
    kernel = KernelRow("tree", 1, "s", "k", "d", "built", "", 2.0, True, "i", "docker", "7a")
    store.put_kernel(name, kernel)
    assert store.kernels(name) == [kernel]
    assert store.usual_build_seconds("tree", True) == 2.0
    assert store.usual_build_seconds("tree", False) is None
    kept = store.put_cell(cell(), result(cell(), tmp_path / "guest", (FINDING,)), 5.0)
    touched = {0: {1: FrameTouch((1, 2), False), 3: FrameTouch((2,), True)}}
    row = CellRow(
        "tree", 1, "migration", 1, 0, cell().key, Outcome.FINDING, "why", False, {0: (2, "mm/x.c:7")}, None, touched
    )
    blocked = CellRow("tree", 1, "memcg", 1, 0, "", Outcome.BLOCKED, "needs X", False, {})
    store.put_run_cell(name, row)
    store.put_run_cell(name, blocked)
    assert store.run_cells(name) == [blocked, replace(row, result=kept)]
    assert store.newest_source(cell().key) == ("7a", touched)
    store.put_run_cell(name, replace(row, patches=2, touched_frames={}))
    store.put_kernel(name, replace(kernel, patches=2, tree_id="7b"))
    assert store.newest_source(cell().key) == ("7b", {})
    assert store.newest_source("0" * 64) == ("", {})
    assert store.usual_seconds("migration") == 1.5


def test_two_writers(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    opened(folder)
    failed: list[BaseException] = []

    def write(first: int) -> None:
        try:
            store = opened(folder)
            for seed in range(first, first + 5):
                store.put_cell(cell(seed), result(cell(seed), tmp_path / f"guest{seed}"), 1.0)
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    keys = [cell(seed).key for first in (0, 100) for seed in range(first, first + 5)]
    assert len(opened(folder).cells(keys)) == 10


def test_two_that_open_a_new_store_at_once(tmp_path: Path) -> None:
    failed: list[BaseException] = []
    for attempt in range(5):
        barrier = threading.Barrier(4)

        def open_it(folder: Path = tmp_path / str(attempt), barrier: threading.Barrier = barrier) -> None:
            folder.mkdir(exist_ok=True)
            barrier.wait()
            try:
                opened(folder)
            except BaseException as error:
                failed.append(error)

        openers = [threading.Thread(target=open_it) for _ in range(4)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join()
    assert failed == []


def test_a_newer_schema_is_left_alone(tmp_path: Path) -> None:
    opened(tmp_path)
    with sqlite3.connect(tmp_path / "harness.sqlite") as connection:
        connection.execute("UPDATE meta SET value = ?", (str(SCHEMA_VERSION + 1),))
    connection.close()
    with pytest.raises(InfrastructureError, match=f"schema {SCHEMA_VERSION + 1}, this harness knows {SCHEMA_VERSION}"):
        opened(tmp_path)


def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "harness.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(InfrastructureError) as error:
        opened(tmp_path)
    assert len(str(error.value).splitlines()) == 1
    with pytest.raises(InfrastructureError):
        opened(tmp_path / "harness.sqlite")


def test_a_cells_key_is_what_runs_not_its_name() -> None:
    assert replace(cell(), tree="another", patches=7, kernel_key="other").key == cell().key
    for other in (
        replace(cell(), seed=2), replace(cell(), repeat=1), replace(cell(), seconds=9),
        replace(cell(), kernel_digest="e"),
        replace(cell(), arguments_digest="b"), replace(cell(), initramfs_digest="j"),
        replace(cell(), accelerator=Accelerator.KVM), replace(cell(), stressor="memcg"),
    ):  # fmt: skip
        assert other.key != cell().key
