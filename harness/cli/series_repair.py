"""harness series repair: a damaged patch and its tree to a patch that git apply takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import click

from harness.cli.output import print_rows, write_file
from harness.intake.repair import THRESHOLD, Repair, RepairedHunk, concluded
from harness.intake.repair.patch_mail import patch_mail
from harness.model.errors import UserError
from harness.model.plain_text import clean
from harness.model.series import Patch, Series
from harness.reports.repair_text import HUNK_COLUMNS, around, beside_tree, guesses, hunk_rows, notes_of
from harness.reports.terminal import listener_for
from harness.runs.compiling import compile_touched
from harness.runs.repairing import RepairedPatch, repair_series, series_to_repair, why_refused
from harness.runs.tree_files import tree_files
from harness.runs.workshop import Workshop

MAX_ROWS = 200  # hunks, and notes, of one patch that are printed
MAX_BESIDE = 5  # doubtful hunks that are shown beside the tree


@click.command("repair")
@click.argument("source", metavar="SERIES|SOURCE")
@click.option("--tree", "tree", required=True, metavar="TREE|DIR", help="The tree it was made for, or near to it: a "
              "name, a folder, or DIR@REVISION of a git directory.")  # fmt: skip
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The repaired patches, as a mbox.")  # fmt: skip
@click.option("--json", "report", type=click.Path(path_type=Path, dir_okay=False), metavar="REPORT",
              help="Write what was done to each line (docs/repair.md).")  # fmt: skip
@click.option("--partial", is_flag=True, help="Leave out hunks that have no place in the tree; they go to FILE.rej.")
@click.option("--threshold", type=click.FloatRange(0, 1), default=THRESHOLD, show_default=True,
              help="Refuse where it is less sure than this which lines a hunk has, and in which order; whitespace does "
              "not count.")  # fmt: skip
@click.option("--interactive", is_flag=True, help="Show each guessed line, to accept, change or refuse it.")
@click.option("--compile", "compiles", is_flag=True, help="Compile the files it touches with the tree's compiler, "
              "without and with the patches (TREE must be a name).")  # fmt: skip
def repair_command(
    source: str,
    tree: str,
    output: Path,
    report: Path | None,
    partial: bool,
    threshold: float,
    interactive: bool,
    compiles: bool,
) -> int:
    """Rebuild damaged patches of SERIES (a name, or a source of mail) with the help of the tree they were made for.

    Context and removed lines come from the tree; of added lines whitespace and lost braces are restored, never a
    statement. Every change is graded: proved by the tree, implied by the counts, or guessed. Nothing is written when
    a hunk has no place, or is less sure than the threshold (exit code 2).
    """
    if interactive and not sys.stdin.isatty():
        raise click.UsageError("--interactive needs a terminal to ask on")
    rejects = output.with_name(f"{output.name}.rej")
    _check_outputs([output, rejects, *([report] if report else [])], source)
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        series = series_to_repair(workshop, source)
        files = tree_files(workshop, tree)
        if not interactive:
            done = repair_series(series, files, threshold=threshold)
    if interactive:  # without the progress line, which would draw over the questions
        done = repair_series(series, files, threshold=threshold, review=_ask)
    if report is not None:
        write_file(report, json.dumps([report_object(one, files.name) for one in done], indent=1) + "\n")
    refused = why_refused(done, series.total, partial=partial)
    rejected = "".join(one.repair.rejected for one in done)
    if refused is None:
        write_file(output, "".join(patch_mail(one.patch, series.total, one.repair, files.name) for one in done))
        if rejected:
            write_file(rejects, rejected)
    for one in done:
        _show(one, series.total)
    if refused is not None:
        _show_doubtful([hunk for one in done for hunk in _doubtful(one.repair, threshold)])
        raise refused
    click.echo(f"\nwritten: {clean(str(output))}")
    if rejected:
        click.echo(f"without a place: {clean(str(rejects))}")
    return _compile(tree, series, done) if compiles else 0


def _check_outputs(paths: Sequence[Path], source: str) -> None:
    """Raises UserError for an output that would destroy something: a device, the source, another output."""
    taken = {Path(source).resolve()}
    for path in paths:
        if str(path) == "-" or not path.parent.is_dir():
            raise UserError("not a file in a folder that is there", where=str(path), remedy="name a file to write")
        if path.exists() and not path.is_file():
            raise UserError("no regular file", where=str(path), remedy="name a file to write")
        if path.resolve() in taken:
            raise UserError("would be written over the source or another output", where=str(path))
        taken.add(path.resolve())


def _show_doubtful(hunks: Sequence[RepairedHunk]) -> None:
    for hunk in hunks[:MAX_BESIDE]:
        click.echo("")
        for line in beside_tree(hunk):
            click.echo(line)
    if len(hunks) > MAX_BESIDE:
        click.echo(f"\n{len(hunks) - MAX_BESIDE} more hunks are in doubt: --json REPORT holds all")


def _compile(tree: str, series: Series, done: Sequence[RepairedPatch]) -> int:
    """Says which of the touched files compile; 1 where the patches broke one."""
    patches = [one.mended(tree) for one in done]
    with listener_for(sys.stderr) as listener:
        compiled = compile_touched(Workshop(listener), tree, series, patches)
    if not compiled:
        click.echo("nothing to compile: no C file is touched")
    for one in compiled:
        told = f"does not compile: {clean(one.after)}" if one.after else "compiles"
        click.echo(f"{one.path}  {told}" + (f" (nor without the patches: {clean(one.before)})" if one.before else ""))
        for warning in one.warnings:
            click.echo(f"  new warning: {clean(str(warning))}")
    return int(any(one.is_broken for one in compiled))


def _doubtful(repair: Repair, threshold: float) -> list[RepairedHunk]:
    return [hunk for hunk in repair.hunks if hunk.start is None or hunk.confidence < threshold]


def _show(one: RepairedPatch, total: int) -> None:
    click.echo(f"{one.patch.index} of {total}  {clean(one.patch.subject)}: {one.repair.grade}")
    print_rows(HUNK_COLUMNS, list(islice(hunk_rows(one.repair), MAX_ROWS)))
    hunks = len(one.repair.hunks)
    if hunks > MAX_ROWS:
        click.echo(f"{hunks - MAX_ROWS} more hunks")
    for note in islice(notes_of(one.repair), MAX_ROWS):
        click.echo(f"note: {note}")


def report_object(one: RepairedPatch, tree: str) -> dict[str, object]:
    """What --json writes of a patch (docs/repair.md)."""
    patch, repair = one.patch, one.repair
    return {
        "index": patch.index,
        "subject": patch.subject,
        "message_id": patch.message_id,
        "source": patch.source,
        "source_digest": patch.digest,
        "tree": tree,
        "grade": repair.grade,
        "confidence": round(repair.confidence, 4),
        "refusal": repair.refusal,
        "notes": list(repair.notes),
        "files": [asdict(file) for file in repair.files],
    }


def _ask(patch: Patch, repair: Repair) -> Repair:
    """Goes through the guesses with the user. Raises UserError where one is refused."""
    every = False
    files = []
    for file in repair.files:
        hunks = []
        for hunk in file.hunks:
            lines = list(hunk.lines)
            for at in guesses(hunk) if hunk.start is not None else ():
                if every:
                    break
                line = lines[at]
                click.echo(
                    f"\n{clean(hunk.path)} {hunk.header}: {clean(line.what)}: {clean(line.why)} ({line.sure:.0%})"
                )
                for shown in around(lines, at):
                    click.echo(shown)
                answer = click.prompt(
                    "accept, accept all, edit, refuse", type=click.Choice(["y", "a", "e", "n"]), default="y"
                )
                every = answer == "a"
                if answer == "n":
                    raise UserError(f"a guess was refused; nothing is written (patch {patch.index})", where=hunk.path)
                if answer == "e":
                    text = click.prompt("the line, without its mark", default=line.text, show_default=False)
                    lines[at] = replace(line, text=text.replace("\\t", "\t"), why="written by a reader", sure=1.0)
                else:
                    lines[at] = replace(line, why=f"{line.why}, accepted by a reader")
            hunks.append(replace(hunk, lines=tuple(lines)))
        files.append(replace(file, hunks=tuple(hunks)))
    return repair if repair.refusal else concluded(tuple(files), repair.notes, 0.0)


__all__: Sequence[str] = ["repair_command", "report_object"]
