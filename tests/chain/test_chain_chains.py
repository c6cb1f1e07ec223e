"""The verbs toolchain, tree and clean as a person calls them, on the fake machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from harness.config.tree_file import load_tree
from harness.model.tree import PinKind
from tests.fake.checkout import Checkout, harmless
from tests.trees.conftest import git

pytestmark = pytest.mark.slow

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed on this machine")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A series of two patches."""
    made = Checkout(tmp_path).make(harmless(2))
    (made.root / "harness.local.yaml").write_text(
        (made.root / "harness.local.yaml").read_text().replace("{", '{"mirrors": [], ', 1)
    )
    return made


@pytest.fixture
def kernels(tmp_path: Path) -> Path:
    """A git directory with two tagged versions of a tree."""
    folder = tmp_path / "kernels"
    folder.mkdir()
    git(folder, "init", "-q")
    for sublevel in ("1", "2"):
        (folder / "Makefile").write_text(f"VERSION = 6\nPATCHLEVEL = {sublevel}\nSUBLEVEL = 0\nEXTRAVERSION = -rc3\n")
        git(folder, "add", "Makefile")
        git(folder, "commit", "-q", "-m", f"Linux 6.{sublevel}-rc3")
        git(folder, "tag", f"v6.{sublevel}-rc3")
    return folder


# toolchain


@needs_gcc
def test_toolchains_are_listed_shown_and_verified(checkout: Checkout) -> None:
    listed = checkout.harness("toolchain", "list")
    assert listed.code == 0 and "fake" in listed.out and "0123456789ab" in listed.out
    shown = checkout.harness("toolchain", "show", "fake")
    assert shown.code == 0
    assert "eras       fake" in shown.out and "trees      fake gone" in shown.out and "CC=gcc" in shown.out
    verified = checkout.harness("toolchain", "verify")
    assert verified.code == 0, verified.out
    assert "fake: good" in verified.out and "ok      probe kernel-model" in verified.out
    assert checkout.harness("toolchain", "build", "fake").code == 0


@needs_gcc
def test_an_image_that_fails_is_exit_3(checkout: Checkout) -> None:
    checkout.write(
        "configs/toolchains/odd.yaml",
        'name: odd\nsuite: none\npackages: [gcc]\nmake_vars: {CC: no-such-compiler}\ntools: {make: "0.1"}\n',
    )
    ended = checkout.harness("toolchain", "verify", "odd", "fake")
    assert ended.code == 3
    assert "odd: FAILED" in ended.out and "fake: good" in ended.out
    assert "FAILED  probe m64: " in ended.out and "no-such-compiler: not found" in ended.out
    assert "declared 0.1 in" in ended.out


@pytest.mark.parametrize("words", [("toolchain", "show"), ("toolchain", "verify"), ("toolchain", "build")])
def test_an_unknown_toolchain_is_exit_2_and_the_nearest(checkout: Checkout, words: tuple[str, ...]) -> None:
    ended = checkout.harness(*words, "fakke")
    assert ended.code == 2 and "unknown toolchain 'fakke'; did you mean fake?" in ended.err


def test_a_wrong_toolchain_file_names_the_line(checkout: Checkout) -> None:
    path = checkout.write("configs/toolchains/bad.yaml", "name: bad\nsuite: x\npackages: [gcc, '$(reboot)']\n")
    ended = checkout.harness("toolchain", "show", "bad")
    assert ended.code == 2 and f"{path}:3" in ended.err and "is no package name" in ended.err
    checkout.write("configs/toolchains/bad.yaml", "name: bad\nsuite: x\npackages: [gcc]\nprobes: [m46]\n")
    ended = checkout.harness("toolchain", "verify", "bad")
    assert ended.code == 2 and "did you mean m64" in ended.err


