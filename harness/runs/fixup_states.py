"""The fix-ups of a run's tree, with what the series' own patches do to the same lines."""

from __future__ import annotations

from collections.abc import Sequence

from harness.intake.file_changes import file_changes
from harness.model.series import Patch
from harness.model.tree import Fixup, FixupState, Prefix


def fixup_states(base: Prefix, patches: Sequence[Patch]) -> tuple[FixupState, ...]:
    """Each fix-up of ``base``; ``touched_by`` are the patches that have a line of its old or new text in a hunk."""
    changes = [
        (number, change) for number, patch in enumerate(patches, 1) if patch.files for change in file_changes(patch)
    ]
    return tuple(
        FixupState(
            base.tree,
            fixup.name,
            fixup.file,
            fixup.reason,
            tuple(
                sorted(
                    {
                        number
                        for number, change in changes
                        if change.path == fixup.file
                        and any(_shares(fixup, (*hunk.old, *hunk.new)) for hunk in change.hunks)
                    }
                )
            ),
        )
        for fixup in base.fixups
    )


def _shares(fixup: Fixup, lines: Sequence[str]) -> bool:
    own = {line.strip() for line in (*fixup.find.splitlines(), *fixup.replace.splitlines()) if line.strip()}
    return any(text in line for text in own for line in lines)
