#!/usr/bin/env python3
"""All prefixes of a series built one after the other, against each of them built from clean, as one ratio.

    .venv/bin/python benchmarks/prefixes.py --series rmaplock --tree v2.6.9-rc1-bk [--clean 0,5]

Incremental is what `harness run --patches each` does: one working folder, moved from prefix to prefix, and one output
folder; its compiler cache is empty when it begins. A clean build has a new working folder, a new output folder and an
empty compiler cache of its own. A prefix that does not build counts with the time until that is known. The two
alternate, so that a machine that others use as well slows both alike. Nothing of the user's own kernels, folders or
compiler cache is used or changed. With --clean only those prefixes, and those that do not build, are built from clean,
and the mean of them stands for the others. The last column says whether both made the same image, bit by bit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.builds.build_log import parse_build_log
from harness.builds.kernel_build import BuildFailed, KernelBuilder
from harness.model.build import Kernel
from harness.model.era import Image
from harness.model.events import Event
from harness.runs.preparation import PreparedTree, build_request, prepare_tree, series_trees
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop
from harness.trees.worktrees import Worktree


class _Quiet:
    def event(self, event: Event) -> None:
        """The table is the output."""


@dataclass(frozen=True, slots=True)
class Built:
    """One build: seconds of its check-out and of the build itself, objects that were compiled, the image's hash ("":
    it does not build, and the seconds are those until that was known)."""

    checkout: float
    build: float
    objects: int
    digest: str


class Builds:
    """A working folder and an output folder below ``folder``, with a compiler cache of their own."""

    def __init__(self, workshop: Workshop, prepared: PreparedTree, image: Image, folder: Path) -> None:
        self.workshop, self.prepared, self.image, self.folder = workshop, prepared, image, folder
        self.builder = KernelBuilder(workshop.runner, folder / "cache")
        self.worktree = Worktree(workshop.library.store, folder / "work")

    def build(self, patches: int) -> Built:
        """Makes one prefix."""
        started = time.monotonic()
        with self.workshop.library.store.lock("work-benchmark"):
            self.worktree.check_out(self.prepared.applied[patches])
        checked_out = time.monotonic()
        request = build_request(self.workshop, self.prepared, patches, self.image)
        request = replace(request, source=self.worktree.source, out=self.folder / "work" / "out")
        try:
            digest, log = _kernel(self.builder.build(request, lambda line: None))
        except BuildFailed as failed:
            digest, log = "", failed.log
        done = time.monotonic()
        return Built(checked_out - started, done - checked_out, compiled(log), digest)


def _kernel(kernel: Kernel) -> tuple[str, Path]:
    return kernel.digest, kernel.directory / "log"


def compiled(log: Path) -> int:
    """Objects that a build compiled."""
    made = parse_build_log(log.read_bytes()).made
    return sum(name.endswith(".o") and "built-in" not in name for name in made)


def measure(
    workshop: Workshop, prepared: PreparedTree, clean: list[int], folder: Path
) -> tuple[list[Built], dict[int, Built]]:
    """Incremental builds of every prefix, and clean ones of some."""
    image = workshop.image(prepared.toolchain)
    one_after_the_other = Builds(workshop, prepared, image, folder / "incremental")
    incremental: list[Built] = []
    from_clean: dict[int, Built] = {}
    for patches in range(len(prepared.applied)):
        incremental.append(one_after_the_other.build(patches))
        told(f"{prepared.tree.name} + {patches}: incremental {incremental[-1].build:.1f} s")
        if patches in clean or not incremental[-1].digest:
            own = folder / f"clean-{patches}"
            from_clean[patches] = Builds(workshop, prepared, image, own).build(patches)
            shutil.rmtree(own)
            told(f"{prepared.tree.name} + {patches}: from clean {from_clean[patches].build:.1f} s")
    return incremental, from_clean


def told(text: str) -> None:
    """Progress, apart from the table."""
    print(text, file=sys.stderr, flush=True)


def table(prepared: PreparedTree, incremental: list[Built], clean: dict[int, Built]) -> list[str]:
    """The rows, in Markdown."""
    rows = [
        "| prefix | compiled | check-out | incremental | clean | compiled | same image |",
        "|---|--:|--:|--:|--:|--:|---|",
    ]
    for patches, one in enumerate(incremental):
        name = f"+{patches} {prepared.applied[patches].subject}" if patches else "baseline"
        other = clean.get(patches)
        cells = (f"{other.build:.1f} s", str(other.objects), same(one, other)) if other else ("", "", "")
        rows.append(f"| {name} | {one.objects} | {one.checkout:.1f} s | {one.build:.1f} s | {' | '.join(cells)} |")
    return rows


def same(one: Built, other: Built) -> str:
    """Whether both made the same image."""
    if not one.digest and not other.digest:
        return "neither builds"
    return "yes" if one.digest == other.digest else "no"


def ratio_lines(incremental: list[Built], clean: dict[int, Built]) -> list[str]:
    """The totals and what they come to."""
    count = len(incremental)
    usual = [one for one in clean.values() if one.digest] or list(clean.values())

    def every(seconds: Callable[[Built], float]) -> float:
        """Of all prefixes from clean."""
        mean = statistics.mean(map(seconds, usual))
        return sum(seconds(clean[patches]) if patches in clean else mean for patches in range(count))

    ours, theirs = sum(one.build for one in incremental), every(lambda one: one.build)
    with_checkout = sum(one.checkout + one.build for one in incremental)
    all_clean = every(lambda one: one.checkout + one.build)
    measured = "all measured" if len(clean) == count else f"{len(clean)} of {count} measured, their mean for the others"
    objects, all_objects = sum(one.objects for one in incremental), every(lambda one: one.objects)
    return [
        f"prefixes           {count}",
        f"incremental        {ours:.0f} s",
        f"from clean         {theirs:.0f} s ({measured})",
        f"ratio              {ours / theirs:.2f} (with check-outs {with_checkout / all_clean:.2f})",
        f"objects compiled   {objects} of {all_objects:.0f}: {objects / all_objects:.2f}",
    ]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="Prefixes one after the other against each from clean")
    parser.add_argument("--series", required=True)
    parser.add_argument("--tree")
    parser.add_argument("--clean", help="prefixes to build from clean (default: all), as 0,5")
    parser.add_argument("--folder", type=Path, help="where to build (default: below the cache folder)")
    options = parser.parse_args()
    workshop = Workshop(_Quiet())
    spec = workshop.catalogue.series(options.series)
    tree = series_trees(spec, [options.tree] if options.tree else [], workshop)[0]
    prepared = prepare_tree(workshop, spec, tree, RunRequest(spec.name, patches="each"))
    count = len(prepared.applied)
    clean = [int(word) for word in options.clean.split(",")] if options.clean else list(range(count))
    if not all(0 <= patches < count for patches in clean):
        parser.error(f"--clean: the prefixes are 0 to {count - 1}")
    where = options.folder or workshop.layout.cache
    where.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    with TemporaryDirectory(prefix="benchmark-", dir=where, ignore_cleanup_errors=True) as folder:
        incremental, from_clean = measure(workshop, prepared, clean, Path(folder))
    print("\n".join(table(prepared, incremental, from_clean)), end="\n\n")
    print("\n".join(ratio_lines(incremental, from_clean)))
    print(
        f"machine            {os.cpu_count()} processors, -j{workshop.settings.jobs}, load {load:.1f} at the beginning"
    )


if __name__ == "__main__":
    main()
