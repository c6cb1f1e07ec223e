"""Patch files that make a tree of a base: -mm trees, snapshots. They come from anywhere: bounded, kept in the tree."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

import git

from harness.model.errors import TreeUnavailable
from harness.model.tree import Overlay
from harness.trees.downloads import local_file
from harness.trees.object_store import ObjectStore, git_reason

MAX_PACKED = 128 * 1024**2  # bytes as offered; the largest -mm had about 8 MB
MAX_UNPACKED = 384 * 1024**2  # bytes; git keeps a patch in memory
_CHUNK = 1 << 20
# No kernel patch of that time has one, and its declared size is memory that git takes.
_BINARY = re.compile(rb"^GIT binary patch\b", re.MULTILINE)


def _unpacking(file: IO[bytes]) -> IO[bytes]:
    """The file's content without its packing, told from its first bytes."""
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if head.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(file))
    if head == b"\xfd7zXZ\x00":
        return cast(IO[bytes], lzma.LZMAFile(file))
    return file


def with_overlays(
    store: ObjectStore,
    commit: str,
    overlays: Sequence[Overlay],
    message: str,
    folder: Path,
    report: Callable[[str], None],
) -> tuple[str, dict[str, str]]:
    """The commit of ``commit``'s tree with the patch files applied in order, all of each or nothing; the SHA-256 of
    each file by its location.

    ``folder`` is for what is downloaded. Raises TreeUnavailable for a file that cannot be had, is not what was pinned,
    is too large, or does not apply.
    """
    with tempfile.TemporaryDirectory(prefix="harness-overlay-") as scratch:
        index = Path(scratch) / "index"
        checksums = {}
        store.git("read-tree", commit, index=index)
        for overlay in overlays:
            packed, downloaded = local_file(overlay.location, folder, MAX_PACKED, report)
            try:
                diff, checksums[overlay.location] = unpacked(packed, overlay, Path(scratch) / "diff")
            finally:
                if downloaded:
                    packed.unlink(missing_ok=True)
            report(f"applying {packed.name} ({diff.stat().st_size >> 10} KiB)")
            try:
                store.apply_to_index(diff, index, "-p1")
                tree_id = store.git("write-tree", index=index).strip()
            except git.GitCommandError as error:
                hunk = re.search(r"patch failed: (\S+:\d+)", str(error.stderr))
                why = f"no place for its hunk at {hunk[1]}" if hunk else git_reason(error)
                raise TreeUnavailable(f"it does not apply to its base: {why}", where=overlay.location) from error
        return store.commit_tree(tree_id, message), checksums


def unpacked(packed: Path, overlay: Overlay, diff: Path) -> tuple[Path, str]:
    """Writes the patch that a file holds, packed with gzip, bzip2, xz or not at all, to ``diff``; returns ``diff`` and
    the SHA-256 of the file.

    Raises TreeUnavailable where it is not the pinned file, is damaged, too large, or no patch git may be given.
    """
    if packed.stat().st_size > MAX_PACKED:
        raise TreeUnavailable(f"larger than {MAX_PACKED} bytes", where=overlay.location)
    with packed.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
        if overlay.sha256 is not None and checksum != overlay.sha256:
            raise TreeUnavailable(
                f"sha256 is {checksum}, pinned is {overlay.sha256}",
                where=overlay.location,
                remedy="it is not the file that was pinned",
            )
        file.seek(0)
        opened = _unpacking(file)
        total, line = 0, b""  # the beginning of the line that goes on in the next chunk
        try:
            with diff.open("wb") as out:
                while chunk := opened.read(_CHUNK):
                    total += len(chunk)
                    if total > MAX_UNPACKED:
                        raise TreeUnavailable(f"unpacks to more than {MAX_UNPACKED} bytes", where=overlay.location)
                    text = line + chunk
                    if _BINARY.search(text):
                        raise TreeUnavailable("it holds a binary patch, which is refused", where=overlay.location)
                    line = text[text.rfind(b"\n") + 1 :][:64]
                    out.write(chunk)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            raise TreeUnavailable(f"cannot be unpacked: {error}", where=overlay.location) from error
    return diff, checksum
