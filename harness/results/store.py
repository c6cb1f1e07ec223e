"""The results store: SQLite through SQLAlchemy Core, with the consoles and reports of cells beside it.

Each finished cell is one transaction, written after its artefacts are safely on disk: a killed harness loses at most
the cell that was running.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from harness.model.build_message import BuildMessage, message_from
from harness.model.cell import Cell, CellResult, Ending, Outcome, Proof, Seen
from harness.model.command import OUTPUT
from harness.model.errors import InfrastructureError, UserError
from harness.model.finding import CONSOLE, KERNEL_LOG, Effect, Finding, FrameTouch, Severity, SourceFrame
from harness.model.guest import SAMPLES
from harness.model.tree import Applied, FixupState, PatchState

SCHEMA_VERSION = 1

_metadata = sa.MetaData()
_meta = sa.Table("meta", _metadata, sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text))
_runs = sa.Table(
    "runs",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("series", sa.Text, nullable=False, index=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("plan", sa.Text, nullable=False, index=True),  # digest of what was asked for
    sa.Column("arguments", sa.Text, nullable=False),  # JSON
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("finished", sa.Float),
    sa.Column("exit_code", sa.Integer),
    sa.Column("conclusion", sa.Text, nullable=False, server_default=""),
    sa.Column("machine", sa.Text, nullable=False),  # JSON
    sa.Column("kind", sa.Text, nullable=False, server_default="run"),
)
_run_trees = sa.Table(
    "run_trees",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("available", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("tree_id", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)
_run_patches = sa.Table(
    "run_patches",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("patch", sa.Integer, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("applied", sa.Text),  # a value of Applied; NULL: not tried
    sa.Column("detail", sa.Text, nullable=False),
)
_run_fixups = sa.Table(
    "run_fixups",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("touched_by", sa.Text, nullable=False),  # JSON: numbers of patches
)
_run_kernels = sa.Table(
    "run_kernels",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("patches", sa.Integer, primary_key=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # built, cached, failed
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("incremental", sa.Boolean, nullable=False),
    sa.Column("image", sa.Text, nullable=False),
    sa.Column("command", sa.Text, nullable=False, server_default=""),
    sa.Column("tree_id", sa.Text, nullable=False, server_default=""),
)
_run_patch_files = sa.Table(
    "run_patch_files",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("patch", sa.Integer, primary_key=True),
    sa.Column("file", sa.Text, primary_key=True),
)
_run_functions = sa.Table(
    "run_functions",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("function", sa.Text, primary_key=True),
    sa.Column("patches", sa.Text, nullable=False),  # JSON: numbers of the patches that touch it
)
_run_stressors = sa.Table(
    "run_stressors",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("stressor", sa.Text, primary_key=True),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)
# A row for each kernel whose warnings, or first errors where it does not build, are known; none, or a few, below it.
_run_build_logs = sa.Table(
    "run_build_logs",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("patches", sa.Integer, primary_key=True),
)
_run_build_messages = sa.Table(
    "run_build_messages",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("patches", sa.Integer, primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # a value of MessageKind
    sa.Column("file", sa.Text, nullable=False, index=True),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("column", sa.Integer, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("option", sa.Text, nullable=False),
    sa.Column("function", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
)
_run_cells = sa.Table(
    "run_cells",
    _metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("patches", sa.Integer, primary_key=True),
    sa.Column("stressor", sa.Text, primary_key=True),
    sa.Column("seed", sa.Integer, primary_key=True),
    sa.Column("repeat", sa.Integer, primary_key=True),
    sa.Column("cell", sa.Text, nullable=False, index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("reused", sa.Boolean, nullable=False),
    sa.Column("own_lines", sa.Text, nullable=False),  # JSON: finding's place in the cell -> [patch, "file:line"]
    # JSON: finding's place in the cell -> {frame's place: [[patches], by its line]}
    sa.Column("touched_frames", sa.Text, nullable=False, server_default="{}"),
    sa.Column("seen", sa.Text),  # JSON: [samples, {function that the series touches: samples in it}]
)
_cells = sa.Table(
    "cells",
    _metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("proof", sa.Text),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("user_space", sa.Float),
    sa.Column("command_line", sa.Text, nullable=False),
    sa.Column("guest", sa.Text, nullable=False),
    sa.Column("finished", sa.Float, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),  # JSON of the Cell
    sa.Column("kernel_digest", sa.Text, nullable=False, index=True),
    sa.Column("stressor", sa.Text, nullable=False),
    sa.Column("ending", sa.Text),  # a value of Outcome; NULL: of before it was kept
    sa.Column("ending_reason", sa.Text, nullable=False, server_default=""),
)
_findings = sa.Table(
    "findings",
    _metadata,
    sa.Column("cell", sa.Text, sa.ForeignKey("cells.key"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False, index=True),
    sa.Column("function", sa.Text),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("first_line", sa.Integer, nullable=False),
    sa.Column("last_line", sa.Integer, nullable=False),
    sa.Column("lines", sa.Text, nullable=False),
    sa.Column("corrupted", sa.Boolean, nullable=False),
    sa.Column("repeats", sa.Integer, nullable=False, server_default="1"),
    sa.Column("frames", sa.Text, nullable=False),
    sa.Column("artefact", sa.Text, nullable=False, server_default=CONSOLE),
    sa.Column("signature", sa.Text, nullable=False, server_default="", index=True),
    sa.Column("also", sa.Text, nullable=False, server_default="[]"),
    sa.Column("guesses", sa.Text, nullable=False, server_default="[]"),
    sa.Column("source", sa.Text, nullable=False, server_default="[]"),
    sa.Column("noise", sa.Text, nullable=False, server_default=""),
    sa.Column("effect", sa.Text, nullable=False, server_default=""),  # a value of Effect; "": of before it was kept
)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. Times are seconds since the epoch; ``finished`` None while it runs or after it was killed."""

    id: str
    series: str
    title: str
    plan: str
    arguments: dict[str, Any]
    started: float
    finished: float | None
    exit_code: int | None
    conclusion: str
    machine: dict[str, str]
    kind: str = "run"


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A tree of a run: its content, or why it is not available."""

    tree: str
    available: bool
    reason: str
    tree_id: str = ""
    source: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class KernelRow:
    """A kernel of a run; ``state`` is built, cached or failed. ``tree_id`` is the git tree id of its source, "" where
    it was not kept."""

    tree: str
    patches: int
    subject: str
    key: str
    digest: str
    state: str
    reason: str
    seconds: float
    incremental: bool
    image: str
    command: str = ""
    tree_id: str = ""


@dataclass(frozen=True, slots=True)
class CellRow:
    """A cell in a run. ``result`` is None where nothing was booted; ``own_lines`` maps a finding's place to the patch
    and source line of the series that made the report, ``touched_frames`` its place to the frames of its source that
    the series touched, by their place. ``seen`` tells which functions that the series touches were seen executing, None
    where no samples were taken."""

    tree: str
    patches: int
    stressor: str
    seed: int
    repeat: int
    cell: str
    outcome: Outcome
    reason: str
    reused: bool
    own_lines: dict[int, tuple[int, str]]
    result: CellResult | None = None
    touched_frames: dict[int, dict[int, FrameTouch]] = field(default_factory=dict)
    seen: Seen | None = None


@dataclass(frozen=True, slots=True)
class TouchedRow:
    """A C function that the series touches on a tree, and the numbers of the patches that do."""

    tree: str
    function: str
    patches: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StressorRow:
    """A stressor that runs on a tree, and why."""

    tree: str
    stressor: str
    why: str


@dataclass(frozen=True, slots=True)
class CellUse:
    """A booted cell in a run. ``series`` is its name, ``asked`` the series as the run was asked for it; times are
    seconds since the epoch: of the run's beginning, and when the cell was booted to its end."""

    run: str
    series: str
    asked: str
    tree: str
    patches: int
    stressor: str
    cell: str
    reused: bool
    started: float
    finished: float
    own_lines: dict[int, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class CellContext:
    """Where a cell stands that is read back: ``series`` as the run was asked for it ("": in no run), ``own`` the places
    of findings that lines of the series printed."""

    series: str
    tree: str
    stressor: str
    accelerator: str
    own: frozenset[int] = frozenset()


Interpret = Callable[[CellResult, CellContext], CellResult]
"""Says anew what a cell's findings mean: outcome, reason, and each finding's noise and effect."""


def _artefact(folder: Path, name: str) -> str:
    """Path of an artefact of a cell, "" where it has none."""
    return str(folder / name) if (folder / name).is_file() else ""


class Store:
    """Opens or makes the store at ``url``; ``folder`` keeps the artefacts. Every cell that is read back goes through
    ``interpret``; without it, it is as it was judged when it ran."""

    def __init__(self, url: str, folder: Path, interpret: Interpret | None = None) -> None:
        self.folder = folder
        self.url = url
        self._interpret = interpret
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._engine = sa.create_engine(url, connect_args={"timeout": 60} if url.startswith("sqlite") else {})
            if url.startswith("sqlite"):
                sa.event.listen(self._engine, "connect", _sqlite_pragmas)
            # Tables are looked for and made in two steps: one harness at a time.
            with _locked(folder / "store.lock"), self._engine.begin() as connection:
                _metadata.create_all(connection, checkfirst=True)
                _add_columns(connection)
                version = connection.scalar(sa.select(_meta.c.value).where(_meta.c.key == "schema"))
                if version is None:
                    connection.execute(
                        insert(_meta).values(key="schema", value=str(SCHEMA_VERSION)).on_conflict_do_nothing()
                    )
        except (OSError, sa.exc.SQLAlchemyError) as error:
            raise store_failure(error, url) from error
        if version is not None and int(version) > SCHEMA_VERSION:
            raise InfrastructureError(
                f"the store has schema {version}, this harness knows {SCHEMA_VERSION}",
                where=url,
                remedy="use the newer harness that wrote it",
            )

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except (OSError, sa.exc.SQLAlchemyError) as error:
            raise store_failure(error, self.url) from error

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except (OSError, sa.exc.SQLAlchemyError) as error:
            raise store_failure(error, self.url) from error

    # Runs

    def start_run(self, run: RunRow) -> None:
        """Records a run that begins."""
        values = asdict(run) | {"arguments": json.dumps(run.arguments), "machine": json.dumps(run.machine)}
        with self._write() as connection:
            connection.execute(sa.insert(_runs).values(**values))

    def note_machine(self, run: str, fact: str, value: str) -> None:
        """Adds a fact about the machine that became known while the run was under way."""
        with self._write() as connection:
            text = connection.scalar(sa.select(_runs.c.machine).where(_runs.c.id == run))
            machine = json.dumps(json.loads(text or "{}") | {fact: value})
            connection.execute(sa.update(_runs).where(_runs.c.id == run).values(machine=machine))

    def finish_run(self, run: str, finished: float, exit_code: int, conclusion: str) -> None:
        """Records a run's end."""
        with self._write() as connection:
            connection.execute(
                sa.update(_runs)
                .where(_runs.c.id == run)
                .values(finished=finished, exit_code=exit_code, conclusion=conclusion)
            )

    def runs(self, series: str | None = None, limit: int = 1000) -> list[RunRow]:
        """Runs, newest first."""
        query = sa.select(_runs).order_by(_runs.c.started.desc(), _runs.c.id.desc()).limit(limit)
        if series is not None:
            query = query.where(_runs.c.series == series)
        with self._read() as connection:
            return [_run_row(row) for row in connection.execute(query)]

    def run(self, name: str) -> RunRow:
        """The run with that id, a unique beginning of it, or "last". Raises UserError."""
        rows = self.runs()
        if name == "last" and rows:
            return rows[0]
        found = [row for row in rows if row.id == name] or [row for row in rows if row.id.startswith(name)]
        if len(found) != 1:
            known = ", ".join(row.id for row in (found or rows)[:5])
            raise UserError(
                f"{'more than one' if found else 'no'} run is called {name!r}",
                remedy=f"the newest are: {known}" if known else "there is none yet: harness run",
            )
        return found[0]

    def unfinished(self, plan: str | None = None) -> RunRow | None:
        """The newest run without an end, of that plan where one is named."""
        return next((r for r in self.runs() if r.finished is None and (plan is None or r.plan == plan)), None)

    # Parts of runs

    def put_tree(self, run: str, row: TreeRow) -> None:
        """Records a tree of a run, replacing what was there."""
        self._upsert(_run_trees, {"run": run, **asdict(row)})

    def put_patch(self, run: str, state: PatchState) -> None:
        """Records how a patch went into a tree of a run, replacing what was there."""
        applied = state.applied.value if state.applied is not None else None
        self._upsert(_run_patches, {"run": run, **asdict(state), "applied": applied})

    def put_fixup(self, run: str, state: FixupState) -> None:
        """Records a fix-up that a tree of a run got, replacing what was there."""
        self._upsert(_run_fixups, {"run": run, **asdict(state), "touched_by": json.dumps(state.touched_by)})

    def fixups(self, run: str) -> list[FixupState]:
        """The fix-ups that the trees of a run got, by tree and name; none for a run of before they were kept."""
        query = sa.select(_run_fixups).where(_run_fixups.c.run == run).order_by(_run_fixups.c.tree, _run_fixups.c.name)
        with self._read() as connection:
            rows = [_without_run(row) for row in connection.execute(query)]
        return [FixupState(**row | {"touched_by": tuple(json.loads(row["touched_by"]))}) for row in rows]

    def put_kernel(self, run: str, row: KernelRow) -> None:
        """Records a kernel of a run, replacing what was there."""
        self._upsert(_run_kernels, {"run": run, **asdict(row)})

    def put_patch_files(self, run: str, tree: str, patch: int, files: Sequence[str]) -> None:
        """Records which files a patch changes, replacing what was there."""
        key = {"run": run, "tree": tree, "patch": patch}
        self._replace(_run_patch_files, key, [{"file": file} for file in dict.fromkeys(files)])

    def put_touched_functions(self, run: str, tree: str, functions: Mapping[str, Sequence[int]]) -> None:
        """Records the functions that the series touches on a tree, each with its patches, replacing what was there."""
        rows = [{"function": name, "patches": json.dumps(list(patches))} for name, patches in functions.items()]
        self._replace(_run_functions, {"run": run, "tree": tree}, rows)

    def put_stressors(self, run: str, tree: str, stressors: Sequence[tuple[str, str]]) -> None:
        """Records (stressor, why) of a tree in their order, replacing what was there."""
        rows = [{"stressor": name, "why": why, "place": place} for place, (name, why) in enumerate(stressors)]
        self._replace(_run_stressors, {"run": run, "tree": tree}, rows)

    def put_build_messages(self, run: str, tree: str, patches: int, messages: Sequence[BuildMessage]) -> None:
        """Records what the build of a kernel said, replacing what was there."""
        key = {"run": run, "tree": tree, "patches": patches}
        self._upsert(_run_build_logs, key)
        rows = [{"place": place, **asdict(message)} for place, message in enumerate(messages)]
        self._replace(_run_build_messages, key, rows)

    def _replace(self, table: sa.Table, key: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
        with self._write() as connection:
            connection.execute(sa.delete(table).where(*(table.c[name] == value for name, value in key.items())))
            if rows:
                connection.execute(sa.insert(table), [key | row for row in rows])

    def put_run_cell(self, run: str, row: CellRow) -> None:
        """Records a cell in a run, replacing what was there."""
        values = {
            "run": run, "tree": row.tree, "patches": row.patches, "stressor": row.stressor, "seed": row.seed,
            "repeat": row.repeat, "cell": row.cell, "outcome": row.outcome.value, "reason": row.reason,
            "reused": row.reused, "own_lines": json.dumps(row.own_lines),
            "touched_frames": json.dumps({
                place: {frame: astuple(touch) for frame, touch in frames.items()}
                for place, frames in row.touched_frames.items()
            }),
            "seen": None if row.seen is None else json.dumps([row.seen.samples, dict(row.seen.functions)]),
        }  # fmt: skip
        self._upsert(_run_cells, values)

    def _upsert(self, table: sa.Table, values: dict[str, Any]) -> None:
        statement = insert(table).values(**values)
        keys = [column.name for column in table.primary_key]
        rest = {name: statement.excluded[name] for name in values if name not in keys}
        update = statement.on_conflict_do_update(index_elements=keys, set_=rest) if rest else None
        with self._write() as connection:
            connection.execute(statement.on_conflict_do_nothing() if update is None else update)

    def trees(self, run: str) -> list[TreeRow]:
        """Trees of a run by name."""
        query = sa.select(_run_trees).where(_run_trees.c.run == run).order_by(_run_trees.c.tree)
        with self._read() as connection:
            return [TreeRow(**_without_run(row)) for row in connection.execute(query)]

    def patches(self, run: str) -> list[PatchState]:
        """How the patches went into the trees of a run, by tree and patch; none for a run of before it was kept."""
        query = sa.select(_run_patches).where(_run_patches.c.run == run)
        query = query.order_by(_run_patches.c.tree, _run_patches.c.patch)
        with self._read() as connection:
            rows = [_without_run(row) for row in connection.execute(query)]
        return [PatchState(**row | {"applied": Applied(row["applied"]) if row["applied"] else None}) for row in rows]

    def kernels(self, run: str) -> list[KernelRow]:
        """Kernels of a run by tree and number of patches."""
        query = sa.select(_run_kernels).where(_run_kernels.c.run == run)
        query = query.order_by(_run_kernels.c.tree, _run_kernels.c.patches)
        with self._read() as connection:
            return [KernelRow(**_without_run(row)) for row in connection.execute(query)]

    def patch_files(self, run: str) -> dict[tuple[str, int], tuple[str, ...]]:
        """(Tree, patch) to the files that it changes."""
        query = sa.select(_run_patch_files).where(_run_patch_files.c.run == run).order_by(_run_patch_files.c.file)
        found: dict[tuple[str, int], list[str]] = {}
        with self._read() as connection:
            for row in connection.execute(query):
                found.setdefault((row.tree, row.patch), []).append(row.file)
        return {key: tuple(files) for key, files in found.items()}

    def touched_functions(self, run: str) -> list[TouchedRow]:
        """Functions that the series touches, by tree and name; none for a run of before they were kept."""
        query = sa.select(_run_functions).where(_run_functions.c.run == run)
        with self._read() as connection:
            rows = connection.execute(query.order_by(_run_functions.c.tree, _run_functions.c.function))
            return [TouchedRow(row.tree, row.function, tuple(json.loads(row.patches))) for row in rows]

    def stressors(self, run: str) -> list[StressorRow]:
        """The stressors of a run by tree, in their order, with the reason why; none for a run of before it was kept."""
        query = sa.select(_run_stressors).where(_run_stressors.c.run == run)
        with self._read() as connection:
            rows = connection.execute(query.order_by(_run_stressors.c.tree, _run_stressors.c.place))
            return [StressorRow(row.tree, row.stressor, row.why) for row in rows]

    def build_messages(self, run: str) -> dict[tuple[str, int], tuple[BuildMessage, ...]]:
        """(Tree, patches) to what the kernel's build said; without those of which it is not known."""
        logs = sa.select(_run_build_logs).where(_run_build_logs.c.run == run)
        query = sa.select(_run_build_messages).where(_run_build_messages.c.run == run)
        with self._read() as connection:
            found: dict[tuple[str, int], list[BuildMessage]] = {
                (row.tree, row.patches): [] for row in connection.execute(logs)
            }
            for row in connection.execute(query.order_by(_run_build_messages.c.place)):
                found.setdefault((row.tree, row.patches), []).append(message_from(dict(row._mapping)))
        return {key: tuple(messages) for key, messages in found.items()}

    def run_cells(self, run: str) -> list[CellRow]:
        """Cells of a run with their results, by tree, patches, stressor, seed and repeat."""
        query = sa.select(_run_cells).where(_run_cells.c.run == run).order_by(
            _run_cells.c.tree, _run_cells.c.patches, _run_cells.c.stressor, _run_cells.c.seed, _run_cells.c.repeat
        )  # fmt: skip
        of_run = sa.select(_runs.c.series, _runs.c.arguments).where(_runs.c.id == run)
        with self._read() as connection:
            rows = [_without_run(row) for row in connection.execute(query)]
            asked = connection.execute(of_run).first()
        series = _asked_series(asked.series, asked.arguments) if asked is not None else ""
        results = self._cells([row["cell"] for row in rows if row["cell"]])
        cells = []
        for row in rows:
            own = _own_lines(row["own_lines"])
            outcome = Outcome(row["outcome"])
            # A later run may have finished the cell: what failed here stays a failure of this run.
            booted = outcome not in (Outcome.HARNESS_FAILURE, Outcome.BLOCKED)
            touched = _touched(row["touched_frames"])
            values = row | {"own_lines": own, "outcome": outcome, "touched_frames": touched, "seen": _seen(row["seen"])}
            found = results.get(row["cell"]) if booted else None
            if found is not None:
                result = self._interpreted(*found, series, row["tree"], frozenset(own))
                values["result"] = result
                if self._interpret is not None:
                    values |= {"outcome": result.outcome, "reason": result.reason}
            cells.append(CellRow(**values))
        return cells

    def newest_source(self, key: str) -> tuple[str, dict[int, dict[int, FrameTouch]]]:
        """(git tree id of its kernel's source, frames that the series touched by finding) of a cell in the newest run
        that has it; of several prefixes with one image, the one with the most patches. "" and {} where none has."""
        kernel = sa.and_(*(_run_kernels.c[name] == _run_cells.c[name] for name in ("run", "tree", "patches")))
        query = (
            sa.select(_run_kernels.c.tree_id, _run_cells.c.touched_frames)
            .select_from(_run_cells)
            .join(_runs, _runs.c.id == _run_cells.c.run)
            .join(_run_kernels, kernel)
            .where(_run_cells.c.cell == key)
            .order_by(_runs.c.started.desc(), _run_cells.c.patches.desc())
            .limit(1)
        )
        with self._read() as connection:
            found = connection.execute(query).first()
        return ("", {}) if found is None else (str(found.tree_id), _touched(found.touched_frames))

    # Cells

    def cell(self, key: str, series: str = "") -> CellResult | None:
        """The finished cell with that key, judged as one of ``series``."""
        return self.cells([key], series).get(key)

    def find_cell(self, beginning: str) -> CellResult:
        """The cell whose key begins so. Raises UserError when none or several do."""
        with self._read() as connection:
            query = sa.select(_cells.c.key).where(_cells.c.key.startswith(beginning, autoescape=True)).limit(3)
            keys = list(connection.scalars(query))
        if len(keys) != 1:
            raise UserError(
                f"{'more than one' if keys else 'no'} cell begins with {beginning!r}",
                remedy="harness show RUN lists the cells of a run",
            )
        key = keys[0]
        row = self._newest_use(key)
        if row is None:
            return self.cells(keys)[key]
        own = frozenset(int(place) for place in json.loads(row.own_lines))
        return self._interpreted(*self._cells(keys)[key], _asked_series(row.series, row.arguments), row.tree, own)

    def series_of(self, key: str) -> str:
        """The series of the newest run that has the cell, as it was asked for; "" where none has."""
        row = self._newest_use(key)
        return _asked_series(row.series, row.arguments) if row is not None else ""

    def _newest_use(self, key: str) -> Any:
        """Row of the newest run that has the cell: series, arguments, tree, own_lines; None where none has."""
        query = (
            sa.select(_runs.c.series, _runs.c.arguments, _run_cells.c.tree, _run_cells.c.own_lines)
            .join(_runs, _runs.c.id == _run_cells.c.run)
            .where(_run_cells.c.cell == key)
            .order_by(_runs.c.started.desc())
        )
        with self._read() as connection:
            return connection.execute(query.limit(1)).first()

    def cell_spec(self, key: str) -> dict[str, Any]:
        """What a finished cell was: the fields of the Cell."""
        with self._read() as connection:
            text = connection.scalar(sa.select(_cells.c.spec).where(_cells.c.key == key))
        return dict(json.loads(text)) if text else {}

    def next_repeat(self) -> int:
        """A repeat number above every one that was used: what ``--again`` counts from."""
        with self._read() as connection:
            highest = connection.scalar(sa.select(sa.func.max(_run_cells.c.repeat)))
        return 0 if highest is None else int(highest) + 1

    def cells(self, keys: Sequence[str], series: str = "") -> dict[str, CellResult]:
        """Finished cells by key, judged as cells of ``series``; an unknown key is left out."""
        found = self._cells(keys)
        return {key: self._interpreted(result, spec, series) for key, (result, spec) in found.items()}

    def _interpreted(
        self, result: CellResult, spec: str, series: str, tree: str = "", own: frozenset[int] = frozenset()
    ) -> CellResult:
        """A cell of what is kept of it, under today's rules; its own tree where no other is told."""
        if self._interpret is None:
            return result
        what = json.loads(spec)
        context = CellContext(series, tree or what["tree"], what["stressor"], what["accelerator"], own)
        return self._interpret(result, context)

    def _cells(self, keys: Sequence[str]) -> dict[str, tuple[CellResult, str]]:
        """(Result as it was judged when it ran, the Cell as JSON) by key."""
        found: dict[str, tuple[CellResult, str]] = {}
        for start in range(0, len(keys), 500):
            part = list(keys[start : start + 500])
            with self._read() as connection:
                rows = list(connection.execute(sa.select(_cells).where(_cells.c.key.in_(part))))
                query = sa.select(_findings).where(_findings.c.cell.in_(part)).order_by(_findings.c.place)
                findings: dict[str, list[Finding]] = {}
                for row in connection.execute(query):
                    findings.setdefault(row.cell, []).append(_finding(row))
            for row in rows:
                folder = self.cell_folder(row.key)
                result = CellResult(
                    key=row.key,
                    outcome=Outcome(row.outcome),
                    reason=row.reason,
                    findings=tuple(findings.get(row.key, ())),
                    proof=_proof(row.proof),
                    seconds=row.seconds,
                    user_space=row.user_space,
                    console=str(folder / "console"),
                    report=str(folder / "report"),
                    command_line=row.command_line,
                    guest=row.guest,
                    kernel_log=_artefact(folder, KERNEL_LOG),
                    samples=_artefact(folder, SAMPLES),
                    ending=Ending(Outcome(row.ending), row.ending_reason) if row.ending else None,
                    output=_artefact(folder, OUTPUT),
                )
                found[row.key] = (result, row.spec)
        return found

    def cell_folder(self, key: str) -> Path:
        """Where a cell's console and report lie, and its kernel-log where one was read."""
        return self.folder / "cells" / key[:2] / key

    def put_cell(self, cell: Cell, result: CellResult, finished: float) -> CellResult:
        """Moves the artefacts into the store, then records the cell; returns the result with its new paths."""
        folder = self.cell_folder(result.key)
        new = folder.with_name(f"{folder.name}.{os.getpid()}.new")
        try:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
            artefacts = {CONSOLE: result.console, "report": result.report}
            optional = {KERNEL_LOG: result.kernel_log, SAMPLES: result.samples, OUTPUT: result.output}
            artefacts |= {name: path for name, path in optional.items() if path}
            for name, path in artefacts.items():
                if Path(path).is_file():
                    shutil.copyfile(path, new / name)
                else:
                    (new / name).touch()
                with (new / name).open("rb") as handle:
                    os.fsync(handle.fileno())
            shutil.rmtree(folder, ignore_errors=True)
            new.rename(folder)
        except OSError as error:
            raise store_failure(error, str(folder)) from error
        with self._write() as connection:
            connection.execute(sa.delete(_findings).where(_findings.c.cell == result.key))
            connection.execute(sa.delete(_cells).where(_cells.c.key == result.key))
            connection.execute(
                sa.insert(_cells).values(
                    key=result.key,
                    outcome=result.outcome.value,
                    reason=result.reason,
                    proof=json.dumps(asdict(result.proof)) if result.proof else None,
                    seconds=result.seconds,
                    user_space=result.user_space,
                    command_line=result.command_line,
                    guest=result.guest,
                    finished=finished,
                    ending=result.ending.outcome.value if result.ending else None,
                    ending_reason=result.ending.reason if result.ending else "",
                    spec=json.dumps(asdict(cell)),
                    kernel_digest=cell.kernel_digest,
                    stressor=cell.stressor,
                )
            )
            for place, finding in enumerate(result.findings):
                connection.execute(
                    sa.insert(_findings).values(
                        cell=result.key,
                        place=place,
                        kind=finding.kind,
                        title=finding.title,
                        function=finding.function,
                        severity=finding.severity.value,
                        first_line=finding.first_line,
                        last_line=finding.last_line,
                        lines=json.dumps(finding.lines),
                        corrupted=finding.corrupted,
                        repeats=finding.repeats,
                        frames=json.dumps(finding.frames),
                        artefact=finding.artefact,
                        signature=finding.signature,
                        also=json.dumps(finding.also),
                        guesses=json.dumps(finding.guesses),
                        source=json.dumps([astuple(frame) for frame in finding.source]),
                        noise=finding.noise,
                        effect=finding.effect.value,
                    )
                )
        return replace(
            result,
            console=str(folder / CONSOLE),
            report=str(folder / "report"),
            kernel_log=_artefact(folder, KERNEL_LOG),
            samples=_artefact(folder, SAMPLES),
            output=_artefact(folder, OUTPUT),
        )

    def cell_uses(self) -> list[CellUse]:
        """Every booted cell of every run, oldest run first; a cell that several runs have stands there for each."""
        query = (
            sa.select(
                _run_cells.c.run, _runs.c.series, _runs.c.arguments, _run_cells.c.tree, _run_cells.c.patches,
                _run_cells.c.stressor, _run_cells.c.cell, _run_cells.c.reused, _runs.c.started, _cells.c.finished,
                _run_cells.c.own_lines,
            )
            .join(_runs, _runs.c.id == _run_cells.c.run)
            .join(_cells, _cells.c.key == _run_cells.c.cell)
            .where(_run_cells.c.outcome.not_in([Outcome.HARNESS_FAILURE.value, Outcome.BLOCKED.value]))
            .order_by(_runs.c.started)
        )  # fmt: skip
        asked: dict[str, str] = {}
        with self._read() as connection:
            uses = []
            for run, series, arguments, tree, patches, stressor, cell, reused, start, end, own in connection.execute(
                query
            ):
                if run not in asked:
                    asked[run] = _asked_series(series, arguments)
                lines = _own_lines(own) if own != "{}" else {}
                uses.append(CellUse(run, series, asked[run], tree, patches, stressor, cell, reused, start, end, lines))
            return uses

    def findings_of_cells(self, lines: bool) -> dict[str, tuple[str, tuple[Finding, ...]]]:
        """(Accelerator, findings) of every cell that has findings, by key, as they were judged when it ran; without
        their lines, unless ``lines``, and without their source."""
        columns = [column for column in _findings.c if column.name != "source" and (lines or column.name != "lines")]
        query = sa.select(*columns, _cells.c.spec).join(_cells, _cells.c.key == _findings.c.cell)
        found: dict[str, tuple[str, list[Finding]]] = {}
        with self._read() as connection:
            for row in connection.execute(query.order_by(_findings.c.cell, _findings.c.place)):
                if row.cell not in found:
                    found[row.cell] = (str(json.loads(row.spec)["accelerator"]), [])
                found[row.cell][1].append(_finding(row))
        return {key: (accelerator, tuple(findings)) for key, (accelerator, findings) in found.items()}

    def usual_seconds(self, stressor: str) -> float | None:
        """Mean wall time of the last 20 cells of a stressor."""
        query = sa.select(_cells.c.seconds).where(_cells.c.stressor == stressor).order_by(_cells.c.finished.desc())
        with self._read() as connection:
            seconds = list(connection.scalars(query.limit(20)))
        return sum(seconds) / len(seconds) if seconds else None

    def usual_build_seconds(self, tree: str, incremental: bool) -> float | None:
        """Mean wall time of the builds of a tree that were really made."""
        query = sa.select(_run_kernels.c.seconds).where(
            _run_kernels.c.tree == tree, _run_kernels.c.state == "built", _run_kernels.c.incremental == incremental
        )
        with self._read() as connection:
            seconds = list(connection.scalars(query.limit(20)))
        return sum(seconds) / len(seconds) if seconds else None


def _seen(text: str | None) -> Seen | None:
    if text is None:
        return None
    samples, functions = json.loads(text)
    return Seen(samples, tuple(functions.items()))


def _add_columns(connection: sa.Connection) -> None:
    """Gives an older store the columns and indexes that came since; each column has a default, so that an older
    harness writes on."""
    inspector = sa.inspect(connection)
    for table in _metadata.sorted_tables:
        there = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                words = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {words}"))
        for index in table.indexes:
            connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def store_failure(error: Exception, where: str) -> InfrastructureError:
    """One line for whatever the disk or the database said."""
    text = str(getattr(error, "orig", None) or error).splitlines()[0]
    remedy = "free some disk space and run again" if "full" in text or "No space" in text else None
    return InfrastructureError(f"the results store cannot be used: {text}", where=where, remedy=remedy)


def _sqlite_pragmas(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _without_run(row: sa.Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "run"}


def _asked_series(name: str, arguments: str) -> str:
    """The series as a run was asked for it, which may be a path; its name where that was not kept."""
    return str(json.loads(arguments).get("series") or name)


def _run_row(row: sa.Row[Any]) -> RunRow:
    values = dict(row._mapping)
    return RunRow(**values | {"arguments": json.loads(values["arguments"]), "machine": json.loads(values["machine"])})


def _proof(text: str | None) -> Proof | None:
    if text is None:
        return None
    data = json.loads(text)
    return Proof(
        tuple((name, move) for name, move in data["counters"]),
        data["satisfied"],
        tuple(data["missing"]),
        data["summary"],
    )


def _touched(text: str) -> dict[int, dict[int, FrameTouch]]:
    return {
        int(place): {int(frame): FrameTouch(tuple(patches), by_line) for frame, (patches, by_line) in frames.items()}
        for place, frames in json.loads(text).items()
    }


def _own_lines(text: str) -> dict[int, tuple[int, str]]:
    return {int(place): (int(patch), str(line)) for place, (patch, line) in json.loads(text).items()}


def _finding(row: Any) -> Finding:
    """A finding of its row, which may be without its lines and its source."""
    lines, source = getattr(row, "lines", "[]"), getattr(row, "source", "[]")
    return Finding(
        kind=row.kind,
        title=row.title,
        function=row.function,
        severity=Severity(row.severity),
        first_line=row.first_line,
        last_line=row.last_line,
        lines=_words(lines),
        corrupted=row.corrupted,
        repeats=row.repeats,
        frames=_words(row.frames),
        artefact=row.artefact,
        signature=row.signature,
        also=_words(row.also),
        guesses=_words(row.guesses),
        source=tuple(SourceFrame(*frame) for frame in json.loads(source)) if source != "[]" else (),
        noise=row.noise,
        effect=_effect(row.effect, Severity(row.severity)),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text != "[]" else ()


def _effect(kept: str, severity: Severity) -> Effect:
    """The effect that was kept; of before it was, notices were shown only."""
    if kept:
        return Effect(kept)
    return Effect.SHOW if severity is Severity.NOTICE else Effect.FAIL
