"""Records console cases anew: python -m tests.system.record TREE[+KERNEL] [KIND ...]

Builds the tree with the plants (KERNEL: one of planting.KERNELS, the usual configuration where none is named), lets it
fail in each way of which there is no case yet, or in those named, two guests at a time, and writes what it said to
tests/findings/cases/ERA/NAME.txt with the findings of today's parser as expectations: to be read, and set right, before
they are committed.

python -m tests.system.record --judge [CASE ...] boots nothing: it prints where today's parser finds something else than
the cases expect, and takes it as the expectation of those named.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.findings.parser import parse_console
from harness.guests.kernel_symbols import KernelSymbols, read_symbols
from harness.model.events import Event, Notice, StepFinished
from harness.runs.workshop import Workshop
from tests.findings.test_console_cases import HEAD_END, case_name, in_words, read_case, symbols_of
from tests.system.planting import Failure, Plant, Planted, fail, planted_kernel, plants

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
    text = failure.kernel_log if from_ram else failure.console
    text = text if plant.whole else excerpt(text)
    kernel = f" {plant.kernel}" if plant.kernel else ""
    head = [
        f"# recorded: {tree}{kernel}, harness_plant={plant.kind}{', from guest RAM' if from_ram else ''}",
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


def case_path(tree: str, plant: Plant) -> Path:
    """Where the case of a plant on a tree stands."""
    return CASES / tree.removeprefix("linux-").removeprefix("v") / f"{plant.name}.txt"


def record(workshop: Workshop, planted: Planted, tree: str, plant: Plant, scratch: Path) -> str:
    """Lets it fail in one way, writes the case, and returns what came of it."""
    for attempt in range(2):  # old kernels sometimes die of something else first
        failure = fail(workshop, planted, plant, scratch / f"{plant.name}-{attempt}")
        if b"planted: " in failure.console + failure.kernel_log:
            break
    if b"planted: there is no such kind" in failure.console:
        return f"{tree} {plant.name}: not in this kernel"
    titles = [f"{f.title}{f' ({f.origin})' if f.origin else ''}" for f in failure.findings]
    if plant.record:
        symbols = read_symbols(planted.kernel.vmlinux)
        path = case_path(tree, plant)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(case_text(tree, plant, failure, symbols))
    expected = any(title in titles for title in plant.found if title) or ("" in plant.found and not titles)
    told = f"{tree} {plant.name}: {failure.result.end}; {'; '.join(titles) or 'no finding'}"
    return f"{told}{'' if expected else f' -- EXPECTED {plant.found}'}\n    {failure.result.detail}"


def judge(accepted: set[str]) -> int:
    """Prints what changed in the cases, and takes it over into those accepted; 1 where others differ."""
    differing = 0
    for path in sorted(CASES.rglob("*.txt")):
        expected, console = read_case(path)
        found = [in_words(finding) for finding in parse_console(console, symbols_of(path).get)]
        head, mark, _ = path.read_bytes().partition(HEAD_END)
        lines = head.decode().splitlines()
        if found == expected:
            kept = [line for line in lines if not line.startswith("# wrong today:")]
        elif case_name(path) in accepted:
            kept = [line for line in lines if not line.startswith(("# wrong today:", "# expect:"))]
            kept += [f"# expect: {words}" for words in found] or ["# expect: none"]
        else:
            differing += not any(line.startswith("# wrong today:") for line in lines)
            print(case_name(path))
            print("".join(f"    - {words}\n" for words in expected if words not in found), end="")
            print("".join(f"    + {words}\n" for words in found if words not in expected), end="")
            continue
        if kept != lines:
            path.write_bytes("".join(f"{line}\n" for line in kept).encode() + mark + console)
    return min(differing, 1)


def main(words: list[str]) -> int:
    """Entry point."""
    if not words:
        print(__doc__)
        return 2
    if words[0] == "--judge":
        return judge(set(words[1:]))
    (tree, _, kernel), kinds = words[0].partition("+"), words[1:]
    layout = find_layout()
    with tempfile.TemporaryDirectory(prefix="harness-record-") as temporary, ThreadPoolExecutor(2) as pool:
        settings = load_settings(layout.root)
        workshop = Workshop(_Listener(), replace(layout, results=Path(temporary) / "results"), settings)
        planted = planted_kernel(workshop, tree, kernel)
        chosen = [
            plant
            for plant in (one.on(tree) for one in plants())
            if plant.kernel == kernel and plant.is_in(planted.version)
            if (plant.kind in kinds if kinds else plant.record and not case_path(tree, plant).exists())
        ]
        waiting = [pool.submit(record, workshop, planted, tree, plant, Path(temporary)) for plant in chosen]
        for one in waiting:
            print(one.result(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
