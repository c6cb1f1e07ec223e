"""A socket's path that fits into a socket address, however deep its folder lies."""

from __future__ import annotations

import os
from pathlib import Path


class ShortPath:
    """The name of a socket for connecting to it, valid until ``close``: an address holds 108 bytes (sun_path in
    unix(7)), and the descriptor's name in /proc is short. Raises OSError where the folder cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        self.name = f"/proc/self/fd/{self._folder}/{path.name}"

    def __enter__(self) -> str:
        return self.name

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the name up."""
        os.close(self._folder)
