"""The initramfs: an archive that cpio reads, equal for equal programs."""

from __future__ import annotations

import gzip
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from harness.guests.initramfs import DEVICES, FOLDERS, cpio_archive, initramfs_image, write_initramfs
from harness.model.era import RootKind


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Compiled programs, as the builder leaves them."""
    folder = tmp_path / "programs"
    (folder / "stressors").mkdir(parents=True)
    (folder / "init").write_bytes(b"\x7fELF init")
    for name in ("swapoff", "migration"):
        (folder / "stressors" / name).write_bytes(name.encode() * 3)
    return folder


def members(archive: bytes) -> dict[str, tuple[int, bytes, tuple[int, int]]]:
    """(mode, data, (major, minor)) by name, read as Documentation/driver-api/early-userspace/buffer-format.rst says."""
    found: dict[str, tuple[int, bytes, tuple[int, int]]] = {}
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


def test_what_is_in_it(programs: Path) -> None:
    found = members(initramfs_image(programs))
    assert list(found) == [
        *FOLDERS, *(f"dev/{name}" for name, *_ in DEVICES), "init", "stressors/migration", "stressors/swapoff",
    ]  # fmt: skip
    assert found["init"] == (stat.S_IFREG | 0o755, b"\x7fELF init", (0, 0))
    assert found["dev/console"] == (stat.S_IFCHR | 0o600, b"", (5, 1))
    assert found["dev/ram1"] == (stat.S_IFBLK | 0o600, b"", (1, 1))
    assert stat.S_ISDIR(found["proc"][0])


def test_equal_programs_give_an_equal_file(programs: Path, tmp_path: Path) -> None:
    path, digest = write_initramfs(programs, tmp_path / "one", RootKind.INITRAMFS_GZ)
    other = tmp_path / "copied"
    shutil.copytree(programs, other, copy_function=shutil.copyfile)
    again, same = write_initramfs(other, tmp_path / "two", RootKind.INITRAMFS_GZ)
    assert (path.read_bytes(), digest) == (again.read_bytes(), same)
    plain, same = write_initramfs(programs, tmp_path / "one", RootKind.INITRAMFS)
    assert same == digest
    assert plain != path
    assert gzip.decompress(path.read_bytes()) == plain.read_bytes() == initramfs_image(programs)
    (programs / "init").write_bytes(b"another")
    assert write_initramfs(programs, tmp_path / "one", RootKind.INITRAMFS_GZ)[1] != digest


def test_sizes_around_the_padding() -> None:
    for size in range(9):
        entry = ("n" * (size + 1), stat.S_IFREG | 0o644, b"x" * size, (0, 0))
        archive = cpio_archive([entry])
        assert len(archive) % 4 == 0
        assert members(archive) == {entry[0]: (entry[1], entry[2], (0, 0))}


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_cpio_reads_it(programs: Path) -> None:
    done = subprocess.run(["cpio", "-itv"], input=initramfs_image(programs), capture_output=True, check=True)
    listed = {line.split()[-1] for line in done.stdout.decode().splitlines()}
    assert {"init", "stressors/migration", "dev/ttyS1"} <= listed
