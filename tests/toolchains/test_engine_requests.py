"""What is asked of the engine, as values: nothing here needs one."""

from __future__ import annotations

import itertools
import shlex
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.container import ContainerRequest, Mount
from harness.model.errors import EngineUnavailable
from harness.toolchains.engine import (
    Capabilities,
    candidate_urls,
    capabilities,
    container_user,
    docker_run_line,
    host_options,
    unavailable,
)

REQUEST = ContainerRequest(
    image="sha256:" + "ab" * 32,
    command=("/bin/sh", "-c", "make -C /source 'O=/out'"),
    mounts=(Mount("/home/me/a tree", "/source", True), Mount("/home/me/out", "/out", False)),
    environment=(("LC_ALL", "C"), ("HARNESS_MAKE", "ARCH=x86_64 CC=gcc")),
    workdir="/out",
    user="1000:1000",
    cpus=8,
    memory_mib=4096,
    timeout=60.0,
    label="v3.0+0",
)
FULL = Capabilities(cpus=4)


def test_container_has_no_network_no_privileges_and_nothing_writable_but_its_mounts() -> None:
    options = host_options(REQUEST, FULL)
    assert options["NetworkMode"] == "none"
    assert options["ReadonlyRootfs"] is True
    assert options["CapDrop"] == ["ALL"]
    assert options["SecurityOpt"] == ["no-new-privileges"]
    assert [(m["Target"], m["ReadOnly"]) for m in options["Mounts"]] == [("/source", True), ("/out", False)]
    assert list(options["Tmpfs"]) == ["/tmp"]
    assert "Privileged" not in options


def test_container_is_bounded_by_request_and_machine() -> None:
    options = host_options(REQUEST, FULL)
    assert options["NanoCpus"] == 4_000_000_000  # asked for 8, there are 4
    assert options["Memory"] == options["MemorySwap"] == 4096 * 1024 * 1024
    assert options["PidsLimit"] > 0


def test_bounds_that_the_engine_cannot_keep_are_left_out() -> None:
    poor = Capabilities(cpus=4, cpu_quota=False, memory=False, swap=False, pids=False)
    assert not {"NanoCpus", "Memory", "MemorySwap", "PidsLimit"} & host_options(REQUEST, poor).keys()
    assert "MemorySwap" not in host_options(REQUEST, replace(FULL, swap=False))


@pytest.mark.parametrize(
    ("engine", "user", "namespace"),
    [
        (FULL, "1000:1000", None),
        (replace(FULL, rootless=True), "0:0", None),
        (replace(FULL, rootless=True, podman=True), "1000:1000", "keep-id"),
        (replace(FULL, remapped=True), "1000:1000", "host"),
    ],
)
def test_user_is_the_one_that_owns_the_output_folder_outside(
    engine: Capabilities, user: str, namespace: str | None
) -> None:
    assert container_user(REQUEST, engine) == user
    assert host_options(REQUEST, engine).get("UsernsMode") == namespace


def test_command_line_carries_every_option_and_survives_a_shell() -> None:
    words = shlex.split(docker_run_line(REQUEST, FULL))
    assert words[:3] == ["docker", "run", "--rm"]
    assert words[-4:] == [REQUEST.image, *REQUEST.command]
    for option, value in [
        ("--network", "none"),
        ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"),
        ("--user", "1000:1000"),
        ("--cpus", "4"),
        ("--memory", "4096m"),
        ("--workdir", "/out"),
        ("--mount", "type=bind,source=/home/me/a tree,target=/source,readonly"),
        ("--mount", "type=bind,source=/home/me/out,target=/out"),
        ("--env", "HARNESS_MAKE=ARCH=x86_64 CC=gcc"),
    ]:
        assert (option, value) in itertools.pairwise(words)
    assert "--read-only" in words


def test_capabilities_are_read_from_the_engine() -> None:
    info = {
        "NCPU": 2,
        "CpuCfsQuota": True,
        "MemoryLimit": True,
        "SwapLimit": False,
        "PidsLimit": True,
        "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
    }
    assert capabilities(info, podman=False) == Capabilities(2, swap=False, rootless=True)
    assert capabilities({"SecurityOptions": None}, podman=True).cpus == 1


def test_a_named_engine_is_the_only_candidate() -> None:
    assert candidate_urls({"DOCKER_HOST": "tcp://build.example:2376"}) == ["tcp://build.example:2376"]


def test_sockets_that_exist_are_candidates(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "docker.sock"))
        urls = candidate_urls({"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)})
    assert f"unix://{tmp_path}/docker.sock" in urls
    assert not any("podman" in url and str(tmp_path) in url for url in urls)


@pytest.mark.parametrize(
    ("tried", "words"),
    [
        ([], "systemctl start docker"),
        ([("unix:///a.sock", "PermissionError(13, 'Permission denied')")], "group docker"),
        ([("unix:///a.sock", "Connection refused")], "unix:///a.sock"),
    ],
)
def test_a_missing_engine_is_one_line_with_a_remedy(tried: list[tuple[str, str]], words: str) -> None:
    error = unavailable(tried)
    assert isinstance(error, EngineUnavailable)
    assert error.exit_code == 3
    assert words in str(error)
    assert "\n" not in str(error)