def test_a_run_takes_another_toolchain(checkout: Checkout) -> None:
    checkout.write(
        "configs/toolchains/other.yaml",
        "name: other\nsuite: none\npackages: [gcc]\nmake_vars: {CC: gcc, KCFLAGS: -DOTHER}\n",
    )
    assert checkout.harness("run", "demo").code in (0, 4)
    builds = checkout.containers()
    ended = checkout.harness("run", "demo", "--toolchain", "other")
    assert ended.code in (0, 4), ended.err
    assert checkout.containers() > builds, "another compiler is another build"
    ended = checkout.harness("run", "demo", "--toolchain", "ohter")
    assert ended.code == 2 and "did you mean other?" in ended.err
    checkout.write(
        "configs/eras/fake.yaml", (checkout.root / "configs/eras/fake.yaml").read_text() + 'expects: {gcc: "9"}\n'
    )
    checkout.write("configs/toolchains/old.yaml", 'name: old\nsuite: none\npackages: [gcc]\ntools: {gcc: "2.95"}\n')
    ended = checkout.harness("run", "demo", "--toolchain", "old")
    assert ended.code == 2 and "builds with gcc 9 or newer, toolchain old has 2.95" in ended.err


# tree


def test_a_tree_is_added_with_the_pins_of_what_came(checkout: Checkout, kernels: Path) -> None:
    ended = checkout.harness("tree", "add", "v6.1-rc3", "--git", kernels.as_uri(), "--revision", "v6.1-rc3")
    assert ended.code == 0, ended.err
    commit, tree_id = git(kernels, "log", "-1", "--format=%H %T", "v6.1-rc3").split()
    tree = load_tree(checkout.root / "configs" / "trees" / "v6.1-rc3.yaml")
    assert (tree.version, tree.era) == ("6.1.0-rc3", None)
    assert {(pin.kind, pin.value) for pin in tree.sources[0].pins} == {
        (PinKind.COMMIT, commit),
        (PinKind.TREE, tree_id),
    }
    assert "era fake" in ended.out and tree_id in ended.out
    shutil.rmtree(kernels)  # it is here, under its new definition
    assert checkout.harness("tree", "fetch", "v6.1-rc3").code == 0
    assert "good, tree " + tree_id in checkout.harness("tree", "verify", "v6.1-rc3").out
    listed = checkout.harness("tree", "list")
    assert listed.code == 0 and tree_id[:12] in listed.out and "object store:" in listed.out
    again = checkout.harness("tree", "add", "v6.1-rc3", "--git", "https://example.org/x.git", "--revision", "v1")
    assert again.code == 2 and "there is a tree v6.1-rc3 already" in again.err


def test_a_tree_of_ones_own_goes_beside_the_configuration(checkout: Checkout, kernels: Path, tmp_path: Path) -> None:
    words = ("tree", "add", "mine", "--version", "6.2-rc3", "--git", str(kernels), "--revision", "v6.2-rc3")
    refused = checkout.harness(*words)
    assert refused.code == 2 and "only this machine has; add --user" in refused.err
    (tmp_path / "x.patch").write_text(
        "--- a/Makefile\n+++ b/Makefile\n@@ -3,2 +3,2 @@\n SUBLEVEL = 0\n"
        "-EXTRAVERSION = -rc3\n+EXTRAVERSION = -rc3-mm1\n"
    )
    ended = checkout.harness(*words, "--user", "--overlay", str(tmp_path / "x.patch"))
    assert ended.code == 0, ended.err
    assert "note: its Makefile says 6.2.0-rc3-mm1, not 6.2-rc3" in ended.out
    tree = load_tree(checkout.root / "harness.local.trees" / "mine.yaml")
    (source,) = tree.sources
    assert source.overlay[0].sha256 is not None and len(source.pins) == 2
    assert "mine" in checkout.harness("tree", "list").out
    assert checkout.harness("tree", "verify", "mine").code == 0
    assert checkout.harness("tree", "add", *words[2:], "--user").code == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("x",), "name one source"),
        (("x", "--git", "https://a/b"), "a git source needs a revision"),
        (("x", "--git", "https://a/b", "--revision", "v1", "--tarball", "t"), "name one source"),
        (("../x", "--tarball", "https://a/b"), "is no tree's name"),
        (("x", "--version", "six", "--tarball", "https://a/b"), "is no kernel version"),
        (("x", "--version", "5.1", "--tarball", "https://a/b"), "belongs to no era"),
        (("x", "--era", "fakke", "--tarball", "https://a/b"), "did you mean fake?"),
        (("fake", "--tarball", "https://a/b"), "there is a tree fake already"),
    ],
)
def test_a_wrong_tree_is_exit_2(checkout: Checkout, words: tuple[str, ...], why: str) -> None:
    ended = checkout.harness("tree", "add", *words)
    assert ended.code == 2 and why in ended.err, ended.err
    assert ended.err.count("\n") == 1
    assert not (checkout.root / "configs" / "trees" / "x.yaml").exists()


