"""The data files of toolchains and eras: they load, and their scripts are programs."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from harness.builds.kernel_build import BuildRequest
from harness.config.guest_file import load_guest_root, programs_for
from harness.config.kernel_files import load_era, load_fixups, load_toolchain
from harness.config.tree_file import load_tree
from harness.model.era import Image
from harness.toolchains.images import definition_hash
from harness.toolchains.probes import chosen_probes

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TOOLCHAINS = sorted((CONFIGS / "toolchains").glob("*.yaml"))
ERAS = sorted((CONFIGS / "eras").glob("*.yaml"))
FIXUPS = sorted((CONFIGS / "fixups").glob("*.yaml"))
PINNED = {"gcc-3.4": "eab4544eed2b", "gcc-12": "94e0cf355914"}
TREES = sorted((CONFIGS / "trees").glob("*.yaml"))


@pytest.mark.parametrize("path", TOOLCHAINS, ids=lambda path: path.stem)
def test_toolchain_file(path: Path) -> None:
    toolchain = load_toolchain(path)
    assert toolchain.name == path.resolve().stem
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", toolchain.name)  # it is part of an image's tag
    compiler = toolchain.compiler.split()[-1]
    families = {package.partition("-")[0] for package in toolchain.packages}
    assert compiler.partition("-")[0] in families or f"/bin/{compiler}" in toolchain.script
    assert "make" in toolchain.packages
    for_kernels = toolchain.name in {load_era(era).toolchain for era in ERAS}
    if toolchain.pull_only:
        assert toolchain.note
    else:
        assert "ccache" in toolchain.packages or not for_kernels
    if for_kernels:
        assert {tool for tool, _ in toolchain.tools} >= {"make", "perl", "binutils"}
        assert chosen_probes(toolchain)
    checked = subprocess.run(["sh", "-n"], input=toolchain.script, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr


def test_images_that_exist_keep_their_names() -> None:
    """A changed name is another image, other builds: that is to be meant."""
    names = {name: definition_hash(load_toolchain(CONFIGS / "toolchains" / f"{name}.yaml"))[:12] for name in PINNED}
    assert names == PINNED


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.stem)
def test_tree_file(path: Path) -> None:
    tree = load_tree(path)
    assert tree.name == path.name.removesuffix(".yaml")
    eras = [era for era in map(load_era, ERAS) if tree.kernel_version in era.versions]
    assert len(eras) == 1, [era.name for era in eras]
    assert any(source.pins for source in tree.sources)
    for source in tree.sources:
        assert not Path(source.location).is_absolute(), "a local mirror belongs into the user's configuration"


@pytest.mark.parametrize("path", ERAS, ids=lambda path: path.stem)
def test_era_file(path: Path) -> None:
    era = load_era(path)
    assert era.name == path.stem
    assert (CONFIGS / "toolchains" / f"{era.toolchain}.yaml").is_file()
    assert any(word.startswith("console=ttyS0") for word in era.boot_args)
    programs = programs_for(load_guest_root(CONFIGS / "guests" / "root.yaml"), era.arch)
    assert (CONFIGS / "toolchains" / f"{programs.toolchain}.yaml").is_file()
    if era.in_tree:
        assert f"arch/{era.arch}/" in era.image
    for name, reason in era.kconfig_left_out:
        assert name == name.upper() and not name.startswith("CONFIG_") and reason


@pytest.mark.parametrize(
    ("era", "toolchain", "compiler"),
    [
        # Parts of build keys: what is in a cache is not found again when one changes.
        ("v2.5", "gcc-3.4", "ccache gcc-3.4 -m32 -fno-unit-at-a-time -fno-builtin-sprintf -g"),
        ("v2.6.9", "gcc-3.4", "ccache gcc-3.4 -m32 -g"),
        # The compiler is the toolchain's, and is told what it knows.
        ("v2.5", "gcc-3.3", "gcc -gdwarf-2"),
        ("v2.5", "gcc-2.95", "gcc -gdwarf-2"),
        ("v2.6.9", "gcc-3.3", "gcc -gdwarf-2"),
        ("v2.6.9", "gcc-4.1", "gcc -m32 -g"),
        ("v2.6.9", "clang-14", "clang -m32 -g1"),
        ("v6", "gcc-12", "gcc -g1"),
    ],
)
def test_the_compiler_of_an_era_is_its_toolchains(era: str, toolchain: str, compiler: str) -> None:
    request = BuildRequest(
        "tree", "0", 0, Path("/s"), Path("/o"), load_era(CONFIGS / f"eras/{era}.yaml"),
        load_toolchain(CONFIGS / f"toolchains/{toolchain}.yaml"), Image(toolchain, "", ""), (), 1, 512,
    )  # fmt: skip
    words = shlex.split(request.make_words())
    assert f"CC={compiler}" in words
    if toolchain == "gcc-3.4":
        verbose = ["KBUILD_VERBOSE=0"] if era == "v2.5" else []
        assert words == ["ARCH=i386", f"CC={compiler}", "HOSTCC=gcc", "ROOT_DEV=FLOPPY", *verbose]


@pytest.mark.parametrize("path", FIXUPS, ids=lambda path: path.stem)
def test_fixups_file(path: Path) -> None:
    for fixup in load_fixups(path):
        assert fixup.find != fixup.replace and not fixup.file.startswith("/")
        assert fixup.unless is None or fixup.unless not in fixup.find
        assert fixup.versions.since is not None, "a fix-up is for something that some version began with"


def test_now_is_the_builds_time_stamp_to_old_kernels(tmp_path: Path) -> None:
    """Kernels before 2.6.38 call date(1) where later ones read KBUILD_BUILD_TIMESTAMP."""
    script = load_toolchain(CONFIGS / "toolchains" / "gcc-3.4.yaml").script
    _, start, rest = script.partition("cat >/usr/local/bin/date <<'WRAPPER'\n")
    assert start
    wrapper = tmp_path / "date"
    wrapper.write_text(rest.partition("\nWRAPPER\n")[0] + "\n")

    def date(*words: str, stamp: str = "Thu Jan  1 00:00:00 UTC 1970") -> str:
        environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C", "KBUILD_BUILD_TIMESTAMP": stamp}
        done = subprocess.run(["sh", str(wrapper), *words], env=environment, text=True, capture_output=True, check=True)
        return done.stdout.strip()

    assert date() == "Thu Jan  1 00:00:00 UTC 1970"
    assert date("+%T") == "00:00:00"
    assert date("-d", "@86400", "+%d") == "02"
    assert date("+%Y", stamp="") >= "2024"
