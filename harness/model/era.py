"""What a kernel of a time needs to be built and booted."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from harness.model.tree import Fixup


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler image: ``pull`` is a registry reference, the rest says how it is made from a distribution's packages.

    ``script`` runs in the new root (network available) after the packages are in; ``sources`` are the distribution's
    source packages it may fetch. ``make_vars`` are handed to every kernel make.
    """

    name: str
    suite: str
    packages: tuple[str, ...]
    script: str
    make_vars: tuple[tuple[str, str], ...]
    pull: str | None = None
    summary: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A container image that is here, pinned by ``digest`` (the engine's image id, ``sha256:...``)."""

    toolchain: str
    reference: str
    digest: str


class ConfigDialect(enum.StrEnum):
    """How a tree is told its configuration."""

    ALLCONFIG = "allconfig"  # allnoconfig with KCONFIG_ALLCONFIG, from 2.6.15 on
    CONFIGURE = "configure"  # scripts/Configure and Config.in, until 2.5.44: a .config, oldconfig, dep


@dataclass(frozen=True, slots=True)
class Era:
    """Build and boot conventions shared by the kernels of a time.

    ``kconfig_names`` maps today's option names to this era's (empty string: does not exist yet or any more).
    ``kconfig_extra`` are lines every configuration of the era gets. ``boot_args`` go on every kernel command line.
    ``in_tree``: there is no O= yet, the tree is built in a copy of its source.
    """

    name: str
    toolchain: str
    arch: str
    image: str
    target: str
    machine: str
    cpu: str
    boot_args: tuple[str, ...]
    fixups: tuple[Fixup, ...]
    kconfig_names: tuple[tuple[str, str], ...]
    kconfig_extra: tuple[str, ...]
    make_vars: tuple[tuple[str, str], ...] = ()
    initramfs_gzip: bool = True
    numa: bool = True
    dialect: ConfigDialect = ConfigDialect.ALLCONFIG
    in_tree: bool = False
    where: str = ""
