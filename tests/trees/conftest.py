"""A small tree in an object store."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.trees.object_store import ObjectStore

Tarred = Callable[..., Path]
FILES = {
    "linux/Makefile": b"VERSION = 6\n",
    "linux/mm/x.c": b"int a;\nint b;\nint c;\nint d;\nint e;\nint f;\nint g;\nint h;\n",
    "linux/mm/latin.c": b"/* J\xf6rg */\nint j;\n",
}


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """An empty object store."""
    return ObjectStore(tmp_path / "trees")


@pytest.fixture
def tarred(tmp_path: Path) -> Tarred:
    """Writes a tar archive of the files, with more members where given."""

    def written(
        name: str = "linux.tar", files: dict[str, bytes] = FILES, more: Sequence[tarfile.TarInfo] = (), mtime: int = 0
    ) -> Path:
        path = tmp_path / name
        with tarfile.open(path, "w:xz" if name.endswith("xz") else "w") as archive:
            for member, data in files.items():
                info = tarfile.TarInfo(member)
                info.size, info.mtime = len(data), mtime
                archive.addfile(info, io.BytesIO(data))
            for info in more:
                archive.addfile(info)
        return path

    return written
