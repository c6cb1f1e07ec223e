"""Kernel versions have the order in which the kernels came."""

from __future__ import annotations

import itertools

import pytest

from harness.model.version import KernelVersion, VersionRange

IN_ORDER = (
    "2.5.31", "2.5.31-bk", "2.5.32", "2.6.9-rc1", "2.6.9-rc1-bk", "2.6.9-rc2", "2.6.9", "2.6.22-rc2", "2.6.22-rc2-mm1",
    "2.6.22", "2.6.22.1", "2.6.27.57", "2.6.38", "3.0", "3.0.1", "v3.1-rc1", "3.1", "5.10.223", "6.1.192", "6.12",
)  # fmt: skip


def test_order() -> None:
    versions = [KernelVersion.parse(text) for text in IN_ORDER]
    for earlier, later in itertools.pairwise(versions):
        assert earlier < later
    assert KernelVersion.parse("6.1") == KernelVersion.parse("v6.1.0")


@pytest.mark.parametrize("text", ["", "six", "2.6.22-rc", "2..6", "1.2.3.4.5", "٢.6", "6.1; rm"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="kernel version"):
        KernelVersion.parse(text)


def test_a_range_ends_before_its_end() -> None:
    old = VersionRange(KernelVersion.parse("2.6.14-rc1"), KernelVersion.parse("2.6.36"))
    inside = ["2.6.14-rc1", "2.6.22", "2.6.36-rc1", "2.6.35.14"]
    assert all(KernelVersion.parse(text) in old for text in inside)
    assert not any(KernelVersion.parse(text) in old for text in ["2.6.13", "2.6.36", "3.0"])
    assert str(old) == "from 2.6.14-rc1 until 2.6.36"
