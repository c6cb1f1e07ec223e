"""The files of one tree, read-only: at a revision of a git directory, or as they lie in a folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import git

from harness.model.errors import InfrastructureError, UserError
from harness.trees.git_objects import MAX_FILE, GitObjects, folder_holding
from harness.trees.object_store import git_reason

MAX_PATHS = 1_000_000
_NOT_SOURCE = (".git",)


class GitTreeFiles:
    """TreeFiles of a commit. Objects that a partial mirror lacks are files the tree does not have."""

    def __init__(self, objects: GitObjects, revision: str, name: str | None = None) -> None:
        self.objects = objects
        self.commit = objects.commit(revision)
        self.root = objects.root(self.commit)
        self.name = name or f"{objects.folder}@{revision}"

    def read(self, path: str) -> bytes | None:
        """The file's bytes; None for what is no regular file of the tree, absent or larger than 16 MiB."""
        blob = self.blob_id(path)
        return self.objects.blob(blob) if blob is not None else None

    def blob_id(self, path: str) -> str | None:
        """The git id of the file's content; None where the tree has no such regular file."""
        entry = self.objects.entry(self.root, path)
        return entry.object_id if entry is not None and entry.is_file else None

    def paths(self) -> Sequence[str]:
        """Every regular file, in git's order. Raises InfrastructureError where the tree cannot be listed."""
        return self._paths

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        try:
            return tuple(self.objects.paths(self.root))
        except git.GitCommandError as error:
            raise InfrastructureError(f"its files cannot be listed: {git_reason(error)}", where=self.name) from error

    def holding(self, line: str) -> Sequence[str]:
        """Files that have ``line``, without its indentation, in a line of theirs; none for a blank line, and none
        where the search takes longer than it may."""
        text = line.strip()
        if not text or "\n" in text or "\0" in text:
            return ()
        return sorted(self.objects.holding(self.root, text))


class TreeLines:
    """Lines of files of a tree that is known by its git tree id ("": of none), for readers: the file's text without
    line ends, undecodable bytes as U+FFFD. Not to be shared between threads."""

    def __init__(self, objects: GitObjects, tree_id: str) -> None:
        self._objects = objects
        self._root = tree_id
        self._known: dict[str, tuple[str, ...] | None] = {}

    def __call__(self, path: str) -> tuple[str, ...] | None:
        """None for what is no regular file of the tree, larger than 16 MiB, or not here any more."""
        if path not in self._known:
            if len(self._known) >= 256:
                self._known.clear()
            entry = self._objects.entry(self._root, path) if self._root else None
            data = self._objects.blob(entry.object_id) if entry is not None and entry.is_file else None
            self._known[path] = None if data is None else tuple(data.decode("utf-8", "replace").split("\n"))
        return self._known[path]


class FolderFiles:
    """TreeFiles of a plain folder. Symbolic links are not followed, so that none leads out of it."""

    def __init__(self, folder: Path, name: str | None = None) -> None:
        try:
            self.folder = folder.resolve(strict=True)
        except (OSError, RuntimeError):
            raise UserError("no such folder", where=str(folder)) from None
        if not self.folder.is_dir():
            raise UserError("no folder", where=str(folder), remedy="give the folder of a kernel tree")
        self.name = name or str(folder)

    def read(self, path: str) -> bytes | None:
        """The file's bytes; None for what is no regular file of the tree or larger than 16 MiB."""
        parts = path.split("/")
        if any(part in ("", ".", "..", *_NOT_SOURCE) or "\0" in part for part in parts):
            return None
        try:
            opened = [os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)]
        except OSError:
            return None
        try:
            for part in parts[:-1]:
                opened.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
            opened.append(os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1]))
            status = os.fstat(opened[-1])
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE:
                return None
            with os.fdopen(opened.pop(), "rb") as handle:
                return handle.read(MAX_FILE)
        except (OSError, ValueError):
            return None
        finally:
            for descriptor in opened:
                os.close(descriptor)

    def paths(self) -> Sequence[str]:
        """Every regular file, in the order of their names. Raises UserError beyond MAX_PATHS."""
        return self._paths

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        found: list[str] = []
        for path in self._walk(""):
            found.append(path)
            if len(found) > MAX_PATHS:
                raise UserError(f"more than {MAX_PATHS} files", where=self.name, remedy="give the tree's own folder")
        return tuple(found)

    def _walk(self, below: str) -> Iterator[str]:
        try:
            with os.scandir(self.folder / below) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            path = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _NOT_SOURCE:
                    yield from self._walk(f"{path}/")
            elif entry.is_file(follow_symlinks=False):
                yield path

    def holding(self, line: str) -> Sequence[str]:
        """Files that have ``line``, without its indentation, in a line of theirs; none for a blank line, and none
        where the search takes longer than it may."""
        text = line.strip()
        if not text or "\n" in text or "\0" in text:
            return ()
        return sorted(path for path in folder_holding(self.folder, text) if self.read(path) is not None)
