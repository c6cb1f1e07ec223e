"""Samples of the processors: counting, naming, and the artefact."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from harness.guests.monitor import CpuState, Monitor, QemuStuck
from harness.guests.sampling import CpuSampler, read_samples, write_samples
from harness.model.guest import Sampling

NAMES = {0x10: "do_swap_page", 0x14: "do_swap_page.isra.0", 0x20: "try_to_unuse"}


class FakeMonitor:
    """Answers with the next look, or raises it."""

    connected = True

    def __init__(self, *looks: tuple[int, ...] | Exception) -> None:
        self.looks = list(looks)

    def cpus(self) -> tuple[CpuState, ...]:
        look = self.looks.pop(0)
        if isinstance(look, Exception):
            raise look
        return tuple(CpuState(counter, 0) for counter in look)


def sampled(*looks: tuple[int, ...] | Exception) -> tuple[Sampling | None, FakeMonitor]:
    """The sampling after as many looks."""
    monitor = FakeMonitor(*looks)
    sampler = CpuSampler(cast(Monitor, monitor))
    for _ in looks:
        sampler.look()
    return sampler.sampling(NAMES.get), monitor


def test_parts_of_a_function_are_the_function() -> None:
    found, _ = sampled((0x10, 0x20), (0x14, 0x7F0000))
    assert found == Sampling(4, (("do_swap_page", 2), ("try_to_unuse", 1)))
    assert found is not None and found.in_kernel == 3


def test_no_look_is_no_sampling() -> None:
    assert sampled()[0] is None
    assert sampled(OSError("refused"))[0] is None


def test_a_monitor_that_does_not_answer_is_asked_no_more() -> None:
    found, monitor = sampled((0x10,), QemuStuck("mute"), (0x20,))
    assert found == Sampling(1, (("do_swap_page", 1),))
    assert len(monitor.looks) == 1


def test_the_artefact(tmp_path: Path) -> None:
    path = tmp_path / "samples"
    sampling = Sampling(40, (("do_swap_page", 12), ("try_to_unuse", 1)))
    write_samples(path, sampling)
    assert read_samples(path) == sampling
    path.write_text("# 9 samples\n3 good\n4 \x1b[2J\nx y\n" + "5 " + "a" * 300 + "\n")
    assert read_samples(path) == Sampling(9, (("good", 3),))
    path.write_text("nothing of ours\n")
    assert read_samples(path) is None
    path.write_text("")
    assert read_samples(path) is None
    assert read_samples(tmp_path / "none") is None
