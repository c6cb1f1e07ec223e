"""The user's terminal lent to a shell in a guest."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import tty
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.guests.ssh_keys import Login
from harness.guests.ssh_visit import HANDSHAKE_SECONDS, SshVisit

if TYPE_CHECKING:
    from paramiko import Channel, Transport

ESCAPE_TEXT = "exit leaves the guest and switches it off; Enter ~ . does when it hangs"
POLL_SECONDS = 0.5


class EscapeKeys:
    """Finds "~." at the beginning of a line in what is typed, as ssh(1) has it; "~~" there is one "~"."""

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = False

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """(what goes to the guest, whether the user wants out)."""
        out = bytearray()
        for byte in data:
            letter = bytes([byte])
            if self._held:
                self._held = False
                if letter == b".":
                    return bytes(out), True
                out += letter if letter == b"~" else b"~" + letter
            elif letter == b"~" and self._at_line_start:
                self._held = True
                continue
            else:
                out += letter
            self._at_line_start = letter in (b"\r", b"\n")
        return bytes(out), False


class Terminal:
    """The terminal that two descriptors are."""

    def __init__(self, source: int, target: int) -> None:
        self.source, self.target = source, target

    def size(self) -> tuple[int, int]:
        """(columns, lines)."""
        try:
            size = os.get_terminal_size(self.target)
        except OSError:
            return 80, 24
        return size.columns or 80, size.lines or 24

    @contextlib.contextmanager
    def raw(self) -> Iterator[None]:
        """Every key goes through as it is; afterwards the terminal is as it was."""
        before = termios.tcgetattr(self.source)
        try:
            tty.setraw(self.source)
            yield
        finally:
            termios.tcsetattr(self.source, termios.TCSADRAIN, before)

    def write(self, data: bytes) -> None:
        """Shows all of it."""
        while data:
            data = data[os.write(self.target, data) :]


class ShellVisit(SshVisit):
    """A shell for the user. ``wants_out`` is set when the escape was typed."""

    def __init__(self, login: Login, terminal: Terminal) -> None:
        super().__init__(login)
        self.terminal = terminal
        self.wants_out = threading.Event()

    def why_over(self) -> str:
        """What there is to say for ``over``."""
        return "left by the user" if self.wants_out.is_set() else super().why_over()

    def work(self, transport: Transport) -> bool:
        """Connects terminal and shell until one of them ends."""
        channel = transport.open_session(timeout=HANDSHAKE_SECONDS)
        columns, lines = size = self.terminal.size()
        channel.get_pty(os.environ.get("TERM", "dumb")[:40], columns, lines)
        channel.invoke_shell()
        self.terminal.write(f"{ESCAPE_TEXT}\r\n".encode())
        with self.terminal.raw():
            self._exchange(channel, size)
        return channel.exit_status_ready() or transport.is_active()

    def _exchange(self, channel: Channel, size: tuple[int, int]) -> None:
        keys = EscapeKeys()
        network, keyboard = channel.fileno(), self.terminal.source
        while not self._left.is_set():
            ready, _, _ = select.select([network, keyboard], [], [], POLL_SECONDS)
            # Asked for now and then: a signal would reach another thread than this.
            if self.terminal.size() != size:
                size = self.terminal.size()
                channel.resize_pty(*size)
            if network in ready:
                data = channel.recv(1 << 16)
                if not data:
                    return
                self.terminal.write(data)
            if keyboard in ready:
                typed = os.read(keyboard, 4096)
                out, wants_out = keys.feed(typed)
                if wants_out or not typed:
                    self.wants_out.set()
                    return
                channel.sendall(out)
