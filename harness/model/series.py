"""A patch series as it went to a list."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from datetime import datetime

from harness.model.policy import PolicyRule


class Provenance(enum.StrEnum):
    """How a patch's text came to be what is applied."""

    CLEAN = "clean"
    PORT = "port"
    REPAIRED = "repaired"


@dataclass(frozen=True, slots=True)
class Trailer:
    """One line such as "Signed-off-by: NAME <ADDRESS>" at the end of a commit message."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch: ``diff`` is what ``git apply`` takes, ``message`` the commit message below the subject.

    ``damage`` says in one line why the diff cannot be read as it stands ("" where it can); ``diff`` is then the damaged
    text as it was found, for the repair. It begins on ``diff_line`` of ``source``'s file (0: not known). ``repairs``
    says in one line each what a repair did, ``notes`` what a reader should know that is no error: a diffstat that
    disagrees, an address the archive hid.
    """

    index: int
    subject: str
    author: str
    date: datetime | None
    message_id: str | None
    message: str
    diff: str
    files: tuple[str, ...]
    added: int
    removed: int
    source: str
    provenance: Provenance = Provenance.CLEAN
    trailers: tuple[Trailer, ...] = ()
    damage: str = ""
    diff_line: int = 0
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the diff alone: two mails with the same change are the same patch."""
        return hashlib.sha256(self.diff.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Series:
    """Patches in order, with the cover letter's text where there is one.

    ``total`` is the n of "[PATCH k/n]"; ``missing`` the indexes that no mail was found for, ``missing_ids`` and
    ``missing_titles`` what is known of them, in the same order ("" where nothing is). ``tags`` are the words beside
    "PATCH" in its subjects ("RFC", "RESEND", "-mm"), ``lists`` the mailing lists it went to. ``prerequisites`` are what
    the series names as its base or as needed before it, as it names them; ``older`` the earlier postings found beside
    the newest, newest first.
    """

    name: str
    title: str
    version: int
    total: int
    patches: tuple[Patch, ...]
    cover: str | None = None
    cover_message_id: str | None = None
    cover_author: str = ""
    cover_date: datetime | None = None
    tags: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    missing: tuple[int, ...] = ()
    missing_ids: tuple[str, ...] = ()
    missing_titles: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    older: tuple[Series, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over the patches' digests in order."""
        return hashlib.sha256("\n".join(patch.digest for patch in self.patches).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SeriesTree:
    """One tree a series is run on: ``port`` is the folder of a port, None where the mails themselves apply."""

    tree: str
    port: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class SeriesCommit:
    """A commit of a history, known by the git tree id of its content, its subject (without "[PATCH]"), or both; what is
    "" is not known."""

    tree_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class SeriesCommits:
    """A series that is commits in the history of ``tree``, one after the other, oldest first.

    ``parent`` is the git tree id of what the first one was made on ("" where not known), ``revisions`` "A..B" of the
    history to look in ("": as the tree's sources say).
    """

    tree: str
    parent: str
    commits: tuple[SeriesCommit, ...]
    revisions: str = ""


@dataclass(frozen=True, slots=True)
class SeriesSpec:
    """What series/NAME/series.yaml says. ``commits`` are its patches where it is no mail.

    ``mail`` are the mbox, folder or file (absolute paths) that an import kept. ``kconfig`` names the fragments,
    ``requires`` the options (without ``CONFIG_``) that must be obtained, each with
    the reason why the series tests nothing without it. ``policy`` are rules before the user's and the repository's.
    """

    name: str
    path: str
    title: str
    posted: str
    lists: tuple[str, ...]
    patches: int
    message_ids: tuple[str, ...]
    archive: str | None
    trees: tuple[SeriesTree, ...]
    kconfig: tuple[str, ...]
    requires: tuple[tuple[str, str], ...]
    stressors: tuple[str, ...]
    summary: str = ""
    mail: tuple[str, ...] = ()
    commits: SeriesCommits | None = None
    policy: tuple[PolicyRule, ...] = ()
