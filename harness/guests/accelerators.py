"""Which accelerator really runs guests here: decided by booting a canary, kept per machine."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.config.whole_file import write_whole
from harness.guests.qemu import Boot, qemu_version, run_guest
from harness.model.guest import Accelerator, GuestLimits

CANARY_SECONDS = 20.0  # a working guest needs 2 to 3 s under TCG, less under KVM
TCG_CANARY_SECONDS = 120.0  # generous: on a loaded machine TCG is slow, and it is our reference


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """What booting a known-good kernel under one accelerator showed."""

    accelerator: Accelerator
    works: bool
    reason: str
    seconds: float


class _Deaf:
    def feed(self, data: bytes) -> bool:
        return False

    def close(self) -> bool:
        return False


def kvm_obstacle(device: Path = Path("/dev/kvm")) -> str | None:
    """Why KVM cannot even be tried, or None. That it can be tried does not mean that it works."""
    if not device.exists():
        return f"{device} does not exist"
    if not os.access(device, os.R_OK | os.W_OK):
        return f"{device} may not be opened by this user"
    return None


def boot_canary(boot: Boot, accelerator: Accelerator) -> CanaryResult:
    """Boots ``boot`` under ``accelerator`` with one CPU and says whether init was reached."""
    spec = replace(boot.spec, cpus=1, nodes=1, memory_mib=512, append=())
    append = tuple("harness.stressor=canary" if w.startswith("harness.stressor=") else w for w in boot.append)
    canary = replace(boot, accelerator=accelerator, spec=spec, append=append)
    seconds = TCG_CANARY_SECONDS if accelerator is Accelerator.TCG else CANARY_SECONDS
    with tempfile.TemporaryDirectory(prefix="harness-canary-") as folder:
        limits = GuestLimits(wall=seconds, silence=seconds, after_crash=1.0, autopsy=0.0, console_bytes=1 << 22)
        result = run_guest(canary, Path(folder), limits, _Deaf())
    works = result.user_space is not None
    reason = (
        "a canary guest reached user space" if works else f"the canary guest did not reach user space ({result.end}"
    )
    if not works:
        reason += f", {result.detail.split(';')[0]})" if result.detail else ")"
    return CanaryResult(accelerator, works, reason, result.seconds)


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


class Accelerators:
    """Remembers canary results in ``path``, keyed by what they depend on: host kernel, CPU, QEMU."""

    def __init__(self, path: Path, qemu: str) -> None:
        self.path = path
        self.qemu = qemu

    def _machine(self) -> str:
        return f"{platform.node()} {platform.release()} {_cpu_model()} {qemu_version(self.qemu)}"

    def _kept(self) -> dict[str, dict[str, object]]:
        try:
            kept = json.loads(self.path.read_text())
            return kept if isinstance(kept, dict) else {}
        except (OSError, ValueError):
            return {}

    def known(self, accelerator: Accelerator) -> CanaryResult | None:
        """The kept result for this machine, or None."""
        entry = self._kept().get(f"{self._machine()} {accelerator}")
        if not entry:
            return None
        return CanaryResult(
            accelerator, bool(entry["works"]), str(entry["reason"]), float(str(entry.get("seconds", 0.0)))
        )

    def keep(self, result: CanaryResult) -> None:
        """Records a result for this machine."""
        kept = self._kept()
        kept[f"{self._machine()} {result.accelerator}"] = {
            "works": result.works, "reason": result.reason, "seconds": result.seconds,
        }  # fmt: skip
        write_whole(self.path, json.dumps(kept, indent=1))

    def choose(self, boot: Boot, report: Callable[[str], None]) -> tuple[Accelerator, str]:
        """(accelerator, why): KVM when a canary reached user space under it, else TCG.

        A canary that fails under TCG too says nothing of KVM: the kernel itself may be at fault, so nothing is kept.
        """
        obstacle = kvm_obstacle()
        if obstacle:
            return Accelerator.TCG, f"TCG: {obstacle}"
        known = self.known(Accelerator.KVM)
        if known is None:
            report("accelerator: booting a canary guest under KVM")
            known = boot_canary(boot, Accelerator.KVM)
            if not known.works:
                report("accelerator: booting the same canary under TCG")
                reference = boot_canary(boot, Accelerator.TCG)
                if not reference.works:
                    return Accelerator.TCG, "TCG: the canary kernel reaches user space under neither accelerator"
                self.keep(reference)
            self.keep(known)
        if known.works:
            return Accelerator.KVM, f"KVM: {known.reason}"
        return Accelerator.TCG, f"TCG: under KVM {known.reason}"
