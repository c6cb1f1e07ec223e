"""How a series' patches went into a tree, as lines: patches that went in alike are one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.plain_text import clean
from harness.model.tree import Applied, FixupState, PatchState
from harness.reports.wording import Mark, applied_mark


@dataclass(frozen=True, slots=True)
class AppliedLine:
    """Patches ``first`` to ``last``, which went in alike; a subject only where it is one patch that needs a look."""

    first: int
    last: int
    mark: Mark
    subject: str
    detail: str

    @property
    def patches(self) -> str:
        """ "3", or "3 to 9"."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def words(self) -> str:
        """ "✓ patches 1 to 5  clean"."""
        subject = f" ({clean(self.subject)})" if self.subject else ""
        detail = f": {clean(self.detail)}" if self.detail else ""
        several = "patch" if self.first == self.last else "patches"
        return f"{self.mark.symbol} {several} {self.patches}{subject}  {self.mark.words}{detail}"


def applied_lines(states: Sequence[PatchState]) -> tuple[AppliedLine, ...]:
    """One line per patch; successive ones that went in clean, or were not tried, are one."""
    lines: list[AppliedLine] = []
    before: Applied | None = None
    for state in states:
        plain = state.applied in (Applied.CLEAN, None)
        if plain and lines and before == state.applied and lines[-1].last == state.patch - 1:
            lines[-1] = AppliedLine(lines[-1].first, state.patch, lines[-1].mark, "", "")
        else:
            subject = "" if plain else state.subject
            lines.append(AppliedLine(state.patch, state.patch, applied_mark(state.applied), subject, state.detail))
        before = state.applied
    return tuple(lines)


def fixup_words(fixups: Sequence[FixupState]) -> str:
    """ "fix-ups: make-4-config-rule (Makefile), path-max (scripts/mod/sumversion.c)"; empty without any."""
    told = (f"{clean(f.name)} ({clean(f.file)}{'; ' + f.overlap if f.overlap else ''})" for f in fixups)
    return f"fix-ups: {', '.join(told)}" if fixups else ""
