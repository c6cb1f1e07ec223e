"""Command line: see README.md in this folder for the commands whose tables it holds."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.repair.appliers import OURS, TOOLS
from benchmarks.repair.cases import ANY_HUNKS, Case, from_history, from_series
from benchmarks.repair.compare import Outcome, Result, compare
from benchmarks.repair.damage import DEFAULT, SINGLE, way
from benchmarks.repair.failures import described, is_failure, save
from benchmarks.repair.table import (
    as_row,
    confidence_table,
    grades_table,
    ours_table,
    reasons_table,
    tools_table,
    wrong_table,
)

OWN = Path(__file__).parent / "own"
SPEED_WAYS = ("none", "as-002-003", "as-004", "headers-dropped")
SPEED_HUNKS = range(20, 25)
SPEED_CASES = 3


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.repair",
        description="Damages clean patches as archives and mailers do and counts, per way and tool, the patches whose "
        "resulting files are byte-identical to the truth. Without a source: the own patches beside this program.",
        epilog=f"Ways: {', '.join(SINGLE)}, none; joined by + they are done one after the other.",
    )
    add = parser.add_argument
    add("--history", action="append", default=[], metavar="DIR@A..B", help="commits of a git directory, bare or not")
    add("--paths", nargs="+", default=[], metavar="PATH", help="only commits that change one of these")
    add("--limit", type=int, default=300, help="commits of each history (default 300)")
    add("--most-changed", type=int, default=400, metavar="LINES", help="larger patches are left out (default 400)")
    add(
        "--series",
        nargs=2,
        action="append",
        default=[],
        metavar=("FOLDER", "TREE"),
        help="patches of a folder, one on top of the other; TREE: a folder or DIR@REVISION",
    )
    add("--seed", type=int, default=1, help="of the choice of commits and of the damage (default 1)")
    add("--way", action="append", default=[], metavar="WAY[+WAY…]", help="may be repeated (default: all, and pairs)")
    add("--tool", action="append", default=[], choices=list(TOOLS), help="may be repeated (default: all)")
    add("--case", action="append", default=[], metavar="NAME", help="only cases whose name begins so")
    add("--jobs", type=int, default=2, help="processes (default 2)")
    add(
        "--show-failures",
        type=int,
        default=0,
        metavar="N",
        help=f"print the first N failures of {OURS}: damaged lines, and its lines against the true ones",
    )
    add(
        "--of",
        choices=["blanks", *(str(result) for result in Result if result is not Result.IDENTICAL)],
        help="show and save failures of this kind only; wrong: in lines or their order, blanks: only in blanks",
    )
    add("--at", metavar="GRADE", help="show and save failures of this grade only")
    add("--save", type=Path, metavar="FOLDER", help="write each failure shown as files below FOLDER")
    add("--damaged", action="store_true", help="print each case's damaged text and stop")
    add("--reasons", action="store_true", help="add tables of confidence and of the reasons given, with what was right")
    add("--json", type=Path, metavar="FILE", help="write every outcome, to compare two runs by")
    add(
        "--speed",
        action="store_true",
        help=f"instead, time the repair of {SPEED_CASES} patches of each history, of {SPEED_HUNKS[0]} to "
        f"{SPEED_HUNKS[-1]} hunks, against their whole trees",
    )
    return parser


def _cases(options: argparse.Namespace, hunks: range = ANY_HUNKS) -> Iterator[Case]:
    for source in options.history:
        yield from from_history(source, options.paths, options.limit, options.seed, options.most_changed, hunks)
    series = [(Path(folder), tree) for folder, tree in options.series]
    if not series and not options.history:
        series = [(OWN, str(OWN / "tree"))]
    for folder, tree in series:
        yield from from_series(folder, tree)


def _show(found: Sequence[Outcome], options: argparse.Namespace) -> None:
    failures = [
        outcome
        for outcome in found
        if outcome.tool == OURS
        and is_failure(outcome)
        and options.of in (None, "blanks" if outcome.only_blanks else str(outcome.result))
        and options.at in (None, outcome.attempt.grade)
    ]
    print(f"{len(failures)} failures of {OURS}, the first {min(options.show_failures, len(failures))}:")
    for outcome in failures[: options.show_failures]:
        print("\n".join(described(outcome)))
        if options.save:
            print(f"  saved: {save(outcome, options.save)}")
        print()


def _speed(options: argparse.Namespace) -> None:
    from benchmarks.repair.speed import measured

    if not options.history:
        raise ValueError("--speed needs a --history, for its whole trees")
    options.limit = SPEED_CASES
    for case in _cases(options, SPEED_HUNKS):
        for name in options.way or SPEED_WAYS:
            print(measured(case, name, options.seed))


def _compare(options: argparse.Namespace) -> None:
    tools = tuple(options.tool or TOOLS)
    ways = tuple(options.way or DEFAULT)
    started = time.monotonic()
    cases = [case for case in _cases(options) if not options.case or case.name.startswith(tuple(options.case))]
    print(f"{len(cases)} patches in {time.monotonic() - started:.1f} s", file=sys.stderr)
    if options.damaged:
        from benchmarks.repair.compare import damaged_text

        for case in cases:
            for name in ways:
                print(damaged_text(case, name, options.seed), end="")
        return
    found: list[Outcome] = []
    for number, outcomes in enumerate(compare(cases, ways, tools, options.seed, options.jobs), 1):
        found.extend(outcomes)
        if sys.stderr.isatty():
            print(f"\r{number} of {len(cases)}", end="", file=sys.stderr, flush=True)
    print(f"\r{len(found)} attempts in {time.monotonic() - started:.1f} s", file=sys.stderr)
    if options.show_failures:
        _show(found, options)
    print(tools_table(found, ways, tools))
    print(wrong_table(found, ways, tools))
    if OURS in tools:
        print(ours_table(found, ways))
        print(grades_table(found, ways))
        if options.reasons:
            print(confidence_table(found))
            print(reasons_table(found))
    if options.json:
        rows = [as_row(outcome) for outcome in found]
        options.json.write_text("".join(json.dumps(row) + "\n" for row in rows))


def main() -> int:
    options = _arguments().parse_args()
    try:
        for name in options.way:
            try:
                way(name)
            except KeyError as error:
                raise ValueError(f"no way of damage {error}") from None
        if options.speed:
            _speed(options)
        else:
            _compare(options)
    except (ValueError, OSError) as error:
        print(f"benchmarks.repair: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
