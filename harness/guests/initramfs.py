"""The initramfs: a newc cpio archive with our programs and the device nodes, written without privileges."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from harness.model.era import RootKind

# (name, block device, major, minor): Documentation/admin-guide/devices.txt
DEVICES = (
    ("console", False, 5, 1),
    ("null", False, 1, 3),
    ("zero", False, 1, 5),
    ("kmsg", False, 1, 11),
    ("ttyS0", False, 4, 64),
    ("ttyS1", False, 4, 65),
    *((f"ram{n}", True, 1, n) for n in range(4)),
)
GUEST_ARCH = "x86_64"  # what the programs of vm-images are compiled for
FOLDERS = ("dev", "proc", "sys", "tmp", "debug", "cgroup", "stressors")


def cpio_archive(entries: Iterable[tuple[str, int, bytes, tuple[int, int]]]) -> bytes:
    """A newc archive of (name, mode, data, (major, minor)).

    Format: Documentation/driver-api/early-userspace/buffer-format.rst.
    """
    out = bytearray()
    for number, (name, mode, data, (major, minor)) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))], 1):
        encoded = name.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, major, minor, len(encoded), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        out += bytes(-len(out) % 4)
        out += data
        out += bytes(-len(out) % 4)
    return bytes(out)


def initramfs_image(programs: Path) -> bytes:
    """The archive (not compressed) with ``programs``/init and ``programs``/stressors/*; equal input, equal bytes."""
    entries: list[tuple[str, int, bytes, tuple[int, int]]] = []
    for folder in FOLDERS:
        entries.append((folder, stat.S_IFDIR | 0o755, b"", (0, 0)))
    for name, block, major, minor in DEVICES:
        kind = stat.S_IFBLK if block else stat.S_IFCHR
        entries.append((f"dev/{name}", kind | 0o600, b"", (major, minor)))
    entries.append(("init", stat.S_IFREG | 0o755, (programs / "init").read_bytes(), (0, 0)))
    for path in sorted((programs / "stressors").iterdir()):
        entries.append((f"stressors/{path.name}", stat.S_IFREG | 0o755, path.read_bytes(), (0, 0)))
    return cpio_archive(entries)


def initramfs_name(digest: str, root: RootKind) -> str:
    """The file's name; ``digest`` is the archive's before compression."""
    return f"{digest}{'.cpio.gz' if root is RootKind.INITRAMFS_GZ else '.cpio'}"


def write_initramfs(programs: Path, folder: Path, root: RootKind) -> tuple[Path, str]:
    """(file, SHA-256 of the archive before compression); the file is named by the hash and written once."""
    archive = initramfs_image(programs)
    digest = hashlib.sha256(archive).hexdigest()
    path = folder / initramfs_name(digest, root)
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        new.write_bytes(gzip.compress(archive, 6, mtime=0) if root is RootKind.INITRAMFS_GZ else archive)
        new.rename(path)
    return path, digest
