"""configs/eras, configs/toolchains, configs/kconfig, configs/stressors: data about kernels, read into the model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from harness.config.yaml_file import Schema, check_name, read_yaml
from harness.model.build import Fragment
from harness.model.cell import ProofRule, Requirement, Stressor, Wishes
from harness.model.era import CompilerFlags, ConfigDialect, Era, RootKind, Toolchain
from harness.model.errors import UserError
from harness.model.tree import Fixup
from harness.model.version import KernelVersion, VersionRange

_OPTION = re.compile(r"^CONFIG_([A-Za-z0-9_]+)=(.*)$")
_UNSET = re.compile(r"^# CONFIG_([A-Za-z0-9_]+) is not set$")


def _version(value: object) -> object:
    if isinstance(value, str):
        return KernelVersion.parse(value)
    raise ValueError(f'a version is written as text: "{value}"')  # 3.10 without quotes is the number 3.1


Version = Annotated[KernelVersion, BeforeValidator(_version)]


Arch = Literal["i386", "x86_64"]
Tool = Literal["gcc", "clang", "lld", "make", "perl", "binutils"]


class FixupSchema(Schema):
    """A named find-and-replace of the tree."""

    name: str
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*$")]
    find: str = Field(min_length=1)
    replace: str
    reason: str = Field(min_length=1)
    count: int = Field(default=1, ge=1)
    unless: str | None = Field(default=None, min_length=1)
    since: Version | None = None
    until: Version | None = None
    arch: Arch | None = None
    tool: Tool | None = None
    tool_since: Version | None = None


class FixupsSchema(Schema):
    """A file of fix-ups."""

    fixups: list[FixupSchema]


class CompilerFlagsSchema(Schema):
    """Flags for the compiler of an era's kernels."""

    flags: str = Field(min_length=1)
    tool: Tool | None = None
    tool_since: Version | None = None
    tool_until: Version | None = None


class EraSchema(Schema):
    """Keys of an era file; see harness.model.era.Era."""

    name: str
    summary: str = ""
    since: Version
    until: Version | None = None
    expects: dict[Tool, Version] = Field(default_factory=dict)
    toolchain: str
    arch: Arch
    image: str
    target: str = "bzImage"
    machine: str = "pc"
    cpu: str
    boot_args: list[str] = Field(default_factory=list)
    qemu_args: list[str] = Field(default_factory=list)
    kconfig_left_out: dict[str, str] = Field(default_factory=dict)
    kconfig_extra: list[str] = Field(default_factory=list)
    make_vars: dict[str, str] = Field(default_factory=dict)
    cc_flags: list[CompilerFlagsSchema] = Field(default_factory=list)
    root: RootKind = RootKind.INITRAMFS_GZ
    command_line_bytes: int = Field(default=2047, ge=64)
    numa: bool = True
    dialect: ConfigDialect = ConfigDialect.ALLCONFIG
    in_tree: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> EraSchema:
        if self.until is not None and self.until <= self.since:
            raise ValueError(f"until {self.until} is not after since {self.since}")
        return self


class ToolchainSchema(Schema):
    """Keys of a toolchain file; see harness.model.era.Toolchain."""

    name: str
    summary: str = ""
    suite: str
    packages: list[str] = Field(min_length=1)
    script: str = ""
    make_vars: dict[str, str] = Field(default_factory=dict)
    tools: dict[Tool, Version] = Field(default_factory=dict)
    probes: list[str] = Field(default_factory=list)
    pull: str | None = None
    pull_only: bool = False
    apt_options: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9:_.-]+=[A-Za-z0-9:/_.,-]+$")]] = Field(
        default_factory=list
    )
    note: str = ""
    debug_flags: str = Field(default="", pattern=r"^(-g[a-z0-9-]*( -g[a-z0-9-]*)*)?$")

    @model_validator(mode="after")
    def _reachable(self) -> ToolchainSchema:
        if self.pull_only and self.pull is None:
            raise ValueError("pull_only needs pull: the image to take")
        return self

    @field_validator("packages")
    @classmethod
    def _package_names(cls, value: list[str]) -> list[str]:
        # They become words of a shell's command line.
        if bad := [name for name in value if not re.fullmatch(r"[a-z0-9][a-z0-9+.:-]*", name)]:
            raise ValueError(f"{bad[0]!r} is no package name")
        return value


class RangedSchema(Schema):
    """What holds for some versions of the kernel only."""

    since: Version | None = None
    until: Version | None = None

    @property
    def versions(self) -> VersionRange:
        """The range; all versions where no bound is given."""
        return VersionRange(self.since, self.until)


class ProofSchema(RangedSchema):
    """One rule of proof."""

    any_of: list[str] = Field(min_length=1)
    minimum: int = Field(ge=1)
    reason: str


class RequiredOptionSchema(RangedSchema):
    """An option that a stressor needs in some versions."""

    option: str


