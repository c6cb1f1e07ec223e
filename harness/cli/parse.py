"""harness parse: console logs to findings."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from harness.cli.console_file import ConsoleFile
from harness.config.catalogue import Catalogue
from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.findings.frames import Resolve
from harness.findings.parser import findings_of, folded
from harness.guests.kernel_symbols import read_symbols
from harness.guests.system_map import read_system_map
from harness.model.errors import UserError
from harness.model.finding import Effect, Finding, Severity
from harness.model.plain_text import clean
from harness.reports import tables
from harness.reports.folding import suppressed_counts, suppressed_words
from harness.runs.interpretation import Interpretation
from harness.verdicts.cell_rules import NO_RULES, CellRules, Circumstances, judged


@click.command("parse")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help='One object per file: {"file", "lines", "findings": [...]}, with {"suppressed": {ENTRY: N}} where some are.',
)
@click.option("--lines", "show_lines", is_flag=True, help="Print the lines of each report below the table.")
@click.option("--every", is_flag=True, help="List each report, not one for each title and signature with its count.")
@click.option("--vmlinux", type=Path, metavar="FILE", help="Name the addresses of old traces by this kernel's symbols.")
@click.option("--system-map", type=Path, metavar="FILE", help="The same by its System.map.")
@click.option("--tree", default="", metavar="TREE", help="They are this tree's: known reports of it count as such.")
@click.option("--stressor", default="", metavar="NAME", help="This stressor ran, for known reports and policy.")
@click.option(
    "--accelerator", type=click.Choice(["kvm", "tcg"]), help="The guest ran under it, for known reports of it."
)
@click.option("--all", "show_all", is_flag=True, help="List what known noise suppresses, too.")
def parse_command(
    files: tuple[str, ...],
    as_json: bool,
    show_lines: bool,
    every: bool,
    vmlinux: Path | None,
    system_map: Path | None,
    tree: str,
    stressor: str,
    accelerator: str | None,
    show_all: bool,
) -> int:
    """Findings in console logs ("-" is standard input; gzip, bzip2 and xz are unpacked).

    Exit code 1 when a file has one that counts, by the policy; 4 when none counts, but a guest died of known noise,
    which leaves nothing that was tested; 2 for what is no console log.

    What recorders write before a line is taken off (syslog, journalctl, dmesg, minicom, conserver, netconsole, LAVA and
    others). Text quoted by "> " or "| ", or indented by four blanks or a tab, is somebody's words and no finding.
    """
    rules, where = _rules(tree, stressor, accelerator or "")
    names = _names(vmlinux, system_map)
    consoles = [ConsoleFile(name) for name in files]
    for console in consoles:
        console.check()
    worst = 0
    for console in consoles:
        reported = findings_of(console.pieces(), names)
        found = judged(tuple(reported) if every else folded(reported), rules, where)
        if any(finding.effect is not Effect.SHOW for finding in found):
            worst = 1
        elif any(finding.severity is Severity.FATAL for finding in found):
            worst = worst or 4
        counts = suppressed_counts(found)
        findings = [finding for finding in found if show_all or not finding.suppressed]
        if as_json:
            head: dict[str, object] = {"file": console.name, "lines": console.lines}
            suppressed = {"suppressed": dict(counts)} if counts else {}
            click.echo(json.dumps({**head, "findings": [finding_object(f) for f in findings], **suppressed}))
            continue
        hidden = f", {suppressed_words(counts)}" if counts else ""
        click.echo(f"{clean(console.name)}: {len(findings)} finding(s) in {console.lines} lines{hidden}")
        if findings:
            tables.show(sys.stdout, tables.findings_table(findings))
        for finding in findings if show_lines else ():
            click.echo(f"\n{clean(console.name)}:{finding.first_line}: {clean(finding.title)}")
            for line in finding.lines:
                click.echo(f"    {clean(line)}")
    return worst


def _names(vmlinux: Path | None, system_map: Path | None) -> Resolve | None:
    """What names an address, where a file for it is given."""
    path = vmlinux or system_map
    if path is None:
        return None
    if vmlinux is not None and system_map is not None:
        raise UserError("--vmlinux and --system-map are both given", remedy="give the one of the kernel that ran")
    try:
        return (read_symbols(path) if vmlinux is not None else read_system_map(path)).function_at
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        what = str(error).removeprefix(f"{path}: ")
        raise UserError(what if vmlinux is not None else f"no System.map: {what}", where=str(path)) from error


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
    """A finding as the object that --json prints: all its fields."""
    return asdict(finding)
