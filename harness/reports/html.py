"""Runs and comparisons as single HTML files that open from disk: no scripts, no outside resources, printable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.model.plain_text import clean
from harness.reports.run_view import Excerpt, Source, no_source, run_view
from harness.reports.wording import (
    OUTCOME_ORDER,
    conclusion_mark,
    duration,
    outcome_mark,
    percent,
    severity_mark,
    share,
    verdict_mark,
)
from harness.results.comparison import Comparison
from harness.results.summary import RunSummary

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
"""Package data: run.html.j2, compare.html.j2, what both include, and the style sheet."""


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What a page shows beside the rows of the store.

    ``excerpt(cell_key, artefact, first, last)`` gives lines first..last (1-based, inclusive) of a cell; it may raise
    OSError or give fewer lines, in which case the lines kept with the finding stand in. ``source(cell, file, line)`` is
    a line of the source of a cell's kernel, "" where it is not at hand. ``accelerator`` is its name and why it was
    chosen, ``posted`` when and where the series was posted, ``summary`` what it is about, ``facts`` further (name,
    value) pairs about the machine, ``command`` how the harness is called in the reproduction lines.
    """

    excerpt: Excerpt
    accelerator: str = ""
    posted: str = ""
    summary: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    command: str = "harness"
    made: datetime | None = None
    source: Source = no_source


def run_page(summary: RunSummary, context: ReportContext) -> str:
    """The page of one run."""
    return _page("run.html.j2", context, view=run_view(summary, context.excerpt, context.command, context.source))


def compare_page(comparison: Comparison, context: ReportContext) -> str:
    """The page of a comparison of runs or of trees."""
    return _page("compare.html.j2", context, view=comparison, mark=conclusion_mark(comparison.exit_code))


def moment(seconds: float) -> str:
    """Seconds since the epoch as local date and time with the zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _page(template: str, context: ReportContext, **values: Any) -> str:
    made = (context.made or datetime.now().astimezone()).strftime("%Y-%m-%d %H:%M %Z").strip()
    return _environment().get_template(template).render(context=context, made=made, **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    functions: dict[str, Callable[..., object]] = {
        "duration": duration,
        "moment": moment,
        "outcome_mark": outcome_mark,
        "percent": percent,
        "severity_mark": severity_mark,
        "share": share,
        "verdict_mark": verdict_mark,
    }
    environment.globals.update(functions)
    environment.globals["outcomes"] = tuple(reversed(OUTCOME_ORDER))
    return environment


def _finalize(value: object) -> object:
    """Every value on its way into a page: text that is not made by a template itself is cleaned in this one place."""
    return clean(value, limit=16_000) if type(value) is str else value
