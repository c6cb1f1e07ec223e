"""The small file system that the guest makes for itself: is it one?"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

GUEST = Path(__file__).resolve().parents[2] / "vm-images/guest"
COMPILER = shutil.which("cc")

# The file stands for the device; nothing is mounted.
MAIN = r"""
#include "extfs.h"
#include <stdlib.h>
int mount(const char *device, const char *folder, const char *type, unsigned long flags, const void *data)
{
	(void)device, (void)folder, (void)type, (void)flags, (void)data;
	return 0;
}
int main(int argc, char **argv)
{
	return argc == 3 && !extfs_mount(argv[1], atol(argv[2]), "/") ? 0 : 1;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("extfs")
    (folder / "main.c").write_text(MAIN)
    made = folder / "extfs"
    subprocess.run(
        [COMPILER, "-std=gnu11", f"-I{GUEST}", "-o", made, folder / "main.c", GUEST / "extfs.c"], check=True, timeout=60
    )
    return made


def bits(bitmap: bytes, count: int) -> int:
    return sum(bitmap[i // 8] >> i % 8 & 1 for i in range(count))


@pytest.mark.parametrize(("kib", "groups"), [(8193, 1), (16384, 1), (17000, 2)])
def test_what_is_free_is_what_the_bitmaps_say(program: Path, tmp_path: Path, kib: int, groups: int) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"\xff" * (kib * 1024))  # nothing may rest on the device being empty
    assert subprocess.run([program, image, str(kib)], timeout=30).returncode == 0
    content = image.read_bytes()
    inodes, blocks, _, free_blocks, free_inodes, first = struct.unpack_from("<6I", content, 1024)
    assert (blocks, first) == (groups * 8192 + 1, 1) and blocks <= kib
    assert struct.unpack_from("<H", content, 1024 + 56) == (0xEF53,)
    free = [0, 0]
    for group in range(groups):
        block_map, inode_map, table, *told = struct.unpack_from("<3I3H", content, 2048 + 32 * group)
        start = 1 + group * 8192
        used = bits(content[block_map * 1024 : block_map * 1024 + 1024], 8192)
        taken = bits(content[inode_map * 1024 : inode_map * 1024 + 1024], inodes // groups)
        assert told == [8192 - used, 64 - taken, group == 0]
        assert start + 2 == block_map and table + 8 <= start + used
        free[0] += 8192 - used
        free[1] += 64 - taken
    assert free == [free_blocks, free_inodes]


def test_its_root_is_an_empty_folder(program: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"\xff" * (8193 * 1024))
    assert subprocess.run([program, image, "8193"], timeout=30).returncode == 0
    content = image.read_bytes()
    (table,) = struct.unpack_from("<I", content, 2048 + 8)
    root = content[table * 1024 + 128 : table * 1024 + 256]
    mode, _, size = struct.unpack_from("<HHI", root)
    (data,) = struct.unpack_from("<I", root, 40)
    assert (mode, size, struct.unpack_from("<H", root, 26)) == (0o40755, 1024, (2,))
    assert struct.unpack_from("<IHH2s", content, data * 1024) == (2, 12, 1, b".\0")
    assert struct.unpack_from("<IHH2s", content, data * 1024 + 12) == (2, 1012, 2, b"..")


def test_a_device_that_is_too_small_is_refused(program: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(1024))
    assert subprocess.run([program, image, "100"], timeout=30).returncode == 1
