"""Disk images: what they are known by, and the file system that is written without privileges."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.image_file import load_image_recipe
from harness.config.yaml_file import nearest
from harness.model.disk_image import ImageRecipe
from harness.model.errors import InfrastructureError, UserError
from harness.toolchains import disk_images
from harness.toolchains.disk_images import (
    EPOCH,
    added_files,
    disk_image_of,
    ensure_disk_image,
    image_key,
    present_disk_image,
    write_image,
)

RECIPE = Path(__file__).resolve().parents[2] / "vm-images/debian/image.yaml"
KEY = "ssh-ed25519 AAAA"
_TOOLS = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
needs_mke2fs = pytest.mark.skipif(shutil.which("mke2fs", path=_TOOLS) is None, reason="no mke2fs")


@pytest.fixture
def recipe() -> ImageRecipe:
    """The recipe as it is shipped, of a small image."""
    return replace(load_image_recipe(RECIPE), size_mib=64)


def archive(path: Path) -> None:
    """A root file system as mmdebstrap leaves it, small."""
    with tarfile.open(path, "w") as tar:

        def add(name: str, kind: bytes = tarfile.REGTYPE, mode: int = 0o644, data: bytes = b"", **keys: object) -> None:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.size, member.mtime = kind, mode, len(data), 1_600_000_000
            for key, value in keys.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(data))

        add("./", tarfile.DIRTYPE, 0o755)
        for folder in ("./dev/", "./etc/", "./etc/ssh/", "./usr/", "./usr/sbin/", "./root/"):
            add(folder, tarfile.DIRTYPE, 0o755)
        add("./sbin", tarfile.SYMTYPE, 0o777, linkname="usr/sbin")
        add("./dev/null", tarfile.CHRTYPE, 0o666, devmajor=1, devminor=3)
        add("./etc/shadow", mode=0o640, gid=42, data=b"root:*:\n")
        add("./etc/ssh/ssh_host_ed25519_key", mode=0o600, data=b"of this machine")
        add("./etc/resolv.conf", data=b"nameserver 192.0.2.1\n")
        add("./usr/sbin/some program", mode=0o4755, data=b"#!/bin/sh\n")
        add("./etc/young", data=b"x", mtime=EPOCH + 5000)


def asked(image: Path, request: str) -> str:
    program = shutil.which("debugfs", path=_TOOLS)
    assert program is not None
    done = subprocess.run([program, "-R", request, str(image)], capture_output=True, text=True, check=True)
    return done.stdout


@needs_mke2fs
def test_equal_input_makes_equal_images(tmp_path: Path, recipe: ImageRecipe) -> None:
    archive(tmp_path / "tar")
    added = added_files(recipe, KEY)
    images = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_image(tmp_path / "tar", added, tmp_path / name / "image", recipe.size_mib)
        images.append((tmp_path / name / "image").read_bytes())
        os.utime(tmp_path / "tar")
    assert images[0] == images[1]
    image = tmp_path / "one" / "image"
    shadow, program = asked(image, "stat /etc/shadow"), asked(image, 'stat "/usr/sbin/some program"')
    assert "Group:    42" in shadow and "Mode:  0640" in shadow
    assert "Mode:  04755" in program
    assert "mtime: 0x5f5e1000" in asked(image, "stat /etc/shadow")
    assert f"{EPOCH:#x}" in asked(image, "stat /etc/young")
    assert asked(image, "cat /root/.ssh/authorized_keys") == f"{KEY}\n"
    assert "Mode:  0755" in asked(image, "stat /usr/sbin/harness-init")
    for gone in ("/etc/ssh/ssh_host_ed25519_key", "/etc/resolv.conf", "/dev/null"):
        assert asked(image, f"stat {gone}") == ""


def test_the_key_is_of_recipe_files_and_public_key(tmp_path: Path, recipe: ImageRecipe) -> None:
    changed = tmp_path / "harness-init"
    changed.write_text("another")
    (inside, _), *others = recipe.files
    keys = {
        image_key(recipe, KEY),
        image_key(recipe, KEY + "A"),
        image_key(replace(recipe, packages=recipe.packages[:-1]), KEY),
        image_key(replace(recipe, files=((inside, changed), *others)), KEY),
        image_key(replace(recipe, size_mib=65), KEY),
    }
    assert len(keys) == 5
    assert image_key(replace(recipe, packages=recipe.packages[::-1], summary="x"), KEY) in keys


@needs_mke2fs
def test_an_image_is_made_once_and_read_only(
    tmp_path: Path, recipe: ImageRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make_root(toolchain: object, tar: Path, report: Callable[[str], None], times: int) -> None:
        assert times == EPOCH
        archive(tar)
        made.append(tar)

    monkeypatch.setattr(disk_images, "make_root", make_root)
    assert present_disk_image(recipe, KEY, tmp_path) is None
    image = ensure_disk_image(recipe, KEY, tmp_path, lambda line: None)
    assert ensure_disk_image(recipe, KEY, tmp_path, lambda line: None) == image
    assert len(made) == 1
    assert image.path.stat().st_mode & 0o222 == 0
    assert present_disk_image(recipe, KEY, tmp_path) == disk_image_of(image.digest, tmp_path) == image
    assert disk_image_of("0" * 64, tmp_path) is None
    left = sorted(path.suffix for path in tmp_path.iterdir())
    assert left == [".img", ".lock", ".sha256"]
    assert KEY.split()[1] not in image.path.name


def test_a_failing_program_is_one_line(tmp_path: Path, recipe: ImageRecipe) -> None:
    (tmp_path / "tar").write_bytes(b"no archive")
    with pytest.raises(InfrastructureError, match="tar failed: "):
        write_image(tmp_path / "tar", (), tmp_path / "image", 64)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: debian", "name: other", "its name is 'other', its folder's 'debian'"),
        ("  - openssh-server", "  - openssh;rm", "'openssh;rm' is no package name"),
        ("sbin/harness-end: harness-end", "../etc/passwd: harness-end", "is no path below the image's root"),
        ("sbin/harness-end: harness-end", "sbin/harness-end: missing", "names missing, which is not there"),
        ("size_mib: 1024", "size_mib: 1", "image.yaml:"),
        ("suite: bookworm", "suite: book/worm", "image.yaml:"),
    ],
)
def test_a_wrong_recipe(tmp_path: Path, old: str, new: str, told: str) -> None:
    folder = tmp_path / "debian"
    shutil.copytree(RECIPE.parent, folder)
    text = RECIPE.read_text()
    assert old in text
    (folder / "image.yaml").write_text(text.replace(old, new))
    with pytest.raises(UserError) as error:
        load_image_recipe(folder / "image.yaml")
    assert told in str(error.value)
    assert nearest("debain", ["debian"]) == "did you mean debian?"
