"""What the builds of a tree said, as lines: warnings that a patch adds, how many are gone, where a build failed.

They stand apart from the verdicts: a warning makes no kernel worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.build_message import BroughtMessage, BuildMessage
from harness.model.plain_text import clean
from harness.reports.wording import Mark, Tone
from harness.results.summary import KernelSummary, TreeSummary

Key = tuple[tuple[str, str, str, str], int, int]

MAX_LINES = 40
"""New warnings told of one tree; the others are counted, harness show --json has them all."""
MAX_ERRORS = 5
"""Errors told of one build that failed."""


@dataclass(frozen=True, slots=True)
class BuildLine:
    """One line; ``patches`` is "3", "2 or 5", "+4" or "" where it is about the tree, ``place`` "mm/rmap.c:12"."""

    mark: Mark
    patches: str
    text: str
    place: str = ""

    @property
    def words(self) -> str:
        """As a terminal shows it."""
        return f"{self.mark.symbol} {clean(self.text)}"


def build_lines(tree: TreeSummary) -> tuple[BuildLine, ...]:
    """The lines of a tree, failed builds first; none where every build said what the baseline's said."""
    lines = [line for kernel in tree.kernels for line in _errors(kernel)]
    brought = _brought(tree.kernels)
    lines += [_told(message, again) for message, again in brought[:MAX_LINES]]
    if len(brought) > MAX_LINES:
        lines.append(BuildLine(_OPEN, "", f"{len(brought) - MAX_LINES} more new warnings"))
    return (*lines, *_counts(tree.kernels))


_FAILED = Mark("B", "error", Tone.BROKEN)
_TOUCHED = Mark("!", "new warning", Tone.OPEN)
_OPEN = Mark("+", "new warning", Tone.OPEN)
_QUIET = Mark("·", "note", Tone.QUIET)


def _errors(kernel: KernelSummary) -> list[BuildLine]:
    name = f"+{kernel.row.patches}" if kernel.row.patches else "baseline"
    shown = kernel.errors[:MAX_ERRORS]
    lines = [BuildLine(_FAILED, name, f"{name} does not build: {_message(error)}", error.place) for error in shown]
    if len(kernel.errors) > MAX_ERRORS:
        lines.append(BuildLine(_FAILED, name, f"{name}: {len(kernel.errors) - MAX_ERRORS} more errors"))
    return lines


def _brought(kernels: Sequence[KernelSummary]) -> list[tuple[BroughtMessage, str]]:
    """Each new warning once, with "+6" where that is the first kernel without it again."""
    known = [kernel for kernel in kernels if kernel.row.patches and kernel.build.known]
    first: dict[Key, BroughtMessage] = {}
    last: dict[Key, int] = {}
    for place, kernel in enumerate(known):
        for brought in kernel.build.new:
            key = (brought.message.identity, brought.first, brought.last)
            first.setdefault(key, brought)
            last[key] = place
    found = []
    for brought_key, brought in first.items():
        after = last[brought_key] + 1
        found.append((brought, f"+{known[after].row.patches}" if after < len(known) else ""))
    # What a patch does to its own files comes first.
    return sorted(found, key=lambda item: (not item[0].touching, item[0].first))


def _told(brought: BroughtMessage, again: str) -> BuildLine:
    message, patches = brought.message, brought.patches
    named = _named(patches)
    if message.file and brought.touching:
        where = f" in {message.file}, which {'it touches' if len(patches) == 1 else 'they touch'}"
    elif message.file and brought.files_known:
        where = f" in {message.file}, which {'it does not touch' if len(patches) == 1 else 'none of them touches'}"
    else:
        where = ""
    who = f"patch {named}" if len(patches) == 1 else f"one of patches {named}"
    gone = f" (gone again with {again})" if again else ""
    mark = _TOUCHED if brought.touching else _OPEN
    return BuildLine(mark, named, f"{who} adds a warning{where}: {_message(message)}{gone}", message.place)


def _named(patches: Sequence[int]) -> str:
    """ "3", "2 to 5", "2, 5"."""
    if len(patches) > 2 and patches[-1] - patches[0] == len(patches) - 1:
        return f"{patches[0]} to {patches[-1]}"
    return ", ".join(map(str, patches))


def _message(message: BuildMessage) -> str:
    option = f" [{message.option}]" if message.option else ""
    function = f", in {message.function}()" if message.function else ""
    return f"{message.place}: {message.message}{option}{function}".removeprefix(": ")


def _counts(kernels: Sequence[KernelSummary]) -> list[BuildLine]:
    built = [kernel for kernel in kernels if kernel.row.state != "failed"]
    base = next((kernel for kernel in built if kernel.row.patches == 0), None)
    patched = [kernel for kernel in built if kernel.row.patches]
    if base is None or not patched:
        return []
    unknown = [kernel for kernel in (base, *patched) if kernel.warnings is None]
    if unknown:
        names = ", ".join(f"+{k.row.patches}" if k.row.patches else "the baseline" for k in unknown)
        text = f"warnings of {names} are not known: built before they were kept, or not from the first object on"
        return [BuildLine(_QUIET, "", text)]
    last = patched[-1]
    new, gone = len(last.build.new), len(last.build.gone)
    if not new and not gone:
        return []
    before = len(base.warnings or ())
    warnings = "warning" if before == 1 else "warnings"
    count = f"{before} {warnings} in the baseline, {len(last.warnings or ())} with +{last.row.patches}"
    return [BuildLine(_QUIET, "", f"{count}: {new} new, {gone} gone")]
