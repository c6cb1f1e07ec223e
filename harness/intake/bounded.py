"""Bytes of files and of compressed streams, never more than a bound."""

from __future__ import annotations

import bz2
import io
import lzma
import stat
import zipfile
import zlib
from pathlib import Path

from harness.model.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"
BZIP2_MAGIC = b"BZh"
XZ_MAGIC = b"\xfd7zXZ\0"
ZIP_MAGIC = b"PK\x03\x04"
MAX_MAILBOX = 64 * 1024 * 1024  # bytes of an mbox, after decompression
XZ_MEMORY = 128 * 1024 * 1024  # bytes; xz -9 asks for 65 MiB


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


def _streamed(data: bytes, limit: int, where: str, *, xz: bool) -> bytes:
    """One bzip2 or xz stream after another, as gunzip_bounded does."""
    out: list[bytes] = []
    size = 0
    rest = data
    while rest.strip(b"\0"):
        stream = lzma.LZMADecompressor(memlimit=XZ_MEMORY) if xz else bz2.BZ2Decompressor()
        try:
            piece = stream.decompress(rest, limit - size + 1)
        except (OSError, ValueError, lzma.LZMAError) as error:
            raise UserError(f"damaged compressed data: {error}", where=where) from None
        size += len(piece)
        out.append(piece)
        if size > limit:
            raise UserError(f"larger than {limit // 2**20} MiB when decompressed", where=where)
        if not stream.eof:
            raise UserError("compressed data is cut short", where=where)
        rest = stream.unused_data
    return b"".join(out)


def is_compressed(data: bytes) -> bool:
    """Whether the bytes begin as a gzip, bzip2, xz or zip file does."""
    return data.startswith((GZIP_MAGIC, XZ_MAGIC, ZIP_MAGIC)) or (
        data.startswith(BZIP2_MAGIC) and data[3:4].isdigit() and data[4:10] == b"1AY&SY"
    )


def unpack_bounded(data: bytes, limit: int, where: str) -> bytes:
    """What a gzip, bzip2 or xz file or a zip archive of one file holds; other bytes unchanged.

    Raises UserError beyond ``limit`` bytes, for damage and for a zip archive of more files. An archive inside an
    archive is not opened.
    """
    if not is_compressed(data):
        return data
    if data.startswith(GZIP_MAGIC):
        return gunzip_bounded(data, limit, where)
    if not data.startswith(ZIP_MAGIC):
        return _streamed(data, limit, where, xz=data.startswith(XZ_MAGIC))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise UserError(f"{len(members)} files in a zip archive", where=where, remedy="unpack it to a folder")
            with archive.open(members[0]) as file:  # the size it claims is not believed
                content = file.read(limit + 1)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, RuntimeError, EOFError) as error:
        if isinstance(error, UserError):
            raise
        text = " ".join(str(error).split())[:80]
        raise UserError(f"damaged zip archive: {text or type(error).__name__}", where=where) from None
    if len(content) > limit:
        raise UserError(f"larger than {limit // 2**20} MiB when decompressed", where=where)
    return content
