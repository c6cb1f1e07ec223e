"""Starting the engine, with a shell script in the place of dockerd."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from harness.model.errors import EngineUnavailable
from harness.toolchains import dockerd
from harness.toolchains.dockerd import NO_BRIDGE, last_word, next_options, start_engine

NETWORK = """\
time="2026-01-01T00:00:00Z" level=info msg="Starting up"
failed to start daemon: Error initializing network controller: error obtaining controller instance: failed to create \
NAT chain DOCKER: iptables failed: iptables -t nat -N DOCKER: exec: "iptables": executable file not found
"""
STORAGE = """\
time="2026-01-01T00:00:00Z" level=error msg="failed to mount overlay: invalid argument" storage-driver=overlay2
failed to start daemon: error initializing graphdriver: driver not supported: overlay2
"""


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root without systemd, and without fuse-overlayfs."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(dockerd, "SYSTEMD", tmp_path / "absent")
    monkeypatch.setattr(dockerd, "_SYSTEM_PATH", "")


def fake_dockerd(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A dockerd that says it answers by making a file."""
    program = folder / "bin" / "dockerd"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nanswer={folder}/answer\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return folder / "answer"


def test_network_faults_lead_to_an_engine_without_a_bridge() -> None:
    assert next_options((), NETWORK) == NO_BRIDGE


def test_storage_faults_lead_to_another_driver_and_then_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert next_options((), STORAGE) == ("--storage-driver=vfs",)
    assert next_options(NO_BRIDGE, STORAGE) == (*NO_BRIDGE, "--storage-driver=vfs")
    assert next_options((*NO_BRIDGE, "--storage-driver=vfs"), STORAGE) is None


def test_an_unknown_fault_is_tried_once_without_a_bridge() -> None:
    assert next_options((), "failed to start daemon: no idea\n") == NO_BRIDGE
    assert next_options(NO_BRIDGE, "failed to start daemon: no idea\n") is None


def test_the_log_tells_why() -> None:
    assert last_word(NETWORK).startswith("failed to start daemon: Error initializing network controller")
    assert last_word("") == "it said nothing"


def test_options_that_this_machine_needs_are_found_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = fake_dockerd(
        tmp_path,
        monkeypatch,
        'case "$*" in *--bridge=none*) ;; *) echo "failed to start daemon: iptables failed"; exit 1;; esac\n'
        "touch $answer; exec sleep 60",
    )
    said = start_engine(tmp_path / "state", answers=answer.exists, seconds=20)
    assert "--bridge=none" in said
    pid = int(said.partition("(process ")[2].partition(",")[0])
    assert os.getsid(pid) == pid  # outlives this process's session
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert "iptables failed" in (tmp_path / "state" / "dockerd.failed.log").read_text()
    assert dockerd._remembered(tmp_path / "state") == NO_BRIDGE


def test_an_engine_that_never_starts_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dockerd(tmp_path, monkeypatch, 'echo "failed to start daemon: Devices cgroup is not mounted"; exit 1')
    with pytest.raises(EngineUnavailable, match="Devices cgroup is not mounted"):
        start_engine(tmp_path / "state", answers=lambda: False, seconds=20)


def test_an_engine_that_does_not_answer_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = fake_dockerd(tmp_path, monkeypatch, "echo $$ > $answer; exec sleep 60")
    started = time.monotonic()
    with pytest.raises(EngineUnavailable, match="does not answer"):
        start_engine(tmp_path / "state", answers=lambda: False, seconds=1)
    assert time.monotonic() - started < 15
    with pytest.raises(ProcessLookupError):
        os.kill(int(answer.read_text()), 0)


def test_an_engine_that_somebody_else_started_meanwhile_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_dockerd(tmp_path, monkeypatch, "exit 1")
    assert "somebody else" in start_engine(tmp_path / "state", answers=lambda: True)


def test_without_rights_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    with pytest.raises(EngineUnavailable, match="systemctl"):
        start_engine(tmp_path / "state", answers=lambda: False)
