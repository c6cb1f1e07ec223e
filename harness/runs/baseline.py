"""A pinned tree as it is, without a series: prepared and built with the usual fragments."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.build import Fragment, Kernel
from harness.model.series import Series
from harness.runs.kernel_making import make_kernel
from harness.runs.preparation import PreparedTree, build_request
from harness.runs.step import Step
from harness.runs.tree_base import tree_base
from harness.runs.workshop import Workshop


def prepare_baseline(workshop: Workshop, name: str, fragments: Sequence[Fragment] = ()) -> PreparedTree:
    """The tree with its fix-ups; configured by the usual fragments where none are given. Raises TreeUnavailable."""
    ready = tree_base(workshop, name)
    series = Series("baseline", "baseline", 1, 0, ())
    return PreparedTree(
        ready.tree, ready.era, ready.toolchain, ready.content, series, (ready.base,), (), (0,),
        tuple(fragments) or workshop.catalogue.usual_fragments(),
    )  # fmt: skip


def baseline_kernel(workshop: Workshop, prepared: PreparedTree) -> tuple[Kernel, str]:
    """(kernel, digest of the image it is built in). Raises BuildFailed."""
    name = prepared.tree.name
    image = workshop.image(prepared.toolchain)
    build = build_request(workshop, prepared, 0, image)
    with Step(workshop, f"build {name}", "build", workshop.store.usual_build_seconds(name, False)) as step:
        kernel = make_kernel(workshop, prepared, 0, build, step.progress)
        step.done("at hand" if kernel.cached else f"built in {kernel.seconds:.0f} s")
    return kernel, image.digest
