"""The guest's root: init, stressors and device nodes in the form its era's kernels load."""

from __future__ import annotations

import gzip
import hashlib
import stat
from pathlib import Path

from harness.config.whole_file import write_whole
from harness.guests.cpio_archive import cpio_archive
from harness.guests.ext2_image import ext2_image
from harness.model.era import RootKind
from harness.model.root import GuestRoot, RootEntry

_SUFFIXES = {RootKind.INITRAMFS: ".cpio", RootKind.INITRAMFS_GZ: ".cpio.gz", RootKind.EXT2: ".ext2"}


def root_entries(root: GuestRoot, programs: Path) -> tuple[RootEntry, ...]:
    """What is in it: folders, device nodes, ``programs``/init and ``programs``/stressors/*."""
    folders = [RootEntry(name, stat.S_IFDIR | 0o755) for name in root.folders]
    devices = [
        RootEntry(f"dev/{d.name}", (stat.S_IFBLK if d.block else stat.S_IFCHR) | 0o600, b"", d.major, d.minor)
        for d in root.devices
    ]
    files = [("init", programs / "init")]
    files += [(f"stressors/{path.name}", path) for path in sorted((programs / "stressors").iterdir())]
    return (*folders, *devices, *(RootEntry(name, stat.S_IFREG | 0o755, path.read_bytes()) for name, path in files))


def root_image(root: GuestRoot, programs: Path, kind: RootKind) -> bytes:
    """The image, a packed one before packing; equal programs give equal bytes. Raises InfrastructureError where an
    ext2 image would be too large."""
    entries = root_entries(root, programs)
    return ext2_image(entries) if kind is RootKind.EXT2 else cpio_archive(entries)


BUILT_IN = frozenset(("quiet", "canary"))
"""What init does itself."""

# e_ident[EI_CLASS] and e_machine (elf.h) of programs that run on an architecture's kernels as the eras configure them.
_ELF = {"i386": (1, 3), "x86_64": (2, 62)}


def program_fault(programs: Path, stressor: str, arch: str) -> str:
    """Why a stressor's program cannot start on kernels of ``arch``; "" where nothing speaks against it."""
    if stressor in BUILT_IN:
        return ""
    try:
        with (programs / "stressors" / stressor).open("rb") as handle:
            head = handle.read(20)
    except OSError:
        return "vm-images/guest makes no program of that name"
    if len(head) < 20 or not head.startswith(b"\x7fELF"):
        return "its program is no ELF file"
    if (head[4], int.from_bytes(head[18:20], "little")) != _ELF[arch]:
        return f"its program is not one of {arch}"
    return ""


def root_image_name(digest: str, kind: RootKind) -> str:
    """The file's name; ``digest`` is the image's before packing."""
    return digest + _SUFFIXES[kind]


def write_root_image(root: GuestRoot, programs: Path, folder: Path, kind: RootKind) -> tuple[Path, str]:
    """(file, SHA-256 of the image before packing); the file is named by the hash and written once."""
    image = root_image(root, programs, kind)
    digest = hashlib.sha256(image).hexdigest()
    path = folder / root_image_name(digest, kind)
    if not path.is_file():
        write_whole(path, gzip.compress(image, 6, mtime=0) if kind is RootKind.INITRAMFS_GZ else image)
    return path, digest
