"""The one git repository that holds every tree's objects, and everything that writes to it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import git
from git import GitCommandError

from harness.model.errors import InfrastructureError, TreeUnavailable

# Commits made here carry a fixed identity and time, so that the same content gets the same commit id everywhere.
_IDENTITY = {
    "GIT_AUTHOR_NAME": "harness",
    "GIT_AUTHOR_EMAIL": "harness@localhost",
    "GIT_AUTHOR_DATE": "@0 +0000",
    "GIT_COMMITTER_NAME": "harness",
    "GIT_COMMITTER_EMAIL": "harness@localhost",
    "GIT_COMMITTER_DATE": "@0 +0000",
}
# A user's own git configuration must not change what is stored, and a mirror may belong to somebody else.
ISOLATED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "LC_ALL": "C",
}
# Of git's words: nobody to ask, so that no other question helps.
_UNREACHABLE = re.compile(
    r"Could not resolve|Failed to connect|unable to connect|Connection (?:refused|timed out|reset)|timed out|SSL|TLS"
    r"|certificate|returned error: [45]\d\d|repository '.*' not found|does not appear to be a git repository"
    r"|Couldn't connect|Permission denied|Operation too slow"
)
# ... and a server, or a transport, that knows nothing of shallow fetches.
_NOT_SHALLOW = re.compile(r"(?i)shallow|does not support --(?:deepen|depth)")
MAX_TREE_BYTES = 16 * 1024**3  # unpacked; today's kernel is 1.4 GB


class ObjectStore:
    """A bare repository below the cache folder, made on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "objects.git"

    def _repo(self) -> git.Repo:
        if not (self.path / "HEAD").is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.lock("store"):
                if not (self.path / "HEAD").is_file():
                    half_made = self.folder / "objects.git.new"
                    shutil.rmtree(half_made, ignore_errors=True)
                    git.Repo.init(half_made, bare=True)
                    half_made.rename(self.path)
        repo = git.Repo(self.path)
        repo.git.update_environment(**ISOLATED)
        return repo

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Holds an exclusive file lock; a killed holder's lock goes with its process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def git(self, *arguments: str, index: Path | None = None, stdin: str | None = None) -> str:
        """Output of a git command in the store. Raises git.GitCommandError."""
        repo = self._repo()
        environment = {"GIT_INDEX_FILE": str(index)} if index else {}
        with repo.git.custom_environment(**environment):
            if stdin is None:
                return str(repo.git.execute(["git", *arguments]))
            with _text_pipe(stdin) as pipe:
                return str(repo.git.execute(["git", *arguments], istream=pipe))

    def apply_to_index(self, diff: Path, index: Path, *options: str) -> str:
        """Applies a diff to an index, with more options of ``git apply`` where given; returns what git tells of each
        hunk. Raises git.GitCommandError."""
        repo = self._repo()
        words = ["git", "-c", "core.safecrlf=false", "apply", "--cached", "--verbose", "--whitespace=nowarn"]
        with repo.git.custom_environment(GIT_INDEX_FILE=str(index)):
            _, told, said = repo.git.execute([*words, *options, str(diff)], with_extended_output=True)
        return f"{told}\n{said}"

    def has_commit(self, commit: str) -> bool:
        """True when the commit and its tree are here."""
        try:
            self.git("cat-file", "-e", f"{commit}^{{tree}}")
        except git.GitCommandError:
            return False
        return True

    def tree_of(self, commit: str) -> str:
        """The git tree id of a commit."""
        return self.git("rev-parse", f"{commit}^{{tree}}").strip()

    def ref(self, name: str) -> str | None:
        """The commit a ref names, None where it does not exist."""
        try:
            return self.git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").strip()
        except git.GitCommandError:
            return None

    def set_ref(self, name: str, commit: str) -> None:
        """Keeps ``commit`` from being collected, under ``name``."""
        self.git("update-ref", name, commit)

    def commit_tree(self, tree_id: str, message: str, parent: str | None = None) -> str:
        """A commit of a tree; equal arguments give an equal id."""
        repo = self._repo()
        with repo.git.custom_environment(**_IDENTITY):
            parents = ["-p", parent] if parent else []
            return str(repo.git.execute(["git", "commit-tree", tree_id, *parents, "-m", message])).strip()

    def fetch(self, location: str, revision: str, ref: str, report: Callable[[str], None] = lambda text: None) -> str:
        """Fetches one revision (tag, branch or commit id) without its history; returns the commit id.

        ``location`` is a URL or a local git directory. A server that gives no single revision is asked for more, which
        is reported: it can be the whole history. Raises TreeUnavailable with git's own reason on one line.
        """
        try:
            if Path(location).is_absolute():
                return self.fetch_local(Path(location), revision, ref)
            try:
                self._fetch_remote(location, f"+{revision}:{ref}", "--depth=1")
            except git.GitCommandError as error:
                if _UNREACHABLE.search(str(error.stderr)):
                    raise
                self._fetch_more(location, revision, ref, error, report)
        except git.GitCommandError as error:
            raise TreeUnavailable(f"{revision} cannot be fetched: {git_reason(error)}") from error
        commit = self.ref(ref)
        if commit is None:
            raise TreeUnavailable(f"{revision} of {location} is not a commit")
        return commit

    def _fetch_remote(self, location: str, *refs_and_options: str) -> None:
        options = [word for word in refs_and_options if word.startswith("--")]
        refs = [word for word in refs_and_options if not word.startswith("--")]
        self.git(
            "-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=20",
            "fetch", "--quiet", "--no-tags", *options, location, *refs,
        )  # fmt: skip

    def _fetch_more(
        self, location: str, revision: str, ref: str, refused: GitCommandError, report: Callable[[str], None]
    ) -> None:
        """What a server without shallow fetches, or without fetches by commit id, still gives."""
        by_id = re.fullmatch(r"[0-9a-f]{40}", revision) is not None
        if not by_id and not _NOT_SHALLOW.search(str(refused.stderr)):
            raise refused  # it has no such revision: no other question brings it
        report(f"{location} does not give {revision} alone ({git_reason(refused)}): fetching its history too")
        if not by_id:
            self._fetch_remote(location, f"+{revision}:{ref}")
            return
        place = f"refs/harness/fetched/{os.getpid()}"
        try:
            self._fetch_remote(location, f"+refs/heads/*:{place}/heads/*", f"+refs/tags/*:{place}/tags/*")
            commit = self.ref(revision)
            if commit is None:
                raise TreeUnavailable(f"no branch or tag of {location} leads to the commit {revision}")
            self.set_ref(ref, commit)
        finally:
            for name in self.git("for-each-ref", "--format=%(refname)", place).split():
                self.git("update-ref", "-d", name)

    def fetch_content(
        self,
        location: str,
        revisions: str,
        tree_id: str,
        ref: str,
        report: Callable[[str], None] = lambda text: None,
    ) -> str:
        """Fetches the commit of ``revisions`` ("FIRST..LAST") whose tree is ``tree_id``; returns the commit id.

        For content without a tag whose commit id differs between imports of a history. FIRST is a tag or branch.
        Raises TreeUnavailable as ``fetch`` does, or where no commit of the range has that tree.
        """
        first, _, last = revisions.partition("..")
        try:
            if Path(location).is_absolute():
                listed = self._local(Path(location), "log", "--format=%H %T", f"{first}..{last}")
            else:
                self._fetch_range(location, first, last, ref, report)
                listed = self.git("log", "--format=%H %T", ref)
            commit = next((line.split()[0] for line in listed.splitlines() if line.endswith(f" {tree_id}")), None)
            if commit is None:
                raise TreeUnavailable(f"no commit of {revisions} has the tree {tree_id}")
            if Path(location).is_absolute():
                return self.fetch_local(Path(location), commit, ref)
        except git.GitCommandError as error:
            raise TreeUnavailable(f"{revisions} cannot be fetched: {git_reason(error)}") from error
        self.set_ref(ref, commit)
        return commit

    def fetch_range(
        self, location: str, revisions: str, ref: str, report: Callable[[str], None] = lambda text: None
    ) -> str:
        """Fetches the commits of ``revisions`` ("FIRST..LAST", FIRST a tag or branch) from a URL; returns LAST's.

        Raises TreeUnavailable with git's own reason on one line.
        """
        first, _, last = revisions.partition("..")
        try:
            self._fetch_range(location, first, last, ref, report)
        except git.GitCommandError as error:
            raise TreeUnavailable(f"{revisions} cannot be fetched: {git_reason(error)}") from error
        commit = self.ref(ref)
        if commit is None:
            raise TreeUnavailable(f"{last} of {location} is not a commit")
        return commit

    def _fetch_range(self, location: str, first: str, last: str, ref: str, report: Callable[[str], None]) -> None:
        try:
            self._fetch_remote(location, f"+{last}:{ref}", f"--shallow-exclude={first}")
        except git.GitCommandError as error:
            if not _NOT_SHALLOW.search(str(error.stderr)):
                raise
            report(f"{location} gives no part of its history ({git_reason(error)}): fetching all of {last}")
            self._fetch_remote(location, f"+{last}:{ref}")

    def tree_commits(self) -> dict[str, str]:
        """Tree id -> commit, of every tree that was fetched."""
        told = self.git("for-each-ref", "--format=%(tree) %(objectname)", "refs/harness/trees")
        return dict(line.split() for line in told.splitlines() if line.count(" ") == 1)

    def file_of(self, commit: str, path: str) -> str | None:
        """The text of a file of a commit (undecodable bytes replaced), None where there is none."""
        try:
            return self.git("cat-file", "blob", f"{commit}:{path}")
        except git.GitCommandError:
            return None

    def size_of(self, commit: str) -> int:
        """Bytes that a commit's tree takes in the store, packed; what it shares with other trees is counted in each.

        A file kept as its difference to another tree's counts as that difference.
        """
        return int(self.git("rev-list", "--objects", "--no-walk", "--disk-usage", commit).strip() or 0)

    @staticmethod
    def _local(path: Path, *arguments: str) -> str:
        if not path.is_dir():
            raise TreeUnavailable(f"{path}: no such git directory")
        source = git.Git(str(path))
        source.update_environment(**ISOLATED)
        return str(source.execute(["git", "-c", "safe.directory=*", *arguments]))

    def archive(
        self, location: str, revision: str, paths: Sequence[str], exclude: Sequence[str], tarball: Path
    ) -> None:
        """Writes some paths of a revision of a local git directory, without ``exclude``, as a tar archive.

        Works on a mirror that lacks objects outside of ``paths``. Raises TreeUnavailable.
        """
        if not Path(location).is_absolute():
            raise TreeUnavailable(f"{location}: paths of a tree can be taken from a local git directory only")
        try:
            self._local(
                Path(location),
                "archive",
                "--format=tar",
                "--prefix=tree/",
                f"--output={tarball}",
                revision,
                "--",
                *paths,
                *(f":(exclude,top){path}" for path in exclude),
            )
        except git.GitCommandError as error:
            raise TreeUnavailable(f"{revision} cannot be read from {location}: {git_reason(error)}") from error

    def fetch_local(self, path: Path, revision: str, ref: str) -> str:
        """As ``fetch``, from a git directory of this machine. Raises git.GitCommandError too."""
        commit = self._local(path, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        upload = "git -c safe.directory=* -c uploadpack.allowAnySHA1InWant=true upload-pack"
        self.git(
            "fetch", "--quiet", "--no-tags", "--depth=1", f"--upload-pack={upload}", path.as_uri(), f"+{commit}:{ref}"
        )
        return commit

    def import_tar(self, tarball: Path, ref: str, message: str) -> str:
        """Streams a tar archive's files into the store as one commit, leaving out its single top folder.

        Nothing is unpacked on disk; devices, hard links and names that leave the archive are refused. Returns the
        commit id. Raises TreeUnavailable for an archive that cannot be read.
        """
        repo = self._repo()
        importer = subprocess.Popen(
            ["git", "-c", "core.compression=1", "fast-import", "--quiet", "--depth=0", "--force", "--date-format=raw"],
            cwd=self.path,
            env={**os.environ, **ISOLATED, **repo.git.environment()},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert importer.stdin is not None and importer.stderr is not None
        try:
            _write_fast_import(tarball, importer.stdin, ref, message)
            importer.stdin.close()
        except (OSError, EOFError, tarfile.TarError, ValueError) as error:
            importer.kill()
            reason = importer.stderr.read().decode("utf-8", "replace").strip()
            importer.wait()
            raise TreeUnavailable(f"{tarball} cannot be imported: {reason or error}") from error
        reason = importer.stderr.read().decode("utf-8", "replace").strip()
        if importer.wait() != 0:
            raise InfrastructureError(f"git fast-import failed on {tarball}: {(reason.splitlines() or ['?'])[-1]}")
        commit = self.ref(ref)
        if commit is None:
            raise InfrastructureError(f"git fast-import made no commit of {tarball}")
        return commit


def _write_fast_import(tarball: Path, out: IO[bytes], ref: str, message: str) -> None:
    text = message.encode()
    out.write(b"commit %s\n" % ref.encode())
    out.write(b"committer harness <harness@localhost> 0 +0000\ndata %d\n%s\ndeleteall\n" % (len(text), text))
    total = 0
    with tarfile.open(tarball, "r|*") as archive:
        for member in archive:
            name = member.name.split("/", 1)[1] if "/" in member.name else ""
            if member.isdir() or not name:
                continue
            parts = name.split("/")
            if ".." in parts or ".git" in parts or "\n" in name or name.startswith('"'):
                raise ValueError(f"refused name {member.name!r}")
            if member.issym():
                data, mode = member.linkname.encode("utf-8", "surrogateescape"), b"120000"
                out.write(b"M %s inline %s\ndata %d\n%s\n" % (mode, _path(name), len(data), data))
            elif member.isfile():
                total += member.size
                if total > MAX_TREE_BYTES:
                    raise ValueError(f"more than {MAX_TREE_BYTES} bytes")
                stream = archive.extractfile(member)
                assert stream is not None
                mode = b"100755" if member.mode & 0o111 else b"100644"
                out.write(b"M %s inline %s\ndata %d\n" % (mode, _path(name), member.size))
                shutil.copyfileobj(stream, out, 1 << 20)
                out.write(b"\n")
            else:
                raise ValueError(f"{member.name!r} is neither file, folder nor symbolic link")


def _path(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


@contextmanager
def _text_pipe(text: str) -> Iterator[int]:
    with tempfile.TemporaryFile() as handle:
        handle.write(text.encode("utf-8", "surrogateescape"))
        handle.seek(0)
        yield handle.fileno()


def git_reason(error: git.GitCommandError) -> str:
    """What git said, on one line, without its prefixes."""
    lines = [line.strip() for line in str(error.stderr).replace("stderr:", "").strip(" '\n").splitlines()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    if not told:
        return f"git exited with {error.status}"
    # git repeats the URL, which the caller names already.
    reason = re.sub(r"^unable to access '[^']*': ", "", told[0].split(":", 1)[-1].strip())
    if reason.endswith(":") and told[0] != lines[-1]:
        reason = f"{reason} {lines[lines.index(told[0]) + 1]}"  # git://: the reason is on the next line
    return reason
