"""harness run: a series from mail to verdict."""

from __future__ import annotations

import sys

import click

from harness.cli.output import show_conflicts, show_plan, show_summary, write_report
from harness.reports.terminal import listener_for
from harness.runs.applying import conflicts_of
from harness.runs.execute import start_or_continue
from harness.runs.plan import dry_run_lines, plan_run
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop
from harness.trees.series_prefixes import SeriesConflict


def names_of(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """Names that are given one by one, or several with commas between them."""
    return tuple(name for word in words for name in word.split(",") if name)


@click.command("run")
@click.argument("series")
@click.option("--tree", "trees", multiple=True, metavar="NAME", help="Run on this tree (may be repeated).")
@click.option("--patches", default="ends", show_default=True, metavar="WHICH", help="ends, each, or 1,3,6 or 1-4.")
@click.option(
    "--stressor",
    "--stressors",
    "stressors",
    multiple=True,
    metavar="NAME[,NAME]...",
    callback=names_of,
    help="Only these stressors, not those that the series' files and functions call for.",
)
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Boots of each cell.")
@click.option("--duration", type=click.IntRange(1, 86_400), metavar="SECONDS", help="Time of each stressor.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Seed of repeat 0.")
@click.option("--cpus", type=click.IntRange(1, 255), help="Processors of the guest.")
@click.option("--memory", "memory_mib", type=click.IntRange(64, 1 << 20), metavar="MIB", help="Memory of the guest.")
@click.option("--numa", "nodes", type=click.IntRange(1, 64), metavar="NODES", help="NUMA nodes of the guest.")
@click.option("--thp", type=click.Choice(["always", "madvise", "never"]), help="Mode of transparent huge pages.")
@click.option("--swap", "swap_mib", type=click.IntRange(1, 256), metavar="MIB", help="Size of each swap area.")
@click.option("--append", "append", multiple=True, metavar="WORD", help="One more word of the kernel command line.")
@click.option("--accelerator", type=click.Choice(["auto", "kvm", "tcg"]), default="auto", show_default=True,
              help="auto: KVM only where a canary guest has booted under it.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 256), help="Guests at a time.")
@click.option("--image", metavar="NAME", help="Guests with this disk image, for --ssh-command (debian).")
@click.option("--ssh-command", metavar="COMMAND", help="Run this in the guest, over SSH, instead of the stressors.")
@click.option("--mail", metavar="PATH", help="Mbox or folder with the series' mail.")
@click.option("--toolchain", metavar="NAME", help="Compile with this toolchain instead of the era's.")
@click.option("--keep-going", is_flag=True, help="Leave out patches that do not apply, and say which.")
@click.option("--again", is_flag=True, help="New repeats even where results are at hand.")
@click.option("--resume", is_flag=True, help="Continue the newest unfinished run of the series as it was asked for.")
@click.option("--plan", "only_plan", is_flag=True, help="Show builds, boots, expected time and disk; run nothing.")
@click.option("--dry-run", is_flag=True, help="Print the docker and QEMU command lines; run nothing.")
@click.option("--verbose", is_flag=True, help="Progress of each step on plain output too.")
def run_command(
    series: str, trees: tuple[str, ...], patches: str, stressors: tuple[str, ...], repeat: int, duration: int | None,
    seed: int, cpus: int | None, memory_mib: int | None, nodes: int | None, thp: str | None, swap_mib: int | None,
    append: tuple[str, ...], accelerator: str, jobs: int | None, mail: str | None, toolchain: str | None,
    keep_going: bool, again: bool, resume: bool, only_plan: bool, dry_run: bool, verbose: bool, image: str | None,
    ssh_command: str | None,
) -> int:  # fmt: skip
    """Run SERIES (a name or a folder with series.yaml) on its trees and compare each with its baseline."""
    request = RunRequest(
        series=series, trees=trees, patches=patches, stressors=stressors, repeat=repeat, duration=duration, seed=seed,
        cpus=cpus, memory_mib=memory_mib, nodes=nodes, append=append, accelerator=accelerator, jobs=jobs, mail=mail,
        again=again, keep_going=keep_going, toolchain=toolchain, thp=thp, swap_mib=swap_mib, image=image,
        ssh_command=ssh_command,
    )  # fmt: skip
    listener = listener_for(sys.stderr, verbose=verbose)
    workshop = Workshop(listener)
    try:
        with listener:
            if dry_run:
                for line in dry_run_lines(workshop, request):
                    click.echo(line)
                return 0
            if only_plan:
                plan = plan_run(workshop, request)
            else:
                summary = start_or_continue(workshop, request, resume).execute()
    except SeriesConflict as error:
        # After the live display has gone: its last line is the error, in one line.
        show_conflicts(conflicts_of(workshop, error))
        raise
    if only_plan:
        show_plan(plan)
        # As the run would end: with nothing to build, or without a tree that was asked for.
        return 3 if plan.unavailable and (trees or not plan.builds) else 0
    show_summary(summary)
    page = write_report(workshop, summary)
    click.echo(f"\nreport: {page}\nrun:    {summary.run.id}  (harness show, compare and report take this name)")
    return summary.exit_code
