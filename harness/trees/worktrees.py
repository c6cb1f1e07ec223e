"""Working folders: one for each tree, moved from prefix to prefix so that only changed files get a new time stamp."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import git

from harness.model.errors import InfrastructureError
from harness.model.tree import Prefix
from harness.trees.object_store import ObjectStore, git_reason


class Worktree:
    """A checkout below ``folder``; who changes or builds it holds its ``lock``."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.source = folder / "source"

    def lock(self) -> AbstractContextManager[None]:
        """Holds the folder against every other harness."""
        return self.store.lock(f"work-{self.folder.name}")

    def check_out(self, prefix: Prefix) -> Path:
        """Makes the folder's content exactly the prefix's; returns the folder.

        Files that are equal in the prefix before keep their time stamps, which is what makes the next build
        incremental. Raises InfrastructureError.
        """
        try:
            if not (self.source / ".git").is_file() or not git_dir(self.source).is_dir():
                shutil.rmtree(self.source, ignore_errors=True)
                self.folder.mkdir(parents=True, exist_ok=True)
                self.store.git("worktree", "prune")
                self.store.git("worktree", "add", "--quiet", "--detach", "--force", str(self.source), prefix.commit)
            (git_dir(self.source) / "index.lock").unlink(missing_ok=True)  # left by a killed harness; we hold the lock
            self._git("checkout", "--quiet", "--detach", "--force", prefix.commit)
            self._git("clean", "-q", "-f", "-d", "-x")
        except git.GitCommandError as error:
            raise InfrastructureError(
                f"{prefix.tree} + {prefix.patches} patches cannot be checked out: {git_reason(error)}",
                where=str(self.source),
                remedy="remove that folder and run again",
            ) from error
        return self.source

    def _git(self, *arguments: str) -> None:
        self.store.git("-C", str(self.source), *arguments)


def git_dir(worktree: Path) -> Path:
    """Where git keeps the state of a linked working folder."""
    text = (worktree / ".git").read_text()
    return Path(text.removeprefix("gitdir:").strip())
