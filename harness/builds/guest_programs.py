"""Compiling the guest's programs (vm-images/guest) in the toolchain's container, once per content."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from harness.model.container import ContainerRequest, ContainerRunner, Mount
from harness.model.era import Image
from harness.model.errors import InfrastructureError
from harness.model.root import GuestPrograms


def sources_digest(folder: Path) -> str:
    """SHA-256 (hex) over names and contents of the C sources and the Makefile."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".c", ".h") or p.name == "Makefile"):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def build_guest_programs(
    runner: ContainerRunner, image: Image, programs: GuestPrograms, folder: Path, cache: Path
) -> Path:
    """The folder with the static binaries of one architecture, named after it and their sources.

    Raises InfrastructureError with the compiler's words: the programs are the harness's own.
    """
    variables = [f"{name}={value}" for name, value in programs.make_vars]
    parts = [sources_digest(folder), image.digest, *variables]
    key = f"{programs.arch}-{hashlib.sha256(' '.join(parts).encode()).hexdigest()}"
    final = cache / "guest-programs" / key
    if final.is_dir():
        return final
    new = cache / "guest-programs" / f"{key}.{os.getpid()}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    user, group = os.getuid() or 65534, os.getgid() or 65534
    if os.getuid() == 0:
        os.chown(new, user, group)
    output: list[bytes] = []
    result = runner.run(
        ContainerRequest(
            image=image.digest,
            command=("make", "-C", "/source", "OUT=/out", *variables),
            mounts=(Mount(str(folder), "/source", True), Mount(str(new), "/out", False)),
            environment=(("HOME", "/tmp"), ("LC_ALL", "C")),
            workdir="/out",
            user=f"{user}:{group}",
            cpus=2,
            memory_mib=1024,
            timeout=300.0,
            label="guest-programs",
        ),
        output.append,
    )
    if result.exit_code != 0:
        told = b"".join(output).decode("utf-8", "replace").splitlines()
        errors = [line for line in told if "error" in line.lower()] or told[-1:] or ["no output"]
        shutil.rmtree(new, ignore_errors=True)
        raise InfrastructureError(f"the guest programs do not compile: {errors[0].strip()[:300]}", where=str(folder))
    try:
        new.rename(final)
    except OSError:  # another harness was first
        shutil.rmtree(new, ignore_errors=True)
    return final
