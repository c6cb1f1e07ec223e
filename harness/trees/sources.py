"""Getting a tree's content from its sources, and proving that it is the pinned content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import git

from harness.config.package_mirror import machine_mirror
from harness.model.errors import HarnessError, InfrastructureError, TreeUnavailable
from harness.model.tree import Pin, PinKind, Source, SourceKind, Tree, TreeContent
from harness.trees.object_store import ObjectStore, git_reason

Report = Callable[[str], None]


class TreeLibrary:
    """Trees by content: fetched once, verified at each use, recorded beside the object store."""

    def __init__(self, cache: Path) -> None:
        self.store = ObjectStore(cache / "trees")
        self.downloads = cache / "downloads"

    def _record_path(self, tree: Tree) -> Path:
        # A changed definition is fetched again: the record is keyed by it.
        identity = json.dumps([asdict(source) | {"where": ""} for source in tree.sources], sort_keys=True, default=str)
        return self.store.folder / f"{tree.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.json"

    def present(self, tree: Tree) -> TreeContent | None:
        """The tree's content where it is here already, else None."""
        try:
            content = TreeContent(**json.loads(self._record_path(tree).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return content if self.store.has_commit(content.commit) else None

    def ensure(self, tree: Tree, report: Report) -> TreeContent:
        """The tree's content, fetched from the first source that has it.

        Raises TreeUnavailable with the reason of every source on one line.
        """
        here = self.present(tree)
        if here is not None:
            return here
        reasons = []
        for source in tree.sources:
            try:
                with self.store.lock(f"tree-{tree.name}"):
                    content = self.present(tree) or self._fetch(tree, source, report)
                    self._record(tree, content)
                return content
            except HarnessError as error:
                reasons.append(f"{source.kind} {source.location}: {error.what}")
        raise TreeUnavailable(
            "; ".join(reasons) or "it has no source",
            where=f"tree {tree.name}",
            remedy=f"name a source you can reach under sources: {tree.name}: in your configuration",
        )

    def _record(self, tree: Tree, content: TreeContent) -> None:
        path = self._record_path(tree)
        new = path.with_suffix(".new")
        with new.open("w") as handle:
            handle.write(json.dumps(asdict(content), indent=1))
            handle.flush()
            os.fsync(handle.fileno())
        new.rename(path)

    def verify(self, tree: Tree) -> TreeContent:
        """Checks the stored objects of a tree byte for byte (git fsck) and against its pins.

        Raises TreeUnavailable when the tree is not here or its content is not what was recorded.
        """
        content = self.present(tree)
        if content is None:
            remedy = f"harness tree fetch {tree.name}"
            raise TreeUnavailable("not fetched yet", where=f"tree {tree.name}", remedy=remedy)
        try:
            self.store.git("fsck", "--no-dangling", "--no-progress", content.commit)
            same = self.store.tree_of(content.commit) == content.tree_id
        except git.GitCommandError as error:
            raise TreeUnavailable(
                f"its objects are damaged: {git_reason(error)}",
                where=f"tree {tree.name}",
                remedy=f"harness clean trees work; harness tree fetch {tree.name}",
            ) from error
        if not same:
            raise TreeUnavailable("the stored commit has another tree than recorded", where=f"tree {tree.name}")
        pins = [pin for source in tree.sources for pin in source.pins if pin.kind is not PinKind.SHA256]
        if content.pinned and pins and not any(self._holds(pin, content) for pin in pins):
            raise TreeUnavailable(f"tree id {content.tree_id} matches no pin", where=tree.where or f"tree {tree.name}")
        return content

    @staticmethod
    def _holds(pin: Pin, content: TreeContent) -> bool:
        return pin.value in (content.tree_id, content.commit)

    def _fetch(self, tree: Tree, source: Source, report: Report) -> TreeContent:
        ref = f"refs/harness/trees/{tree.name}"
        note = ""
        if source.kind is SourceKind.GIT:
            report(f"{tree.name}: fetching {source.revision} from {source.location}")
            commit = self._git(tree, source, ref)
            check_pins(source, {PinKind.COMMIT: commit, PinKind.TREE: self.store.tree_of(commit)})
        elif source.kind is SourceKind.TARBALL:
            commit = self._import(tree, source, Path(source.location), ref, report)
        elif source.kind is SourceKind.DEBIAN:
            tarball, version = self._debian_tarball(source, report)
            try:
                if source.revision and version != source.revision:
                    # Debian replaces a version by the next and the pinned one is gone: say so, and go on with what
                    # there is under a pin of this machine's own, which every result carries.
                    note = f"{source.location} {version}: the pinned {source.revision} is not offered any more"
                    report(f"{tree.name}: {note}; pinned here by its content instead")
                    source = Source(source.kind, source.location, version, (), source.suite, where=source.where)
                commit = self._import(tree, source, tarball, ref, report)
            finally:
                shutil.rmtree(tarball.parent, ignore_errors=True)
        else:
            commit = self._import_directory(tree, source, ref, report)
        tree_id = self.store.tree_of(commit)
        if not source.pins and not note:
            note = "its source has no pin; this content was recorded at the first fetch"
        where = f"{source.kind} {source.location}" + (f" {source.revision}" if source.revision else "")
        return TreeContent(tree.name, tree_id, commit, where, bool(source.pins), note)

    def _git(self, tree: Tree, source: Source, ref: str) -> str:
        revision = str(source.revision)
        if ".." in revision:
            tree_id = next(pin.value for pin in source.pins if pin.kind is PinKind.TREE)
            return self.store.fetch_content(source.location, revision, tree_id, ref)
        if not source.paths:
            return self.store.fetch(source.location, revision, ref)
        self.downloads.mkdir(parents=True, exist_ok=True)
        tarball = self.downloads / f"{tree.name}.{os.getpid()}.tar"
        try:
            self.store.archive(source.location, revision, source.paths, source.exclude, tarball)
            return self.store.import_tar(tarball, ref, f"{tree.name} from {revision}")
        finally:
            tarball.unlink(missing_ok=True)

    def _import(self, tree: Tree, source: Source, tarball: Path, ref: str, report: Report) -> str:
        if not tarball.is_file():
            raise TreeUnavailable("no such file", where=str(tarball))
        report(f"{tree.name}: importing {tarball.name} ({tarball.stat().st_size >> 20} MiB)")
        with tarball.open("rb") as handle:
            checksum = hashlib.file_digest(handle, "sha256").hexdigest()
        known = {PinKind.SHA256: checksum}
        check_pins(source, known)
        commit = self.store.import_tar(tarball, ref, f"{tree.name} from {tarball.name}")
        check_pins(source, {**known, PinKind.TREE: self.store.tree_of(commit)})
        return commit

    def _import_directory(self, tree: Tree, source: Source, ref: str, report: Report) -> str:
        folder = Path(source.location)
        if not (folder / "Makefile").is_file():
            raise TreeUnavailable("no Makefile there: not a kernel tree", where=str(folder))
        report(f"{tree.name}: importing the folder {folder}")
        self.downloads.mkdir(parents=True, exist_ok=True)
        tarball = self.downloads / f"{tree.name}.{os.getpid()}.tar"
        command = ["tar", "-C", str(folder.parent), "--exclude=.git", "--sort=name", "-cf", str(tarball), folder.name]
        try:
            _run(command, f"{folder} cannot be read")
            commit = self.store.import_tar(tarball, ref, f"{tree.name} from a folder")
        finally:
            tarball.unlink(missing_ok=True)
        check_pins(source, {PinKind.TREE: self.store.tree_of(commit)})
        return commit

    def _debian_tarball(self, source: Source, report: Report) -> tuple[Path, str]:
        """Downloads the package with a private apt state (no privileges, any suite); (tarball, package version)."""
        suite = source.suite
        entries = machine_mirror(suite)
        work = self.downloads / f"apt-{suite or 'host'}.{os.getpid()}"
        shutil.rmtree(work, ignore_errors=True)
        for part in ("lists/partial", "archives/partial", "package"):
            (work / part).mkdir(parents=True)
        (work / "sources.list").write_text("\n".join(entry.line() for entry in entries) + "\n")
        (work / "status").touch()
        options = [
            f"-oDir::Etc::SourceList={work / 'sources.list'}",
            "-oDir::Etc::SourceParts=-",
            f"-oDir::State={work}",
            f"-oDir::State::Lists={work / 'lists'}",
            f"-oDir::State::Status={work / 'status'}",
            f"-oDir::Cache={work}",
            f"-oDir::Cache::Archives={work / 'archives'}",
            "-oAPT::Sandbox::User=",
        ]
        try:
            report(f"{source.location}: asking the machine's package mirror")
            _run(["apt-get", *options, "-qq", "update"], "apt-get update failed")
            table = _run(["apt-cache", *options, "madison", source.location], "apt-cache failed")
            versions = [line.split("|")[1].strip() for line in table.splitlines() if line.count("|") >= 2]
            if not versions:
                raise TreeUnavailable(f"the machine's package mirror has no {source.location} in {suite}")
            version = source.revision if source.revision in versions else versions[0]
            report(f"{source.location}: downloading {version}")
            _run(["apt-get", *options, "-qq", "download", f"{source.location}={version}"], "download failed", work)
            package = next(work.glob("*.deb"), None)
            if package is None:
                raise InfrastructureError(f"apt-get downloaded no package of {source.location}")
            _run(["dpkg-deb", "--extract", str(package), str(work / "package")], "the package cannot be unpacked")
            package.unlink()
            tarball = next((work / "package" / "usr" / "src").glob("*.tar.*"), None)
            if tarball is None:
                raise TreeUnavailable(f"package {source.location} holds no tarball in usr/src")
            kept = work / tarball.name
            tarball.rename(kept)
            return kept, str(version)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise


def check_pins(source: Source, known: dict[PinKind, str]) -> None:
    """Raises TreeUnavailable when a pin of the source is of a known kind and has another value."""
    for pin in source.pins:
        value = known.get(pin.kind)
        if value is not None and value != pin.value:
            raise TreeUnavailable(
                f"{source.location}: {pin.kind} is {value}, pinned is {pin.value}",
                where=source.where or None,
                remedy="it is not the tree that was pinned",
            )


def _run(command: Sequence[str], what: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=1800, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrastructureError(f"{what}: {error}") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        told = next((line for line in lines if line.startswith("E:")), lines[-1] if lines else "")
        raise InfrastructureError(f"{what}: {re.sub(r'^[EW]: *', '', told)}")
    return done.stdout
