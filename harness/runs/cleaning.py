"""What can be removed and made again: working folders, builds, images' archives, failed builds."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.config.layout import Layout
from harness.model.errors import InfrastructureError, UserError
from harness.results.store import Store

# Part of the cache -> what losing it costs.
PARTS = {
    "work": "source and output folders: the next build of a tree is a full one",
    "builds": "finished kernels: built again when needed; harness repro of old cells needs them",
    "failed-builds": "logs of trees that did not build: tried again",
    "ccache": "the compiler's cache: slower full builds",
    "guest-programs": "the guest's programs: compiled again",
    "root-images": "the guests' root images: made again",
    "disk-images": "disk images of guests: made again, which takes minutes; harness repro of their cells needs them",
    "mail": "mail fetched from archives: fetched again",
    "downloads": "half-made downloads",
    "images": "logs and half-made archives of compiler images (the images stay in the engine)",
    "trees": "the object store of all trees: fetched again",
}
# Removed when nothing is named: cheap to make again, and the largest.
DEFAULT = ("work", "failed-builds", "downloads", "images")


@dataclass(frozen=True, slots=True)
class Removable:
    """One part with its size in bytes."""

    name: str
    path: Path
    size: int
    cost: str


def removable(layout: Layout) -> list[Removable]:
    """Every part of the cache that is there, with its size."""
    found = []
    for name, cost in PARTS.items():
        path = layout.cache / name
        if path.is_dir():
            found.append(Removable(name, path, folder_size(path), cost))
    return found


@dataclass(frozen=True, slots=True)
class Expendable:
    """One build, working folder or left-over: ``size`` in bytes, ``used`` the time of its last use (seconds since the
    epoch). ``needed`` says what would miss it; ``always`` True where force does not help."""

    part: str
    path: Path
    size: int
    used: float
    needed: str = ""
    always: bool = False


@dataclass(frozen=True, slots=True)
class Limited:
    """What limits take: ``removed`` in the order of removal, ``kept`` what they would have taken but for its need,
    ``left`` bytes of the cache after it."""

    removed: tuple[Expendable, ...]
    kept: tuple[Expendable, ...]
    left: int


# Whose files are removed one by one by a limit, cheapest to lose first.
_BY_AGE = ("downloads", "failed-builds", "work", "builds")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int:
    """Bytes of "20G", "1.5T", "800M" (powers of 1024). Raises UserError."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE | re.ASCII)
    if match is None:
        raise UserError(f"{text[:40]!r} is no size", remedy="like 20G or 800M")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def expendables(layout: Layout, store: Store | None) -> list[Expendable]:
    """Everything a limit may take, cheapest part first, then the oldest first.

    ``store`` knows which builds an unfinished run goes on with, and which a recorded result is repeated from. Results
    of other checkouts that share the cache are not known to it.
    """
    needs: dict[str, tuple[str, bool]] = {}
    used: dict[str, float] = {}
    for run in store.runs() if store is not None else ():
        unfinished = run.finished is None
        for kernel in store.kernels(run.id) if store is not None else ():
            told = f"run {run.id} goes on with it" if unfinished else f"harness repro of run {run.id} needs it"
            if unfinished or kernel.key not in needs:
                needs[kernel.key] = (told, unfinished)
            used[kernel.key] = max(used.get(kernel.key, 0.0), run.finished or run.started)
    found = []
    for part in _BY_AGE:
        folder = layout.cache / part
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            needed, always = needs.get(path.name, ("", False)) if part == "builds" else ("", False)
            last = max(_newest(path), used.get(path.name, 0.0) if part == "builds" else 0.0)
            size = folder_size(path) if path.is_dir() else path.lstat().st_blocks * 512
            found.append(Expendable(part, path, size, last, needed, always))
    return sorted(found, key=lambda one: (one.part in ("work", "builds"), one.used))


def _newest(path: Path) -> float:
    """When something was last written: into the folder, or one folder below."""
    times = [path.lstat().st_mtime]
    if path.is_dir() and not path.is_symlink():
        times += [inner.lstat().st_mtime for inner in path.iterdir()]
    return max(times)


def limit(
    found: Sequence[Expendable], total: int, keep_days: float | None, max_size: int | None, force: bool, now: float
) -> Limited:
    """What to remove so that nothing is older than ``keep_days`` and the cache, of ``total`` bytes, no larger than
    ``max_size``. What is needed stays, but for ``force``, which no unfinished run is given up for. Pure."""
    removed: list[Expendable] = []
    kept: list[Expendable] = []
    left = total
    for one in found:
        old = keep_days is not None and one.used < now - keep_days * 86400
        large = max_size is not None and left > max_size
        if not old and not large:
            continue
        if one.needed and (one.always or not force):
            kept.append(one)
            continue
        removed.append(one)
        left -= one.size
    return Limited(tuple(removed), tuple(kept), left)


def remove_expendable(one: Expendable) -> None:
    """Removes one thing. Raises InfrastructureError where something of it is left."""
    if one.path.is_dir() and not one.path.is_symlink():
        shutil.rmtree(one.path, ignore_errors=True)
    else:
        one.path.unlink(missing_ok=True)
    if one.path.exists():
        raise InfrastructureError("could not be removed whole", where=str(one.path), remedy="whose files are they?")


def days_since(used: float, now: float | None = None) -> float:
    """Days since a time, not less than none."""
    return max(0.0, ((now or time.time()) - used) / 86400)


def folder_size(path: Path) -> int:
    """Bytes that the folder's files take on disk; what vanishes meanwhile does not count."""
    total = 0
    folders = [str(path)]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                # One call a file: a tree's working folders hold a hundred thousand of them.
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def remove(part: Removable) -> None:
    """Removes a part. Raises InfrastructureError where something of it is left."""
    shutil.rmtree(part.path, ignore_errors=True)
    if part.path.exists():
        raise InfrastructureError("could not be removed whole", where=str(part.path), remedy="whose files are they?")


@contextmanager
def nothing_at_work(layout: Layout) -> Iterator[None]:
    """Holds every lock of the trees, so that nothing is removed under a build. Raises UserError when one is held."""
    with ExitStack() as stack:
        for path in sorted((layout.cache / "trees").glob("*.lock")):
            handle = stack.enter_context(path.open("w"))
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError("a harness is at work with it", where=str(path), remedy="wait for its end") from None
        yield
