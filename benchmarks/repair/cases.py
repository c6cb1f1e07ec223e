"""Clean patches with their files before and after: from a git history, or from a folder of patches and its tree."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from random import Random

from benchmarks.repair.clean import Lines, Part, changed, diffstat, parse, render, touched
from benchmarks.repair.history import ENVIRONMENT, History

MAX_FILES = 12
ANY_HUNKS = range(1, 1000)
C_FILES = (":(glob)**/*.c", ":(glob)**/*.h")


@dataclass(frozen=True, slots=True)
class Case:
    """One clean patch. ``lines`` is the mail: subject, message, diffstat, diff (``a/``, ``b/``; no index lines).

    ``before`` and ``after`` map each touched path to the file's bytes. ``tree`` is ``DIR`` or ``DIR@REVISION`` of the
    whole tree the patch is for (without the patches before it, where they are a series).
    """

    name: str
    lines: Lines
    before: dict[str, bytes]
    after: dict[str, bytes]
    tree: str

    @property
    def text(self) -> str:
        return render(self.lines)

    @property
    def hunks(self) -> int:
        return sum(line.part is Part.HUNK for line in self.lines)


def as_mail(head: str, diff: str) -> Lines:
    """Subject and message, diffstat, diff, as ``git format-patch`` puts them."""
    body = parse(diff)
    return (*parse(head), *parse("---\n"), *diffstat(body), *parse("\n"), *body)


def from_history(
    source: str, paths: Sequence[str], limit: int, seed: int, most_changed: int, hunks: range = ANY_HUNKS
) -> Iterator[Case]:
    """Commits of ``DIR@A..B`` that change ``paths``, chosen by ``seed``: what each does to the C files it modifies.

    Left out are merges, commits that change more than ``most_changed`` lines or MAX_FILES files, or none, and those of
    which the mirror lacks a file. Raises ValueError for what is no such source.
    """
    folder, _, commits = source.rpartition("@")
    if not folder or ".." not in commits:
        raise ValueError(f"{source}: no git history; give DIR@A..B")
    history = History(Path(folder))
    found = history.git("rev-list", "--no-merges", commits, "--", *paths).split()
    Random(seed).shuffle(found)
    for commit in found:
        if limit <= 0:
            return
        case = _commit(history, commit, most_changed, hunks)
        if case is not None:
            yield case
            limit -= 1


def _commit(history: History, commit: str, most_changed: int, hunks: range) -> Case | None:
    against = ("diff-tree", "-r", "--no-renames", "--diff-filter=M")
    raw = history.git(*against, "--no-commit-id", "-z", commit, "--", *C_FILES).split("\0")
    before, after = {}, {}
    for entry, path in zip(raw[::2], raw[1::2], strict=False):
        _, _, old, new, _ = entry.split()
        was, became = history.blob(old), history.blob(new)
        if was is None or became is None:
            return None
        if was != became:
            before[path], after[path] = was, became
    if not 1 <= len(before) <= MAX_FILES:
        return None
    shown = history.git(
        *against,
        "-p",
        "-U3",
        "--no-color",
        "--no-ext-diff",
        "--format=%H%x00%s%n%nFrom: %an <%ae>%nDate: %ad%n%n%b%x00",
        "--date=rfc",
        commit,
        "--",
        *C_FILES,
    )
    _, head, diff = shown.split("\0", 2)
    if "Binary files " in diff or '\n+++ "' in diff:
        return None
    try:
        lines = as_mail(head.replace("\r", ""), diff.lstrip("\n"))
    except ValueError:
        return None
    if set(touched(lines)) != set(before) or changed(lines) > most_changed:
        return None
    if sum(line.part is Part.HUNK for line in lines) not in hunks:
        return None
    return Case(commit[:12], lines, before, after, f"{history.folder}@{commit}^")


def from_series(folder: Path, tree: str) -> Iterator[Case]:
    """The patches of a folder, in the order of their names, each on top of those before it.

    ``tree`` is a folder or ``DIR@REVISION``. Raises ValueError where a patch does not apply.
    """
    patches = sorted(folder.glob("*.patch")) if folder.is_dir() else [folder]
    at, _, revision = tree.rpartition("@")
    history = History(Path(at)) if at else None
    now: dict[str, bytes] = {}
    for patch in patches:
        raw = patch.read_bytes()
        lines = parse(raw.decode("utf-8", "surrogateescape"))
        paths = touched(lines)
        for path in paths:
            if path not in now:
                data = history.blob(f"{revision}:{path}") if history else (Path(tree) / path).read_bytes()
                if data is None:
                    raise ValueError(f"{tree}: no file {path}, which {patch} changes")
                now[path] = data
        before = {path: now[path] for path in paths}
        after = applied(before, raw)
        if after is None:
            raise ValueError(f"{patch}: does not apply to {tree} and the patches before it")
        now |= after
        yield Case(patch.name, lines, before, after, tree)


def applied(before: dict[str, bytes], patch: bytes) -> dict[str, bytes] | None:
    """The files after ``git apply`` with no option; None where it refuses."""
    with tempfile.TemporaryDirectory(prefix="repair-") as folder:
        write_files(Path(folder), before)
        done = subprocess.run(["git", "apply", "-"], cwd=folder, input=patch, capture_output=True, env=outside(folder))
        return read_files(Path(folder)) if done.returncode == 0 else None


def outside(folder: str) -> dict[str, str]:
    """The environment in which git sees no repository around ``folder``."""
    return {**ENVIRONMENT, "GIT_CEILING_DIRECTORIES": str(Path(folder).parent)}


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ValueError(f"{path} leaves the folder")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def read_files(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` by its path from there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
