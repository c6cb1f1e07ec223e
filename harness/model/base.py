"""Which tree a series was made for: what the series says of its base, and what is found out about each candidate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from harness.model.errors import UserError


@dataclass(frozen=True, slots=True, order=True)
class KernelVersion:
    """A version as far as it orders releases: (2, 6, 22) with ``rc`` 2 is 2.6.22-rc2, ``rc`` 0 a release itself.

    ``suffix`` is what was put on top of it: "mm1", "bk7", "ac4", "+" ("" for none).
    """

    numbers: tuple[int, ...]
    rc: int = 0
    suffix: str = ""

    def __str__(self) -> str:
        text = ".".join(map(str, self.numbers)) + (f"-rc{self.rc}" if self.rc else "")
        return text + (self.suffix if self.suffix in ("", "+") else f"-{self.suffix}")

    @property
    def release(self) -> KernelVersion:
        """The release or candidate itself, without what was put on top of it."""
        return KernelVersion(self.numbers, self.rc)


@dataclass(frozen=True, slots=True)
class VersionHint:
    """A version the series names. ``where`` says where ("the header of mm/swap.c"); ``sure`` for a header that names
    the old tree, not for a sentence that may be about another one."""

    version: KernelVersion
    where: str
    sure: bool


@dataclass(frozen=True, slots=True)
class BaseClues:
    """What the series itself says of its base. ``not_after``: the latest moment at which the base can have been made
    (UTC), and ``not_after_why``: the oldest of its mails, or the old files' own time."""

    versions: tuple[VersionHint, ...]
    not_after: datetime | None
    not_after_why: str


@dataclass(frozen=True, slots=True)
class HunkFit:
    """How one hunk of the series fits a candidate. ``fit`` is one of clean, offset, fuzz, missing, file missing."""

    patch: int
    path: str
    at: int
    start: int
    fit: str
    offset: int
    share: float


@dataclass(frozen=True, slots=True)
class Trial:
    """The series against the files of one tree. ``blobs`` are the (path, blob id) of index lines that were looked
    for, ``blobs_found`` how many of them are that very file, with the series' earlier patches applied."""

    hunks: tuple[HunkFit, ...]
    blobs: int
    blobs_found: int

    def count(self, *fits: str) -> int:
        """Hunks that fit in one of these ways."""
        return sum(hunk.fit in fits for hunk in self.hunks)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tree that the series may have been made for. ``time``: when it was made, seconds since the epoch (None where
    that is not known). ``alike``: other revisions with the very same files where the series changes them, by name."""

    name: str
    version: KernelVersion | None
    time: int | None
    alike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RankedTree:
    """A candidate with its trial, its ``score`` from 0 to 1, and the reasons in words."""

    candidate: Candidate
    trial: Trial
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BaseRanking:
    """All candidates, best first. ``sentence`` says how sure the answer is, ``confidence`` in one word: certain,
    likely, open, none. ``not_tried``: (name, why) of candidates that were not looked at."""

    trees: tuple[RankedTree, ...]
    clues: BaseClues
    confidence: str
    sentence: str
    not_tried: tuple[tuple[str, str], ...] = ()


class NoHunks(UserError):
    """A series without a single hunk fits every tree."""
