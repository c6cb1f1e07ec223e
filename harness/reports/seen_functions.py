"""Which of the functions that a series touches were seen executing, in words and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.results.summary import FunctionSeen, TreeSummary

HEADING = "functions that the series touches: samples of the processors in which each was seen executing"
MAX_NAMES = 40


@dataclass(frozen=True, slots=True)
class SeenTable:
    """``header`` and ``rows`` of text, the functions seen most often first; ``notes`` are sentences below."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def seen_table(tree: TreeSummary) -> SeenTable | None:
    """The table of a tree; None where the run knows of no touched function or took no samples."""
    named = [one for one in tree.functions if one.seen]
    if not named:
        return None
    stressors = list(dict.fromkeys(name for one in named for name, _, _ in one.seen))
    rows = []
    for one in sorted(named, key=lambda one: (-_total(one), one.function)):
        counts = {name: count for name, count, _ in one.seen}
        patches = ", ".join(map(str, one.patches))
        cells = (f"{counts[name]:,}" if name in counts else "" for name in stressors)
        rows.append((one.function, patches, *cells, "yes" if one.executed else "not seen"))
    notes = []
    samples = max((sum(count for _, _, count in one.seen) for one in named), default=0)
    if any(not one.executed for one in named):
        # The rule of three: what is not seen in N samples is, with 95 %, at less than 3/N of them.
        notes.append(
            f"not seen in up to {samples:,} samples: a processor was there for less than {300 / samples:.2g} % of the "
            "time (95 %), or never"
        )
    inlined = [one.function for one in tree.functions if not one.seen]
    if inlined:
        notes.append(f"without a name of their own in these kernels (inlined, or not compiled): {_listed(inlined)}")
    return SeenTable(("function", "patches", *stressors, "seen"), tuple(rows), tuple(notes))


def _total(one: FunctionSeen) -> int:
    return sum(count for _, count, _ in one.seen)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
