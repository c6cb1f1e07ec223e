"""Disk images with a distribution's user space: made from its packages, without mounts, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.config.whole_file import write_whole
from harness.model.disk_image import DiskImage, ImageRecipe
from harness.model.era import Toolchain
from harness.model.errors import InfrastructureError
from harness.toolchains.images import Report, locked, make_root

# Part of every image's key: raise it when the way of making an image changes what is in it.
MAKING = 1
EPOCH = 1_672_531_200  # 2023-01-01: no time in an image is later, so that none tells when it was made
MAKE_SECONDS = 600.0
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
# What packages make at random or take from this machine; host keys are each guest's own.
_NOT_KEPT = ("etc/ssh/ssh_host_*", "etc/resolv.conf", "etc/machine-id", "var/cache/ldconfig/aux-cache")


def image_key(recipe: ImageRecipe, public_key: str) -> str:
    """SHA-256 (hex) over what an image is made from."""
    files = [(inside, hashlib.sha256(here.read_bytes()).hexdigest()) for inside, here in recipe.files]
    parts = [MAKING, recipe.suite, sorted(recipe.packages), files, recipe.size_mib, public_key]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def present_disk_image(recipe: ImageRecipe, public_key: str, folder: Path) -> DiskImage | None:
    """The recipe's image where it is in ``folder``, else None."""
    path = _path(recipe, public_key, folder)
    try:
        digest = path.with_suffix(".sha256").read_text().strip()
    except OSError:
        return None
    return DiskImage(recipe.name, path, digest) if path.is_file() and len(digest) == 64 else None


def disk_image_of(digest: str, folder: Path) -> DiskImage | None:
    """The image with that content where it is in ``folder``, else None."""
    for known in sorted(folder.glob("*.sha256")):
        if known.read_text().strip() == digest and known.with_suffix(".img").is_file():
            return DiskImage(known.stem.rpartition("-")[0], known.with_suffix(".img"), digest)
    return None


def ensure_disk_image(recipe: ImageRecipe, public_key: str, folder: Path, report: Report) -> DiskImage:
    """The recipe's image, whose only way in is ``public_key`` (a line of authorized_keys): the one that is here, else
    it is made. One harness makes it, others wait. Raises InfrastructureError."""
    image = present_disk_image(recipe, public_key, folder)
    if image is not None:
        return image
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{recipe.name}.lock", lambda: report(f"image {recipe.name}: waiting for another harness")):
        image = present_disk_image(recipe, public_key, folder)
        return image or _make(recipe, public_key, folder, report)


def _path(recipe: ImageRecipe, public_key: str, folder: Path) -> Path:
    return folder / f"{recipe.name}-{image_key(recipe, public_key)[:16]}.img"


def _make(recipe: ImageRecipe, public_key: str, folder: Path, report: Report) -> DiskImage:
    for left in folder.glob(f"{recipe.name}-*.new*"):  # the lock is held: whoever made these is gone
        _remove(left)
    for program in ("mke2fs", "debugfs"):
        _program(program)
    path = _path(recipe, public_key, folder)
    tar = path.with_suffix(".tar")
    work = Path(tempfile.mkdtemp(prefix=f"{path.stem}.new.", dir=folder))
    try:
        if not tar.is_file():
            made_of = Toolchain(
                name=recipe.name, suite=recipe.suite, packages=recipe.packages, script="", make_vars=(),
                summary=recipe.summary, where=recipe.where,
            )  # fmt: skip
            make_root(made_of, tar, report, EPOCH)
        image = work / "image"
        write_image(tar, added_files(recipe, public_key), image, recipe.size_mib)
        digest = _sha256(image)
        image.chmod(0o444)
        image.replace(path)
        write_whole(path.with_suffix(".sha256"), digest + "\n")
        tar.unlink(missing_ok=True)
    except OSError as error:
        raise InfrastructureError(
            f"the image {recipe.name} cannot be made: {error.strerror}", where=str(path)
        ) from error
    finally:
        _remove(work)
    report(f"image {recipe.name}: {path.stat().st_blocks * 512 // 1_000_000} MB on disk, {digest[:12]}")
    return DiskImage(recipe.name, path, digest)


