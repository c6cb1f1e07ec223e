"""What a kernel of a time needs to be built and booted."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Era:
    """Build and boot conventions shared by the kernels of a time.

    ``kconfig_names`` maps today's option names to this era's (empty string: does not exist yet or any more).
    ``kconfig_extra`` are lines every configuration of the era gets. ``boot_args`` go on every kernel command line.
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
    where: str = ""
