"""harness series base: which tree a series was made for."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import click

from harness.cli.output import print_rows
from harness.model.base import BaseRanking, RankedTree
from harness.model.plain_text import clean
from harness.reports.terminal import listener_for
from harness.runs.series_base import base_of, series_of
from harness.runs.workshop import Workshop

SHOWN = 3
NOT_SURE = 4  # docs/exit-codes.md


@click.command("base")
@click.argument("source", metavar="SERIES|SOURCE")
@click.argument("more", nargs=-1, metavar="")
@click.option("--candidates", "first", multiple=True, metavar="TREE...",
              help="Trees to try: names, folders, DIR@REVISION of a git directory, DIR@A..B for every commit of a "
                   "range. Without it: every tree that is here.")  # fmt: skip
@click.option("--mail", metavar="PATH", help="Mbox or folder with the series' mail.")
@click.option("--json", "as_json", is_flag=True, help="All candidates as one JSON object (docs/base.md).")
def base_command(source: str, more: tuple[str, ...], first: tuple[str, ...], mail: str | None, as_json: bool) -> int:
    """Which tree was SERIES (a name, or a source of mail) made for? Prints the best three with their reasons.

    Evidence: the blob ids of index lines, every hunk tried on every candidate, versions named in headers and text,
    dates. Exit code 0: one tree is certain or likely; 4: several are as likely, or none is.
    """
    if more and not first:
        raise click.UsageError(f"what is {more[0]!r}? Name the trees to try after --candidates")
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        ranking = base_of(workshop, series_of(workshop, source, mail), (*first, *more))
    if as_json:
        click.echo(json.dumps(ranking_object(ranking), indent=1))
    else:
        _show(ranking)
    return 0 if ranking.confidence in ("certain", "likely") else NOT_SURE


def _show(ranking: BaseRanking) -> None:
    rows = []
    for tree in ranking.trees[:SHOWN]:
        seen = tree.trial
        hunks = [str(seen.count(*fits)) for fits in (("clean",), ("offset",), ("fuzz",), ("missing", "file missing"))]
        blobs = f"{seen.blobs_found} of {seen.blobs}" if seen.blobs else "none named"
        rows.append((_name(tree), *hunks, blobs, f"{tree.score:.2f}"))
    print_rows(("tree", "clean", "offset", "fuzz", "missing", "blobs", "score"), rows)
    for tree in ranking.trees[:SHOWN]:
        click.echo(f"\n{clean(tree.candidate.name)}")
        for reason in tree.reasons:
            click.echo(f"  {clean(reason)}")
        if alike := tree.candidate.alike:
            few = ", ".join(name.rpartition("@")[2] for name in (alike if len(alike) < 4 else (alike[0], alike[-1])))
            click.echo(f"  {len(alike)} more of the range {'has' if len(alike) == 1 else 'have'} the same files where "
                       f"the series changes them: {'from ' if len(alike) >= 4 else ''}"
                       f"{clean(few.replace(', ', ' to ') if len(alike) >= 4 else few)}")  # fmt: skip
    others = len(ranking.trees) - SHOWN
    click.echo("")
    if others > 0:
        click.echo(f"{others} more were tried and fit less well")
    for name, why in ranking.not_tried:
        click.echo(f"{clean(name)}  not tried: {clean(why)}")
    click.echo(clean(ranking.sentence))


def _name(tree: RankedTree) -> str:
    version = tree.candidate.version
    return f"{tree.candidate.name} ({version})" if version is not None else tree.candidate.name


def _moment(time: int | None) -> str | None:
    return datetime.fromtimestamp(time, UTC).isoformat() if time is not None else None


def ranking_object(ranking: BaseRanking) -> dict[str, object]:
    """A ranking as the object that --json prints (docs/base.md)."""
    clues = ranking.clues
    return {
        "confidence": ranking.confidence,
        "sentence": ranking.sentence,
        "clues": {
            "versions": [
                {"version": str(hint.version), "where": hint.where, "sure": hint.sure} for hint in clues.versions
            ],
            "not_after": clues.not_after.isoformat() if clues.not_after else None,
            "not_after_why": clues.not_after_why,
        },
        "trees": [_tree_object(tree) for tree in ranking.trees],
        "not_tried": [{"tree": name, "why": why} for name, why in ranking.not_tried],
    }


def _tree_object(tree: RankedTree) -> dict[str, object]:
    candidate, seen = tree.candidate, tree.trial
    return {
        "tree": candidate.name,
        "version": str(candidate.version) if candidate.version is not None else None,
        "made": _moment(candidate.time),
        "alike": list(candidate.alike),
        "score": round(tree.score, 4),
        "blobs": {"named": seen.blobs, "found": seen.blobs_found},
        "hunks": {fit: seen.count(fit) for fit in ("clean", "offset", "fuzz", "missing", "file missing")},
        "each_hunk": [
            {
                "patch": hunk.patch,
                "file": hunk.path,
                "line": hunk.start,
                "fit": hunk.fit,
                "offset": hunk.offset,
                "share": round(hunk.share, 3),
            }
            for hunk in seen.hunks
        ],
        "reasons": list(tree.reasons),
    }
