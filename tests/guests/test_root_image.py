"""Root images: an archive that cpio reads, an ext2 file system that e2fsprogs and the reader below read; equal for
equal programs."""

from __future__ import annotations

import gzip
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import pytest

from harness.guests.cpio_archive import cpio_archive
from harness.guests.ext2_image import BLOCK, ext2_image
from harness.guests.root_image import root_image, write_root_image
from harness.model.era import RootKind
from harness.model.errors import InfrastructureError
from harness.model.root import DeviceNode, GuestRoot, RootEntry

ROOT = GuestRoot(
    "guest",
    (),
    ("dev", "proc", "stressors"),
    (DeviceNode("console", False, 5, 1), DeviceNode("ttyS1", False, 4, 65), DeviceNode("ram1", True, 1, 1)),
)
Found = dict[str, tuple[int, bytes, tuple[int, int]]]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Compiled programs, as the builder leaves them."""
    folder = tmp_path / "programs"
    (folder / "stressors").mkdir(parents=True)
    (folder / "init").write_bytes(b"\x7fELF init")
    for name in ("swapoff", "migration"):
        (folder / "stressors" / name).write_bytes(name.encode() * 3)
    return folder


def members(archive: bytes) -> Found:
    """(mode, data, (major, minor)) by name, read as Documentation/driver-api/early-userspace/buffer-format.rst says."""
    found: Found = {}
    place = 0
    while True:
        assert archive[place : place + 6] == b"070701"
        fields = [int(archive[place + 6 + 8 * n : place + 14 + 8 * n], 16) for n in range(13)]
        name = archive[place + 110 : place + 110 + fields[11] - 1].decode()
        start = (place + 110 + fields[11] + 3) & ~3
        if name == "TRAILER!!!":
            assert not archive[start:].strip(b"\0")
            return found
        found[name] = (fields[1], archive[start : start + fields[6]], (fields[9], fields[10]))
        place = (start + fields[6] + 3) & ~3


class Ext2:
    """The files of an ext2 image, read as any kernel's fs/ext2 does."""

    def __init__(self, image: bytes) -> None:
        self.image = image
        block = image[BLOCK : 2 * BLOCK]
        (self.inodes, self.blocks) = struct.unpack_from("<II", block)
        assert struct.unpack_from("<HH", block, 56) == (0xEF53, 1)
        assert struct.unpack_from("<I", block, 76) == (0,), "revision"
        (self.table,) = struct.unpack_from("<I", image, 2 * BLOCK + 8)

    def block(self, number: int) -> bytes:
        """One block's bytes."""
        assert number < self.blocks
        return self.image[number * BLOCK : (number + 1) * BLOCK]

    def pointers(self, number: int, depth: int) -> list[int]:
        """Block numbers below a block of pointers."""
        if depth == 0:
            return [number]
        below = struct.unpack("<256I", self.block(number))
        return [found for pointer in below if pointer for found in self.pointers(pointer, depth - 1)]

    def inode(self, number: int) -> tuple[int, bytes, int]:
        """(mode, content, links)."""
        raw = self.image[self.table * BLOCK + (number - 1) * 128 :][:128]
        mode, _, size = struct.unpack_from("<HHI", raw)
        (links,) = struct.unpack_from("<H", raw, 26)
        pointers = struct.unpack_from("<15I", raw, 40)
        if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
            return mode, struct.pack("<I", pointers[0]), links
        numbers = [p for p in pointers[:12] if p]
        for depth in (1, 2):
            if pointers[11 + depth]:
                numbers += self.pointers(pointers[11 + depth], depth)
        return mode, b"".join(map(self.block, numbers))[:size], links

    def files(self, number: int = 2, below: str = "") -> Found:
        """Everything below a folder but lost+found, as ``members`` has it."""
        found: Found = {}
        _, content, links = self.inode(number)
        folders = place = 0
        while place < len(content):
            inode, length, size = struct.unpack_from("<IHH", content, place)
            name = content[place + 8 : place + 8 + size].decode()
            place += length
            mode, data, _ = self.inode(inode)
            folders += stat.S_ISDIR(mode)
            if name in (".", "..", "lost+found"):
                continue
            if stat.S_ISDIR(mode):
                found[below + name] = (mode, b"", (0, 0))
                found.update(self.files(inode, f"{below}{name}/"))
            elif stat.S_ISREG(mode):
                found[below + name] = (mode, data, (0, 0))
            else:
                (device,) = struct.unpack("<I", data)
                found[below + name] = (mode, b"", (device >> 8, device & 255))
        assert links == folders, "one link for each folder that names it, its own dot among them"
        return found


def read(image: bytes, kind: RootKind) -> Found:
    """What is in a root image of either form."""
    return Ext2(image).files() if kind is RootKind.EXT2 else members(image)


