"""What can be removed and made again: working folders, builds, images' archives, failed builds."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.config.layout import Layout
from harness.model.errors import InfrastructureError, UserError

# Part of the cache -> what losing it costs.
PARTS = {
    "work": "source and output folders: the next build of a tree is a full one",
    "builds": "finished kernels: built again when needed; harness repro of old cells needs them",
    "failed-builds": "logs of trees that did not build: tried again",
    "ccache": "the compiler's cache: slower full builds",
    "guest-programs": "the guest's programs: compiled again",
    "root-images": "the guests' root images: made again",
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


def folder_size(path: Path) -> int:
    """Bytes that the folder's files take on disk."""
    total = 0
    for item in path.rglob("*"):
        try:
            if not item.is_symlink() and item.is_file():
                total += item.stat().st_blocks * 512
        except OSError:
            continue
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
