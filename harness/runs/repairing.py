"""From a series with damaged patches and a tree to patches that apply, one on top of the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.intake.prerequisites import HEADERS_NAME
from harness.intake.repair import THRESHOLD, Repair, new_content, repair_diff
from harness.intake.repair.patch_mail import summary
from harness.model.errors import UserError
from harness.model.series import Patch, Provenance, Series
from harness.model.tree import TreeFiles
from harness.runs.preparation import series_for
from harness.runs.series_import import named_or_source, read_source
from harness.runs.workshop import Workshop

Review = Callable[[Patch, Repair], Repair]
"""Looks at a repair before the next patch is tried on top of it; may change it."""


@dataclass(frozen=True, slots=True)
class RepairedPatch:
    """A patch and what came of it."""

    patch: Patch
    repair: Repair

    def mended(self, tree: str) -> Patch:
        """The patch with the repaired diff, as it reads back from the mail that is written of it."""
        return replace(
            self.patch,
            diff=self.repair.diff,
            files=tuple(file.path for file in self.repair.files),
            provenance=Provenance.REPAIRED,
            repairs=tuple(summary(self.repair, tree)),
            damage="",
        )


class _Patched:
    """TreeFiles of a tree with patches on top."""

    def __init__(self, below: TreeFiles) -> None:
        self.below = below
        self.name = below.name
        self.changed: dict[str, bytes | None] = {}

    def read(self, path: str) -> bytes | None:
        return self.changed[path] if path in self.changed else self.below.read(path)

    def paths(self) -> Sequence[str]:
        return self.below.paths()

    def holding(self, line: str) -> Sequence[str]:
        return self.below.holding(line)

    def apply(self, repair: Repair) -> None:
        for file in repair.files:
            if any(hunk.start is not None for hunk in file.hunks):
                self.changed[file.path] = new_content(file, self.read(file.path))


def series_to_repair(workshop: Workshop, text: str) -> Series:
    """The series that ``text`` names or is the source of, its damaged patches as they were found."""
    spec = named_or_source(workshop, text)
    return series_for(workshop, spec, None, None, damaged=True) if spec else read_source(workshop, [text])


def repair_series(
    series: Series, tree: TreeFiles, *, threshold: float = THRESHOLD, review: Review | None = None
) -> tuple[RepairedPatch, ...]:
    """Every patch of the series rebuilt on ``tree``, each on top of those before it.

    A patch that is refused changes nothing for those after it. Raises UserError for a patch without a hunk.
    """
    files = _Patched(tree)
    done: list[RepairedPatch] = []
    for patch in series.patches:
        try:
            repair = repair_diff(
                patch.diff,
                files,
                hints=patch.files,
                threshold=threshold,
                first_line=patch.diff_line or 1,
                needs=_needs(series, patch),
            )
        except UserError as error:
            raise UserError(error.what, where=error.where or patch.source, remedy=error.remedy) from None
        if review is not None:
            repair = review(patch, repair)
        if not repair.refusal:
            files.apply(repair)
        done.append(RepairedPatch(patch, repair))
    return tuple(done)


def _needs(series: Series, patch: Patch) -> str:
    """What a patch was made on top of and is not here, "" where nothing says so."""
    before = [index for index in series.missing if index < patch.index]
    found = []
    if before:
        span = f"{before[0]} to {before[-1]}" if len(before) > 1 else str(before[0])
        found.append(f"patch{'es' if len(before) > 1 else ''} {span} of its series (not here)")
    found += [text.removeprefix(HEADERS_NAME) for text in series.prerequisites if text.startswith(HEADERS_NAME)]
    return " or ".join(found)


def why_refused(done: Sequence[RepairedPatch], total: int, *, partial: bool) -> UserError | None:
    """What stands against writing the patches, None where nothing does.

    Hunks without a place do, unless ``partial`` asks for the rest without them.
    """
    for one in done:
        where = one.patch.source
        if one.repair.refusal:
            return UserError(f"patch {one.patch.index} of {total} is not repaired: {one.repair.refusal}", where=where)
        unplaced = one.repair.unplaced
        if unplaced and not partial:
            hunks = len(one.repair.hunks)
            return UserError(
                f"patch {one.patch.index} of {total} is not repaired: {len(unplaced)} of {hunks} hunks have no place",
                where=where,
                remedy="--partial writes the others, and these to FILE.rej",
            )
    return None
