"""The table of eras: every pinned tree with its compiler, fix-ups, build, boot and what can be stressed there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group
from rich.text import Text

from harness.model.era_check import EraRow, EraState
from harness.model.plain_text import clean
from harness.reports.tables import listing
from harness.reports.wording import duration

HEADERS = ("tree", "compiler", "image", "fix-ups", "build", "boot", "boots", "CPUs", "nodes", "areas")


def era_cells(row: EraRow) -> tuple[str, ...]:
    """The row's words by column of HEADERS; what is not known is empty."""
    last = row.boots[-1] if row.boots else None
    build = "" if row.build_seconds is None else duration(row.build_seconds) + (" *" if row.at_hand else "")
    return (
        row.tree,
        _compiler(last.compiler if last else "") or row.toolchain,
        row.image_digest.removeprefix("sha256:")[:12],
        ", ".join(row.fixups) or ("none" if row.image_digest else ""),
        build,
        "" if last is None or last.seconds is None else f"{last.seconds:.1f} s",
        f"{row.good_boots}/{len(row.boots)}" if row.boots else "",
        str(last.cpus or "") if last else "",
        str(last.nodes or "") if last else "",
        ", ".join(row.areas) if row.state is EraState.HOLDS else row.state.value,
    )


def _compiler(banner: str) -> str:
    """ "gcc 3.4.6" of what the booted kernel says that it was compiled with."""
    match = re.search(r"(gcc|clang) (?:version )?(?:\([^)]*\) )?(\d+(?:\.\d+)+)", banner)
    return f"{match[1]} {match[2]}" if match else ""


def troubles(rows: Sequence[EraRow]) -> list[str]:
    """A line for every row that does not hold."""
    bad = [row for row in rows if row.state is not EraState.HOLDS]
    width = max((len(row.tree) for row in bad), default=0)
    return [f"{row.tree:{width}}  {row.state}: {clean(row.reason)}" for row in bad]


def era_table(rows: Sequence[EraRow]) -> Group:
    """For a terminal."""
    table = listing(HEADERS, [era_cells(row) for row in rows], right=("build", "boot", "CPUs", "nodes"))
    notes = ["* built before"] if any(row.at_hand for row in rows) else []
    return Group(table, *(Text(line) for line in (*notes, *troubles(rows))))


def era_markdown(rows: Sequence[EraRow]) -> str:
    """For a README: a table, and beneath it the rows that do not hold."""
    lines = [f"| {' | '.join(HEADERS)} |", "|" + "---|" * len(HEADERS)]
    lines += [f"| {' | '.join(clean(cell).replace('|', '/') for cell in era_cells(row))} |" for row in rows]
    told = [f"- {line.replace('|', '/')}" for line in troubles(rows)]
    return "\n".join(lines + (["", *told] if told else [])) + "\n"


def era_json(rows: Sequence[EraRow]) -> str:
    """Everything that is known of the rows."""
    return json.dumps([asdict(row) | {"areas": row.areas} for row in rows], indent=1)
