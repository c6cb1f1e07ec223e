"""Files of an output folder, which the container's user wrote: that may have left links, devices or anything else in
place of them, and this process may read more than the container could."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

from harness.model.errors import InfrastructureError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe that nobody writes to must not block


def open_output(out: Path, name: str, most: int) -> BufferedReader:
    """A regular file of at most ``most`` bytes, ``name`` below ``out``; no link on the way there is followed.

    Raises FileNotFoundError, InfrastructureError where it is anything else.
    """
    *parents, last = name.split("/")
    where = str(out / name)
    folder = os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for parent in parents:
            inner = os.open(parent, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        handle = os.open(last, _FILE, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:  # ELOOP and ENOTDIR for a link, ENXIO for a socket
        raise InfrastructureError(f"the build left no regular file there: {error.strerror}", where=where) from error
    finally:
        os.close(folder)
    status = os.fstat(handle)
    fault = ""
    if not stat.S_ISREG(status.st_mode):
        fault = "the build left no regular file there"
    elif status.st_size > most:
        fault = f"the build left {status.st_size} bytes there, more than the {most} that are read"
    if fault:
        os.close(handle)
        raise InfrastructureError(fault, where=where)
    return os.fdopen(handle, "rb")


def read_output(out: Path, name: str, most: int) -> bytes:
    """The content of such a file. Raises as ``open_output`` does."""
    with open_output(out, name, most) as file:
        return file.read(most)
