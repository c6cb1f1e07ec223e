"""Keys: ours is kept for us alone, a guest's is new for each guest."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from harness.guests.ssh_keys import installation_key, write_own_disk
from harness.model.errors import InfrastructureError


def test_the_key_of_the_installation_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    import paramiko

    private, public = installation_key(tmp_path / "ssh")
    assert installation_key(tmp_path / "ssh") == (private, public)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ssh").stat().st_mode) == 0o700
    key = paramiko.Ed25519Key.from_private_key_file(str(private))
    assert f"{key.get_name()} {key.get_base64()}" == public


def test_a_key_that_others_read_is_not_used(tmp_path: Path) -> None:
    private, _ = installation_key(tmp_path)
    private.chmod(0o644)
    with pytest.raises(InfrastructureError, match="others may read this key; chmod 600"):
        installation_key(tmp_path)


def test_every_guest_has_a_host_key_of_its_own(tmp_path: Path) -> None:
    import paramiko

    told = [write_own_disk(tmp_path / name) for name in ("one", "two")]
    assert told[0] != told[1]
    for name, public in zip(("one", "two"), told, strict=True):
        path = tmp_path / name
        assert path.stat().st_size % 512 == 0 and stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().rstrip().endswith("-----END OPENSSH PRIVATE KEY-----")  # where the guest stops reading
        key = paramiko.Ed25519Key.from_private_key_file(str(path))
        assert f"{key.get_name()} {key.get_base64()}" == public
