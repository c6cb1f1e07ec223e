"""Reading a run back from the store and judging it: what reports, exports and exit codes are made from."""

from __future__ import annotations

from collections.abc import Sequence

from harness.findings.silent_death import KINDS as SILENT_KINDS
from harness.model.build_message import NOT_KNOWN
from harness.model.cell import Outcome
from harness.model.errors import UserError
from harness.model.finding import Effect
from harness.model.observation import HANG_TITLE, Observation
from harness.model.verdict import Verdict
from harness.results.store import CellRow, RunRow, Store, TouchedRow
from harness.results.summary import FunctionSeen, KernelSummary, RunSummary, TreeSummary
from harness.verdicts.build_messages import build_changes
from harness.verdicts.compare import compare, exit_code, one_sided


def observation(cell: CellRow) -> Observation | None:
    """What a cell says in a comparison; None where it says nothing of the kernel."""
    result = cell.result
    if result is None or not result.counts:
        return None
    judged = [f for f in result.findings if f.effect is not Effect.SHOW]
    # Where a guest hangs differs from boot to boot: hangs are counted together.
    titles = {f.title for f in judged if not f.corrupted and f.kind not in SILENT_KINDS}
    if cell.outcome is Outcome.HUNG and not titles:
        titles = {HANG_TITLE}
    own = {
        finding.title: cell.own_lines[place]
        for place, finding in enumerate(result.findings)
        if place in cell.own_lines and not finding.corrupted
    }
    known = frozenset(HANG_TITLE if f.kind in SILENT_KINDS else f.title for f in judged if f.known)
    # A torn report of what fails no cell spoils none either.
    untrusted = frozenset(f.title for f in judged if f.corrupted and f.effect is Effect.FAIL)
    panicked = any("Kernel panic" in line for f in judged for line in f.lines)
    return Observation(cell.stressor, frozenset(titles), own, untrusted, panicked, known)


def observations(cells: Sequence[CellRow]) -> list[Observation]:
    """The counted cells' observations."""
    return [seen for cell in cells if (seen := observation(cell)) is not None]


def summarize(store: Store, run: RunRow) -> RunSummary:
    """Reads a run back and judges it. Raises UserError when it is not in the store."""
    if not any(row.id == run.id for row in store.runs()):
        raise UserError(f"no run {run.id}")
    kernels, cells, patches = store.kernels(run.id), store.run_cells(run.id), store.patches(run.id)
    fixups, messages, files = store.fixups(run.id), store.build_messages(run.id), store.patch_files(run.id)
    stressors, functions = store.stressors(run.id), store.touched_functions(run.id)
    trees = []
    for tree in store.trees(run.id):
        of_tree = [k for k in kernels if k.tree == tree.tree]
        base = [c for c in cells if c.tree == tree.tree and c.patches == 0]
        built = {k.patches: messages.get((k.tree, k.patches)) for k in of_tree if k.state != "failed"}
        touched = {patch: names for (name, patch), names in files.items() if name == tree.tree}
        if touched:  # they were written down: a patch without one changes none
            touched = {p.patch: () for p in patches if p.tree == tree.tree} | touched
        changes = build_changes(built, touched)
        summaries = []
        for kernel in of_tree:
            mine = tuple(c for c in cells if c.tree == tree.tree and c.patches == kernel.patches)
            verdicts = compare(observations(base), observations(mine)) if kernel.patches else ()
            change = changes.get(kernel.patches, NOT_KNOWN)
            failed = messages.get((kernel.tree, kernel.patches), ()) if kernel.state == "failed" else ()
            warnings = built.get(kernel.patches)
            summaries.append(KernelSummary(kernel, mine, verdicts, warnings, change, failed))
        trees.append(
            TreeSummary(
                tree,
                tuple(summaries),
                tuple(p for p in patches if p.tree == tree.tree),
                tuple(f for f in fixups if f.tree == tree.tree),
                tuple(row for row in stressors if row.tree == tree.tree),
                functions_seen(
                    [row for row in functions if row.tree == tree.tree], [c for c in cells if c.tree == tree.tree]
                ),
            )
        )
    code, conclusion = _conclude(trees, run.arguments.get("trees") or ())
    conclusion += _left_out(trees) if run.arguments.get("keep_going") else ""
    return RunSummary(run, tuple(trees), code, conclusion)


