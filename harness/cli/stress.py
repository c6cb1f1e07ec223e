"""harness stress: what the stressors are, what they need and prove, and what they do on a tree as it is."""

from __future__ import annotations

import json
import sys
import textwrap

import click

from harness.cli.output import print_rows
from harness.model.cell import Outcome, Stressor
from harness.model.plain_text import clean
from harness.model.version import KernelVersion
from harness.reports.stress_table import HEADER, trial_markdown, trial_object, trial_rows
from harness.reports.terminal import listener_for
from harness.runs.request import RunRequest
from harness.runs.stress_trial import known_stressors, try_stressors
from harness.runs.workshop import Workshop


@click.group("stress")
def stress_command() -> None:
    """List stressors, show what one needs and proves, and try them on trees as they are."""


@stress_command.command("list")
def list_stressors() -> int:
    """Every stressor: its area, the kernels that have it, how long it runs and the guest it wishes for."""
    with listener_for(sys.stderr) as listener:
        catalogue = Workshop(listener).catalogue
        stressors = [catalogue.stressor(name) for name in catalogue.stressor_names()]
    rows = [(one.name, one.area, str(one.versions), f"{one.seconds} s", wishes_words(one)) for one in stressors]
    print_rows(("stressor", "area", "kernels", "runs", "guest"), rows)
    return 0


def wishes_words(stressor: Stressor) -> str:
    """The guest that a stressor wishes for."""
    wishes = stressor.wishes
    words = f"{wishes.memory_mib} MiB, {wishes.cpus} CPUs, {wishes.nodes} node{'s' if wishes.nodes > 1 else ''}"
    words += f", THP {wishes.thp}" if wishes.thp != "always" else ""
    return words + (f", 2 x {wishes.swap_mib} MiB of swap" if wishes.swap_mib else "")


@stress_command.command("show")
@click.argument("name")
@click.option("--tree", metavar="TREE", help="Only what holds for the kernels of this tree.")
def show_stressor(name: str, tree: str | None) -> int:
    """Show the stressor NAME: what it does, what it is chosen for, what it needs, and what proves that it worked."""
    with listener_for(sys.stderr) as listener:
        catalogue = Workshop(listener).catalogue
        stressor = catalogue.stressor(name)
        version = catalogue.tree(tree).kernel_version if tree else None
    click.echo(f"{clean(stressor.name)}: {clean(stressor.area)}\n")
    click.echo(textwrap.fill(clean(stressor.summary), 100) + "\n")
    if version is not None and version not in stressor.versions:
        click.echo(f"not in kernels of {tree} ({version}): {clean(stressor.absent)}")
        return 0
    print_rows(("about", "is"), facts_of(stressor, version))
    rules = [rule for rule in stressor.proof if version is None or version in rule.versions]
    if rules:
        click.echo(f"\nproof, in {stressor.seconds} s: one of the counters of each row must move by so much\n")
        rows = [
            (", ".join(map(clean, rule.any_of)), str(rule.minimum), clean(rule.reason), str(rule.versions))
            for rule in rules
        ]
        print_rows(("counters", "by", "shows that", "kernels"), rows)
    else:
        click.echo("\na control: it proves itself by having ended")
    return 0


def facts_of(stressor: Stressor, version: KernelVersion | None) -> list[tuple[str, str]]:
    """Rows of name and words; those that say nothing are left out."""
    needed = [
        one.option + (f" ({one.versions})" if version is None and str(one.versions) != "all" else "")
        for one in stressor.requires
        if version is None or version in one.versions
    ]
    facts = (
        ("kernels", str(stressor.versions)),
        ("guest", wishes_words(stressor)),
        ("needs", ", ".join(needed)),
        ("chosen for files", ", ".join(stressor.files)),
        ("chosen for functions", ", ".join(stressor.functions)),
        ("races", ", ".join(stressor.races)),
        ("defined in", stressor.where),
    )
    return [(name, clean(words)) for name, words in facts if words]


@stress_command.command("try")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--tree", "trees", multiple=True, required=True, metavar="TREE", help="On this tree (may be repeated).")
@click.option("--duration", type=click.IntRange(1, 86_400), metavar="SECONDS", help="Time of each stressor.")
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(1, 1000), help="Boots of each stressor.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**31 - 1), help="Seed of the first boot.")
@click.option("--cpus", type=click.IntRange(1, 255), help="Processors of the guest.")
@click.option("--memory", "memory_mib", type=click.IntRange(64, 1 << 20), metavar="MIB", help="Memory of the guest.")
@click.option("--numa", "nodes", type=click.IntRange(1, 64), metavar="NODES", help="Memory nodes of the guest.")
@click.option("--append", "append", multiple=True, metavar="WORD", help="One more word of the kernel command line.")
@click.option("--format", "form", type=click.Choice(["table", "markdown", "json"]), default="table", show_default=True)
@click.option("--verbose", is_flag=True, help="Progress of each step on plain output too.")
def try_command(
    names: tuple[str, ...], trees: tuple[str, ...], duration: int | None, repeat: int, seed: int, cpus: int | None,
    memory_mib: int | None, nodes: int | None, append: tuple[str, ...], form: str, verbose: bool,
) -> int:  # fmt: skip
    """Boot trees as they are with the stressors NAME (default: all) and show what moved, per second.

    Exit code 0: every stressor that the kernels have did its work and nothing was found; 1: a kernel reported
    something; 4: a stressor did not prove its work.
    """
    request = RunRequest(
        "", duration=duration, repeat=repeat, seed=seed, cpus=cpus, memory_mib=memory_mib, nodes=nodes, append=append
    )
    listener = listener_for(sys.stderr, verbose=verbose)
    workshop = Workshop(listener)
    with listener:
        trials = list(try_stressors(workshop, trees, known_stressors(workshop, names), request))
    if form == "json":
        click.echo(json.dumps([trial_object(trial) for trial in trials], indent=2))
    elif form == "markdown":
        click.echo(trial_markdown(trials), nl=False)
    else:
        print_rows(HEADER, trial_rows(trials))
    outcomes = {boot.outcome for trial in trials for boot in trial.boots}
    outcomes |= {trial.outcome for trial in trials if not trial.boots}
    if outcomes & {Outcome.FINDING, Outcome.HUNG}:
        return 1
    if Outcome.HARNESS_FAILURE in outcomes:
        return 3
    return 0 if outcomes <= {Outcome.PASS, Outcome.NOT_IN_THIS_KERNEL} else 4
