"""A disk image with a distribution's user space: how it is made, and which kernels run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.model.version import VersionRange


@dataclass(frozen=True, slots=True)
class ImageRecipe:
    """``packages`` of ``suite`` with ``files`` put in (path in the image, file here), ``size_mib`` in all.

    Kernels of ``versions`` and ``arch`` run its programs (``programs``, in words), when they are configured with the
    fragment ``kconfig`` too."""

    name: str
    summary: str
    suite: str
    packages: tuple[str, ...]
    files: tuple[tuple[str, Path], ...]
    size_mib: int
    arch: str
    versions: VersionRange
    programs: str
    kconfig: Path
    where: str = ""


@dataclass(frozen=True, slots=True)
class DiskImage:
    """An image that is here. ``digest`` is the SHA-256 (hex) of its content; no guest ever writes to it."""

    name: str
    path: Path
    digest: str
