"""Guests with Debian: a real 6.1, its image, a command over SSH, and its console, which has the last word."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.guests.ssh_keys import write_own_disk
from harness.model.build import Kernel
from harness.model.cell import CellResult, Outcome
from harness.model.disk_image import DiskImage
from harness.model.guest import Accelerator
from harness.runs import cell_run
from harness.runs.cell_run import run_cell
from harness.runs.disk_guests import command_task, disk_image
from harness.runs.guest_shell import prepared_target, target_kernel
from harness.runs.image_checks import command_stressor
from harness.runs.preparation import PreparedTree
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

TREE = "linux-6.1"


@dataclass(frozen=True)
class Debian:
    """What its guests are booted from."""

    workshop: Workshop
    prepared: PreparedTree
    kernel: Kernel
    image: DiskImage

    @contextmanager
    def run(self, command: str, folder: Path, seconds: int = 120) -> Iterator[CellResult]:
        """Runs one command in one guest."""
        request = RunRequest("", image="debian", ssh_command=command, duration=seconds, cpus=2, nodes=1)
        stressor = command_stressor("debian", command)
        made = (self.workshop, self.prepared, 0, self.kernel, stressor, request, 0)
        task = command_task(*made, self.image, Accelerator.TCG)
        result = run_cell(task, folder, lambda line: None, lambda: False)
        print(result.outcome, result.reason, result.seconds, result.user_space)
        yield result
        shutil.rmtree(Path(result.console).parent)


@pytest.fixture(scope="module")
def debian(workshop: Workshop) -> Debian:
    """The tree's baseline with the image's own fragment, and the image."""
    request = RunRequest("", image="debian", ssh_command="true")
    prepared, patches = prepared_target(workshop, TREE, "", 0, request)
    image = disk_image(workshop, workshop.catalogue.disk_image("debian"))
    return Debian(workshop, prepared, target_kernel(workshop, prepared, patches), image)


def test_stress_ng_proves_its_work(debian: Debian, tmp_path: Path) -> None:
    command = "uname -r; stress-ng --fault 2 --timeout 5s --metrics-brief"
    with debian.run(command, tmp_path) as result:
        assert result.outcome is Outcome.PASS, result.reason
        assert result.proof is not None and dict(result.proof.counters)["stress-ng.fault"] > 0
        assert Path(result.output).read_text().startswith("6.1.")
        assert "release=6.1." in result.guest and "cpus=2 nodes=1" in result.guest
    with debian.image.path.open("rb") as image:
        assert hashlib.file_digest(image, "sha256").hexdigest() == debian.image.digest


def test_a_panic_is_judged_by_the_console(debian: Debian, tmp_path: Path) -> None:
    with debian.run("echo c > /proc/sysrq-trigger", tmp_path) as result:
        assert result.outcome is Outcome.FINDING, result.reason
        assert any("sysrq triggered crash" in finding.title for finding in result.findings)
        assert "ssh" not in result.reason


def test_the_exit_status_and_the_limit(debian: Debian, tmp_path: Path) -> None:
    with debian.run("cat /etc/shadow > /root/x; echo oh no >&2; exit 3", tmp_path) as result:
        assert (result.outcome, result.reason) == (Outcome.DID_NOT_EXERCISE, "the command exited with 3: oh no")
    with debian.run("sleep 1000", tmp_path, 5) as result:
        assert result.outcome is Outcome.TIMED_OUT
        assert "still running after 5 s" in result.reason and "SysRq dump" in result.reason


def test_another_host_key_is_refused(debian: Debian, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def another(path: Path) -> str:
        write_own_disk(path)
        other = write_own_disk(tmp_path / "other")
        return other

    monkeypatch.setattr(cell_run, "write_own_disk", another)
    with debian.run("true", tmp_path) as result:
        assert result.outcome is Outcome.HARNESS_FAILURE
        assert "another host key" in result.reason
