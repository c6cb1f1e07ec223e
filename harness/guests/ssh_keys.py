"""The two keys between this machine and a guest: this installation's own, and the guest's, made before it boots."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from harness.model.errors import InfrastructureError

_SECTOR = 512


@dataclass(frozen=True, slots=True)
class Login:
    """What a visit needs: the file of our private key, and the only host key that is believed ("TYPE BASE64")."""

    key: Path
    host_key: str


def _new_key() -> tuple[bytes, str]:
    """A new ed25519 key: the private one as OpenSSH keeps it, the public one as "TYPE BASE64"."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private, public.decode("ascii")


def installation_key(folder: Path) -> tuple[Path, str]:
    """(file of the private key, the public one as "TYPE BASE64") of this installation; made at the first call.

    Raises InfrastructureError where it cannot be kept, or where others can read it.
    """
    private, public = folder / "id_ed25519", folder / "id_ed25519.pub"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not private.is_file() or not public.is_file():
                secret, told = _new_key()
                private.unlink(missing_ok=True)
                descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "wb") as handle:
                    handle.write(secret)
                public.write_text(told + "\n")
        if private.stat().st_mode & 0o077:
            raise InfrastructureError("others may read this key", where=str(private), remedy=f"chmod 600 {private}")
        return private, public.read_text().strip()
    except OSError as error:
        raise InfrastructureError(f"the key cannot be kept: {error.strerror}", where=str(folder)) from error


def write_own_disk(path: Path) -> str:
    """Writes what is a guest's own, a new host key, as text at the beginning of its second disk; returns the public key
    that it will show."""
    private, public = _new_key()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(private.ljust(-(-len(private) // _SECTOR) * _SECTOR, b"\n"))
    return public
