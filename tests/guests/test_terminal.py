"""The user's way out of a shell in a guest."""

from __future__ import annotations

import pytest

from harness.guests.monitor import forwarded_port
from harness.guests.terminal import EscapeKeys

USERNET = """\
VLAN -1 (net):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  UDP[236 sec]       15       10.0.2.15 45234        10.0.2.3    53     0     0\r
  TCP[HOST_FORWARD]  12       127.0.0.1 40123       10.0.2.15    22     0     0\r
"""


@pytest.mark.parametrize(
    ("typed", "sent", "out"),
    [
        (b"ls\r", b"ls\r", False),
        (b"~.", b"", True),
        (b"ls\r~.rest", b"ls\r", True),
        (b"a~.", b"a~.", False),
        (b"cd ~\r", b"cd ~\r", False),
        (b"~~.\r", b"~.\r", False),
        (b"\r~x~.", b"\r~x~.", False),
        (b"\r~\r~.", b"\r~\r", True),
    ],
)
@pytest.mark.parametrize("piece", [1, 100])
def test_escape(typed: bytes, sent: bytes, out: bool, piece: int) -> None:
    keys = EscapeKeys()
    told = b""
    for at in range(0, len(typed), piece):
        some, wants_out = keys.feed(typed[at : at + piece])
        told += some
        if wants_out:
            break
    assert (told, wants_out) == (sent, out)


def test_the_port_that_leads_to_the_guest() -> None:
    assert forwarded_port(USERNET, 22) == 40123
    assert forwarded_port(USERNET, 53) is None
    assert forwarded_port(USERNET.replace("127.0.0.1", "0.0.0.0"), 22) is None
    assert forwarded_port("", 22) is None
