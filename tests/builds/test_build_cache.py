"""Finished builds: found again by their key, never when what is there is not what was put."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.builds.build_cache import BuildCache, sha256_of
from harness.model.build import Config, DroppedOption, Kernel


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    """A build in the folder out, not in the cache yet."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "bzImage").write_bytes(b"image")
    config = Config((("A", "y"),), (("A", "y"), ("B", "n")), (DroppedOption("C", "y", "n", "why"),))
    digest = sha256_of(out / "bzImage")
    return Kernel("k" * 64, out, digest, "tree", "t" * 40, 1, "sha256:0", config, 1.5, True, False)


def put(cache: BuildCache, kernel: Kernel) -> Kernel:
    """Puts the build with its one artefact."""
    with (kernel.directory / "bzImage").open("rb") as image:
        return cache.put(kernel, {"image": image})


def test_what_is_put_is_found(tmp_path: Path, kernel: Kernel) -> None:
    cache = BuildCache(tmp_path / "cache")
    assert cache.get(kernel.key) is None
    kept = put(cache, kernel)
    assert kept.image.read_bytes() == b"image"
    assert cache.get(kernel.key) == replace(kept, cached=True)
    # Again, as after a crash between build and record: the newer one stands.
    assert put(cache, kernel) == kept
    assert [path.name for path in cache.folder.iterdir()] == [kernel.key]


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "record", "no record"])
def test_a_damaged_build_is_built_again(tmp_path: Path, kernel: Kernel, damage: str) -> None:
    cache = BuildCache(tmp_path / "cache")
    kept = put(cache, kernel)
    if damage == "flip":
        kept.image.write_bytes(b"imagE")
    elif damage == "truncate":
        kept.image.write_bytes(b"")
    elif damage == "remove":
        kept.image.unlink()
    elif damage == "record":
        (kept.directory / "kernel.json").write_text('{"key": 1, "config"')
    else:
        (kept.directory / "kernel.json").unlink()
    assert cache.get(kernel.key) is None
    assert put(cache, kernel).image.read_bytes() == b"image"
    assert cache.get(kernel.key) is not None
