"""Getting a tree's content from its sources, and proving that it is the pinned content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import git

from harness.config.package_mirror import machine_mirror
from harness.config.whole_file import write_whole
from harness.model.errors import HarnessError, InfrastructureError, TreeUnavailable
from harness.model.tree import Pin, PinKind, Source, SourceKind, Tree, TreeContent
from harness.trees.downloads import local_file
from harness.trees.mirrors import Mirror
from harness.trees.object_store import ObjectStore, git_reason
from harness.trees.overlays import with_overlays

Report = Callable[[str], None]
MAX_TARBALL = 2 * 1024**3  # bytes as offered; today's kernel is 150 MB


@dataclass(frozen=True, slots=True)
class Fetched:
    """Content with what became known of it on the way: ``source`` is the one it is recorded under, with the revision
    that was really there (never a mirror's, which only this machine has), ``known`` the value of every kind of pin it
    could be given, ``overlays`` the SHA-256 of each patch file by its location."""

    content: TreeContent
    source: Source
    known: Mapping[PinKind, str]
    overlays: Mapping[str, str] = field(default_factory=dict)

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Everything known, as pins: the packed file's checksum, the commit, the tree."""
        order = (PinKind.SHA256, PinKind.COMMIT, PinKind.TREE)
        return tuple(Pin(kind, self.known[kind]) for kind in order if kind in self.known)


def _as_defined(found: Fetched, source: Source) -> Fetched:
    """What a mirror gave, told as the source it stands for: its commit may be another import's, its content is not."""
    own = replace(found.source, location=source.location, revision=source.revision, pins=source.pins)
    return replace(found, source=own, known={k: v for k, v in found.known.items() if k is not PinKind.COMMIT})


class TreeLibrary:
    """Trees by content: fetched once, verified at each use, recorded beside the object store.

    ``mirrors`` are git directories of this machine that are asked for a git tree before its own server is.
    """

    def __init__(self, cache: Path, mirrors: Sequence[Path] = ()) -> None:
        self.store = ObjectStore(cache / "trees")
        self.downloads = cache / "downloads"
        self.mirrors = tuple(map(Mirror, mirrors))
        self._sound = False

    def _record_path(self, tree: Tree) -> Path:
        # A changed definition is fetched again: the record is keyed by it.
        identity = json.dumps([_identity(source) for source in tree.sources], sort_keys=True, default=str)
        return self.store.folder / f"{tree.name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.json"

    def present(self, tree: Tree) -> TreeContent | None:
        """The tree's content where it is here already, else None."""
        try:
            content = TreeContent(**json.loads(self._record_path(tree).read_text()))
        except (OSError, ValueError, TypeError):
            return self._held(tree, tree.sources[0]) if tree.sources else None
        return content if self.store.has_commit(content.commit) else None

    def _held(self, tree: Tree, source: Source) -> TreeContent | None:
        """What the store has of a source by its pin: fetched under another definition, or for another tree."""
        pins = {pin.kind: pin.value for pin in source.pins}
        if not self.store.path.is_dir():
            return None
        commit = None
        if PinKind.TREE in pins:
            commit = self.store.tree_commits().get(pins[PinKind.TREE])
        elif PinKind.COMMIT in pins and not source.overlay and not source.paths:
            commit = pins[PinKind.COMMIT]
        if commit is None or not self.store.has_commit(commit):
            return None
        return TreeContent(tree.name, self.store.tree_of(commit), commit, _where(source), True)

    def ensure(self, tree: Tree, report: Report) -> TreeContent:
        """The tree's content, fetched from the first source that has it; a mirror goes before a git server.

        Raises TreeUnavailable with the reason of every source on one line.
        """
        here = self.present(tree)
        if here is not None:
            return here
        return self._first(tree, report).content

    def learn(self, tree: Tree, report: Report) -> Fetched:
        """As ``ensure`` for a tree that nobody has pinned yet; what was fetched is told with all its pins."""
        found = self._first(tree, report, again=True)
        if found.source.overlay:
            checksums = [replace(one, sha256=found.overlays.get(one.location)) for one in found.source.overlay]
            found = replace(found, source=replace(found.source, overlay=tuple(checksums)))
        return found

    def adopt(self, tree: Tree, content: TreeContent) -> None:
        """Records content that was fetched under another definition as that of ``tree``, which pins it."""
        self._record(tree, replace(content, pinned=True, pin_note=""))

    def _first(self, tree: Tree, report: Report, again: bool = False) -> Fetched:
        reasons: list[str] = []
        for source in tree.sources:
            for place in (*self._mirrored(source, reasons), source):
                try:
                    with self.store.lock(f"tree-{tree.name}"):
                        here = None if again else self.present(tree) or self._held(tree, source)
                        found = Fetched(here, source, {}) if here else self._fetch(tree, place, report)
                        self.store.set_ref(f"refs/harness/trees/{tree.name}", found.content.commit)
                        self._record(tree, found.content)
                    return found if place is source else _as_defined(found, source)
                except HarnessError as error:
                    reasons.append(f"{place.kind} {place.location}: {error.what}")
        raise TreeUnavailable(
            "; ".join(dict.fromkeys(reasons)) or "it has no source",
            where=tree.where if any("pinned is" in reason for reason in reasons) else f"tree {tree.name}",
            # One that is being added has but the source it was given, which a mirror may have where it is git.
            remedy=None
            if again and all(source.kind is not SourceKind.GIT for source in tree.sources)
            else "name a git directory under mirrors:, or a source you can reach under "
            f"sources: {tree.name}:, in your configuration (docs/trees.md)",
        )

    def _mirrored(self, source: Source, reasons: list[str]) -> list[Source]:
        """The source as each mirror has it, where one has it."""
        if source.kind is not SourceKind.GIT or source.paths or Path(source.location).is_absolute():
            return []
        found = []
        for mirror in self.mirrors:
            try:
                commit = mirror.commit_of(source)
            except TreeUnavailable as error:
                reasons.append(f"mirror {error}")
                continue
            if commit is not None:
                # Another import has other commit ids: where the content is pinned, that is the pin.
                kinds = {pin.kind for pin in source.pins}
                by_tree = PinKind.TREE in kinds and not source.overlay
                pins = tuple(pin for pin in source.pins if not (by_tree and pin.kind is PinKind.COMMIT))
                found.append(replace(source, location=str(mirror.path), revision=commit, pins=pins))
        return found

    def _record(self, tree: Tree, content: TreeContent) -> None:
        write_whole(self._record_path(tree), json.dumps(asdict(content), indent=1))

    def size(self, content: TreeContent) -> int:
        """Bytes of a tree in the object store (see ObjectStore.size_of); counted once and remembered."""
        path = self.store.folder / "sizes.json"
        try:
            sizes = json.loads(path.read_text())
        except (OSError, ValueError):
            sizes = {}
        known = sizes.get(content.commit) if isinstance(sizes, dict) else None
        if not isinstance(known, int):
            sizes = sizes if isinstance(sizes, dict) else {}
            known = sizes[content.commit] = self.store.size_of(content.commit)
            write_whole(path, json.dumps(sizes))
        return known

    def verify(self, tree: Tree) -> TreeContent:
        """Checks the stored objects of a tree byte for byte (git fsck) and against its pins.

        Raises TreeUnavailable when the tree is not here or its content is not what was recorded.
        """
        content = self.present(tree)
        if content is None:
            remedy = f"harness tree fetch {tree.name}"
            raise TreeUnavailable("not fetched yet", where=f"tree {tree.name}", remedy=remedy)
        try:
            self._check_objects(content.commit)
            same = self.store.tree_of(content.commit) == content.tree_id
        except git.GitCommandError as error:
            raise TreeUnavailable(
                f"its objects are damaged: {git_reason(error)}",
                where=f"tree {tree.name}",
                remedy=f"harness clean trees work; harness tree fetch {tree.name}",
            ) from error
        if not same:
            raise TreeUnavailable("the stored commit has another tree than recorded", where=f"tree {tree.name}")
        pins = [
            pin
            for source in tree.sources
            for pin in source.pins
            # With an overlay only the tree pin is the result's.
            if pin.kind is PinKind.TREE or (pin.kind is PinKind.COMMIT and not source.overlay)
        ]
        if content.pinned and pins and not any(self._holds(pin, content) for pin in pins):
            raise TreeUnavailable(f"tree id {content.tree_id} matches no pin", where=tree.where or f"tree {tree.name}")
        return content

    def _check_objects(self, commit: str) -> None:
        """Raises git.GitCommandError where an object of a commit's tree is damaged.

        git fsck reads the whole store, whatever it is asked for: where all of it is sound, once for all trees.
        """
        if self._sound:
            return
        try:
            self.store.git("fsck", "--no-dangling", "--no-progress")
            self._sound = True
        except git.GitCommandError as error:
            told = str(error.stderr)
            damaged = set(re.findall(r"\b[0-9a-f]{40}\b", told))
            own = {line[:40] for line in self.store.git("rev-list", "--objects", "--no-walk", commit).splitlines()}
            # A pack as a whole may be any tree's.
            if not damaged or damaged & own or "checksum" in told:
                raise

    @staticmethod
    def _holds(pin: Pin, content: TreeContent) -> bool:
        return pin.value in (content.tree_id, content.commit)

    def _fetch(self, tree: Tree, source: Source, report: Report) -> Fetched:
        ref = f"refs/harness/trees/{tree.name}"
        note = ""
        known: dict[PinKind, str] = {}
        checksums: dict[str, str] = {}
        if source.kind is SourceKind.GIT:
            report(f"{tree.name}: fetching {source.revision} from {source.location}")
            commit = self._git(tree, source, ref, report)
            if not source.paths:
                known[PinKind.COMMIT] = commit
        elif source.kind is SourceKind.TARBALL:
            folder = self.downloads / f"{tree.name}.{os.getpid()}"
            tarball, downloaded = local_file(source.location, folder, MAX_TARBALL, report)
            try:
                commit = self._import(tree, source, tarball, ref, known, report)
            finally:
                if downloaded:
                    shutil.rmtree(folder, ignore_errors=True)
        elif source.kind is SourceKind.DEBIAN:
            tarball, version = self._debian_tarball(source, report)
            try:
                if source.revision and version != source.revision:
                    # Debian replaces a version by the next and the pinned one is gone: say so, and go on with what
                    # there is under a pin of this machine's own, which every result carries.
                    note = f"{source.location} {version}: the pinned {source.revision} is not offered any more"
                    report(f"{tree.name}: {note}; pinned here by its content instead")
                    source = replace(source, pins=())
                source = replace(source, revision=version)
                commit = self._import(tree, source, tarball, ref, known, report)
            finally:
                shutil.rmtree(tarball.parent, ignore_errors=True)
        else:
            commit = self._import_directory(tree, source, ref, report)
        if source.overlay:
            check_pins(source, {kind: value for kind, value in known.items() if kind is not PinKind.TREE})
            folder = self.downloads / f"{tree.name}.{os.getpid()}"
            message = f"{tree.name}: {_where(source)} with {len(source.overlay)} patch files"
            try:
                commit, checksums = with_overlays(self.store, commit, source.overlay, message, folder, report)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        known[PinKind.TREE] = self.store.tree_of(commit)
        check_pins(source, known)
        pinned = any(pin.kind is PinKind.TREE or not source.overlay for pin in source.pins)
        if not pinned and not note:
            note = "its source has no pin; this content was recorded at the first fetch"
        content = TreeContent(tree.name, known[PinKind.TREE], commit, _where(source), pinned, note)
        return Fetched(content, source, known, checksums)

    def _git(self, tree: Tree, source: Source, ref: str, report: Report) -> str:
        revision = str(source.revision)
        if ".." in revision:
            tree_id = next(pin.value for pin in source.pins if pin.kind is PinKind.TREE)
            return self.store.fetch_content(source.location, revision, tree_id, ref, report)
        if not source.paths:
            return self.store.fetch(source.location, revision, ref, report)
        self.downloads.mkdir(parents=True, exist_ok=True)
        tarball = self.downloads / f"{tree.name}.{os.getpid()}.tar"
        try:
            self.store.archive(source.location, revision, source.paths, source.exclude, tarball)
            return self.store.import_tar(tarball, ref, f"{tree.name} from {revision}")
        finally:
            tarball.unlink(missing_ok=True)

    def _import(
        self, tree: Tree, source: Source, tarball: Path, ref: str, known: dict[PinKind, str], report: Report
    ) -> str:
        report(f"{tree.name}: importing {tarball.name} ({tarball.stat().st_size >> 20} MiB)")
        with tarball.open("rb") as handle:
            known[PinKind.SHA256] = hashlib.file_digest(handle, "sha256").hexdigest()
        check_pins(source, known)
        return self.store.import_tar(tarball, ref, f"{tree.name} from {tarball.name}")

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


def _identity(source: Source) -> dict[str, object]:
    """What a source's record is keyed by."""
    fields = asdict(source) | {"where": ""}
    if not source.overlay:
        del fields["overlay"]  # records of before there were overlays stay good
    return fields


def _where(source: Source) -> str:
    """A source in one line, for results."""
    told = f"{source.kind} {source.location}" + (f" {source.revision}" if source.revision else "")
    return told + "".join(f" + {one.location.rsplit('/', 1)[-1]}" for one in source.overlay)


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
