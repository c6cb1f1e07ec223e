"""The guest's programs for every architecture, compiled in their containers: static, of the right kind, in a root image
of every form."""

from __future__ import annotations

import struct

import pytest

from harness.model.era import Era, RootKind
from harness.runs.guest_making import root_image
from harness.runs.workshop import Workshop
from tests.guests.test_root_image import read

pytestmark = pytest.mark.system

MACHINES = {"i386": (1, 3), "x86_64": (2, 62)}  # ELF class and machine (elf(5))
PT_INTERP = 3


def eras(workshop: Workshop) -> list[Era]:
    """Every era of the checkout."""
    return [workshop.catalogue.era(name) for name in workshop.catalogue.era_names()]


def program_headers(program: bytes) -> list[int]:
    """Types of the program headers of an ELF file."""
    wide = program[4] == 2
    start, size, count = (
        (struct.unpack_from("<Q", program, 32)[0], *struct.unpack_from("<HH", program, 54))
        if wide
        else (struct.unpack_from("<I", program, 28)[0], *struct.unpack_from("<HH", program, 42))
    )
    return [struct.unpack_from("<I", program, start + size * number)[0] for number in range(count)]


def test_each_era_has_a_root(workshop: Workshop) -> None:
    forms: dict[tuple[str, RootKind], set[str]] = {}
    for era in eras(workshop):
        path, digest = root_image(workshop, era)
        assert path.name.startswith(digest)
        assert path.stat().st_size < 2 << 20
        forms.setdefault((era.arch, era.root), set()).add(digest)
        if era.root is RootKind.INITRAMFS_GZ:
            continue
        found = read(path.read_bytes(), era.root)
        programs = [name for name in found if name == "init" or name.startswith("stressors/")]
        assert len(programs) == 10
        for name in programs:
            data = found[name][1]
            assert (data[4], struct.unpack_from("<H", data, 18)[0]) == MACHINES[era.arch], name
            assert PT_INTERP not in program_headers(data), f"{name} wants a dynamic linker"
    assert ("i386", RootKind.EXT2) in forms
    assert all(len(digests) == 1 for digests in forms.values()), "eras alike share an image"
