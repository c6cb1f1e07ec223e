"""Which patch of a series brings a title: both ends verified, then a sized search over the prefixes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.config.yaml_file import nearest
from harness.model.cell import Outcome
from harness.model.errors import UserError
from harness.model.finding import Effect
from harness.model.series import SeriesTree
from harness.results.store import CellRow, Store
from harness.runs.execute import Run
from harness.runs.preparation import PreparedTree, check_requirements, prepare_tree, series_trees
from harness.runs.request import RunRequest
from harness.runs.summary import observation
from harness.runs.workshop import Workshop
from harness.verdicts.bisection import BisectResult, Probe, runs_needed, search, steps_of
from harness.verdicts.rates import CONFIDENCE

CALIBRATION_RUNS = 3


@dataclass(frozen=True, slots=True)
class BisectReport:
    """The answer with what stands behind it: the patch's subject and every prefix that was looked at."""

    run: str
    tree: str
    title: str
    result: BisectResult
    subject: str
    own_line: str
    probes: tuple[Probe, ...]
    exit_code: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where the store knows a title from: the tree, the most patches it was seen with, the stressors that showed it."""

    tree: str
    patches: int
    stressors: tuple[str, ...]


def sightings(store: Store, series: str, title: str) -> list[Sighting]:
    """Every kernel of the series' runs that showed the title; most patches first. Raises UserError for a title that
    no run of the series has, naming near ones."""
    seen: dict[tuple[str, int], set[str]] = {}
    titles: set[str] = set()
    torn = False
    shown = ""
    for run in store.runs(series):
        for cell in store.run_cells(run.id):
            for finding in cell.result.findings if cell.result is not None else ():
                if finding.title == title and finding.effect is Effect.SHOW:
                    shown = f"known noise ({finding.noise})" if finding.noise else "shown only, by the policy"
            found = observation(cell)
            if found is None:
                continue
            titles |= found.titles
            torn = torn or title in found.untrusted
            if title in found.titles:
                seen.setdefault((cell.tree, cell.patches), set()).add(cell.stressor)
    if not seen and (torn or shown):
        why = "seen in corrupted reports only, which blame no patch" if torn else shown
        raise UserError(f"{title!r} cannot be bisected: {why}")
    if not seen:
        raise UserError(f"no run of {series} has shown {title!r}", remedy=nearest(title, titles))
    order = sorted(seen.items(), key=lambda item: -item[0][1])
    return [Sighting(tree, patches, tuple(sorted(stressors))) for (tree, patches), stressors in order]


class Bisect:
    """One bisection. Its cells go into a run of kind "bisect"; called again, it repeats none of them."""

    def __init__(self, workshop: Workshop, request: RunRequest, title: str, most_runs: int) -> None:
        self.workshop = workshop
        self.title = title
        self.most_runs = most_runs
        spec = workshop.catalogue.series(request.series)
        trees = series_trees(spec, request.trees, workshop)
        known = [s for s in sightings(workshop.store, spec.name, title) if s.tree in {tree.tree for tree in trees}]
        if not known:
            raise UserError(f"{title!r} was not seen on {', '.join(tree.tree for tree in trees)}")
        self.tree: SeriesTree = next(tree for tree in trees if tree.tree == known[0].tree)
        request = replace(
            request, trees=(self.tree.tree,), patches="each", stressors=request.stressors or known[0].stressors
        )
        row = next((r for r in workshop.store.runs(spec.name) if r.plan == request.digest and r.kind == "bisect"), None)
        self.run = Run(workshop, request, row if row is not None and row.finished is None else None, kind="bisect")
        self.spec = spec
        self.request = request
        self.probes: dict[int, Probe] = {}

    def execute(self) -> BisectReport:
        """Verifies both ends, then searches.

        Exit code 0: the patch is named with 95 % confidence or more; 4: it is less, the ends do not differ, or the
        answer is not unique. Raises what a run raises.
        """
        shop = self.workshop
        if not self.run.resumed:
            shop.store.start_run(self.run.row)
        prepared = prepare_tree(shop, self.spec, self.tree, self.request)
        check_requirements(self.spec, prepared)
        self.run.record_tree(prepared, self.tree.note)
        total = len(prepared.series.patches)
        shop.notice(f"bisecting {self.title!r} on {self.tree.tree}: {total} patches; verifying both ends first")
        bad = self._measure(prepared, total, CALIBRATION_RUNS, stop_at_hit=False)
        if bad.runs == 0 and (blocked := self._blocked(total)):
            return self._end(prepared, 4, f"every stressor is blocked on {self.tree.tree}: {blocked}")
        if bad.hits == 0:
            return self._end(
                prepared, 4, f"not seen in {bad.runs} runs of the whole series: raise --repeat or --duration"
            )
        wanted = min(runs_needed(bad.hits, bad.runs, steps_of(total)), self.most_runs)
        good = self._measure(prepared, 0, max(CALIBRATION_RUNS, wanted), stop_at_hit=True)
        if good.hits:
            return self._end(prepared, 4, f"the baseline shows it too ({good.hits} of {good.runs}): no patch brings it")
        if good.runs == 0:
            return self._end(prepared, 4, "the baseline cannot be tested")
        result = search(
            total,
            bad,
            good,
            lambda k, runs: self._measure(prepared, k, runs, stop_at_hit=True),
            self.most_runs,
            shop.notice,
        )
        sure = result.first_bad is not None and result.confidence >= CONFIDENCE
        return self._report(prepared, result, 0 if sure else 4)

    def _end(self, prepared: PreparedTree, code: int, reason: str) -> BisectReport:
        return self._report(prepared, BisectResult(None, (), 0.0, reason), code)

    def _report(self, prepared: PreparedTree, result: BisectResult, code: int) -> BisectReport:
        self.run.close(code, result.reason)
        bad = result.first_bad
        return BisectReport(
            run=self.run.row.id,
            tree=self.tree.tree,
            title=self.title,
            result=result,
            subject=prepared.applied[bad].subject if bad is not None else "",
            own_line=self.probes[bad].own_line if bad is not None else "",
            probes=tuple(self.probes[k] for k in sorted(self.probes)),
            exit_code=code,
        )

    def _measure(self, prepared: PreparedTree, patches: int, runs: int, stop_at_hit: bool) -> Probe:
        """Runs a prefix until ``runs`` cells count or, where asked, one shows the title."""
        hits = counted = 0
        own = ""
        per_round = len(self.run.choices(prepared))
        rounds = -(-min(runs, self.most_runs) // per_round)
        for repeat in range(rounds):
            kernels = self.run.kernels(prepared, (patches,))
            if not kernels:
                break
            self.run.run_cells(prepared, kernels, repeats=(repeat,))
            for cell in self._cells(patches, repeat):
                found = observation(cell)
                # A corrupted report is neither the title nor a clean run.
                if found is not None and found.is_evidence and self.title not in found.untrusted - found.titles:
                    counted += 1
                    hits += self.title in found.titles
                    own = own or (found.own[self.title][1] if self.title in found.own else "")
            if hits and stop_at_hit:
                break
        self.probes[patches] = Probe(patches, hits, counted, own)
        self.workshop.notice(f"{self.tree.tree} + {patches}: {hits} of {counted} runs show it")
        return self.probes[patches]

    def _blocked(self, patches: int) -> str:
        """Why no stressor ran on a prefix, each reason once."""
        cells = self.workshop.store.run_cells(self.run.row.id)
        blocked = (cell for cell in cells if cell.patches == patches and cell.outcome is Outcome.BLOCKED)
        return "; ".join(dict.fromkeys(cell.reason for cell in blocked))

    def _cells(self, patches: int, repeat: int) -> list[CellRow]:
        seed = self.request.seed + repeat
        cells = self.workshop.store.run_cells(self.run.row.id)
        return [cell for cell in cells if cell.patches == patches and cell.seed == seed]
