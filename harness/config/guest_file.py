"""configs/guests/root.yaml: the guest's root file system, read into the model."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from harness.config.yaml_file import Schema, nearest, read_yaml
from harness.model.errors import UserError
from harness.model.root import DeviceNode, GuestPrograms, GuestRoot

_NAME = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
_DEVICE = re.compile(r"^([bc]) (\d{1,3}) (\d{1,3})$")


class ProgramsSchema(Schema):
    """What compiles the programs for one architecture."""

    toolchain: str
    make_vars: dict[str, str] = Field(default_factory=dict)


class RootSchema(Schema):
    """Keys of configs/guests/root.yaml. A device is "c MAJOR MINOR" or "b MAJOR MINOR", as mknod(1) has it; numbers
    up to 255, which is all that old kernels take."""

    sources: str
    programs: dict[str, ProgramsSchema] = Field(min_length=1)
    folders: list[str] = Field(min_length=1)
    devices: dict[str, str]

    @field_validator("folders")
    @classmethod
    def _folders(cls, value: list[str]) -> list[str]:
        for name in value:
            if not _NAME.match(name) or name in (".", ".."):
                raise ValueError(f"{name!r} is no name of a folder")
        return value

    @field_validator("devices")
    @classmethod
    def _devices(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            match = _DEVICE.match(text)
            if not _NAME.match(name) or match is None or max(int(match[2]), int(match[3])) > 255:
                raise ValueError(f'{name}: {text!r} is not like "c 5 1" or "b 1 0"')
        return value


def load_guest_root(path: Path) -> GuestRoot:
    """The root file system that ``path`` defines. Raises UserError."""
    s = read_yaml(path, RootSchema)
    devices = []
    for name, text in s.devices.items():
        kind, major, minor = text.split()
        devices.append(DeviceNode(name, kind == "b", int(major), int(minor)))
    programs = tuple(GuestPrograms(arch, p.toolchain, tuple(p.make_vars.items())) for arch, p in s.programs.items())
    return GuestRoot(s.sources, programs, tuple(s.folders), tuple(devices), str(path))


def programs_for(root: GuestRoot, arch: str) -> GuestPrograms:
    """What compiles the guest's programs for ``arch``. Raises UserError where nothing does."""
    for programs in root.programs:
        if programs.arch == arch:
            return programs
    known = [programs.arch for programs in root.programs]
    raise UserError(f"no guest programs for {arch!r}", where=root.where, remedy=nearest(arch, known))
