"""Threads from a list archive served on this machine's loopback."""

from __future__ import annotations

import gzip
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from harness.intake import fetch_series
from harness.model.errors import InfrastructureError, UserError
from harness.model.series import SeriesSpec


def _thread(*numbers: int, total: int = 2) -> bytes:
    return "".join(
        "From mboxrd@z Thu Jan  1 00:00:00 1970\n"
        f"From: A Frog <frog@pond.example>\nSubject: [PATCH {n}/{total}] pond: part {n}\n"
        f"Message-Id: <{n}/frog@pond.example>\n\nText.\n---\n"
        f"--- a/mm/p{n}.c\n+++ b/mm/p{n}.c\n@@ -1 +1 @@\n-a\n+b\n\n"
        for n in numbers
    ).encode()


@dataclass
class Archive:
    """A list archive: ``pages`` by message id, ``asked`` what was requested of it."""

    url: str = ""
    pages: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    served = Archive()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            words = self.path.split("/")
            code, data = served.pages.get(urllib.parse.unquote(words[2]), (404, b""))
            self.send_response(code if words[3:] == ["t.mbox.gz"] else 400)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/linux-mm"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def _spec(url: str | None) -> SeriesSpec:
    ids = tuple(f"{n}/frog@pond.example" for n in range(3))
    return SeriesSpec("frogs", "frogs.yaml", "Frogs", "2011-08-19", (), 2, ids, url, (), (), (), ())


def test_thread_is_fetched_once(archive: Archive, tmp_path: Path) -> None:
    archive.pages["0/frog@pond.example"] = (200, gzip.compress(_thread(0, 1, 2)))
    series = fetch_series(_spec(archive.url), tmp_path / "cache")
    assert [p.subject for p in series.patches] == ["pond: part 1", "pond: part 2"]
    assert archive.asked == ["/linux-mm/0%2Ffrog@pond.example/t.mbox.gz"]
    archive.pages.clear()
    assert fetch_series(_spec(archive.url), tmp_path / "cache").digest == series.digest
    assert len(archive.asked) == 1
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".mbox"]


def test_unthreaded_patches_are_asked_for_one_by_one(archive: Archive, tmp_path: Path) -> None:
    for n in (1, 2):
        archive.pages[f"{n}/frog@pond.example"] = (200, gzip.compress(_thread(n)))
    assert len(fetch_series(_spec(archive.url), tmp_path).patches) == 2
    assert len(archive.asked) == 3


def test_patch_that_the_archive_lacks(archive: Archive, tmp_path: Path) -> None:
    archive.pages["0/frog@pond.example"] = (200, gzip.compress(_thread(0, 1)))
    with pytest.raises(UserError, match=r"patch 2 of 2 not found .*2/frog@pond\.example"):
        fetch_series(_spec(archive.url), tmp_path)
    archive.pages.clear()
    with pytest.raises(UserError, match="has none of the series' 3 mails"):
        fetch_series(_spec(archive.url), tmp_path / "other")


@pytest.mark.parametrize(
    ("code", "data", "why"),
    [
        (503, b"", "answers 503"),
        (200, b"<html>prove that you are human</html>", "no mbox.gz"),
        (200, gzip.compress(b"<html>", mtime=0), "no mbox"),
        (200, gzip.compress(_thread(0, 1, 2))[:-9], "cut short"),
        (200, gzip.compress(bytes(65 * 2**20), 1), "64 MiB when decompressed"),
    ],
)
def test_bad_answers(archive: Archive, tmp_path: Path, code: int, data: bytes, why: str) -> None:
    archive.pages["0/frog@pond.example"] = (code, data)
    with pytest.raises(InfrastructureError, match=why) as caught:
        fetch_series(_spec(archive.url), tmp_path)
    assert "--mail PATH" in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_network(tmp_path: Path) -> None:
    def opener(request: object, timeout: float) -> object:
        raise OSError("Network is unreachable")

    with pytest.raises(
        InfrastructureError, match=r"cannot be reached: Network is unreachable; .*--mail PATH, or mail:"
    ):
        fetch_series(_spec("https://lore.kernel.org/linux-mm"), tmp_path, opener=opener)


@pytest.mark.parametrize("url", [None, "file:///etc", "ftp://pond.example"])
def test_no_archive(tmp_path: Path, url: str | None) -> None:
    with pytest.raises(UserError):
        fetch_series(_spec(url), tmp_path)
