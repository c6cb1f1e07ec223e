"""The files that patches touch, compiled with the compiler of the tree's era, without and with the patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.builds.kernel_build import CompiledObject, object_of
from harness.model.build_message import BuildMessage
from harness.model.errors import UserError
from harness.model.series import Patch, Series
from harness.runs.preparation import PreparedTree, build_request
from harness.runs.tree_base import tree_base, worktree
from harness.runs.workshop import Workshop
from harness.trees.series_prefixes import prefixes
from harness.verdicts.build_messages import new_messages


@dataclass(frozen=True, slots=True)
class Compiled:
    """One object of the tree: ``before`` is the compiler's first error without the patches, ``after`` with them, ""
    where it compiled. ``warnings`` are those that the patches brought."""

    path: str
    before: str
    after: str
    warnings: tuple[BuildMessage, ...]

    @property
    def is_broken(self) -> bool:
        """Whether the patches stop it from compiling."""
        return bool(self.after) and not self.before


def compile_touched(workshop: Workshop, tree: str, series: Series, patches: Sequence[Patch]) -> tuple[Compiled, ...]:
    """Compiles what ``patches`` change of a tree of configs/trees; headers are compiled with what includes them only.

    Raises UserError for a tree without a name or patches that do not apply, BuildFailed where the tree cannot be
    configured, and what a failing engine raises.
    """
    if tree not in workshop.catalogue.tree_names():
        raise UserError(f"{tree[:200]!r} is no tree of configs/trees", remedy="--compile needs one, for its compiler")
    ready = tree_base(workshop, tree)
    applied = prefixes(workshop.library.store, ready.base, patches)
    fragments = workshop.catalogue.usual_fragments()
    ends = (0, len(patches))
    prepared = PreparedTree(ready.tree, ready.era, ready.toolchain, ready.content, series, applied, (), ends, fragments)
    touched = dict.fromkeys(path for patch in patches for path in patch.files)
    objects = [name for path in touched if (name := object_of(path)) is not None]
    if not objects:
        return ()
    image = workshop.image(ready.toolchain)
    found: list[dict[str, CompiledObject]] = []
    place = worktree(workshop, ready.content)
    with place.lock():
        workshop.runner.remove_leftovers()
        for end in ends:
            workshop.notice(f"compiling {', '.join(objects)} of {tree} + {end}")
            place.check_out(applied[end])
            done = workshop.builder.compile(build_request(workshop, prepared, end, image), objects, lambda line: None)
            found.append({one.path: one for one in done.objects})
    before, after = found
    return tuple(_compared(before[path], after[path]) for path in objects)


def _compared(before: CompiledObject, after: CompiledObject) -> Compiled:
    return Compiled(after.path, before.error, after.error, new_messages(before.warnings, after.warnings))
