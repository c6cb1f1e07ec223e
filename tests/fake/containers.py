"""A container engine that runs the command on this machine, with the mounts' real paths in place of the container's."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness.model.container import ContainerRequest, ContainerResult
from harness.model.era import Image, Toolchain
from harness.model.errors import InfrastructureError

DIGEST = "sha256:" + "0123456789abcdef" * 4


def fake_image(toolchain: Toolchain) -> Image:
    """Every toolchain's image."""
    return Image(toolchain.name, f"fake/{toolchain.name}:1", DIGEST)


class LocalRunner:
    """Adds a line (label and step) to ``log`` for every command it runs.

    ``fault``: "" none, "dead" an engine that is gone, "killed" a container that is killed, "memory" one that ran out
    of memory, "late" one that took too long.
    """

    def __init__(self, log: Path, fault: str = "") -> None:
        self.log = log
        self.fault = fault

    def run(self, request: ContainerRequest, sink: Callable[[bytes], None]) -> ContainerResult:
        """Runs the command; the lock goes to the child, so that what a killed harness left behind is waited for."""
        words = [_with_host_paths(word, request) for word in request.command]
        step = "configure" if "allnoconfig" in words[-1] else "build" if "bzImage" in words[-1] else "programs"
        if self.fault == "dead":
            raise InfrastructureError("the container engine went away: connection refused")
        started = time.monotonic()
        with self.log.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            handle.write(f"{request.label} {step}\n")
            handle.flush()
            if self.fault:
                sink(b"  CC      mm/core.o\n")
                return ContainerResult(137, 0.1, self.fault == "late", self.fault == "memory")
            done = subprocess.run(
                words,
                cwd=_with_host_paths(request.workdir, request),
                env={**dict(request.environment), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(handle.fileno(),),
            )
        sink(done.stdout)
        return ContainerResult(done.returncode, round(time.monotonic() - started, 3))

    def remove_leftovers(self) -> tuple[str, ...]:
        """Commands on the spot leave nothing."""
        return ()

    def command_line(self, request: ContainerRequest) -> str:
        """As a docker line."""
        mounts = " ".join(f"-v {m.host}:{m.container}{':ro' if m.read_only else ''}" for m in request.mounts)
        return f"docker run --rm --network none {mounts} {request.image} {shlex.join(request.command)}"


def _with_host_paths(text: str, request: ContainerRequest) -> str:
    hosts = {mount.container: mount.host for mount in request.mounts}
    if not hosts:
        return text
    names = "|".join(re.escape(name) for name in hosts)
    return re.sub(rf"(?<![\w./-])({names})(?![\w-])", lambda match: hosts[match[1]], text)