def functions_seen(touched: Sequence[TouchedRow], cells: Sequence[CellRow]) -> tuple[FunctionSeen, ...]:
    """The functions that a series touches, with what the samples of its cells on one tree say, by stressor."""
    counts: dict[str, dict[str, tuple[int, int]]] = {}
    for cell in cells:
        for name, count in cell.seen.functions if cell.seen is not None else ():
            by_stressor = counts.setdefault(name, {})
            before = by_stressor.get(cell.stressor, (0, 0))
            by_stressor[cell.stressor] = (before[0] + count, before[1] + (cell.seen.samples if cell.seen else 0))
    return tuple(
        FunctionSeen(
            row.function, row.patches, tuple((name, *seen) for name, seen in counts.get(row.function, {}).items())
        )
        for row in touched
    )


def _left_out(trees: Sequence[TreeSummary]) -> str:
    """What a conclusion does not speak of: patches that were left out."""
    parts = [f"{', '.join(str(p.patch) for p in tree.left_out)} on {tree.row.tree}" for tree in trees if tree.left_out]
    return f" (without patches {'; '.join(parts)}, which do not apply)" if parts else ""


def _conclude(trees: Sequence[TreeSummary], asked: Sequence[str]) -> tuple[int, str]:
    """The run's exit code and one sentence. Worse wins over failures, failures over missing evidence.

    A tree that cannot be had is a failure only where it was ``asked`` for by name or no other is left.
    """
    worse: list[str] = []
    missing = [tree.row for tree in trees if not tree.row.available]
    failed = [f"{row.tree} is unavailable" for row in missing if row.tree in asked or len(missing) == len(trees)]
    undecided: list[str] = []
    judged = 0
    for tree in trees:
        if not tree.row.available:
            continue
        base = next((k for k in tree.kernels if k.row.patches == 0), None)
        if base is None:
            continue
        for kernel in tree.kernels:
            name = f"{tree.row.tree} + {kernel.row.patches}"
            failed += [f"{name} {c.stressor}: {c.reason}" for c in kernel.cells if c.outcome is Outcome.HARNESS_FAILURE]
            if kernel.row.state == "failed":
                (undecided if kernel.row.patches == 0 or base.row.state == "failed" else worse).append(
                    f"{name} does not build"
                )
                continue
            if kernel.row.patches == 0:
                booted = [c.result for c in kernel.cells if c.result is not None]
                if booted and not any(result.user_space for result in booted):
                    undecided.append(f"{name} does not reach user space")
                continue
            before, after = observations(base.cells), observations(kernel.cells)
            code = exit_code(kernel.verdicts, before, after)
            judged += 1
            if code == 1:
                worse += [f"{name}: {v.title}" for v in kernel.verdicts if v.verdict is Verdict.WORSE]
            elif code == 4:
                open_titles = [v.title for v in kernel.verdicts if v.verdict is Verdict.UNDECIDED]
                if any(seen.panicked for seen in after):
                    open_titles.append("it panics as the baseline does, so neither ran to the end")
                unpaired = one_sided(before, after)
                if unpaired:
                    open_titles.append(f"{', '.join(unpaired)} counted on one of the two kernels only")
                undecided.append(f"{name}: {', '.join(open_titles) or 'no stressor counted on both kernels'}")
    if worse:
        return 1, f"worse than the baseline: {_listed(worse)}"
    if failed:
        return 3, f"the harness failed: {_listed(failed)}"
    if undecided:
        return 4, f"not enough evidence: {_listed(undecided)}"
    if judged == 0:
        return 4, "nothing was compared: the run has no baseline with a patched kernel beside it"
    return 0, f"nothing worse than the baseline was seen{_never_seen(trees)}"


def _never_seen(trees: Sequence[TreeSummary]) -> str:
    """What a good conclusion does not speak of: functions of the series that the samples never met."""
    parts = []
    for tree in trees:
        named = [one for one in tree.functions if one.seen]
        missed = sum(not one.executed for one in named)
        if missed:
            parts.append(f"{missed} of {len(named)} on {tree.row.tree}")
    return f" (touched functions not seen executing: {'; '.join(parts)})" if parts else ""


def _listed(parts: Sequence[str]) -> str:
    return "; ".join(parts[:4]) + (f"; and {len(parts) - 4} more" if len(parts) > 4 else "")
