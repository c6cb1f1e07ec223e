"""Visits over SSH, against a server in this process instead of a guest."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from harness.guests import ssh_visit
from harness.guests.ssh_keys import Login, _new_key, installation_key
from harness.guests.ssh_visit import END_COMMAND, CommandVisit
from harness.model.command import Visit

Answer = Callable[[paramiko.Channel], None]


class FakeGuest(paramiko.ServerInterface):
    """An SSH server that lets one key in; ``answer`` does what the command would."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        secret, self.public = _new_key()
        (folder / "server").write_bytes(secret)
        self.host_key = paramiko.Ed25519Key.from_private_key_file(str(folder / "server"))
        self.key, self.allowed = installation_key(folder / "ssh")
        self.answer = answer
        self.commands: list[str] = []
        self.ended = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                transport = paramiko.Transport(connection)
                transport.set_log_channel(ssh_visit._log_channel())
                transport.add_server_key(self.host_key)
                self.transports.append(transport)
                with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                    transport.start_server(server=self)

    def close(self) -> None:
        self.listener.close()
        for transport in self.transports:
            transport.close()

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        good = username == "root" and f"{key.get_name()} {key.get_base64()}" == self.allowed
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.commands.append(command.decode())
        if command.decode() == END_COMMAND:
            self.ended.set()
        else:
            # Not before the request itself is answered, which this method's caller does.
            timer = threading.Timer(0.05, self.answer, (channel,))
            timer.daemon = True
            timer.start()
        return True


Serve = Callable[[Answer], FakeGuest]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a fake guest."""
    guests: list[FakeGuest] = []

    def served(answer: Answer) -> FakeGuest:
        guests.append(FakeGuest(tmp_path, answer))
        return guests[-1]

    yield served
    for guest in guests:
        guest.close()


def says(*pieces: bytes, status: int) -> Answer:
    def answer(channel: paramiko.Channel) -> None:
        for piece in pieces:
            channel.sendall(piece)
        channel.send_exit_status(status)
        channel.close()

    return answer


def visit(guest: FakeGuest, tmp_path: Path, seconds: float = 20.0, host_key: str = "") -> CommandVisit:
    login = Login(guest.key, host_key or guest.public)
    one = CommandVisit(login, "do something", seconds, tmp_path / "output")
    one.enter(guest.port)
    return one


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_a_command_runs_and_the_guest_is_told_to_end(serve: Serve, tmp_path: Path) -> None:
    guest = serve(says(b"first\n", b"last\n", status=3))
    one = visit(guest, tmp_path)
    assert guest.ended.wait(10)
    assert one.over() == ""
    one.leave()
    result = one.result()
    assert (result.visit, result.status, result.last_line, result.cut) == (Visit.ENDED, 3, "last", False)
    assert (tmp_path / "output").read_text() == "first\nlast\n"
    assert guest.commands == ["do something", END_COMMAND]


def test_another_host_key_is_refused_before_our_key_is_shown(serve: Serve, tmp_path: Path) -> None:
    guest = serve(says(status=0))
    one = visit(guest, tmp_path, host_key=_new_key()[1])
    until(lambda: one.visit is Visit.REFUSED)
    assert "another host key" in one.over()
    one.leave()
    assert one.result().visit is Visit.REFUSED
    assert guest.commands == []


def test_a_refused_login_is_not_tried_again(serve: Serve, tmp_path: Path) -> None:
    guest = serve(says(status=0))
    guest.allowed = "ssh-ed25519 AAAA"
    one = visit(guest, tmp_path)
    until(lambda: one.visit is Visit.REFUSED)
    assert "refuses our key" in one.over()
    one.leave()


def test_a_command_that_takes_too_long_is_over(serve: Serve, tmp_path: Path) -> None:
    guest = serve(lambda channel: time.sleep(30))
    one = visit(guest, tmp_path, seconds=0.3)
    until(lambda: one.over() != "")
    assert "still running after 0 s" in one.over()
    guest.close()  # as the guest's end does
    one._thread.join(10)
    one.leave()
    assert one.result().visit is Visit.RUNNING


def test_a_broken_connection_is_no_end_of_the_command(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_visit, "LOST_SECONDS", 0.2)

    def breaks(channel: paramiko.Channel) -> None:
        channel.sendall(b"half a li")
        time.sleep(0.05)
        channel.get_transport().close()

    one = visit(serve(breaks), tmp_path)
    until(lambda: one.visit is Visit.LOST)
    until(lambda: "session was lost" in one.over())
    one.leave()
    result = one.result()
    assert (result.visit, result.status, result.last_line) == (Visit.LOST, None, "half a li")


def test_a_command_that_a_signal_killed_has_no_status(serve: Serve, tmp_path: Path) -> None:
    def killed(channel: paramiko.Channel) -> None:
        channel.close()

    guest = serve(killed)
    one = visit(guest, tmp_path)
    assert guest.ended.wait(10)
    one.leave()
    assert (one.result().visit, one.result().status) == (Visit.ENDED, None)


def test_a_guest_that_does_not_listen_is_tried_again(serve: Serve, tmp_path: Path) -> None:
    guest = serve(says(status=0))
    mute = socket.create_server(("127.0.0.1", 0))
    port = mute.getsockname()[1]
    mute.close()
    one = CommandVisit(Login(guest.key, guest.public), "x", 5.0, tmp_path / "output")
    one.enter(port)
    until(lambda: one.detail != "")
    assert one.visit is Visit.OUTSIDE and one.over() == ""
    one._port = guest.port
    assert guest.ended.wait(10)
    one.leave()
