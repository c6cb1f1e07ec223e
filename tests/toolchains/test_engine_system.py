"""A real engine with a real image: bounds hold, nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.kernel_files import load_toolchain
from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.model.container import ContainerRequest, ContainerResult, Mount
from harness.model.era import Image
from harness.model.errors import InfrastructureError
from harness.toolchains.engine import LABEL_FOR, DockerEngine, running_engine
from harness.toolchains.images import ensure_image
from harness.toolchains.probes import verify_image

pytestmark = pytest.mark.system
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def engine() -> DockerEngine:
    """The machine's engine, started where it may be."""
    layout = find_layout()
    return running_engine(load_settings(layout.root).engine, layout.cache / "engine", print)


@pytest.fixture(scope="module")
def image(engine: DockerEngine) -> Image:
    """The image of gcc-12, made where it is not here."""
    toolchain = load_toolchain(CHECKOUT / "configs" / "toolchains" / "gcc-12.yaml")
    return ensure_image(engine, toolchain, find_layout().cache / "images", print)


@pytest.fixture
def request_of(image: Image, request: pytest.FixtureRequest) -> Iterator[ContainerRequest]:
    """A small container; its command is to be replaced."""
    yield ContainerRequest(
        image=image.digest,
        command=("true",),
        mounts=(),
        environment=(("LC_ALL", "C"),),
        workdir="/tmp",
        user="65534:65534",
        cpus=1,
        memory_mib=128,
        timeout=60.0,
        label=request.node.name,
    )


def run(engine: DockerEngine, request: ContainerRequest, script: str) -> tuple[ContainerResult, str]:
    output: list[bytes] = []
    result = engine.run(replace(request, command=("/bin/sh", "-c", script)), output.append)
    return result, b"".join(output).decode()


def names(label: str) -> list[str]:
    api = DockerEngine.connect()._api
    return [c["Names"][0] for c in api.containers(all=True, filters={"label": f"{LABEL_FOR}={label}"})]


def test_image_compiles(engine: DockerEngine, image: Image) -> None:
    toolchain = load_toolchain(CHECKOUT / "configs" / "toolchains" / "gcc-12.yaml")
    found = verify_image(engine, image, toolchain)
    assert found.failures == () and found.other_tools == ()
    assert [tool.tool for tool in found.tools] == ["gcc", "make", "perl", "binutils"]


def test_container_is_locked_in(engine: DockerEngine, request_of: ContainerRequest, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    request = replace(request_of, mounts=(Mount(str(tmp_path / "in"), "/in", True),))
    result, output = run(
        engine,
        request,
        "id -u; ls /sys/class/net; touch /root-file; touch /in/file; grep -E 'CapEff|NoNewPrivs' /proc/self/status\n"
        "printf '#!/bin/sh\\necho ran\\n' >/tmp/a; chmod +x /tmp/a; /tmp/a; exit 7",
    )
    assert result.exit_code == 7 and not result.timed_out and not result.out_of_memory
    lines = output.splitlines()
    assert "lo" in lines and "eth0" not in lines
    assert "ran" in lines
    assert sum("Read-only file system" in line for line in lines) == 2
    assert any(line.split() == ["CapEff:", "0" * 16] for line in lines)
    assert any(line.split() == ["NoNewPrivs:", "1"] for line in lines)


def test_late_command_is_killed_and_removed(engine: DockerEngine, request_of: ContainerRequest) -> None:
    started = time.monotonic()
    result, output = run(engine, replace(request_of, timeout=2.0), "echo before; sleep 100; echo after")
    assert result.timed_out and result.exit_code != 0
    assert output == "before\n"
    assert time.monotonic() - started < 30
    assert names(request_of.label) == []


def test_silent_command_is_killed_too(engine: DockerEngine, request_of: ContainerRequest) -> None:
    result, _ = run(engine, replace(request_of, timeout=2.0), "exec >&- 2>&-; sleep 100")
    assert result.timed_out


def test_running_out_of_memory_is_told(engine: DockerEngine, request_of: ContainerRequest) -> None:
    if not engine.capabilities.memory:
        pytest.skip("this engine cannot bound memory")
    result, _ = run(engine, request_of, "perl -e '$x = \"a\" x (400 << 20)'; exit 2")
    assert result.out_of_memory and result.exit_code == 2


def test_all_output_arrives_in_order(engine: DockerEngine, request_of: ContainerRequest) -> None:
    result, output = run(engine, request_of, "seq 1 300000")
    assert result.exit_code == 0
    assert output == "".join(f"{number}\n" for number in range(1, 300001))


def test_failing_sink_leaves_no_container(engine: DockerEngine, request_of: ContainerRequest) -> None:
    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        engine.run(replace(request_of, command=("sh", "-c", "echo x; sleep 100")), full)
    assert names(request_of.label) == []


def test_missing_image_and_missing_folder_are_the_engines_errors(
    engine: DockerEngine, request_of: ContainerRequest
) -> None:
    with pytest.raises(InfrastructureError, match="No such image"):
        engine.run(replace(request_of, image="sha256:" + "0" * 64), print)
    with pytest.raises(InfrastructureError, match="/nonexistent"):
        engine.run(replace(request_of, mounts=(Mount("/nonexistent", "/x", True),)), print)


def test_containers_in_other_threads_can_be_ended(engine: DockerEngine, request_of: ContainerRequest) -> None:
    results: list[ContainerResult] = []
    thread = threading.Thread(target=lambda: results.append(run(engine, request_of, "echo up; sleep 50")[0]))
    thread.start()
    deadline = time.monotonic() + 30
    while not names(request_of.label) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    engine.end_running()
    thread.join(30)
    assert results and results[0].exit_code == 137 and not results[0].timed_out


def test_what_a_killed_harness_left_is_removed(engine: DockerEngine, request_of: ContainerRequest) -> None:
    code = (
        "import sys\n"
        "from harness.model.container import ContainerRequest\n"
        "from harness.toolchains.engine import DockerEngine\n"
        "DockerEngine.connect().run(ContainerRequest(image=sys.argv[1], command=('sh', '-c', 'echo up; sleep 100'),\n"
        "    mounts=(), environment=(), workdir='/', user='65534:65534', cpus=1, memory_mib=64, timeout=90.0,\n"
        "    label=sys.argv[2]), lambda data: print(data, flush=True))\n"
    )
    victim = subprocess.Popen(
        [sys.executable, "-c", code, request_of.image, request_of.label],
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    assert victim.stdout is not None and b"up" in victim.stdout.readline()
    engine.remove_leftovers()
    assert len(names(request_of.label)) == 1  # its harness lives
    victim.kill()
    victim.wait()
    victim.stdout.close()
    assert len(engine.remove_leftovers()) >= 1
    assert names(request_of.label) == []
