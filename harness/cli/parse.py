"""harness parse: console logs to findings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from harness.findings.parser import parse_console
from harness.model.errors import UserError
from harness.model.finding import Finding, Severity
from harness.reports import tables

_CHUNK = 1 << 20


@click.command("parse")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help='One object per file: {"file", "findings": [...]}.')
def parse_command(files: tuple[str, ...], as_json: bool) -> int:
    """Findings in console logs ("-" is standard input). Exit code 1 when a file has one worse than a notice."""
    worst = 0
    for name in files:
        findings = parse_console(_chunks(name))
        if any(finding.severity is not Severity.NOTICE for finding in findings):
            worst = 1
        if as_json:
            click.echo(json.dumps({"file": name, "findings": [finding_object(finding) for finding in findings]}))
            continue
        click.echo(f"{name}: {len(findings)} finding(s)")
        if findings:
            tables.show(sys.stdout, tables.findings_table(findings))
    return worst


def finding_object(finding: Finding) -> dict[str, object]:
    """A finding as the object that --json prints."""
    return {
        "kind": finding.kind,
        "title": finding.title,
        "function": finding.function,
        "severity": finding.severity.value,
        "first_line": finding.first_line,
        "last_line": finding.last_line,
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
