"""A tree of a few files in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class MemoryTree:
    """TreeFiles of ``files``: bytes by path."""

    name = "a small tree"

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)

    def read(self, path: str) -> bytes | None:
        """The file's bytes."""
        return self.files.get(path)

    def paths(self) -> Sequence[str]:
        """Every file."""
        return sorted(self.files)

    def holding(self, line: str) -> Sequence[str]:
        """The files that have the line."""
        needle = line.strip().encode("utf-8", "surrogateescape")
        return [path for path in self.paths() if needle and needle in self.files[path]]