def test_a_tree_that_cannot_be_had_is_exit_3_and_says_what_to_configure(checkout: Checkout) -> None:
    ended = checkout.harness("tree", "add", "x", "--git", "https://no-such-host.invalid/x.git", "--revision", "v6.1")
    assert (
        ended.code == 3 and "resolve" in ended.err and "mirrors:" in ended.err and ended.err.rstrip().count("\n") <= 1
    )
    assert not (checkout.root / "configs" / "trees" / "x.yaml").exists()
    ended = checkout.harness("tree", "fetch", "gone")
    assert ended.code == 3 and "no Makefile there" in ended.err
    ended = checkout.harness("tree", "fetch", "fkae")
    assert ended.code == 2 and "did you mean fake?" in ended.err


def test_a_tree_that_is_not_its_pin_is_exit_3(checkout: Checkout) -> None:
    text = (checkout.root / "configs" / "trees" / "fake.yaml").read_text()
    checkout.write("configs/trees/fake.yaml", f"{text}    pins: [{{tree: {'a1' * 20}}}]\n")
    ended = checkout.harness("tree", "fetch", "fake")
    assert ended.code == 3 and f"pinned is {'a1' * 20}" in ended.err
    ended = checkout.harness("run", "demo")
    assert ended.code == 3 and f"pinned is {'a1' * 20}" in ended.out + ended.err


# clean


def test_clean_keeps_to_its_limits(checkout: Checkout) -> None:
    assert checkout.harness("run", "demo").code in (0, 4)
    cache = checkout.layout.cache
    builds = sorted((cache / "builds").iterdir())
    assert len(builds) == 2
    stale = cache / "builds" / "0123"
    shutil.copytree(builds[0], stale)
    (cache / "failed-builds").mkdir(exist_ok=True)
    (cache / "failed-builds" / "old.log").write_text("log")
    for path in (*stale.iterdir(), stale, cache / "failed-builds" / "old.log"):
        os.utime(path, (1, 1))
    dry = checkout.harness("clean", "--keep-days", "30", "--dry-run")
    assert dry.code == 0 and f"would remove {stale}" in dry.out and stale.exists()
    ended = checkout.harness("clean", "--keep-days", "30")
    assert ended.code == 0 and f"removed {stale}" in ended.out
    assert sorted((cache / "builds").iterdir()) == builds and not list((cache / "failed-builds").iterdir())
    # What a recorded result is repeated from stays, until that is given up.
    ended = checkout.harness("clean", "--max-size", "0")
    assert ended.code == 0 and "harness repro of run" in ended.out and "still more than 0 MiB: --force" in ended.out
    assert sorted((cache / "builds").iterdir()) == builds
    assert not list((cache / "work").iterdir())
    ended = checkout.harness("clean", "--max-size", "0", "--force")
    assert ended.code == 0 and not list((cache / "builds").iterdir())
    assert (cache / "trees").is_dir(), "a limit never takes the trees"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--max-size", "20 gigs"), "is no size"),
        (("--max-size", "1G", "work"), "a limit is for the whole cache"),
        (("--force",), "--force is for a limit"),
        (("wrok",), "did you mean work?"),
    ],
)
def test_a_wrong_clean_is_exit_2(checkout: Checkout, words: tuple[str, ...], why: str) -> None:
    ended = checkout.harness("clean", *words)
    assert ended.code == 2 and why in ended.err
