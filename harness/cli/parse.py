"""harness parse: console logs to findings."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from harness.config.catalogue import Catalogue
from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.findings.parser import parse_console
from harness.model.errors import UserError
from harness.model.finding import Effect, Finding, Severity
from harness.reports import tables
from harness.reports.folding import suppressed_words
from harness.runs.interpretation import Interpretation
from harness.verdicts.cell_rules import NO_RULES, CellRules, Circumstances, judged

_CHUNK = 1 << 20


@click.command("parse")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help='One object per file: {"file", "findings": [...]}, with {"suppressed": {ENTRY: N}} where some are.',
)
@click.option("--tree", default="", metavar="TREE", help="They are this tree's: known reports of it count as such.")
@click.option("--stressor", default="", metavar="NAME", help="This stressor ran, for known reports and policy.")
@click.option(
    "--accelerator", type=click.Choice(["kvm", "tcg"]), help="The guest ran under it, for known reports of it."
)
@click.option("--all", "show_all", is_flag=True, help="List what known noise suppresses, too.")
def parse_command(
    files: tuple[str, ...], as_json: bool, tree: str, stressor: str, accelerator: str | None, show_all: bool
) -> int:
    """Findings in console logs ("-" is standard input). Exit code 1 when a file has one that counts, by the policy.

    4: none counts, but a guest died of known noise, which leaves nothing that was tested.
    """
    rules, where = _rules(tree, stressor, accelerator or "")
    worst = 0
    for name in files:
        found = judged(parse_console(_chunks(name)), rules, where)
        if any(finding.effect is not Effect.SHOW for finding in found):
            worst = 1
        elif any(finding.severity is Severity.FATAL for finding in found):
            worst = worst or 4
        counts = Counter(finding.noise for finding in found if finding.suppressed)
        findings = [finding for finding in found if show_all or not finding.suppressed]
        if as_json:
            suppressed = {"suppressed": dict(sorted(counts.items()))} if counts else {}
            click.echo(json.dumps({"file": name, "findings": [finding_object(f) for f in findings], **suppressed}))
            continue
        hidden = f", {suppressed_words(sorted(counts.items()))}" if counts else ""
        click.echo(f"{name}: {len(findings)} finding(s){hidden}")
        if findings:
            tables.show(sys.stdout, tables.findings_table(findings))
    return worst


def _rules(tree: str, stressor: str, accelerator: str) -> tuple[CellRules, Circumstances]:
    """The checkout's rules; without a checkout there are none."""
    try:
        layout = find_layout()
    except UserError:
        return NO_RULES, Circumstances(tree, None, stressor, accelerator)
    catalogue = Catalogue(layout, load_settings(layout.root))
    if tree:
        catalogue.tree(tree)
    interpretation = Interpretation(catalogue, lambda text: click.echo(text, err=True))
    return interpretation.rules(), interpretation.circumstances(tree, stressor, accelerator)


def finding_object(finding: Finding) -> dict[str, object]:
    """A finding as the object that --json prints."""
    return {
        "kind": finding.kind,
        "title": finding.title,
        "function": finding.function,
        "severity": finding.severity.value,
        "first_line": finding.first_line,
        "last_line": finding.last_line,
        **({"noise": finding.noise} if finding.noise else {}),
    }


def _chunks(name: str) -> Iterator[bytes]:
    try:
        if name == "-":
            while chunk := sys.stdin.buffer.read(_CHUNK):
                yield chunk
            return
        with Path(name).open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=name) from error
