"""The image of an ext2 file system, written without privileges and byte for byte the same everywhere.

For kernels that take no initramfs: revision 0, blocks of 1 KiB, no features, so that any ext2 reads it. The tools of
e2fsprogs could make one as well, but not the same one in each of their versions, and a cell's key is made of it.
Format: fs/ext2/ext2.h and include/linux/ext2_fs.h of any kernel.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.model.errors import InfrastructureError
from harness.model.root import RootEntry

BLOCK = 1024
GROUP_BLOCKS = 8 * BLOCK  # one bitmap of one block: all of an image is in one group
_INODE = 128
_ROOT, _LOST_FOUND, _FIRST_FREE = 2, 11, 12  # inodes 1 to 10 are reserved
_DIRECT = 12
_POINTERS = BLOCK // 4
_MAGIC = 0xEF53
_SPARE_BLOCKS, _SPARE_INODES = 256, 64  # room for what init makes where no tmpfs can be mounted
_SUPER, _GROUPS, _BLOCK_BITMAP, _INODE_BITMAP, _INODE_TABLE = 1, 2, 3, 4, 5  # block numbers


def ext2_image(entries: Sequence[RootEntry]) -> bytes:
    """The image of a file system with the entries: a folder comes before what is in it. Its size is that of its
    content and 256 KiB, no more than 8 MiB. Raises InfrastructureError where that is not enough."""
    return _Writer(entries).image()


@dataclass
class _Node:
    """An inode being made; ``names`` are a folder's (name, inode number)."""

    number: int
    mode: int
    data: bytes = b""
    device: int = 0
    links: int = 1
    names: list[tuple[bytes, int]] = field(default_factory=list)


class _Writer:
    def __init__(self, entries: Sequence[RootEntry]) -> None:
        root = _Node(_ROOT, stat.S_IFDIR | 0o755, links=2, names=[(b".", _ROOT), (b"..", _ROOT)])
        self.nodes = [root]
        self.folders = {"": root}
        self._add(_LOST_FOUND, RootEntry("lost+found", stat.S_IFDIR | 0o700))
        for number, entry in enumerate(entries, _FIRST_FREE):
            self._add(number, entry)
        self.inodes = -(-(_FIRST_FREE - 1 + len(entries) + _SPARE_INODES) // 8) * 8
        self.first_block = _INODE_TABLE + self.inodes * _INODE // BLOCK
        self.blocks: list[bytes] = []  # from first_block on

    def _add(self, number: int, entry: RootEntry) -> None:
        parent_path, _, name = entry.path.rpartition("/")
        parent = self.folders[parent_path]
        node = _Node(number, entry.mode, entry.data)
        if entry.is_folder:
            node.links = 2
            node.names = [(b".", number), (b"..", parent.number)]
            parent.links += 1
            self.folders[entry.path] = node
        elif entry.is_device:
            node.device = entry.major << 8 | entry.minor
        self.nodes.append(node)
        parent.names.append((name.encode(), number))

    def image(self) -> bytes:
        inodes = bytearray(self.inodes * _INODE)
        for node in self.nodes:
            place = (node.number - 1) * _INODE
            inodes[place : place + _INODE] = self._inode(node)
        used = self.first_block + len(self.blocks)
        total = used + _SPARE_BLOCKS
        if total > GROUP_BLOCKS:
            raise InfrastructureError(f"an ext2 root image of {total} KiB: more than {GROUP_BLOCKS} KiB are not made")
        used_inodes = _LOST_FOUND + sum(node.number > _LOST_FOUND for node in self.nodes)
        # Block 0 is the boot block and in no group.
        free = (total - used, self.inodes - used_inodes)
        parts = [
            bytes(BLOCK),
            _padded(self._super_block(total, free)),
            _padded(struct.pack("<IIIHHHH", _BLOCK_BITMAP, _INODE_BITMAP, _INODE_TABLE, *free, len(self.folders), 0)),
            _bitmap(used - 1, total - 1),
            _bitmap(used_inodes, self.inodes),
            bytes(inodes),
            *self.blocks,
            bytes(BLOCK * _SPARE_BLOCKS),
        ]
        return b"".join(parts)

    def _super_block(self, total: int, free: tuple[int, int]) -> bytes:
        return struct.pack(
            "<13I6H4I2H",
            self.inodes, total, 0, *free,
            1, 0, 0, GROUP_BLOCKS, GROUP_BLOCKS, self.inodes,  # first data block; block and fragment size 1 KiB
            0, 0,  # times of mounting and writing
            0, 0xFFFF, _MAGIC, 1, 1, 0,  # mounted 0 times, any number allowed; clean; go on after errors
            0, 0, 0, 0,  # checks: never; made by Linux; revision 0
            0, 0,
        )  # fmt: skip

    def _inode(self, node: _Node) -> bytes:
        data = _folder(node.names) if node.names else node.data
        pointers, sectors = [node.device] + [0] * 14, 0
        if data:
            pointers, taken = self._place(data)
            sectors = taken * BLOCK // 512
        head = struct.pack("<HHIIIIIHHIII", node.mode, 0, len(data), 0, 0, 0, 0, 0, node.links, sectors, 0, 0)
        return (head + struct.pack("<15I", *pointers)).ljust(_INODE, b"\0")

    def _allocate(self, block: bytes) -> int:
        self.blocks.append(_padded(block))
        return self.first_block + len(self.blocks) - 1

    def _place(self, data: bytes) -> tuple[list[int], int]:
        """Writes a file's blocks; (the inode's 15 pointers, blocks taken)."""
        before = len(self.blocks)
        numbers = [self._allocate(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]
        pointers, rest = numbers[:_DIRECT], numbers[_DIRECT:]
        pointers += [0] * (15 - len(pointers))
        if rest:
            pointers[_DIRECT] = self._indirect(rest[:_POINTERS])
            rest = rest[_POINTERS:]
        if rest:
            # Enough for 64 MiB: more than an image can be.
            middle = [self._indirect(rest[at : at + _POINTERS]) for at in range(0, len(rest), _POINTERS)]
            pointers[_DIRECT + 1] = self._indirect(middle)
        return pointers, len(self.blocks) - before

    def _indirect(self, numbers: Sequence[int]) -> int:
        return self._allocate(struct.pack(f"<{len(numbers)}I", *numbers))


def _folder(names: Sequence[tuple[bytes, int]]) -> bytes:
    """A folder's blocks; the last record of each reaches to the block's end."""
    blocks: list[list[tuple[bytes, int]]] = [[]]
    left = BLOCK
    for name, number in names:
        size = _record_size(name)
        if size > left:
            blocks.append([])
            left = BLOCK
        blocks[-1].append((name, number))
        left -= size
    out = b""
    for records in blocks:
        place = 0
        for last, (name, number) in enumerate(records, 1):
            size = BLOCK - place if last == len(records) else _record_size(name)
            out += (struct.pack("<IHH", number, size, len(name)) + name).ljust(size, b"\0")
            place += size
    return out


def _record_size(name: bytes) -> int:
    return 8 + -(-len(name) // 4) * 4


def _bitmap(used: int, total: int) -> bytes:
    """A bitmap's block: the first ``used`` bits, and all beyond ``total``, which do not exist."""
    bits = (1 << used) - 1 | ((1 << 8 * BLOCK) - 1) >> total << total
    return bits.to_bytes(BLOCK, "little")


def _padded(data: bytes) -> bytes:
    return data.ljust(BLOCK, b"\0")
