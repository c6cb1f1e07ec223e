"""Records console cases anew: python -m tests.system.record TREE [KIND ...]

Builds the tree with the plants, lets it fail in each way, and writes what it said to tests/findings/cases/ERA/KIND.txt
with the findings of today's parser as expectations: to be read before they are committed.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.findings.parser import parse_console
from harness.guests.kernel_symbols import KernelSymbols, read_symbols
from harness.model.events import Event, Notice, StepFinished
from harness.runs.workshop import Workshop
from tests.findings.test_console_cases import in_words
from tests.system.planting import Failure, Plant, fail, planted_kernel, plants

CASES = Path(__file__).parents[1] / "findings" / "cases"
LINES_BEFORE = 12
MOST_LINES = 220
SAME_LINES = 20


class _Listener:
    def event(self, event: Event) -> None:
        """Prints what takes time."""
        if isinstance(event, (Notice, StepFinished)):
            print(event.text, file=sys.stderr, flush=True)


def excerpt(text: bytes) -> bytes:
    """The log from shortly before the plant's own line on, or all of it where that is missing."""
    lines = [line + b"\n" for line in text.removesuffix(b"\n").split(b"\n")]  # line ends stay as they were
    start = next((number for number, line in enumerate(lines) if b"planted: " in line), 0)
    kept = lines[max(0, start - LINES_BEFORE) : start + MOST_LINES]
    # A kernel that says one thing for ever has said it after a few lines.
    return b"".join(
        line for number, line in enumerate(kept) if kept[max(0, number - SAME_LINES) : number].count(line) < SAME_LINES
    )


def case_text(tree: str, plant: Plant, failure: Failure, symbols: KernelSymbols) -> bytes:
    """A case file: the console, or the log from guest RAM where only that has the report."""
    from_ram = plant.ram and b"planted: " not in failure.console
    text = excerpt(failure.kernel_log if from_ram else failure.console)
    head = [
        f"# recorded: {tree}, harness_plant={plant.kind}{', from guest RAM' if from_ram else ''}",
        f"# ended: {failure.result.end}",
    ]
    asked: dict[int, str] = {}

    def resolve(address: int) -> str | None:
        name = symbols.function_at(address)
        if name is not None:
            asked[address] = name
        return name

    findings = parse_console(text, resolve)
    head += [f"# symbol: {address:08x} {name}" for address, name in sorted(asked.items())]
    head += [f"# expect: {in_words(finding)}" for finding in findings] or ["# expect: none"]
    return "\n".join([*head, "# console:\n"]).encode() + text


def main(words: list[str]) -> int:
    """Entry point."""
    if not words:
        print(__doc__)
        return 2
    tree, *kinds = words
    layout = find_layout()
    with tempfile.TemporaryDirectory(prefix="harness-record-") as temporary:
        settings = load_settings(layout.root)
        workshop = Workshop(_Listener(), replace(layout, results=Path(temporary) / "results"), settings)
        planted = planted_kernel(workshop, tree)
        symbols = read_symbols(planted.kernel.vmlinux)
        folder = CASES / tree.removeprefix("linux-").removeprefix("v")
        folder.mkdir(exist_ok=True)
        for plant in (one.on(tree) for one in plants()):
            if kinds and plant.kind not in kinds:
                continue
            failure = fail(workshop, planted, plant, Path(temporary) / plant.kind)
            titles = [f"{f.title}{f' ({f.origin})' if f.origin else ''}" for f in failure.findings]
            print(f"{tree} {plant.kind}: {failure.result.end}; {'; '.join(titles) or 'no finding'}", flush=True)
            print(f"    {failure.result.detail}", flush=True)
            if plant.record:
                (folder / f"{plant.kind}.txt").write_bytes(case_text(tree, plant, failure, symbols))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