def added_files(recipe: ImageRecipe, public_key: str) -> tuple[tuple[str, bytes, int], ...]:
    """(path, content, mode) of what an image has besides the packages' files; folders are made where they lack."""
    files = [
        (inside, here.read_bytes(), 0o755 if "sbin" in Path(inside).parts else 0o644) for inside, here in recipe.files
    ]
    return (
        *files,
        ("etc/hostname", b"guest\n", 0o644),
        ("etc/machine-id", b"", 0o444),
        ("root/.ssh/authorized_keys", public_key.encode() + b"\n", 0o600),
    )


def write_image(tar: Path, added: Sequence[tuple[str, bytes, int]], image: Path, size_mib: int) -> None:
    """Writes an ext4 file system of ``size_mib`` with the archive's and the ``added`` files, without privileges.

    Equal input makes equal bytes: owners and times are the archive's, not those of the files it is unpacked to.
    Raises InfrastructureError with the failing program's last words.
    """
    with tempfile.TemporaryDirectory(prefix="root.", dir=image.parent) as place:
        root = Path(place)
        # Device nodes need privileges; the kernel fills /dev itself (devtmpfs).
        _run(["tar", "-x", "-p", "--no-same-owner", "--exclude=./dev/*", "-f", str(tar), "-C", place])
        for pattern in _NOT_KEPT:
            for path in root.glob(pattern):
                path.unlink()
        for name, content, mode in added:
            path = root / name
            path.parent.mkdir(mode=0o700 if path.parent.name == ".ssh" else 0o755, parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            path.chmod(mode)
        root.chmod(0o755)
        # A fixed name space for identifiers: file system and the hash of its folders.
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, "harness:disk-image"))
        command = [
            "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0", "-N", "65536", "-U", name,
            "-O", "^has_journal,^metadata_csum,^64bit,^orphan_file",
            "-E", f"hash_seed={name},root_owner=0:0,lazy_itable_init=0,nodiscard",
            "-d", place, str(image), f"{size_mib}M",
        ]  # fmt: skip
        if not _knows_orphan_file():
            command = [word.replace(",^orphan_file", "") for word in command]
        _run(command)
        with tarfile.open(tar) as archive:
            owners = {member.name.removeprefix("./"): (member.uid, member.gid, member.mtime) for member in archive}
        paths = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
        script = image.with_name("owners")
        script.write_text("".join(_inode_lines(paths, owners)))
        _run(["debugfs", "-w", "-f", str(script), str(image)])


def _inode_lines(paths: Iterable[str], owners: dict[str, tuple[int, int, float]]) -> Iterator[str]:
    """Commands of debugfs that give each path its owner and its times."""
    yield from (f"set_inode_field / {which}time @{EPOCH}\n" for which in "acm")
    for path in paths:
        if any(ord(letter) < 32 or letter in '"\\' for letter in path):
            raise InfrastructureError(f"a file name that debugfs cannot take: {path!r}")
        uid, gid, when = owners.get(path, (0, 0, EPOCH))
        yield f'set_inode_field "/{path}" uid {uid}\n'
        yield f'set_inode_field "/{path}" gid {gid}\n'
        for which in "acm":
            yield f'set_inode_field "/{path}" {which}time @{min(int(when), EPOCH)}\n'
        yield f'set_inode_field "/{path}" crtime @{EPOCH}\n'


def _knows_orphan_file() -> bool:
    """Whether mke2fs would make one: it refuses the names of features that it does not know."""
    done = subprocess.run([_program("mke2fs"), "-V"], capture_output=True, text=True, timeout=30)
    words = done.stderr.split()
    version = words[1] if len(words) > 1 else "0"
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return numbers >= [1, 47]


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH)
    if found is None:
        raise InfrastructureError(f"{name} is not installed", remedy="install e2fsprogs (make setup does)")
    return found


def _run(command: Sequence[str]) -> None:
    environment = os.environ | {"LC_ALL": "C", "TZ": "UTC", "E2FSPROGS_FAKE_TIME": str(EPOCH)}
    try:
        done = subprocess.run(
            [_program(command[0]), *command[1:]], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=MAKE_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise InfrastructureError(f"{command[0]} took more than {MAKE_SECONDS:.0f} s") from None
    # debugfs ends with 0 whatever happens; what it says after its banner is an error.
    said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    if command[0] == "debugfs":
        said = [line for line in said if not line.startswith("debugfs 1.")]
    if done.returncode != 0 or (command[0] == "debugfs" and said):
        told = said[-1][:300] if said else f"exit code {done.returncode}"
        raise InfrastructureError(f"{command[0]} failed: {told}")


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
