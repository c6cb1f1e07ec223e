"""The guest's root file system: what is in it, and what compiles its programs."""

from __future__ import annotations

import stat
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceNode:
    """A device node of /dev: block or character, with its numbers (Documentation/admin-guide/devices.txt)."""

    name: str
    block: bool
    major: int
    minor: int


@dataclass(frozen=True, slots=True)
class GuestPrograms:
    """How init and the stressors are compiled for ``arch``: in the image of ``toolchain``, with ``make_vars``."""

    arch: str
    toolchain: str
    make_vars: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class GuestRoot:
    """One root for all kernels: ``sources`` is the programs' folder below vm-images; ``folders`` are made empty."""

    sources: str
    programs: tuple[GuestPrograms, ...]
    folders: tuple[str, ...]
    devices: tuple[DeviceNode, ...]
    where: str = ""


@dataclass(frozen=True, slots=True)
class RootEntry:
    """A folder, file or device node by its path below the root; ``mode`` with the type's bits, as stat(2) has it."""

    path: str
    mode: int
    data: bytes = b""
    major: int = 0
    minor: int = 0

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_device(self) -> bool:
        """True for a block or character device."""
        return stat.S_ISBLK(self.mode) or stat.S_ISCHR(self.mode)
