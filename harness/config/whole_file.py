"""Writing a file so that a crash, of the harness or of the machine, leaves the old one or the new one, never a part."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_whole(path: Path, data: bytes | str) -> None:
    """Writes ``path``, replacing what is there; folders above it are made. Text is UTF-8, bytes kept by surrogateescape
    come out as they were. Raises OSError."""
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Another process, or thread, that writes the same file has a new one of its own.
    new = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_native_id()}.new")
    try:
        with new.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
