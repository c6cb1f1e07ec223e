"""Before a guest is booted: whether its kernel fits into its memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.build import Config, Kernel
from harness.model.errors import UserError
from harness.model.guest import GuestSpec
from harness.runs.guest_making import check_memory, kernel_bytes

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
