"""Git directories of this machine that may hold a tree somewhere: asked for it by its pins, then by its tag."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from harness.model.errors import TreeUnavailable
from harness.model.tree import PinKind, Source
from harness.trees.object_store import ISOLATED

SEARCH_SECONDS = 300  # a walk over a million commits takes half a minute


class Mirror:
    """A git directory, bare or with a working folder, somebody else's perhaps. Read only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def commit_of(self, source: Source) -> str | None:
        """The commit that is ``source``'s content by its pins or, without one that could tell, by its tag; else None.

        A branch's name says nothing about content: only tags and full commit ids are looked up. With an overlay the
        tree pin is the result's and tells nothing of the base. Raises TreeUnavailable where there is no such directory,
        or where the tag that is asked for is there, and is not what is pinned.
        """
        if not self.path.is_dir():
            raise TreeUnavailable("no such git directory", where=str(self.path))
        if self._ask("rev-parse", "--git-dir") is None:
            raise TreeUnavailable("not a git directory", where=str(self.path))
        pins = {pin.kind: pin.value for pin in source.pins}
        tree = None if source.overlay else pins.get(PinKind.TREE)
        revision = source.revision or ""
        names = [pins.get(PinKind.COMMIT, "")]
        if re.fullmatch(r"[0-9a-f]{40}", revision):
            names.append(revision)
        elif ".." not in revision:
            names.append(f"refs/tags/{revision}")
        for name in filter(None, names):
            commit = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            if commit and self._is(commit, pins.get(PinKind.COMMIT), tree):
                return commit
        if tree is None or self._ask("cat-file", "-t", tree) != "tree":
            tagged = self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/tags/{revision}^{{tree}}")
            if tagged and ".." not in revision:
                pinned = f"tree {tree}" if tree else f"commit {pins.get(PinKind.COMMIT, '')}"
                raise TreeUnavailable(f"its {revision} is tree {tagged}, pinned is {pinned}", where=str(self.path))
            return None
        return (self._with_tree(tree, revision) if ".." in revision else None) or self._with_tree(tree, "--all")

    def _is(self, commit: str, pinned: str | None, tree: str | None) -> bool:
        # An import of a history has commit ids of its own: the tree decides where it is pinned.
        if tree is not None:
            return self._ask("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}") == tree
        return pinned is None or commit == pinned

    def _with_tree(self, tree: str, revisions: str) -> str | None:
        """The newest commit of ``revisions`` with that tree; the walk ends there."""
        process = subprocess.Popen(
            self._words("log", "--format=%H %T", revisions, "--"),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.rstrip().endswith(f" {tree}"):
                    return line.split()[0]
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        return None

    def _ask(self, *arguments: str) -> str | None:
        try:
            done = subprocess.run(
                self._words(*arguments), env=self._environment(), capture_output=True, text=True, errors="replace",
                stdin=subprocess.DEVNULL, timeout=SEARCH_SECONDS, check=False,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def _words(self, *arguments: str) -> list[str]:
        return ["git", "-c", "safe.directory=*", "-C", str(self.path), *arguments]

    @staticmethod
    def _environment() -> dict[str, str]:
        # Nor may a partial mirror ask its own remote for what it lacks.
        return {**os.environ, **ISOLATED, "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
