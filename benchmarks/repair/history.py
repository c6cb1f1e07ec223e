"""A git directory at many revisions, read through one long-lived process; objects a partial mirror lacks are None."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

# A partial mirror must not go to the network for what it lacks.
ENVIRONMENT = {**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
SOURCE = (".c", ".h", ".S")


class History:
    """Commits and blobs of one git directory, bare or not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs: dict[str, bytes | None] = {}

    def command(self, *arguments: str) -> list[str]:
        return ["git", "-c", "safe.directory=*", "-C", str(self.folder), *arguments]

    def git(self, *arguments: str, stdin: str | None = None) -> str:
        """What git prints. Raises ValueError with git's reason."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin.encode() if stdin is not None else None,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            env=ENVIRONMENT,
        )
        if done.returncode != 0:
            raise ValueError(f"{self.folder}: git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode("utf-8", "surrogateescape")

    @cached_property
    def _cat(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command("cat-file", "--batch"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )

    def blob(self, name: str) -> bytes | None:
        """A blob's bytes by its id or by ``REVISION:PATH``; None where there is none. Ids are remembered."""
        if name in self._blobs:
            return self._blobs[name]
        pipe = self._cat
        assert pipe.stdin is not None and pipe.stdout is not None
        pipe.stdin.write(f"{name}\n".encode("utf-8", "surrogateescape"))
        pipe.stdin.flush()
        words = pipe.stdout.readline().split()
        if not words:  # git ended over an absent object; the next question starts it anew
            del self._cat
            return None
        data = None
        if len(words) == 3:
            data = pipe.stdout.read(int(words[2]) + 1)[:-1]
            data = data if words[1] == b"blob" else None
        if ":" not in name:
            self._blobs[name] = data
        return data


class HistoryFiles:
    """TreeFiles (harness/model/tree.py) of one revision. Its C files stay in memory once they were searched, shared by
    all revisions of the history, because the benchmark asks for hundreds of revisions that are nearly the same."""

    def __init__(self, history: History, revision: str) -> None:
        self.history = history
        self.revision = revision

    @property
    def name(self) -> str:
        return f"{self.history.folder}@{self.revision}"

    @cached_property
    def _ids(self) -> dict[str, str]:
        listed = self.history.git("ls-tree", "-r", "-z", self.revision)
        rows = (row.partition("\t") for row in listed.split("\0") if row.startswith("100"))
        return {path: entry.split()[2] for entry, _, path in rows}

    def read(self, path: str) -> bytes | None:
        identity = self._ids.get(path)
        return self.history.blob(identity) if identity else None

    def paths(self) -> Sequence[str]:
        return tuple(self._ids)

    def holding(self, line: str) -> Sequence[str]:
        needle = line.strip().encode("utf-8", "surrogateescape")
        if not needle:
            return ()
        found = []
        for path, identity in self._ids.items():
            if path.endswith(SOURCE):
                data = self.history.blob(identity)
                if data is not None and needle in data:
                    found.append(path)
        return found
