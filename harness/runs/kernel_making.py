"""Making one prefix's kernel: its working folder brought to the prefix, and built, by one harness at a time."""

from __future__ import annotations

from collections.abc import Callable

from harness.builds.kernel_build import BuildRequest
from harness.model.build import Kernel
from harness.runs.preparation import PreparedTree
from harness.runs.tree_base import worktree
from harness.runs.workshop import Workshop


def make_kernel(
    workshop: Workshop, prepared: PreparedTree, patches: int, build: BuildRequest, report: Callable[[str], None]
) -> Kernel:
    """The kernel of the prefix. Raises as KernelBuilder.build does, BuildFailed again for a failure that is known."""
    kernel = workshop.builder.cached(build)
    if kernel is not None:
        return kernel
    failure = workshop.builder.known_failure(build)
    if failure is not None:
        raise failure
    # One harness at a time in a working folder; the other finds the kernel made when it gets the lock.
    place = worktree(workshop, prepared.content)
    with place.lock():
        workshop.runner.remove_leftovers()  # of a harness that was killed while it held the lock
        place.check_out(prepared.applied[patches])
        return workshop.builder.build(build, report)
