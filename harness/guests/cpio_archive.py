"""A newc cpio archive, as the kernel unpacks it into its first root file system."""

from __future__ import annotations

from collections.abc import Iterable

from harness.model.root import RootEntry


def cpio_archive(entries: Iterable[RootEntry]) -> bytes:
    """The archive of the entries, in their order.

    Format: Documentation/driver-api/early-userspace/buffer-format.rst.
    """
    out = bytearray()
    for number, entry in enumerate([*entries, RootEntry("TRAILER!!!", 0)], 1):
        name = entry.path.encode() + b"\0"
        links = 2 if entry.is_folder else 1
        fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, entry.major, entry.minor, len(name), 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        out += bytes(-len(out) % 4)
        out += entry.data
        out += bytes(-len(out) % 4)
    return bytes(out)
