"""Containers whose harness is gone are told from those in use."""

from __future__ import annotations

import subprocess

from harness.toolchains.process_identity import owner_is_gone, this_process


def test_a_living_process_is_not_gone() -> None:
    assert not owner_is_gone(this_process())


def test_a_finished_process_and_a_later_one_of_its_number_are() -> None:
    boot, namespace, number, start = this_process().split(":")
    with subprocess.Popen(["true"]) as child:
        pass
    assert owner_is_gone(f"{boot}:{namespace}:{child.pid}:1")
    assert owner_is_gone(f"{boot}:{namespace}:{number}:{int(start) - 1}")


def test_another_machines_process_cannot_be_judged() -> None:
    _, namespace, number, start = this_process().split(":")
    assert not owner_is_gone(f"0000:{namespace}:{number}:{start}")
    assert not owner_is_gone("")
    assert not owner_is_gone("no:such:thing")
