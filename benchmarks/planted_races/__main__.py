"""python -m benchmarks.planted_races: how often the right stressor finds a planted race, and how often another does.

Every boot is a cell of the results store: interrupted, and called again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import Counter
from dataclasses import dataclass

from benchmarks.planted_races.planting import PlantedRace, planted_races, write_series
from harness.model.cell import Outcome
from harness.reports.terminal import listener_for
from harness.results.store import CellRow
from harness.runs.execute import Run
from harness.runs.preparation import prepare_tree
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop
from harness.verdicts.rates import rate


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the boots with one stressor. ``seconds`` are those from user space to the end of each hit."""

    stressor: str
    runs: int
    hits: int
    not_counted: int
    seconds: tuple[float, ...]
    titles: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        share = rate(self.hits, self.runs)
        text = f"{self.stressor} {self.hits} of {self.runs} ({share.low:.2f} to {share.high:.2f})"
        return text + (f", {self.not_counted} did not count" if self.not_counted else "")


def found_by(stressor: str, cells: list[CellRow]) -> Found:
    """The rate of the cells with a stressor."""
    mine = [cell for cell in cells if cell.stressor == stressor and cell.result is not None]
    # A kernel that dies before user space has met no stressor.
    counted = [
        cell.result
        for cell in mine
        if cell.result is not None and cell.result.counts and cell.result.user_space is not None
    ]
    hits = [result for result in counted if result.outcome is not Outcome.PASS]
    titles = Counter(title for hit in hits for title in {finding.title for finding in hit.findings})
    seconds = [round(hit.seconds - (hit.user_space or 0.0), 1) for hit in hits]
    return Found(
        stressor, len(counted), len(hits), len(mine) - len(counted), tuple(seconds), tuple(titles.most_common(3))
    )


def measure(
    workshop: Workshop, race: PlantedRace, stressors: tuple[str, ...], runs: int, jobs: int
) -> tuple[Found, ...]:
    """The rates of the stressors, ``jobs`` guests at a time. Raises what a run raises."""
    series = write_series(workshop, race, workshop.layout.results / "planted-races")
    request = RunRequest(str(series), trees=(race.tree,), stressors=stressors, repeat=runs, jobs=jobs)
    run = Run(workshop, request, kind="benchmark")
    prepared = prepare_tree(workshop, run.spec, run.spec.trees[0], request)
    workshop.store.start_run(run.row)
    run.record_tree(prepared)
    run.run_cells(prepared, run.kernels(prepared, (1,)), range(runs))
    run.close(0, "benchmark")
    cells = workshop.store.run_cells(run.row.id)
    return tuple(found_by(stressor, cells) for stressor in stressors)


def row_of(race: PlantedRace, right: Found, *wrong: Found) -> str:
    """A line of the table in Markdown."""
    found = "; ".join(f"{title} ({count})" for title, count in right.titles)
    median = f"{statistics.median(right.seconds):.0f} s" if right.seconds else ""
    return f"| {race.name} | {race.bug} | {right} | {median} | {found.replace('|', '')} | {wrong[0] if wrong else ''} |"


def main() -> int:
    """Measures the named races, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted_races", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of planted races (default: all)")
    parser.add_argument("--runs", type=int, default=20, help="boots with each of the two stressors (default: 20)")
    parser.add_argument("--jobs", type=int, default=1, help="guests at a time (default: 1)")
    parser.add_argument("--right-only", action="store_true", help="only the stressor that is to find it")
    arguments = parser.parse_args()
    races = {race.name: race for race in planted_races()}
    unknown = [name for name in arguments.names if name not in races]
    if unknown:
        parser.error(f"no planted race {unknown[0]!r}; there are {', '.join(races)}")
    print("| race | bug | found by | median time to it | as | by another |\n|---|---|---|---|---|---|", flush=True)
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        for name in arguments.names or races:
            race = races[name]
            stressors = (race.right,) if arguments.right_only else (race.right, race.wrong)
            print(row_of(race, *measure(workshop, race, stressors, arguments.runs, arguments.jobs)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
