"""How a series goes into a tree, told without a run: the state of each patch, and its hunks that have no place."""

from __future__ import annotations

from dataclasses import dataclass

from harness.intake.file_changes import file_changes
from harness.model.series import Patch, Series
from harness.model.tree import Applied, PatchState
from harness.runs.preparation import patch_states
from harness.runs.tree_base import present_tree_base
from harness.runs.workshop import Workshop
from harness.trees.git_objects import GitObjects
from harness.trees.series_prefixes import SeriesConflict, prefixes
from harness.trees.tree_files import GitTreeFiles
from harness.verdicts.hunk_conflicts import HunkConflict, conflicts


@dataclass(frozen=True, slots=True)
class Application:
    """``states`` of all patches of a series on one tree; ``conflicts`` are (patch, hunks) of those left out."""

    states: tuple[PatchState, ...]
    conflicts: tuple[tuple[int, tuple[HunkConflict, ...]], ...]


def application(workshop: Workshop, series: Series, tree: str) -> Application | None:
    """What can be applied of a series to a named tree; None where the tree is not here, for nothing is fetched."""
    ready = present_tree_base(workshop, tree)
    if ready is None:
        return None
    applied = prefixes(workshop.library.store, ready.base, series.patches, keep_going=True)
    found = tuple(
        (prefix.patches, _hunks(workshop, prefix.commit, series.patches[prefix.patches - 1]))
        for prefix in applied
        if prefix.applied is Applied.CONFLICT
    )
    return Application(patch_states(series, applied, None), found)


def conflicts_of(workshop: Workshop, error: SeriesConflict) -> tuple[HunkConflict, ...]:
    """The hunks of the patch that ended a series, with what the tree has in their place."""
    return _hunks(workshop, error.applied[-1].commit, error.patch)


def _hunks(workshop: Workshop, commit: str, patch: Patch) -> tuple[HunkConflict, ...]:
    files = GitTreeFiles(GitObjects(workshop.library.store.path), commit)
    return conflicts(file_changes(patch), files.read)
