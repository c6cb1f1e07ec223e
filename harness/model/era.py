"""What a kernel of a time needs to be built and booted."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from harness.model.option import OptionsOf, OptionTable
from harness.model.version import ALL_VERSIONS, KernelVersion, VersionRange


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler image: ``pull`` is a registry reference, the rest says how it is made from a distribution's packages.

    ``script`` runs in the new root (network available) after the packages are in; it may fetch the distribution's
    source packages. ``make_vars`` are handed to every kernel make. ``tools`` are the versions of the
    programs that kernels are built with ("gcc", "clang", "make", "perl", "binutils"); ``harness toolchain verify``
    checks them, and compiles ``probes`` (names of harness.toolchains.probes). ``pull_only``: no mirror carries the
    suite any more, ``pull`` is the only way. ``apt_options`` are NAME=VALUE settings for a base image's apt. ``note``
    is what a user should know before relying on it. ``debug_flags`` make its compiler tell of lines and inlined
    functions, in DWARF, without changing the code ("": it is not asked to).
    """

    name: str
    suite: str
    packages: tuple[str, ...]
    script: str
    make_vars: tuple[tuple[str, str], ...]
    pull: str | None = None
    summary: str = ""
    tools: tuple[tuple[str, KernelVersion], ...] = ()
    probes: tuple[str, ...] = ()
    pull_only: bool = False
    apt_options: tuple[str, ...] = ()
    note: str = ""
    debug_flags: str = ""
    where: str = ""

    @property
    def compiler(self) -> str:
        """The command a kernel's build calls as its compiler; more than one word where a wrapper goes before it."""
        variables = dict(self.make_vars)
        return variables.get("CC") or ("clang" if "LLVM" in variables else "gcc")

    @property
    def linker(self) -> str:
        """The command a kernel's build calls as its linker."""
        variables = dict(self.make_vars)
        return variables.get("LD") or ("ld.lld" if "LLVM" in variables else "ld")


@dataclass(frozen=True, slots=True)
class Image:
    """A container image that is here, pinned by ``digest`` (the engine's image id, ``sha256:...``)."""

    toolchain: str
    reference: str
    digest: str


class ConfigDialect(enum.StrEnum):
    """How a tree is told its configuration."""

    ALLCONFIG = "allconfig"  # allnoconfig with KCONFIG_ALLCONFIG, from 2.6.15 on
    OLDCONFIG = "oldconfig"  # Kconfig without KCONFIG_ALLCONFIG, from 2.5.45 on: oldconfig over a .config of requests
    CONFIGURE = "configure"  # scripts/Configure and Config.in, until 2.5.44: a .config, oldconfig, dep


class RootKind(enum.StrEnum):
    """How the guest's programs reach the kernel."""

    INITRAMFS = "initramfs"  # a cpio archive, from 2.5.46 on
    INITRAMFS_GZ = "initramfs.gz"  # the same, packed
    EXT2 = "ext2"  # the image of an ext2 file system, loaded into /dev/ram0


@dataclass(frozen=True, slots=True)
class CompilerFlags:
    """``flags`` for the compiler, space separated: for toolchains whose ``tool`` (as in Toolchain.tools; None: any) has
    one of ``tool_versions``."""

    flags: str
    tool: str | None = None
    tool_versions: VersionRange = ALL_VERSIONS

    def fit(self, toolchain: Toolchain) -> bool:
        """Whether the toolchain is one of them; one that does not say which tool it has is, as for fix-ups."""
        tools = dict(toolchain.tools)
        return self.tool is None or self.tool not in tools or tools[self.tool] in self.tool_versions


@dataclass(frozen=True, slots=True)
class Era:
    """Build and boot conventions shared by the kernels of a time, ``versions``.

    ``cc_flags`` are given to whichever compiler makes its kernels, after its name (CC of the make command line).
    ``expects`` are the oldest tools that its kernels say they build with (their Documentation/Changes).
    ``kconfig_left_out`` are today's options that the era does without, each with the reason. ``kconfig_extra`` are
    lines every configuration of the era gets. ``boot_args`` go on every kernel command line, ``qemu_args`` on every
    QEMU command line. ``command_line_bytes`` of a kernel command line are read (COMMAND_LINE_SIZE, without the end
    mark). ``in_tree``: there is no O= yet, the tree is built in a copy of its source.
    ``options`` are those of one kernel of the era (Catalogue.era_of).
    """

    name: str
    versions: VersionRange
    toolchain: str
    arch: str
    image: str
    target: str
    machine: str
    cpu: str
    boot_args: tuple[str, ...]
    kconfig_left_out: tuple[tuple[str, str], ...]
    kconfig_extra: tuple[str, ...]
    make_vars: tuple[tuple[str, str], ...] = ()
    qemu_args: tuple[str, ...] = ()
    root: RootKind = RootKind.INITRAMFS_GZ
    command_line_bytes: int = 2047
    numa: bool = True
    dialect: ConfigDialect = ConfigDialect.ALLCONFIG
    in_tree: bool = False
    cc_flags: tuple[CompilerFlags, ...] = ()
    expects: tuple[tuple[str, KernelVersion], ...] = ()
    summary: str = ""
    where: str = ""
    options: OptionsOf = field(default=OptionsOf(OptionTable(), KernelVersion(()), ""), compare=False, repr=False)
