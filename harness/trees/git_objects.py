"""Objects of any git directory, read without a working folder: one cat-file process answers all questions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import git

from harness.model.errors import UserError
from harness.trees.object_store import ISOLATED, git_reason

MAX_FILE = 16 << 20
"""Bytes of a file that is read; the largest of a kernel, its generated register headers, are below."""
MAX_TREES = 8192  # tree objects kept parsed; a whole kernel has about 5,000 in 6.x
GREP_SECONDS = 30  # a cold disk; a whole kernel takes one

# A mirror may belong to somebody else and its configuration to nobody we trust: nothing of it may run a program, and
# an object that a partial mirror lacks must not be asked for over the network.
_SETTINGS = {"safe.directory": "*", "core.fsmonitor": "false", "core.hooksPath": "/dev/null", "protocol.allow": "never"}
_ENVIRONMENT = {
    **ISOLATED,
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
    **{f"GIT_CONFIG_KEY_{place}": key for place, key in enumerate(_SETTINGS)},
    **{f"GIT_CONFIG_VALUE_{place}": value for place, value in enumerate(_SETTINGS.values())},
}
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./~^+@{}-]*")
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a path names in a tree: git's mode in octal ("100644", "40000") and the object's id."""

    mode: str
    object_id: str

    @property
    def is_file(self) -> bool:
        """True for a regular file, executable or not; False for a symbolic link, a folder or a submodule."""
        return self.mode.startswith("100")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit with the time it was committed at, seconds since the epoch, and its subject."""

    commit: str
    time: int
    subject: str


class GitObjects:
    """Reads a git directory, bare or with a working folder. Not to be shared between threads."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UserError("no such git directory", where=str(folder))
        self.folder = folder
        self._git = git.Git(str(folder))
        self._git.update_environment(**_ENVIRONMENT)
        self._trees: dict[str, dict[bytes, Entry]] = {}

    def run(self, *words: str, seconds: int = GREP_SECONDS) -> str:
        """Output of a git command that only reads. Raises git.GitCommandError, also when it takes too long."""
        told = self._git.execute(["git", *words], kill_after_timeout=seconds, strip_newline_in_stdout=False)
        return str(told)

    def commit(self, revision: str) -> str:
        """The commit id of a revision. Raises UserError."""
        if not _REVISION.fullmatch(revision):
            raise UserError(f"{revision[:80]!r} is no revision", where=str(self.folder))
        try:
            told = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except git.GitCommandError as error:
            why = git_reason(error) if error.status != 1 else "its git directory has no such commit"
            raise UserError(f"no revision {revision!r}: {why}", where=str(self.folder)) from None
        return told.strip()

    def revisions(self, first: str, last: str, most: int) -> tuple[Revision, ...]:
        """``first`` and the commits after it up to ``last``, oldest first, by git's topological order.

        Raises UserError for an unknown revision, an empty range or one of more than ``most`` commits.
        """
        ends = (self.commit(first), self.commit(last))
        words = ["log", "--topo-order", "--reverse", "--no-show-signature", "--format=%H %ct %s"]
        try:
            told = self.run(*words, f"--max-count={most + 1}", "--end-of-options", f"{ends[0]}..{ends[1]}")
            told = self.run("log", "-1", "--no-show-signature", "--format=%H %ct %s", ends[0]) + told
        except git.GitCommandError as error:
            raise UserError(f"no range {first}..{last}: {git_reason(error)}", where=str(self.folder)) from None
        found = []
        for line in told.split("\n"):
            if line:
                commit, time, subject = line.split(" ", 2)
                found.append(Revision(commit, int(time), subject))
        if len(found) < 2:
            raise UserError(f"no commit in {first}..{last}", where=str(self.folder))
        if len(found) > most + 1:
            raise UserError(f"more than {most} commits in {first}..{last}", where=str(self.folder))
        return tuple(found)

    def tagged(self) -> dict[str, str]:
        """Commit id -> tag name, of every tag of a commit."""
        told = self.run("for-each-ref", "--format=%(objectname) %(*objectname) %(refname:strip=2)", "refs/tags")
        found = {}
        for line in told.splitlines():
            own, peeled, name = line.split(" ", 2)
            found[peeled or own] = name
        return found

    def time(self, commit: str) -> int:
        """When the commit was made, seconds since the epoch."""
        return int(self.run("log", "-1", "--no-show-signature", "--format=%ct", commit).strip())

    def root(self, commit: str) -> str:
        """The tree id of a commit. Raises UserError where its object is not here."""
        data = self._data(commit, "commit")
        if data is None or not data.startswith(b"tree "):
            raise UserError(f"commit {commit} cannot be read", where=str(self.folder))
        return data[5:].split(b"\n", 1)[0].decode("ascii")

    def entry(self, root: str, path: str) -> Entry | None:
        """What ``path`` is below the tree ``root``; None where there is nothing, or a part of the mirror is absent."""
        entry: Entry | None = Entry("40000", root)
        for part in path.encode("utf-8", "surrogateescape").split(b"/"):
            if entry is None or entry.mode != "40000" or part in (b"", b".", b".."):
                return None
            entry = self._tree(entry.object_id).get(part)
        return entry

    def blob(self, object_id: str) -> bytes | None:
        """A blob's bytes; None where it is absent or larger than MAX_FILE."""
        return self._data(object_id, "blob")

    def paths(self, root: str) -> Iterator[str]:
        """Every regular file below a tree. Raises git.GitCommandError."""
        for line in self.run("ls-tree", "-r", "-z", "--full-tree", root).split("\0"):
            if line.startswith("100"):
                yield line.split("\t", 1)[1]

    def holding(self, root: str, text: str) -> list[str]:
        """Files below a tree that hold ``text`` in one line; blobs a partial mirror lacks are passed over."""
        return [name.split(":", 1)[1] for name in _grep(self._git, [], text, [root]) if ":" in name]

    def _header(self, name: str) -> tuple[str, str, int] | None:
        try:
            told, kind, size = self._git.get_object_header(name)
            return _text(told), _text(kind), size
        except (ValueError, OSError):
            # No such object; or, of a partial mirror, git gave up with it: the next question gets a new process.
            self._git.clear_cache()
            return None

    def _data(self, object_id: str, kind: str) -> bytes | None:
        if not _ID.fullmatch(object_id):
            return None
        header = self._header(object_id)
        if header is None or header[1] != kind or header[2] > MAX_FILE:
            return None
        try:
            return bytes(self._git.get_object_data(object_id)[3])
        except (ValueError, OSError):
            self._git.clear_cache()
            return None

    def _tree(self, tree_id: str) -> dict[bytes, Entry]:
        known = self._trees.get(tree_id)
        if known is None:
            if len(self._trees) >= MAX_TREES:
                self._trees.clear()
            known = self._trees[tree_id] = _entries(self._data(tree_id, "tree") or b"", len(tree_id) // 2)
        return known


def folder_holding(folder: Path, text: str) -> list[str]:
    """Files of a plain folder that hold ``text`` in one line."""
    here = git.Git(str(folder))
    here.update_environment(**_ENVIRONMENT)
    return [name for name in _grep(here, ["--no-index", "--no-exclude-standard"], text, []) if name]


def _grep(where: git.Git, options: Sequence[str], text: str, trees: Sequence[str]) -> list[str]:
    command = ["git", "grep", "-F", "-l", "-z", "-I", "--no-color", *options, "-e", text, *trees]
    status, told, said = where.execute(
        command, with_extended_output=True, with_exceptions=False, kill_after_timeout=GREP_SECONDS
    )
    # Out of time, half an answer could pass for "nowhere else".
    return [] if status < 0 or "Timeout" in str(said) else str(told).split("\0")


def _text(word: str | bytes) -> str:
    """GitPython's declarations say str, its values are bytes."""
    return word.decode("ascii", "replace") if isinstance(word, bytes) else word


def _entries(data: bytes, width: int) -> dict[bytes, Entry]:
    """The entries of a tree object: "MODE NAME\\0" and ``width`` bytes of id each."""
    found = {}
    at = 0
    while at < len(data):
        space = data.index(b" ", at)
        end = data.index(b"\0", space)
        found[data[space + 1 : end]] = Entry(data[at:space].decode("ascii"), data[end + 1 : end + 1 + width].hex())
        at = end + 1 + width
    return found
