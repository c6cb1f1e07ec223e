"""What is booted, and on what."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Accelerator(enum.StrEnum):
    """QEMU's ways of running guest code on an x86 host."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """The machine a cell wants: ``memory_mib`` in all, spread over ``nodes``. ``append`` extends the kernel's command
    line, ``qemu_args`` QEMU's."""

    cpus: int = 4
    memory_mib: int = 1024
    nodes: int = 2
    machine: str = "pc"
    cpu: str = "max"
    append: tuple[str, ...] = ()
    qemu_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestLimits:
    """Seconds: ``wall`` for the whole guest, ``silence`` without any new byte on either port, ``after_crash`` to let a
    fatal report finish, ``autopsy`` for the SysRq dump. ``console_bytes`` bounds each port's log."""

    wall: float
    silence: float
    after_crash: float = 15.0
    autopsy: float = 10.0
    console_bytes: int = 16 * 1024 * 1024


class GuestEnd(enum.StrEnum):
    """How a guest ended, as seen from outside."""

    POWER_OFF = "power-off"
    RESET = "reset"  # by itself, before init was done, without a word: a triple fault, or a panic that nobody saw
    CRASHED = "crashed"
    HUNG = "hung"
    WALL_LIMIT = "wall-limit"
    FLOODED = "flooded"
    QEMU_FAILED = "qemu-failed"


@dataclass(frozen=True, slots=True)
class CpuPlace:
    """Where a CPU of a dead or hung guest stood: the function, None outside of the kernel's code (or where no vmlinux
    could tell), and those whose addresses lie on its stack, innermost first; leftovers of earlier calls are among
    them."""

    function: str | None
    stack: tuple[str, ...] = ()


SAMPLES = "samples"
"""Name of the artefact that a Sampling is kept in."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Where the processors of a guest stood while its stressor ran: ``samples`` looks at one processor each, of which
    ``functions`` tells those inside of the kernel's code by function, most often seen first. A function that was seen
    ran; of one that was not, nothing follows but that it took little time."""

    samples: int
    functions: tuple[tuple[str, int], ...]

    @property
    def in_kernel(self) -> int:
        """Samples inside of the kernel's code."""
        return sum(count for _, count in self.functions)


@dataclass(frozen=True, slots=True)
class GuestResult:
    """What a guest left. Times in seconds since power-on; None where it did not get that far.

    ``kernel_log_path`` is the log that was read from guest RAM, "" where there was no need to or it was not to be had.
    ``cpus`` is where the CPUs stood, in their order; () where the guest ended well or nobody could tell. ``sampling``
    is where they stood before, None where no sample was taken.
    """

    end: GuestEnd
    seconds: float
    user_space: float | None
    console_path: str
    report_path: str
    detail: str = ""
    kernel_log_path: str = ""
    cpus: tuple[CpuPlace, ...] = ()
    sampling: Sampling | None = None
