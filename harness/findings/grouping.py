"""Which findings are of one bug: by title, and by the titles that a bug has where it is reported in another shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """What grouping looks at: a Finding, or a row that was made of one."""

    @property
    def title(self) -> str: ...

    @property
    def also(self) -> tuple[str, ...]: ...

    @property
    def corrupted(self) -> bool: ...


N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class BugGroup(Generic[N]):
    """Findings of one bug, in the order given; ``title`` is the commonest of the whole ones (the first in the alphabet
    of several), ``titles`` are all."""

    title: str
    titles: tuple[str, ...]
    findings: tuple[N, ...]


def same_bug(one: Named, other: Named) -> bool:
    """Whether two findings are one bug, as far as names tell: the same title, or one is a shape of the other.

    A corrupted finding may have lost the function that its title should have: it is the same bug only under the same
    title.
    """
    if one.title == other.title:
        return True
    if one.corrupted or other.corrupted:
        return False
    return one.title in other.also or other.title in one.also


def group_findings(findings: Iterable[N]) -> list[BugGroup[N]]:
    """Join findings that are one bug, over any number of shapes; groups in the order of their first finding.

    Corrupted findings belong to the group that has their title, but never join two groups, and never make one known
    under a second title.
    """
    known = list(findings)
    whole = [finding for finding in known if not finding.corrupted]
    leader: dict[str, str] = {title: title for title in (finding.title for finding in known)}

    def root(title: str) -> str:
        while leader[title] != title:
            leader[title] = leader[leader[title]]
            title = leader[title]
        return title

    trusted = {finding.title for finding in whole}
    for finding in whole:
        for title in finding.also:
            if title in trusted:
                leader[root(title)] = root(finding.title)
    members: dict[str, list[N]] = {}
    for finding in known:
        members.setdefault(root(finding.title), []).append(finding)
    return [
        BugGroup(_common_title(group), tuple(sorted({f.title for f in group})), tuple(group))
        for group in members.values()
    ]


def _common_title(group: Sequence[Named]) -> str:
    counted = Counter(finding.title for finding in group if not finding.corrupted) or Counter(f.title for f in group)
    return min(counted, key=lambda title: (-counted[title], title))
