"""Kernel trees, how they are pinned, and what today's tools force us to edit in them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.model.version import ALL_VERSIONS, KernelVersion, VersionRange


class PinKind(enum.StrEnum):
    """What a pin is the identity of."""

    TREE = "tree"  # git tree id of the content
    COMMIT = "commit"  # git commit id
    SHA256 = "sha256"  # of the tarball


@dataclass(frozen=True, slots=True)
class Pin:
    """The content a source must have. ``value`` is lower-case hexadecimal."""

    kind: PinKind
    value: str


class SourceKind(enum.StrEnum):
    """Where a tree can come from."""

    GIT = "git"
    DEBIAN = "debian"
    TARBALL = "tarball"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class Overlay:
    """A patch file, packed or not, that goes on top of a base: a -mm, a snapshot. ``location``: path or URL;
    ``sha256`` of the file as it is offered (None: not pinned)."""

    location: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One place a tree can be had from.

    ``location``: git URL or directory, Debian package name, path or URL of a tarball, or directory. ``revision``: git
    revision or Debian package version. ``suite``: Debian suite that carries the package. ``paths``: only these files
    and folders of a git source make up the tree, without those in ``exclude`` (a mirror may hold a vendor's additions,
    or what a build left, beside the kernel). ``overlay``: patch files on top, in order; the tree pin is then the
    result's, the commit or sha256 pin the base's.
    """

    kind: SourceKind
    location: str
    revision: str | None
    pins: tuple[Pin, ...]
    suite: str | None = None
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    overlay: tuple[Overlay, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Fixup:
    """A named edit of a tree that today's tools force: ``find``, ``count`` times in ``file``, becomes ``replace``.

    It is for kernels of ``versions`` and ``arch`` (None: any) built with a ``tool`` (as in Toolchain.tools; None: any)
    of ``tool_versions``. A tree that has ``unless`` in the file was mended already, by a backport, say, and is left
    alone; without either text the fix-up fails.
    """

    name: str
    file: str
    find: str
    replace: str
    reason: str
    count: int = 1
    unless: str | None = None
    versions: VersionRange = ALL_VERSIONS
    arch: str | None = None
    tool: str | None = None
    tool_versions: VersionRange = ALL_VERSIONS
    where: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    """A kernel tree by name, with the era it is built and booted as (None: its version's). Sources are tried in order.

    ``version`` is as KernelVersion.parse takes it.
    """

    name: str
    version: str
    era: str | None
    sources: tuple[Source, ...]
    where: str = ""

    @property
    def kernel_version(self) -> KernelVersion:
        """``version`` with its order."""
        return KernelVersion.parse(self.version)


@dataclass(frozen=True, slots=True)
class TreeContent:
    """A tree that is really there: its git tree id and the commit that holds it in the object store.

    ``pinned`` is False where the content was accepted without a pin of the repository (``pin_note`` says why).
    """

    name: str
    tree_id: str
    commit: str
    source: str
    pinned: bool
    pin_note: str = ""


class Applied(enum.StrEnum):
    """How a patch went in, or that it did not.

    git has no fuzz: context that differs is a conflict, unless a three-way merge of the file that the patch was made
    from (its blob id in the index line) resolves it. PRESENT changes nothing; REVERSED is a diff whose own headers
    say that it was made the wrong way round. A CONFLICT is left out.
    """

    CLEAN = "clean"
    OFFSET = "offset"
    THREE_WAY = "three-way"
    REPAIRED = "repaired"
    PRESENT = "already in the tree"
    REVERSED = "reverse-applied"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Prefix:
    """The tree with the first ``patches`` patches of a series applied (0: the baseline, fix-ups only).

    ``applied`` tells of the last of them, ``detail`` in a few words how: "2 of 5 hunks, by up to 17 lines". A patch
    left out (CONFLICT) makes a prefix that is the one before it; ``left_out`` are the numbers of all such so far.
    ``fixups`` are those that the baseline got.
    """

    tree: str
    patches: int
    commit: str
    tree_id: str
    subject: str
    applied: Applied | None = None
    detail: str = ""
    left_out: tuple[int, ...] = ()
    fixups: tuple[Fixup, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchState:
    """How patch ``patch`` of a series (counted from 1) went into a tree. ``applied`` None: not tried, because one
    before it is a conflict."""

    tree: str
    patch: int
    subject: str
    applied: Applied | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class FixupState:
    """A fix-up that a run's tree got, apart from the series. ``touched_by`` are patches of the series that change or
    lean on the same lines."""

    tree: str
    name: str
    file: str
    reason: str
    touched_by: tuple[int, ...] = ()

    @property
    def overlap(self) -> str:
        """Words for ``touched_by``; empty where no patch touches its lines."""
        if not self.touched_by:
            return ""
        patches, touch = ("patches", "touch") if len(self.touched_by) > 1 else ("patch", "touches")
        return f"{patches} {', '.join(map(str, self.touched_by))} {touch} the same lines"


class TreeFiles(Protocol):
    """The files of one tree, read-only, by their path below its root."""

    @property
    def name(self) -> str:
        """What to call the tree in a message."""

    def read(self, path: str) -> bytes | None:
        """The file's bytes; None where the tree has no such regular file, or ``path`` leaves the tree."""

    def paths(self) -> Sequence[str]:
        """Every regular file."""

    def holding(self, line: str) -> Sequence[str]:
        """Files that have ``line`` (without indentation) somewhere in a line of theirs."""
