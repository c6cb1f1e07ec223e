"""Visits in a guest over SSH, through the port that QEMU forwards on the loopback address.

A visit has a thread of its own; the runner that watches the guest asks it only whether it is over. Whatever goes wrong
with the connection is kept, never raised: a guest that stops answering is judged by its console.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.guests.command_output import CommandOutput
from harness.guests.ssh_keys import Login
from harness.model.command import CommandResult, Visit
from harness.model.plain_text import clean

if TYPE_CHECKING:
    from paramiko import Channel, Transport

# Limits are longer than the runner's own for silence: a kernel that hangs is found by that, not by these.
LOGIN_SECONDS = 150.0
LEAVE_SECONDS = 120.0
LOST_SECONDS = 120.0
HANDSHAKE_SECONDS = 60.0  # a guest under TCG on a loaded machine needs seconds for what takes none elsewhere
RETRY_SECONDS = 0.5
END_COMMAND = "/sbin/harness-end"


class Refused(Exception):
    """A login that must not be tried again."""


def _log_channel() -> str:
    # Without a handler of its own the library's log would reach the terminal, with traces.
    log = logging.getLogger("harness.ssh")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return log.name


def connect(port: int, login: Login, seconds: float = HANDSHAKE_SECONDS) -> Transport:
    """A connection to the guest, logged in. Raises Refused for a wrong host key or a refused login, OSError or
    paramiko's SSHException for what may be tried again."""
    import paramiko

    connection = socket.create_connection(("127.0.0.1", port), timeout=10.0)
    try:
        transport = paramiko.Transport(connection)
        transport.set_log_channel(_log_channel())
        transport.banner_timeout = transport.auth_timeout = transport.handshake_timeout = seconds
        transport.get_security_options().key_types = ("ssh-ed25519",)
    except BaseException:
        connection.close()
        raise
    try:
        transport.start_client(timeout=seconds)
        shown = transport.get_remote_server_key()
        if f"{shown.get_name()} {shown.get_base64()}" != login.host_key:
            raise Refused("it shows another host key than the one made for it")
        try:
            transport.auth_publickey("root", paramiko.Ed25519Key.from_private_key_file(str(login.key)))
        except paramiko.AuthenticationException as error:
            raise Refused(f"it refuses our key: {clean(str(error), 100)}") from error
    except BaseException:
        transport.close()
        raise
    return transport


class SshVisit(ABC):
    """A visit; the Visitor that run_guest takes. Call ``leave`` when the guest is gone."""

    def __init__(self, login: Login) -> None:
        self.login = login
        self.visit = Visit.OUTSIDE
        self.detail = ""
        self._since = time.monotonic()
        self._port = 0
        self._left = threading.Event()
        self._transport: Transport | None = None
        self._thread = threading.Thread(target=self._run, name="ssh visit", daemon=True)

    def enter(self, port: int) -> None:
        """The guest is in user space: begins to work in it."""
        self._port = port
        self._now(Visit.OUTSIDE)
        self._thread.start()

    def over(self) -> str:
        """Why the guest is to be ended now, "" while it may go on. How far the visit got is settled by then: that the
        connection breaks as the guest is ended says nothing."""
        why = self.why_over()
        if why:
            self._left.set()
        return why

    def why_over(self) -> str:
        """What there is to say for ``over``."""
        spent = time.monotonic() - self._since
        if self.visit is Visit.REFUSED:
            return f"no ssh login: {self.detail}"
        if self.visit is Visit.OUTSIDE and self._port and spent > LOGIN_SECONDS:
            return f"no ssh login within {LOGIN_SECONDS:.0f} s: {self.detail or 'no answer'}"
        if self.visit is Visit.LOST and spent > LOST_SECONDS:
            return f"the ssh session was lost: {self.detail}"
        if self.visit is Visit.ENDED and spent > LEAVE_SECONDS:
            return f"not switched off {LEAVE_SECONDS:.0f} s after it was told to"
        return ""

    def leave(self) -> None:
        """Lets go of the guest. It waits for the thread, which has nothing left to wait for."""
        self._left.set()
        if self._transport is not None:
            self._transport.close()
        if self._thread.is_alive():
            self._thread.join(10.0)

    def _now(self, visit: Visit) -> None:
        if not self._left.is_set():
            self._since = time.monotonic()
            self.visit = visit

    def _run(self) -> None:
        from paramiko import SSHException

        while not self._left.is_set():
            try:
                self._transport = connect(self._port, self.login)
                break
            except Refused as error:
                self.detail = str(error)
                self._now(Visit.REFUSED)
                return
            except (OSError, SSHException, EOFError) as error:
                self.detail = clean(str(error) or type(error).__name__, 200)
                self._left.wait(RETRY_SECONDS)
        if self._transport is None:
            return
        self.detail = ""
        self._now(Visit.RUNNING)
        try:
            whole = self.work(self._transport)
        except (OSError, SSHException, EOFError) as error:
            self.detail = clean(str(error) or type(error).__name__, 200)
            whole = False
        if not whole:
            self.detail = self.detail or "the connection broke"
            self._now(Visit.LOST)
            return
        self._now(Visit.ENDED)
        with contextlib.suppress(OSError, SSHException, EOFError):
            channel = self._transport.open_session(timeout=HANDSHAKE_SECONDS)
            channel.exec_command(END_COMMAND)
            self._left.wait(LEAVE_SECONDS)

    @abstractmethod
    def work(self, transport: Transport) -> bool:
        """What the visit is for; False where it broke off. May raise OSError, EOFError or paramiko's SSHException."""


