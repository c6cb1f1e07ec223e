"""Bytes of files and of gzip streams, never more than a bound."""

from __future__ import annotations

import stat
import zlib
from pathlib import Path

from harness.model.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"
MAX_MAILBOX = 64 * 1024 * 1024  # bytes of an mbox, after decompression


def read_bounded(path: Path, limit: int) -> bytes:
    """The file's bytes. Raises UserError for what is no regular file, cannot be read, or is larger than ``limit``."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError("not a regular file", where=str(path))
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot be read: {getattr(error, 'strerror', None) or error}", where=str(path)) from None
    if len(data) > limit:
        raise UserError(f"larger than {limit // 2**20} MiB", where=str(path), remedy="give a smaller mbox or folder")
    return data


def gunzip_bounded(data: bytes, limit: int, where: str) -> bytes:
    """The content of a gzip file of one or more members, decompressed no further than ``limit`` bytes.

    Raises UserError for more than that, for damage and for a file cut short.
    """
    out: list[bytes] = []
    size = 0
    rest = data
    while rest.strip(b"\0"):
        member = zlib.decompressobj(wbits=31)  # gzip header and checksum
        try:
            piece = member.decompress(rest, limit - size + 1)
            size += len(piece)
            out.append(piece)
            if size > limit:
                raise UserError(f"larger than {limit // 2**20} MiB when decompressed", where=where)
            piece = member.flush()
        except zlib.error as error:
            raise UserError(f"damaged gzip data: {error}", where=where) from None
        size += len(piece)
        out.append(piece)
        if not member.eof:
            raise UserError("gzip data is cut short", where=where)
        rest = member.unused_data
    return b"".join(out)
