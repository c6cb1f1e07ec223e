"""What a build asks of a container engine, whoever provides it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Mount:
    """A host directory seen in the container."""

    host: str
    container: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class ContainerRequest:
    """One command in one container: no network, not as root, bounded.

    ``image`` is a digest, ``cpus`` a number of processors, ``memory_mib`` MiB, ``timeout`` seconds, ``user`` a
    "uid:gid".
    """

    image: str
    command: tuple[str, ...]
    mounts: tuple[Mount, ...]
    environment: tuple[tuple[str, str], ...]
    workdir: str
    user: str
    cpus: int
    memory_mib: int
    timeout: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class ContainerResult:
    """How it ended: ``exit_code`` of the command, ``seconds`` of wall time; the output went to the sink."""

    exit_code: int
    seconds: float
    timed_out: bool = False
    out_of_memory: bool = False


class ContainerRunner(Protocol):
    """The part of a container engine that a build uses. A test hands in its own."""

    def run(self, request: ContainerRequest, sink: Callable[[bytes], None]) -> ContainerResult:
        """Run the command, feeding stdout and stderr to ``sink`` as it comes.

        Raises InfrastructureError when the engine fails (never for the command's own exit code).
        """
        ...

    def remove_leftovers(self) -> tuple[str, ...]:
        """Removes containers whose harness is gone; their names."""
        ...

    def command_line(self, request: ContainerRequest) -> str:
        """The equivalent ``docker run`` line, for people."""
        ...
