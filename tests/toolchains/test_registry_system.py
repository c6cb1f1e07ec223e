"""The pull road, through a real registry: whole, wrong, cut in the middle, silent."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.kernel_files import load_toolchain
from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.model.era import Image, Toolchain
from harness.model.errors import InfrastructureError
from harness.toolchains import engine as engine_module
from harness.toolchains.engine import DockerEngine, running_engine
from harness.toolchains.images import ensure_image, image_reference, pull_reference
from harness.toolchains.probes import verify_image

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry (Debian's package) is missing"),
]
CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "harness-test/base:1"
LAYER_BYTES = 8_000_000


@pytest.fixture(scope="module")
def engine() -> DockerEngine:
    """The machine's engine, started where it may be."""
    layout = find_layout()
    return running_engine(load_settings(layout.root).engine, layout.cache / "engine", print)


@pytest.fixture(scope="module")
def registry(engine: DockerEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a registry that has NAME: the image of gcc-12 with one more layer, which is not here."""
    folder = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _await(port)
        toolchain = load_toolchain(CHECKOUT / "configs" / "toolchains" / "gcc-12.yaml")
        base = ensure_image(engine, toolchain, find_layout().cache / "images", print)
        reference = f"localhost:{port}/{NAME}"
        more = f"head -c {LAYER_BYTES} /dev/urandom >/srv/harness-test"
        assert engine.run_and_commit(base.digest, more, reference, (), 300, print) == 0
        for event in engine._long_api.push(*reference.rsplit(":", 1), stream=True, decode=True):
            assert "error" not in event, event
        engine._api.remove_image(reference)
        yield port
    finally:
        process.terminate()
        process.wait()


def _await(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise AssertionError("the registry does not start")


class Relay:
    """Between the engine and the registry; after ``limit`` bytes of a connection it ends it, or says no more."""

    def __init__(self, registry: int, limit: int, end: bool) -> None:
        self.registry, self.limit, self.end = registry, limit, end
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.server.getsockname()[1]
        self.cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.server.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.registry)) as upstream:
            threading.Thread(target=self._ask, args=(client, upstream), daemon=True).start()
            passed = 0
            while data := upstream.recv(65536):
                client.sendall(data)
                passed += len(data)
                if passed > self.limit:
                    self.cut += 1
                    if not self.end:
                        time.sleep(60)
                    break
            client.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _ask(client: socket.socket, upstream: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                upstream.sendall(data)

    def close(self) -> None:
        """Accepts nobody any more."""
        self.server.close()


@pytest.fixture
def relay(registry: int) -> Iterator[Callable[[int, bool], Relay]]:
    """Starts relays, and ends them."""
    started: list[Relay] = []

    def start(limit: int, end: bool) -> Relay:
        started.append(Relay(registry, limit, end))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def chain(engine: DockerEngine) -> Iterator[Toolchain]:
    """A toolchain that only a registry has; its images are removed."""
    toolchain = Toolchain(
        "registry-test", "bookworm", ("gcc", "make", "less"), "", (("CC", "gcc"),), pull=NAME, pull_only=True
    )
    yield toolchain
    if engine.image(image_reference(toolchain)):
        engine._api.remove_image(image_reference(toolchain), force=True)


def pulled(engine: DockerEngine, toolchain: Toolchain, port: int, folder: Path, said: list[str]) -> Image:
    try:
        return ensure_image(engine, toolchain, folder, said.append, registry=f"localhost:{port}")
    finally:
        base = pull_reference(toolchain, f"localhost:{port}")
        if engine.image(base):
            engine._api.remove_image(base, force=True)


def test_pulled_completed_and_verified(engine: DockerEngine, registry: int, chain: Toolchain, tmp_path: Path) -> None:
    # As a distribution's own toolchain it is completed from the machine's mirror.
    toolchain = replace(chain, pull_only=False)
    said: list[str] = []
    try:
        image = pulled(engine, toolchain, registry, tmp_path, said)
        assert any("pulling localhost" in line for line in said) and not any("making it" in line for line in said), said
        assert verify_image(engine, image, toolchain).failures == ()
    finally:
        if engine.image(image_reference(toolchain)):
            engine._api.remove_image(image_reference(toolchain), force=True)


def test_a_registry_without_that_image(engine: DockerEngine, registry: int, chain: Toolchain, tmp_path: Path) -> None:
    for name in ("harness-test/base:2", "harness-test/other:1"):
        with pytest.raises(InfrastructureError, match=r"manifest unknown|not found") as failed:
            pulled(engine, replace(chain, pull=name), registry, tmp_path, [])
        assert "registry: HOST" in str(failed.value) and "\n" not in str(failed.value)


def test_a_registry_that_ends_in_the_middle(
    engine: DockerEngine, relay: Callable[[int, bool], Relay], chain: Toolchain, tmp_path: Path
) -> None:
    between = relay(LAYER_BYTES // 8, True)
    with pytest.raises(InfrastructureError, match=r"cannot be pulled|failed to pull"):
        pulled(engine, chain, between.port, tmp_path, [])
    assert between.cut >= 1
    assert engine.image(image_reference(chain)) is None


def test_a_registry_that_falls_silent(
    engine: DockerEngine,
    relay: Callable[[int, bool], Relay],
    chain: Toolchain,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_module, "PULL_SILENCE", 6.0)
    between = relay(LAYER_BYTES // 8, False)
    started = time.monotonic()
    with pytest.raises(InfrastructureError, match="fell silent for 6 s"):
        pulled(engine, chain, between.port, tmp_path, [])
    assert between.cut >= 1 and time.monotonic() - started < 50


def test_nobody_listens(engine: DockerEngine, chain: Toolchain, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InfrastructureError, match=f"no image registry can be reached at localhost:{port}"):
        pulled(engine, chain, port, tmp_path, [])
