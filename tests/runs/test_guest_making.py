"""Before a guest is booted: what it is to be like, and whether its kernel fits into its memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.kernel_files import load_era
from harness.guests.root_image import program_fault
from harness.model.build import Config, Kernel
from harness.model.cell import Stressor, Wishes
from harness.model.errors import UserError
from harness.model.guest import GuestSpec
from harness.runs.guest_making import check_memory, guest_spec, kernel_bytes
from harness.runs.request import RunRequest

MAP = "ffffffff81000000 T _text\nffffffff81000110 T start\nffffffff82a00000 B _end\n"


def kernel(folder: Path) -> Kernel:
    """A kernel whose System.map is in ``folder``."""
    return Kernel("k", folder, "d", "v3.0", "t", 9, "i", Config((), (), ()), 1.0, False, False)


def test_a_kernel_larger_than_its_guest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "System.map").write_text(MAP)
    root = tmp_path / "root"
    root.write_bytes(bytes(2 << 20))
    assert kernel_bytes(tmp_path / "System.map") == 26 << 20
    check_memory(GuestSpec(memory_mib=64), kernel(tmp_path), root)
    with pytest.raises(UserError, match=r"v3\.0 \+ 9 and its root image need 36 MiB, the guest has 32; .*--memory"):
        check_memory(GuestSpec(memory_mib=32), kernel(tmp_path), root)


@pytest.mark.parametrize("text", ["", "nonsense\n", "00000000 T _end\n", "xyz T _text\n"])
def test_a_map_that_says_nothing_refuses_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "System.map").write_text(text)
    assert kernel_bytes(tmp_path / "System.map") == 0
    assert kernel_bytes(tmp_path / "none") == 0
    (tmp_path / "root").touch()
    check_memory(replace(GuestSpec(), memory_mib=16), kernel(tmp_path), tmp_path / "root")


ERA = load_era(Path(__file__).resolve().parents[2] / "configs/eras/v6.yaml")
OLD = load_era(Path(__file__).resolve().parents[2] / "configs/eras/v2.5.yaml")
STRESSOR = Stressor("swapoff", "", "", (), (), (), wishes=Wishes(512, 4, 2, "madvise", 32))


def test_the_users_words_are_over_the_stressors_wishes() -> None:
    guest = guest_spec(ERA, STRESSOR, RunRequest("s"))
    assert (guest.memory_mib, guest.cpus, guest.nodes) == (512, 4, 2)
    assert guest.append == ("harness.thp=madvise", "harness.swap=32")
    asked = RunRequest("s", cpus=2, memory_mib=256, nodes=1, append=("quiet",), thp="always", swap_mib=8)
    guest = guest_spec(ERA, STRESSOR, asked)
    assert (guest.memory_mib, guest.cpus, guest.nodes) == (256, 2, 1)
    assert guest.append == ("harness.swap=8", "quiet")


def test_wishes_for_nodes_are_left_where_the_kernel_knows_none() -> None:
    assert guest_spec(OLD, STRESSOR, RunRequest("s")).nodes == 1
    assert guest_spec(ERA, STRESSOR, RunRequest("s", cpus=1)).nodes == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (RunRequest("s", nodes=2), "--numa 2: kernels of era v2.5 know one memory node"),
        (RunRequest("s", memory_mib=1 << 30), "--memory .* MiB: this machine has"),
    ],
)
def test_a_guest_that_cannot_be_is_refused(asked: RunRequest, told: str) -> None:
    with pytest.raises(UserError, match=told):
        guest_spec(OLD, STRESSOR, asked)


def test_a_wish_that_this_machine_cannot_fulfil_is_told_as_the_stressors() -> None:
    greedy = replace(STRESSOR, wishes=Wishes(memory_mib=1 << 30))
    with pytest.raises(UserError, match=r"stressor swapoff wishes for .* MiB: this machine has .*--memory"):
        guest_spec(ERA, greedy, RunRequest("s"))
    with pytest.raises(UserError, match="--numa 4: a guest of 2 processors has at most as many nodes"):
        guest_spec(ERA, STRESSOR, RunRequest("s", nodes=4, cpus=2))


def test_a_program_that_cannot_start_is_told_before_the_boot(tmp_path: Path) -> None:
    (tmp_path / "stressors").mkdir()
    program = tmp_path / "stressors" / "swapoff"
    assert "no program of that name" in program_fault(tmp_path, "swapoff", "i386")
    assert program_fault(tmp_path, "quiet", "i386") == ""
    program.write_bytes(b"#!/bin/sh\n")
    assert "no ELF file" in program_fault(tmp_path, "swapoff", "i386")
    program.write_bytes(b"\x7fELF\x02" + bytes(13) + b"\x3e\x00")
    assert program_fault(tmp_path, "swapoff", "x86_64") == ""
    assert program_fault(tmp_path, "swapoff", "i386") == "its program is not one of i386"