class CommandVisit(SshVisit):
    """Runs one command. ``seconds`` is the time it may take, ``output`` the file for what it says; ``listener`` gets
    its bytes as they come."""

    def __init__(
        self,
        login: Login,
        command: str,
        seconds: float,
        output: Path,
        listener: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        super().__init__(login)
        self.command = command
        self.seconds = seconds
        self._output = CommandOutput(output)
        self._listener = listener
        self._status: int | None = None
        self._began = self._took = 0.0

    def why_over(self) -> str:
        """What there is to say for ``over``."""
        if self.visit is Visit.RUNNING and self._began and time.monotonic() - self._began > self.seconds:
            return f"the command was still running after {self.seconds:.0f} s"
        return super().why_over()

    def work(self, transport: Transport) -> bool:
        """Runs the command and takes what it says."""
        channel = transport.open_session(timeout=HANDSHAKE_SECONDS)
        channel.set_combine_stderr(True)
        channel.settimeout(1.0)
        self._began = time.monotonic()
        channel.exec_command(self.command)
        quiet_after_end = 0
        while not self._left.is_set():
            try:
                data = channel.recv(1 << 16)
            except TimeoutError:
                # A process that it left behind keeps the channel open for ever.
                quiet_after_end += channel.exit_status_ready()
                if quiet_after_end > 2:
                    break
                continue
            if not data:
                break
            self._output.feed(data)
            self._listener(data)
        ended = self._exit_status(channel)
        self._took = time.monotonic() - self._began
        return ended

    def _exit_status(self, channel: Channel) -> bool:
        """Takes the exit status; False where the connection broke before it came."""
        until = time.monotonic() + 5.0
        # It may come after the end of the output.
        while not channel.exit_status_ready() and time.monotonic() < until and not self._left.is_set():
            if channel.closed:
                break
            time.sleep(0.02)
        if not channel.exit_status_ready():
            transport = channel.get_transport()
            # A command that a signal killed has none, but the connection goes on.
            return transport is not None and transport.is_active() and not self._left.is_set()
        status = channel.recv_exit_status()
        self._status = status if status >= 0 else None
        # The library tells a connection's end as the status -1 too.
        transport = channel.get_transport()
        return status >= 0 or (transport is not None and transport.is_active())

    def result(self) -> CommandResult:
        """What became of the command; closes its output. To be called after ``leave``."""
        self._output.close()
        return CommandResult(
            self.visit, self._status, round(self._took, 2), self.detail, self._output.last_line,
            str(self._output.path), self._output.cut,
        )  # fmt: skip
