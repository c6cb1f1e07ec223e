"""Names of kernel functions over the kernel's history: one name for all that a function was called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenamedFamily:
    """Functions that were renamed by a rule: ``printed`` matches the whole name, ``name`` is what stands for it, with
    \\1 for what the pattern's group took."""

    printed: re.Pattern[str]
    name: str


@dataclass(frozen=True, slots=True)
class Aliases:
    """What functions are called in titles: ``exact`` maps a printed name to the one that stands for all; a family's
    rule is applied before, so that entries need not be repeated for each of its forms."""

    exact: Mapping[str, str]
    families: tuple[RenamedFamily, ...] = ()

    def canonical(self, function: str) -> str:
        """Return the name that stands for all that ``function`` was ever called; itself where it has no other."""
        found = self.exact.get(function)
        if found is not None:
            return found
        for family in self.families:
            match = family.printed.fullmatch(function)
            if match is not None:
                name = match.expand(family.name)
                return self.exact.get(name, name)
        return function
