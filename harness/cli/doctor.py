"""harness doctor: is this machine fit for the job?"""

from __future__ import annotations

import sys

import click

from harness.model.plain_text import clean
from harness.reports.terminal import listener_for
from harness.runs.doctor import checks
from harness.runs.workshop import Workshop

# KVM is a matter of speed: without it everything works under TCG.
_OPTIONAL = {"KVM"}


@click.command("doctor")
def doctor_command() -> int:
    """Check packages, engine, accelerators (by booting a canary), disk and memory; each with its remedy.

    Exit code 3 when something that a run needs is missing.
    """
    worst = 0
    with listener_for(sys.stderr) as listener:
        for check in checks(Workshop(listener)):
            word = {True: "ok", False: "MISSING" if check.name not in _OPTIONAL else "no", None: "unknown"}[check.good]
            remedy = f"; {clean(check.remedy)}" if check.good is not True and check.remedy else ""
            click.echo(f"{word:8} {check.name}: {clean(check.told)}{remedy}")
            if check.good is False and check.name not in _OPTIONAL:
                worst = 3
    return worst
