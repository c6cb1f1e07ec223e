"""Sources that cannot be reached, or answer nonsense: one line each, saying what. Over a real transport."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.model.errors import TreeUnavailable
from harness.model.tree import Overlay, Pin, PinKind, Source, SourceKind, Tree
from harness.trees import downloads
from harness.trees.downloads import download
from harness.trees.object_store import ObjectStore
from harness.trees.sources import TreeLibrary
from tests.trees.conftest import Tarred, git

REF = "refs/harness/trees/x"
Serve = Callable[[Path], str]


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""


class _Odd(BaseHTTPRequestHandler):
    """/short promises more than it gives, /large is larger than allowed, /endless does not say how large it is, /slow
    gives a byte now and then."""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path != "/endless":
            self.send_header("Content-Length", "100" if self.path == "/short" else str(1 << 30))
        self.end_headers()
        try:
            for _ in range(200 if self.path == "/slow" else 0):
                self.wfile.write(b"x")
                time.sleep(0.05)
            for _ in range(1 if self.path == "/short" else 10_000):
                self.wfile.write(b"x" * 50)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own proxy would answer in place of nobody."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a folder (or, without one, odd answers) over HTTP; the address."""
    servers = []

    def started(folder: Path | None = None) -> str:
        handler = _Odd if folder is None else partial(_Files, directory=str(folder))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return f"127.0.0.1:{port}"


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    """An empty object store."""
    return ObjectStore(tmp_path / "trees")


def failure(store: ObjectStore, location: str, revision: str = "v1") -> str:
    with pytest.raises(TreeUnavailable) as failed:
        store.fetch(location, revision, REF)
    assert "\n" not in str(failed.value)
    return str(failed.value)


def test_git_servers_that_are_not_there(store: ObjectStore, nobody: str, serve: Serve, tmp_path: Path) -> None:
    assert "resolve host" in failure(store, "https://no-such-host.invalid/linux.git")
    assert "connect" in failure(store, f"https://{nobody}/linux.git")
    assert "refused" in failure(store, f"git://{nobody}/linux.git")
    here = serve(tmp_path)
    assert "not found" in failure(store, f"{here}/no-such.git")
    # Plain HTTP where TLS was asked for.
    told = failure(store, here.replace("http:", "https:") + "/x.git")
    assert any(word in told for word in ("SSL", "TLS", "tls", "ssl")), told


def test_an_empty_repository_and_an_unknown_tag(store: ObjectStore, tmp_path: Path, history: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "empty.git")
    assert "find remote ref v1" in failure(store, (tmp_path / "empty.git").as_uri())
    assert "find remote ref v9" in failure(store, history.as_uri(), "v9")
    assert "v9 cannot be fetched" in failure(store, str(history), "v9")
    assert "no such git directory" in failure(store, str(tmp_path / "gone"))


def test_a_server_without_shallow_fetches_gives_its_history(
    store: ObjectStore, tmp_path: Path, history: Path, serve: Serve
) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(history), "dumb.git")
    git(tmp_path / "dumb.git", "update-server-info")
    location = f"{serve(tmp_path)}/dumb.git"
    told: list[str] = []
    commit = git(history, "rev-parse", "v4^{commit}")
    assert store.fetch(location, "v4", REF, told.append) == commit
    assert "fetching its history too" in told[0]
    before = git(history, "rev-parse", "v4~1")
    assert store.fetch(location, before, "refs/harness/trees/y", told.append) == before
    assert "no branch or tag" in failure(store, location, "1" * 40)
    assert store.git("for-each-ref", "--format=%(refname)", "refs/harness/fetched") == ""
    tree_id = git(history, "log", "-1", "--format=%T", "v4~2")
    assert store.fetch_content(location, "v0..v4", tree_id, "refs/harness/trees/z", told.append) == git(
        history, "rev-parse", "v4~2"
    )


def test_a_server_that_gives_no_commit_by_its_id(store: ObjectStore, history: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(history), "strict.git")
    git(tmp_path / "strict.git", "config", "uploadpack.allowAnySHA1InWant", "false")
    port = _free_port()
    daemon = subprocess.Popen(
        ["git", "daemon", "--export-all", f"--base-path={tmp_path}", f"--port={port}", "--listen=127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await(port)
        location = f"git://127.0.0.1:{port}/strict.git"
        before = git(history, "rev-parse", "v4~1")
        assert store.fetch(location, before, REF) == before
        assert store.fetch(location, "v4", REF) == git(history, "rev-parse", "v4^{commit}")
        assert "1" * 40 in failure(store, location, "1" * 40)
    finally:
        daemon.terminate()
        daemon.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def _await(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            threading.Event().wait(0.05)
    pytest.skip("git daemon is not installed or does not start")


def test_downloads_are_bounded_and_whole(tmp_path: Path, serve: Callable[..., str], nobody: str) -> None:
    odd = serve()
    for url, limit, why in (
        (f"{odd}/short", 1000, r"ended after 50 of 100 bytes"),
        (f"{odd}/large", 1000, r"is of 1073741824 bytes, the limit is 1000"),
        (f"{odd}/endless", 1000, r"is larger than 1000 bytes"),
        (f"http://{nobody}/x", 1000, r"refused"),
        (f"https://{nobody}/x", 1000, r"refused"),
        (odd.replace("http", "https") + "/x", 1000, r"TLS"),
        ("http://no-such-host.invalid/x", 1000, r"cannot be had"),
        ("ftp://127.0.0.1/x", 1000, r"neither a path nor an http"),
        ("file:///etc/passwd", 1000, r"neither a path nor an http"),
    ):
        with pytest.raises(TreeUnavailable, match=why) as failed:
            download(url, tmp_path / "got", limit, seconds=5)
        assert "\n" not in str(failed.value)
        assert not list(tmp_path.iterdir())


def test_a_download_that_stalls(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        with pytest.raises(TreeUnavailable, match="no answer in time"):
            download(address, tmp_path / "got", 1000, seconds=0.3)


def test_a_download_that_trickles(tmp_path: Path, serve: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TOTAL_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(TreeUnavailable, match="is not here after"):
        download(f"{serve()}/slow", tmp_path / "got", 1 << 30, seconds=5)
    assert time.monotonic() - started < 4


def test_a_tarball_and_a_patch_by_address(tmp_path: Path, tarred: Tarred, serve: Serve) -> None:
    tarball = tarred("linux-6.1.tar.xz")
    (tmp_path / "x.patch").write_text("--- a/Makefile\n+++ b/Makefile\n@@ -1 +1 @@\n-VERSION = 6\n+VERSION = 7\n")
    here = serve(tmp_path)
    library = TreeLibrary(tmp_path / "cache")
    told: list[str] = []
    source = Source(SourceKind.TARBALL, f"{here}/{tarball.name}", None, (), overlay=(Overlay(f"{here}/x.patch"),))
    content = library.ensure(Tree("x", "7.1", "old", (source,)), told.append)
    assert library.store.git("show", f"{content.commit}:Makefile") == "VERSION = 7"
    assert not list(library.downloads.iterdir())
    gone = Source(SourceKind.TARBALL, f"{here}/linux-6.2.tar.xz", None, (Pin(PinKind.SHA256, "1" * 64),))
    with pytest.raises(TreeUnavailable, match=r"linux-6\.2\.tar\.xz cannot be had: HTTP 404"):
        library.ensure(Tree("y", "6.2", "old", (gone,)), told.append)
