"""harness repro: one cell again, from one command line."""

from __future__ import annotations

import sys

import click

from harness.model.cell import Outcome
from harness.model.plain_text import clean
from harness.reports.terminal import listener_for
from harness.runs.repro import alike, repro_task, run_repro
from harness.runs.workshop import Workshop


@click.command("repro")
@click.argument("cell")
@click.option("--print", "only_print", is_flag=True, help="Print the command line; run nothing.")
@click.option("--times", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Run it so often.")
def repro_command(cell: str, only_print: bool, times: int) -> int:
    """Print and run the QEMU command line that repeats CELL (a beginning of its key suffices).

    Exit code 0: the recorded outcome and titles came again; 4: they did not; 3: QEMU failed each time.
    """
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        recorded, task, line = repro_task(workshop, cell)
        click.echo(line)
        if only_print:
            return 0
        same = 0
        results = []
        for _ in range(times):
            result = run_repro(workshop, task)
            results.append(result)
            same += alike(recorded, result)
            click.echo(f"{result.outcome}: {clean(result.reason)}")
    click.echo(f"recorded: {recorded.outcome}: {clean(recorded.reason)}")
    click.echo(f"reproduced {same} of {times}")
    if all(result.outcome is Outcome.HARNESS_FAILURE for result in results):
        return 3
    return 0 if same else 4