@pytest.mark.parametrize("kind", RootKind)
def test_what_is_in_it(programs: Path, kind: RootKind) -> None:
    found = read(root_image(ROOT, programs, kind), kind)
    expected = {"dev", "proc", "stressors", "dev/console", "dev/ttyS1", "dev/ram1", "init"}
    assert set(found) == expected | {"stressors/migration", "stressors/swapoff"}
    assert found["init"] == (stat.S_IFREG | 0o755, b"\x7fELF init", (0, 0))
    assert found["stressors/swapoff"][1] == b"swapoff" * 3
    assert found["dev/console"] == (stat.S_IFCHR | 0o600, b"", (5, 1))
    assert found["dev/ram1"] == (stat.S_IFBLK | 0o600, b"", (1, 1))
    assert stat.S_ISDIR(found["proc"][0])


@pytest.mark.parametrize("kind", RootKind)
def test_equal_programs_give_an_equal_file(programs: Path, tmp_path: Path, kind: RootKind) -> None:
    path, digest = write_root_image(ROOT, programs, tmp_path / "one", kind)
    other = tmp_path / "copied"
    shutil.copytree(programs, other, copy_function=shutil.copyfile)
    again, same = write_root_image(ROOT, other, tmp_path / "two", kind)
    assert (path.name, path.read_bytes(), digest) == (again.name, again.read_bytes(), same)
    (programs / "init").write_bytes(b"another")
    assert write_root_image(ROOT, programs, tmp_path / "one", kind)[1] != digest


def test_a_packed_one_is_the_plain_one(programs: Path, tmp_path: Path) -> None:
    packed, digest = write_root_image(ROOT, programs, tmp_path, RootKind.INITRAMFS_GZ)
    plain, same = write_root_image(ROOT, programs, tmp_path, RootKind.INITRAMFS)
    assert (same, packed != plain) == (digest, True)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_sizes_around_the_padding_of_an_archive() -> None:
    for size in range(9):
        entry = RootEntry("n" * (size + 1), stat.S_IFREG | 0o644, b"x" * size)
        archive = cpio_archive([entry])
        assert len(archive) % 4 == 0
        assert members(archive) == {entry.path: (entry.mode, entry.data, (0, 0))}


# Around each place where ext2 changes how it finds a block: direct, indirect, double indirect.
SIZES = (0, 1, 1023, 1024, 1025, 12 * 1024, 12 * 1024 + 1, 268 * 1024, 268 * 1024 + 1, 530 * 1024)


def large() -> list[RootEntry]:
    """Files of every size that matters and a folder of more than one block."""
    files = [RootEntry(f"f{size}", stat.S_IFREG | 0o644, bytes(n % 251 for n in range(size))) for size in SIZES]
    many = [RootEntry(f"many/{'n' * (n % 60 + 1)}{n}", stat.S_IFREG | 0o600, b"%d" % n) for n in range(120)]
    return [*files, RootEntry("many", stat.S_IFDIR | 0o755), *many]


def test_ext2_files_of_every_size() -> None:
    found = Ext2(ext2_image(large())).files()
    assert found == {e.path: (e.mode, e.data, (0, 0)) for e in large()}


def test_an_image_that_gets_too_large_is_refused() -> None:
    with pytest.raises(InfrastructureError, match="more than 8192 KiB"):
        ext2_image([RootEntry("init", stat.S_IFREG | 0o755, bytes(8 << 20))])


@pytest.mark.skipif(shutil.which("e2fsck") is None, reason="e2fsprogs is not installed")
@pytest.mark.parametrize("entries", [large(), []], ids=["large", "empty"])
def test_e2fsck_finds_nothing(entries: list[RootEntry], tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(ext2_image(entries))
    done = subprocess.run(["e2fsck", "-fn", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("\n")) == (0, 6), done.stdout


@pytest.mark.skipif(shutil.which("debugfs") is None, reason="e2fsprogs is not installed")
def test_debugfs_reads_it(programs: Path, tmp_path: Path) -> None:
    path, _ = write_root_image(ROOT, programs, tmp_path, RootKind.EXT2)
    done = subprocess.run(["debugfs", "-R", "stat /dev/ttyS1", str(path)], capture_output=True, text=True, check=True)
    assert "Type: character special" in done.stdout
    assert "04:65" in done.stdout
    cat = subprocess.run(["debugfs", "-R", "cat /stressors/swapoff", str(path)], capture_output=True, check=True)
    assert cat.stdout == b"swapoff" * 3


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_cpio_reads_it(programs: Path) -> None:
    archive = root_image(ROOT, programs, RootKind.INITRAMFS)
    done = subprocess.run(["cpio", "-itv"], input=archive, capture_output=True, check=True)
    listed = {line.split()[-1] for line in done.stdout.decode().splitlines()}
    assert {"init", "stressors/migration", "dev/ttyS1"} <= listed
