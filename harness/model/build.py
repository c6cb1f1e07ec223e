"""Configurations and finished kernels."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

from harness.model.build_message import BuildMessage


@dataclass(frozen=True, slots=True)
class Fragment:
    """A named set of requests (option without ``CONFIG_``, value y, m, n, number or string) in today's names."""

    name: str
    options: tuple[tuple[str, str], ...]
    where: str


class DropKind(enum.StrEnum):
    """Why a request was not obtained. The first five are known before the tree is configured."""

    NOT_YET = "not yet there"
    GONE = "gone"
    OTHER_ARCH = "other architecture"
    LEFT_OUT = "left out by the era"
    CONSTANT = "a constant"
    UNMET = "unmet dependency"
    CHOICE = "another of its choice"
    NO_PROMPT = "no prompt"
    RANGE = "out of range"
    SELECTED = "selected"
    RENAMED = "renamed"
    UNKNOWN = "no such option"
    UNEXPLAINED = "unexplained"

    @property
    def by_history(self) -> bool:
        """Whether it follows from the kernel's version: nothing in the fragment or the tree could mend it."""
        return self in (DropKind.NOT_YET, DropKind.GONE, DropKind.OTHER_ARCH, DropKind.LEFT_OUT, DropKind.CONSTANT)


@dataclass(frozen=True, slots=True)
class DroppedOption:
    """A requested option that the configuration did not obtain: ``name`` in the kernel, ``today`` in the fragment."""

    name: str
    wanted: str
    got: str
    reason: str
    kind: DropKind = DropKind.UNEXPLAINED
    today: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Requested, in the kernel's own names, against obtained."""

    requested: tuple[tuple[str, str], ...]
    obtained: tuple[tuple[str, str], ...]
    dropped: tuple[DroppedOption, ...]

    def has(self, name: str) -> bool:
        """True when ``name`` (the era's own name) is y or m."""
        return dict(self.obtained).get(name) in ("y", "m")


@dataclass(frozen=True, slots=True)
class Kernel:
    """A finished build; ``key`` names what it was made from, ``digest`` (SHA-256) what came out.

    ``seconds`` is the wall time of the build that made it, ``cached`` True when that was not now. ``warnings`` are
    those of everything in it, also of what an incremental build did not compile again; None where they are not known.
    """

    key: str
    directory: Path
    digest: str
    tree: str
    tree_id: str
    patches: int
    image_digest: str
    config: Config
    seconds: float
    incremental: bool
    cached: bool
    warnings: tuple[BuildMessage, ...] | None = None

    @property
    def image(self) -> Path:
        """The bootable image (bzImage)."""
        return self.directory / "image"

    @property
    def vmlinux(self) -> Path:
        """The linked kernel with symbols."""
        return self.directory / "vmlinux"
