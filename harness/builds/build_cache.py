"""Finished builds by the key of what they were made from; written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from io import BufferedIOBase, BufferedReader
from pathlib import Path

from harness.model.build import Config, DropKind, DroppedOption, Kernel
from harness.model.build_message import BuildMessage, message_from


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as handle:
        return digest_of(handle)


def digest_of(handle: BufferedReader) -> str:
    """SHA-256 (hex) of what is left to read of an open file."""
    return hashlib.file_digest(handle, "sha256").hexdigest()


WARNINGS = "warnings.json"
_CHUNK = 1 << 20  # bytes


class BuildCache:
    """One folder per build key, with kernel.json and, where they are known, its warnings beside the artefacts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Kernel | None:
        """The build, or None. An image whose hash is not the recorded one is removed: it must be built again."""
        directory = self.folder / key
        try:
            data = json.loads((directory / "kernel.json").read_text())
            config = data.pop("config")
            kernel = Kernel(
                **{**data, "directory": directory, "cached": True},
                config=Config(
                    tuple((o, v) for o, v in config["requested"]),
                    tuple((o, v) for o, v in config["obtained"]),
                    tuple(_dropped(option) for option in config["dropped"]),
                ),
                warnings=_warnings(directory),
            )
            sound = sha256_of(kernel.image) == kernel.digest
        except (OSError, ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            if directory.exists():
                shutil.rmtree(directory, ignore_errors=True)
            return None
        return kernel

    def put(self, kernel: Kernel, files: Mapping[str, BufferedIOBase]) -> Kernel:
        """Copies the artefacts under the kernel's key and returns it with its folder.

        ``files`` (name in the cache to content) are open already: a name in an output folder may mean another file.
        """
        new = self.folder / f"{kernel.key}.{os.getpid()}.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for name, content in files.items():
            content.seek(0)
            with (new / name).open("wb") as copy:
                shutil.copyfileobj(content, copy, _CHUNK)
        data = asdict(kernel)
        del data["directory"], data["cached"]
        warnings = data.pop("warnings")
        if warnings is not None:
            (new / WARNINGS).write_text(json.dumps(warnings))
        with (new / "kernel.json").open("w") as handle:
            handle.write(json.dumps(data))
        for path in (*new.iterdir(), new):
            _fsync(path)
        final = self.folder / kernel.key
        shutil.rmtree(final, ignore_errors=True)
        new.rename(final)
        _fsync(self.folder)
        return Kernel(**{**{f: getattr(kernel, f) for f in kernel.__slots__}, "directory": final})


def _dropped(option: dict[str, str]) -> DroppedOption:
    # Kernels of before drops were classified have no kind.
    kind = DropKind(option.pop("kind", DropKind.UNEXPLAINED))
    return DroppedOption(**option, kind=kind)


def _warnings(directory: Path) -> tuple[BuildMessage, ...] | None:
    """A kernel's warnings; None for one of before they were kept."""
    try:
        return tuple(message_from(row) for row in json.loads((directory / WARNINGS).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