class WishesSchema(Schema):
    """The guest a stressor would like; see harness.model.cell.Wishes."""

    memory_mib: int = Field(default=1024, ge=64)
    cpus: int = Field(default=4, ge=1)
    nodes: int = Field(default=2, ge=1)
    thp: Literal["always", "madvise", "never"] = "always"
    swap_mib: int = Field(default=0, ge=0)


class ChosenForSchema(Schema):
    """What a series touches that a stressor is chosen for."""

    files: list[str] = Field(default_factory=list)
    functions: list[str] = Field(default_factory=list)


class StressorSchema(RangedSchema):
    """Keys of a stressor file; see harness.model.cell.Stressor."""

    name: str
    area: str
    summary: str
    absent: str = ""
    chosen_for: ChosenForSchema = ChosenForSchema()
    races: list[str] = Field(default_factory=list)
    requires: list[str | RequiredOptionSchema] = Field(default_factory=list)
    wishes: WishesSchema = WishesSchema()
    proof: list[ProofSchema] = Field(default_factory=list)
    seconds: int = Field(default=20, ge=1, le=86400)

    @model_validator(mode="after")
    def _says_why(self) -> StressorSchema:
        if (self.since or self.until) and not self.absent:
            raise ValueError("since and until need absent: what a kernel outside of them does not have")
        return self


def load_era(path: Path) -> Era:
    """The era that ``path`` defines. Raises UserError."""
    s = read_yaml(path, EraSchema)
    check_name(path, s.name)
    return Era(
        name=s.name,
        versions=VersionRange(s.since, s.until),
        toolchain=s.toolchain,
        arch=s.arch,
        image=s.image,
        target=s.target,
        machine=s.machine,
        cpu=s.cpu,
        boot_args=tuple(s.boot_args),
        kconfig_left_out=tuple(s.kconfig_left_out.items()),
        kconfig_extra=tuple(s.kconfig_extra),
        make_vars=tuple(s.make_vars.items()),
        qemu_args=tuple(s.qemu_args),
        root=s.root,
        command_line_bytes=s.command_line_bytes,
        numa=s.numa,
        dialect=s.dialect,
        in_tree=s.in_tree,
        cc_flags=tuple(CompilerFlags(c.flags, c.tool, VersionRange(c.tool_since, c.tool_until)) for c in s.cc_flags),
        expects=tuple(s.expects.items()),
        summary=s.summary,
        where=str(path),
    )


def load_fixups(path: Path) -> tuple[Fixup, ...]:
    """The fix-ups that ``path`` defines. Raises UserError."""
    return tuple(
        Fixup(
            f.name, f.file, f.find, f.replace, f.reason, f.count, f.unless, VersionRange(f.since, f.until), f.arch,
            f.tool, VersionRange(f.tool_since), str(path),
        )
        for f in read_yaml(path, FixupsSchema).fixups
    )  # fmt: skip


def load_toolchain(path: Path) -> Toolchain:
    """The toolchain that ``path`` defines. Raises UserError."""
    s = read_yaml(path, ToolchainSchema)
    check_name(path, s.name)
    return Toolchain(
        name=s.name,
        suite=s.suite,
        packages=tuple(s.packages),
        script=s.script,
        make_vars=tuple(s.make_vars.items()),
        pull=s.pull,
        summary=s.summary,
        tools=tuple(s.tools.items()),
        probes=tuple(s.probes),
        pull_only=s.pull_only,
        apt_options=tuple(s.apt_options),
        note=s.note,
        debug_flags=s.debug_flags,
        where=str(path),
    )


def load_stressor(path: Path) -> Stressor:
    """The stressor that ``path`` defines. Raises UserError."""
    s = read_yaml(path, StressorSchema)
    check_name(path, s.name)
    return Stressor(
        name=s.name,
        area=s.area,
        summary=s.summary,
        races=tuple(s.races),
        requires=tuple(Requirement(r) if isinstance(r, str) else Requirement(r.option, r.versions) for r in s.requires),
        proof=tuple(ProofRule(tuple(r.any_of), r.minimum, r.reason, r.versions) for r in s.proof),
        seconds=s.seconds,
        wishes=Wishes(**s.wishes.model_dump()),
        where=str(path),
        versions=s.versions,
        absent=s.absent,
        files=tuple(s.chosen_for.files),
        functions=tuple(s.chosen_for.functions),
    )


def parse_kconfig(text: str, where: str) -> tuple[tuple[str, str], ...]:
    """(option without CONFIG_, value) of every line of a .config or fragment; "n" where it is not set.

    Raises UserError naming the line for anything but an option or a comment.
    """
    options: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := _OPTION.match(line):
            options.append((match[1], match[2].strip()))
        elif match := _UNSET.match(line):
            options.append((match[1], "n"))
        elif line.strip() and not line.startswith("#"):
            raise UserError("neither CONFIG_NAME=value nor a comment", where=f"{where}:{number}")
    return tuple(options)


def load_fragment(path: Path) -> Fragment:
    """The configuration fragment that ``path`` holds. Raises UserError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from error
    return Fragment(path.stem, parse_kconfig(text, str(path)), str(path))
