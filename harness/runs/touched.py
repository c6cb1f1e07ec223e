"""What a series' patches changed in a tree, asked for the frames of its findings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from harness.model.errors import HarnessError
from harness.model.finding import Finding, FrameTouch
from harness.model.tree import Prefix
from harness.trees.git_objects import GitObjects
from harness.trees.object_store import ObjectStore
from harness.trees.series_prefixes import prefix_diff
from harness.trees.tree_files import TreeLines
from harness.verdicts.touched_frames import FileChanges, Mark, changes_of, marks_of, touched_frames


class SeriesTouch:
    """The patches of one tree; ``applied`` starts with the baseline. Diffs are made once, and only when a finding has a
    source."""

    def __init__(self, store: ObjectStore, applied: Sequence[Prefix]) -> None:
        self._store = store
        self._applied = applied
        self._changes = cache(self._change)
        self._marks = cache(self._mark)
        self._lines = cache(self._tree_lines)

    def frames(self, patches: int, finding: Finding) -> dict[int, FrameTouch]:
        """The frames of a finding of the prefix that were touched by one of its patches; {} where that cannot be told:
        a mark is a hint for the reader, and no verdict."""
        if not patches or not finding.source:
            return {}
        try:
            return touched_frames(finding.source, self._marks(patches), self._lines(patches))
        except (HarnessError, ValueError):
            return {}

    def _tree_lines(self, patches: int) -> TreeLines:
        return TreeLines(GitObjects(self._store.path), self._applied[patches].tree_id)

    def _mark(self, patches: int) -> dict[str, tuple[Mark, ...]]:
        return marks_of([(number, self._changes(number)) for number in range(1, patches + 1)])

    def _change(self, number: int) -> FileChanges:
        return changes_of(prefix_diff(self._store, self._applied[number - 1], self._applied[number]))
