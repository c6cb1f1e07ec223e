"""harness findings: what was ever found, over all runs."""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timedelta

import click

from harness.model.errors import UserError
from harness.model.finding import Severity
from harness.reports import tables
from harness.reports.finding_tables import finding_page, findings_list, page_object, summary_object
from harness.reports.terminal import listener_for
from harness.reports.trace import trace_lines
from harness.runs.finding_list import Wanted, found_titles, one_title, whole_finding
from harness.runs.tree_files import source_text
from harness.runs.workshop import Workshop


@click.group("findings", invoke_without_command=True)
@click.option("--tree", "trees", multiple=True, metavar="TREE", help="Only cells of this tree; may be repeated.")
@click.option("--series", "series", multiple=True, metavar="NAME", help="Only runs of this series; may be repeated.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind; may be repeated.")
@click.option("--severity", type=click.Choice([s.value for s in Severity]), help="Only so grave, or graver.")
@click.option("--since", metavar="DATE", help="Only cells of that day and later: 2026-11-21, or 30d for 30 days.")
@click.option("--title", default="", metavar="PATTERN", help='Only titles with that in them; "*" stands for any text.')
@click.option("--suppressed", is_flag=True, help="Only what known noise suppresses everywhere.")
@click.option("--json", "as_json", is_flag=True, help='Print one JSON object: {"findings": [...], "suppressed": N}.')
@click.pass_context
def findings_command(
    context: click.Context,
    trees: tuple[str, ...],
    series: tuple[str, ...],
    kinds: tuple[str, ...],
    severity: str | None,
    since: str | None,
    title: str,
    suppressed: bool,
    as_json: bool,
) -> int:
    """List what the kernels of all runs reported: the gravest first, then what was seen last.

    "3/41": seen in 3 of the 41 cells that were booted of the same trees and stressors, patched or not.
    """
    wanted = Wanted(
        trees, series, kinds, Severity(severity) if severity else None, moment(since) if since else None, title
    )
    context.obj = wanted
    if context.invoked_subcommand is not None:
        return 0
    with listener_for(sys.stderr) as listener:
        found = found_titles(Workshop(listener), wanted)
    hidden = [one for one in found if one.all_suppressed]
    shown = hidden if suppressed else [one for one in found if not one.all_suppressed]
    if as_json:
        click.echo(json.dumps({"findings": [summary_object(one) for one in shown], "suppressed": len(hidden)}))
    else:
        tables.show(sys.stdout, findings_list(shown, [] if suppressed else hidden))
    return 0


@findings_command.command("show")
@click.argument("title")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def findings_show_command(wanted: Wanted, title: str, as_json: bool) -> int:
    """Show the finding called TITLE, of which a part will do where only one has it: how often each kernel shows it,
    whether a baseline does, its best report with the source, and how to have it again.

    Options before "show" choose among the cells: harness findings --tree v3.0 show TITLE.
    """
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        summary = one_title(found_titles(workshop, wanted), title)
        sample = whole_finding(workshop, summary.best)
        entries = workshop.interpretation.reasons(name for name, _ in summary.noise)
        tree_id, touched = workshop.store.newest_source(summary.best.use.cell)
        text = source_text(workshop, tree_id)
    if as_json:
        click.echo(json.dumps(page_object(summary, sample, entries)))
    else:
        trace = trace_lines(sample.source, touched.get(summary.best.place, {}), text)
        tables.show(sys.stdout, finding_page(summary, sample, entries, trace=trace))
    return 0


def moment(text: str, now: datetime | None = None) -> float:
    """Seconds since the epoch of "2026-11-21" (that day's beginning, local time) or "30d" (30 days ago). Raises
    UserError."""
    if found := re.fullmatch(r"(\d{1,5})d", text):
        return ((now or datetime.now()) - timedelta(days=int(found[1]))).timestamp()
    try:
        return datetime.strptime(text, "%Y-%m-%d").timestamp()
    except (ValueError, OverflowError):
        raise UserError(f"--since {text!r} is neither a day such as 2026-11-21 nor days such as 30d") from None
