"""A small tree in an object store."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

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


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A history of five commits, tagged at the first and the last."""
    folder = tmp_path / "history"
    folder.mkdir()
    git(folder, "init", "-q")
    for number in range(5):
        (folder / "Makefile").write_text(f"SUBLEVEL = {number}\n")
        git(folder, "add", "Makefile")
        git(folder, "commit", "-q", "-m", f"commit {number}")
        if number in (0, 4):
            git(folder, "tag", f"v{number}")
    return folder


def git(folder: Path, *arguments: str, stdin: IO[bytes] | None = None) -> str:
    """Output of git with an identity and no configuration of the user's."""
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    words = ["git", *identity, *arguments]
    done = subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True, stdin=stdin)
    return done.stdout.decode().strip()
