"""Cells: one kernel, one guest, one stressor, one seed, one repeat; and what became of them."""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import dataclass

from harness.model.finding import Finding
from harness.model.guest import Accelerator, GuestSpec
from harness.model.version import ALL_VERSIONS, KernelVersion, VersionRange


class Outcome(enum.StrEnum):
    """What a cell says. Only PASS, FINDING and HUNG say something of the kernel under test."""

    PASS = "pass"
    FINDING = "finding"
    HUNG = "hung"
    DID_NOT_EXERCISE = "did-not-exercise"
    NOT_IN_THIS_KERNEL = "not-in-this-kernel"
    TIMED_OUT = "timed-out"
    BLOCKED = "blocked"
    BUILD_FAILED = "build-failed"
    HARNESS_FAILURE = "harness-failure"


@dataclass(frozen=True, slots=True)
class ProofRule:
    """At least one of ``any_of`` must have moved by ``minimum`` in a stressor's own time, in kernels of ``versions``.

    Names are counters, ``digest.KEY`` (the stressor's own), or ``seen.FUNCTION`` (samples in which a processor stood in
    that function)."""

    any_of: tuple[str, ...]
    minimum: int
    reason: str
    versions: VersionRange = ALL_VERSIONS


@dataclass(frozen=True, slots=True)
class Requirement:
    """An option, as the newest kernel calls it, that kernels of ``versions`` must have for a stressor to work."""

    option: str
    versions: VersionRange = ALL_VERSIONS


@dataclass(frozen=True, slots=True)
class Wishes:
    """The guest that a stressor would like: memory and swap in MiB, processors, memory nodes, the mode of transparent
    huge pages where the kernel has them. ``swap_mib`` is for each of its two swap areas, 0: what the stressor takes."""

    memory_mib: int = 1024
    cpus: int = 4
    nodes: int = 2
    thp: str = "always"
    swap_mib: int = 0


@dataclass(frozen=True, slots=True)
class Stressor:
    """A guest program, what it needs and how it proves its work. ``seconds`` is the default duration.

    ``versions`` are the kernels that have what it stresses; in others it is ``absent`` (the reason). ``files`` and
    ``functions`` are patterns (``*`` for any text) of what a series touches that it is the right stressor for."""

    name: str
    area: str
    summary: str
    races: tuple[str, ...]
    requires: tuple[Requirement, ...]
    proof: tuple[ProofRule, ...]
    seconds: int = 20
    wishes: Wishes = Wishes()
    where: str = ""
    versions: VersionRange = ALL_VERSIONS
    absent: str = ""
    files: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()

    def options(self, version: KernelVersion) -> tuple[str, ...]:
        """The options that a kernel of this version must have."""
        return tuple(one.option for one in self.requires if version in one.versions)


@dataclass(frozen=True, slots=True)
class Proof:
    """Counter movements of one cell and what the rules say of them."""

    counters: tuple[tuple[str, int], ...]
    satisfied: bool
    missing: tuple[str, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What is to be run. ``key`` is equal exactly when the same thing would be run again.

    ``arguments_digest`` is over QEMU's arguments and the kernel command line, without the paths of this machine. With a
    ``command`` the guest has the disk image ``disk_digest`` for its root, and no initramfs.
    """

    kernel_key: str
    kernel_digest: str
    tree: str
    patches: int
    stressor: str
    seconds: int
    seed: int
    repeat: int
    guest: GuestSpec
    initramfs_digest: str
    arguments_digest: str
    accelerator: Accelerator
    command: str = ""
    disk_digest: str = ""

    @property
    def key(self) -> str:
        """SHA-256 (hex) over everything that decides what runs; not over names of trees or series."""
        parts: list[object] = [
            self.kernel_digest,
            self.stressor,
            self.seconds,
            self.seed,
            self.repeat,
            self.arguments_digest,
            self.initramfs_digest,
            self.accelerator.value,
        ]
        if self.command:
            parts += [self.command, self.disk_digest]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Seen:
    """In how many of ``samples`` of the processors each function was seen; only functions that the kernel has under
    their own name, those never seen among them with 0."""

    samples: int
    functions: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """What a guest's end alone says, whatever the kernel reported: the outcome where no finding decides it."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class CellResult:
    """A finished cell. ``seconds`` is wall time, ``user_space`` seconds from power-on to init's first line;
    ``console``, ``report``, ``kernel_log``, ``samples`` and ``output`` are files, the last three "" where nothing was
    read from guest RAM, no samples of the processors were taken, and the stressor was no command.

    ``outcome`` and ``reason`` follow from ``findings`` by the policy and from ``ending``, which is None for cells that
    were run before it was kept."""

    key: str
    outcome: Outcome
    reason: str
    findings: tuple[Finding, ...]
    proof: Proof | None
    seconds: float
    user_space: float | None
    console: str
    report: str
    command_line: str
    guest: str = ""
    kernel_log: str = ""
    samples: str = ""
    ending: Ending | None = None
    output: str = ""

    @property
    def counts(self) -> bool:
        """True when the result may stand as a clean run or a hit in a comparison."""
        return self.outcome in (Outcome.PASS, Outcome.FINDING, Outcome.HUNG)
