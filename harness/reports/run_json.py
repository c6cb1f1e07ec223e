"""A run as one JSON object, for programs: what the tables show, and every message of the builds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.model.build_message import BroughtMessage, BuildMessage
from harness.model.cell import CellResult
from harness.model.finding import Finding, FrameTouch, SourceFrame
from harness.model.noise import NoiseEntry
from harness.results.store import CellRow
from harness.results.summary import KernelSummary, RunSummary, TreeSummary


def run_object(summary: RunSummary) -> dict[str, Any]:
    """The object that ``harness show --json`` prints. Unknown is null, never an empty list."""
    run = summary.run
    return {
        "run": run.id,
        "kind": run.kind,
        "series": run.series,
        "title": run.title,
        "arguments": run.arguments,
        "machine": run.machine,
        "started": run.started,
        "finished": run.finished,
        "exit_code": summary.exit_code,
        "conclusion": summary.conclusion,
        "trees": [_tree(tree) for tree in summary.trees],
    }


def _tree(tree: TreeSummary) -> dict[str, Any]:
    return {
        **asdict(tree.row),
        "fixups": [asdict(state) for state in tree.fixups],
        "patches": [asdict(state) for state in tree.patches],
        "stressors": [{"stressor": row.stressor, "why": row.why} for row in tree.stressors],
        "functions": [
            {
                "function": one.function,
                "patches": list(one.patches),
                "executed": one.executed if one.seen else None,
                "seen": [{"stressor": name, "in_it": count, "samples": total} for name, count, total in one.seen],
            }
            for one in tree.functions
        ],
        "kernels": [_kernel(kernel) for kernel in tree.kernels],
    }


def _kernel(kernel: KernelSummary) -> dict[str, Any]:
    change = kernel.build
    return {
        **{name: value for name, value in asdict(kernel.row).items() if name != "tree"},
        "warnings": None if kernel.warnings is None else [message_object(m) for m in kernel.warnings],
        "errors": [message_object(message) for message in kernel.errors],
        "new_warnings": [
            {**message_object(brought.message), "patches": list(brought.patches), "touched": _touched(brought)}
            for brought in change.new
        ]
        if change.known
        else None,
        "gone_warnings": [message_object(message) for message in change.gone] if change.known else None,
        "verdicts": [asdict(verdict) for verdict in kernel.verdicts],
        "cells": [_cell(cell) for cell in kernel.cells],
    }


def _touched(brought: BroughtMessage) -> bool | None:
    return bool(brought.touching) if brought.touching or brought.files_known else None


def message_object(message: BuildMessage) -> dict[str, Any]:
    """A warning or error of a build; numbers that were not told are null."""
    numbers = {"line": message.line or None, "column": message.column or None}
    return {**asdict(message), "kind": message.kind.value, **numbers}


def _cell(cell: CellRow) -> dict[str, Any]:
    result = cell.result
    return {
        "stressor": cell.stressor,
        "seed": cell.seed,
        "repeat": cell.repeat,
        "cell": cell.cell,
        "outcome": cell.outcome.value,
        "reason": cell.reason,
        "reused": cell.reused,
        "seconds": None if result is None else result.seconds,
        "findings": [
            {
                **_finding(finding),
                "own_line": _own(cell, place),
                "source": source_objects(finding.source, cell.touched_frames.get(place, {})),
            }
            for place, finding in enumerate(result.findings if result else ())
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "title": finding.title,
        "severity": finding.severity.value,
        "artefact": finding.artefact,
        "corrupted": finding.corrupted,
        "effect": finding.effect.value,
        "suppressed": finding.suppressed,
        "noise": finding.noise or None,
    }


def source_objects(frames: Sequence[SourceFrame], touched: Mapping[int, FrameTouch]) -> list[dict[str, Any]]:
    """A trace in the source; what is not known is null. ``touched`` is null for a frame that the series left alone."""
    return [
        {
            **asdict(frame),
            "file": frame.file or None,
            "line": frame.line or None,
            "touched": asdict(touched[place]) if place in touched else None,
        }
        for place, frame in enumerate(frames)
    ]


def noise_entry_object(name: str, entries: Mapping[str, NoiseEntry]) -> dict[str, Any]:
    """An entry of known noise: its name, and of one that is still defined list, reason and last day."""
    entry = entries.get(name)
    if entry is None:
        return {"name": name, "list": None, "reason": None, "expires": None}
    return {
        "name": entry.name,
        "list": entry.list.value,
        "reason": entry.reason,
        "expires": entry.expires.isoformat(),
    }


def cell_object(
    result: CellResult,
    entries: Mapping[str, NoiseEntry],
    touched: Mapping[int, Mapping[int, FrameTouch]] | None = None,
) -> dict[str, Any]:
    """The object that ``harness show CELL --json`` prints; ``entries`` are the known reports by name, ``touched`` as
    in CellRow.touched_frames."""
    return {
        "cell": result.key,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "seconds": result.seconds,
        "user_space": result.user_space,
        "guest": result.guest,
        "console": result.console,
        "report": result.report,
        "kernel_log": result.kernel_log or None,
        "samples": result.samples or None,
        "output": result.output or None,
        "findings": [
            {
                **_finding(one),
                "kind": one.kind,
                "first_line": one.first_line,
                "last_line": one.last_line,
                "noise": noise_entry_object(one.noise, entries) if one.noise else None,
                "source": source_objects(one.source, (touched or {}).get(place, {})),
            }
            for place, one in enumerate(result.findings)
        ],
        "suppressed": sum(one.suppressed for one in result.findings),
    }


def _own(cell: CellRow, place: int) -> dict[str, Any] | None:
    found = cell.own_lines.get(place)
    return None if found is None else {"patch": found[0], "place": found[1]}
