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
from harness.verdicts.touched_frames import FileChanges, Mark, changes_of, functions_at, marks_of, touched_frames


class SeriesTouch:
    """The patches of one tree; ``applied`` starts with the baseline. Diffs are made once, and only when a finding has a
    source."""

    def __init__(self, store: ObjectStore, applied: Sequence[Prefix]) -> None:
        self._store = store
        self._applied = applied
        self._changes = cache(self._change)
        self._marks = cache(self._mark)
        self._lines = cache(self._tree_lines)
        self.files = cache(self._files)
        self.functions = cache(self._functions)

    def frames(self, patches: int, finding: Finding) -> dict[int, FrameTouch]:
        """The frames of a finding of the prefix that were touched by one of its patches; {} where that cannot be told:
        a mark is a hint for the reader, and no verdict."""
        if not patches or not finding.source:
            return {}
        try:
            return touched_frames(finding.source, self._marks(patches), self._lines(patches))
        except (HarnessError, ValueError):
            return {}

    def _files(self) -> dict[str, tuple[int, ...]]:
        """Each file of the tree that a patch changes, removes or adds, and which patches do."""
        found: dict[str, list[int]] = {}
        for number in range(1, len(self._applied)):
            for path, (before, _) in self._changes(number).items():
                for name in {path, before}:
                    found.setdefault(name, []).append(number)
        return {name: tuple(numbers) for name, numbers in found.items()}

    def _functions(self) -> dict[str, tuple[int, ...]]:
        """Each C function that a patch changes, before it or after it, and which patches do. {} for what cannot be
        read: which functions are touched chooses and tells, and decides nothing."""
        found: dict[str, set[int]] = {}
        for number in range(1, len(self._applied)):
            try:
                changes = self._changes(number)
            except (HarnessError, ValueError):
                continue
            old, new = self._lines(number - 1), self._lines(number)
            for path, (before, hunks) in changes.items():
                if not path.endswith((".c", ".h", ".S")):
                    continue
                names = (
                    *functions_at(old(before) or (), [(hunk.old_line, hunk.old) for hunk in hunks if hunk.old]),
                    *functions_at(new(path) or (), [(hunk.new_line, hunk.new) for hunk in hunks]),
                )
                for name in names:
                    found.setdefault(name, set()).add(number)
        return {name: tuple(sorted(numbers)) for name, numbers in found.items()}

    def _tree_lines(self, patches: int) -> TreeLines:
        return TreeLines(GitObjects(self._store.path), self._applied[patches].tree_id)

    def _mark(self, patches: int) -> dict[str, tuple[Mark, ...]]:
        return marks_of([(number, self._changes(number)) for number in range(1, patches + 1)])

    def _change(self, number: int) -> FileChanges:
        return changes_of(prefix_diff(self._store, self._applied[number - 1], self._applied[number]))
