"""A socket in a folder too deep for a socket address."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from harness.guests.socket_path import ShortPath


def test_a_deep_socket_is_reached_and_nothing_stays_open(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    handles = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with pytest.raises(OSError, match="too long"):
            server.bind(str(folder / "x.sock"))
        with ShortPath(folder / "x.sock") as name:
            server.bind(name)
        server.listen()
        with ShortPath(folder / "x.sock") as name:
            client.connect(name)
        assert (folder / "x.sock").is_socket()
    assert len(os.listdir("/proc/self/fd")) == handles  # noqa: PTH208
    with pytest.raises(FileNotFoundError):
        ShortPath(tmp_path / "none" / "x.sock")
