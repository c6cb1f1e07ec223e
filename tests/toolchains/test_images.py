"""Images: names by content, the machine's own mirror, never half an image."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from harness.config.package_mirror import MirrorEntry, for_suite, parse_index_targets
from harness.model.era import Toolchain
from harness.model.errors import InfrastructureError
from harness.toolchains import images
from harness.toolchains.engine import DockerEngine
from harness.toolchains.images import (
    PackageSource,
    completion_script,
    definition_hash,
    ensure_image,
    image_reference,
    mmdebstrap_command,
    needs_sources,
    package_source,
    pull_reference,
    registry_answers,
)

TOOLCHAIN = Toolchain("gcc-9", "alpha", ("gcc", "make"), "", (("CC", "gcc"),))
WITH_SOURCES = replace(TOOLCHAIN, script="apt-get source --tar-only old-gcc\nmake\n")
# As apt-get indextargets prints it: a third party's repository, a mirror with a path, two components, three pockets.
INDEX_TARGETS = """\
Vendor|https://packages.vendor.example/apt/|alpha|main
Debian|http://mirror.example/debian/|beta|main
Debian|http://mirror.example/debian/|beta|contrib
Debian|http://mirror.example/debian/|beta-updates|main
Debian|https://security.example/debian-security/|beta-security|main
Debian|http://mirror.example/debian/|beta-backports|main
not a line of it
"""


def entries(suite: str = "alpha") -> tuple[MirrorEntry, ...]:
    return for_suite(parse_index_targets(INDEX_TARGETS, ["Debian"]), suite, "beta")


def test_another_suite_is_looked_for_on_the_same_mirrors_and_nothing_else() -> None:
    found = entries()
    assert [(e.uri, e.codename, e.components) for e in found] == [
        ("http://mirror.example/debian/", "alpha", ("main", "contrib")),
        ("http://mirror.example/debian/", "alpha-updates", ("main",)),
        ("https://security.example/debian-security/", "alpha-security", ("main",)),
    ]


def test_source_entries_are_there_only_for_a_script_that_needs_them() -> None:
    source = PackageSource("alpha", entries())
    assert not needs_sources(TOOLCHAIN)
    assert needs_sources(WITH_SOURCES)
    assert needs_sources(replace(TOOLCHAIN, script="apt-get -q source old-gcc\n"))
    assert not any(line.startswith("deb-src") for line in source.lines(False))
    lines = source.lines(True)
    assert len(lines) == 6
    assert sum(line.startswith("deb-src ") for line in lines) == 3


def test_a_distribution_without_the_suite_gives_its_own_and_says_so() -> None:
    asked: list[str | None] = []

    def mirror(suite: str | None) -> tuple[MirrorEntry, ...]:
        asked.append(suite)
        return entries()

    other = package_source(TOOLCHAIN, mirror, lambda: ("ubuntu", "noble"))
    assert other.suite == "noble"
    assert "alpha" in other.note and "noble" in other.note
    own = package_source(TOOLCHAIN, mirror, lambda: ("debian", "beta"))
    assert (own.suite, own.note) == ("alpha", "")
    assert asked == [None, "alpha"]


def test_the_tag_follows_what_the_image_is_made_of() -> None:
    reference = image_reference(TOOLCHAIN)
    assert reference.startswith("harness/gcc-9:") and len(reference.partition(":")[2]) == 12
    same = replace(TOOLCHAIN, packages=("make", "gcc"), make_vars=(("CC", "other"),), summary="words", where="x.yaml")
    assert image_reference(same) == reference
    for changed in (
        replace(TOOLCHAIN, suite="beta"),
        replace(TOOLCHAIN, packages=("gcc",)),
        replace(TOOLCHAIN, script="true"),
        replace(TOOLCHAIN, pull="base:1"),
    ):
        assert definition_hash(changed) != definition_hash(TOOLCHAIN)


def test_mmdebstrap_gets_the_suite_the_packages_and_only_the_machines_mirror() -> None:
    source = PackageSource("alpha", entries())
    command = mmdebstrap_command(TOOLCHAIN, source, "/cache/x.tar", "/cache/script", root=False, bundle=False)
    assert command[:2] == ["mmdebstrap", "--mode=unshare"]
    assert "--include=gcc,make" in command
    assert "--variant=minbase" in command
    position = command.index("/cache/x.tar")
    assert command[position - 1] == "alpha"
    assert command[position + 1 :] == list(source.lines(False))
    assert not any("harness-script" in word for word in command)
    assert "vendor" not in " ".join(command)


def test_the_script_runs_inside_the_new_root_and_certificates_do_not_stay() -> None:
    source = PackageSource("alpha", entries())
    command = mmdebstrap_command(WITH_SOURCES, source, "/cache/x.tar", "/cache/script", root=True, bundle=True)
    hooks = [word.partition("=")[2] for word in command if word.startswith("--customize-hook=")]
    run = hooks.index('chroot "$1" /bin/sh -e /harness-script')
    lent = next(i for i, hook in enumerate(hooks) if hook.startswith("upload /etc/ssl"))
    taken = next(i for i, hook in enumerate(hooks) if hook.startswith("rm -f") and "ca-certificates" in hook)
    assert lent < run < taken
    assert "sources.list" in hooks[-1]
    assert "apt-get source" not in " ".join(command)  # the script is a file, never a shell word of the host


@pytest.mark.parametrize("toolchain", [TOOLCHAIN, WITH_SOURCES])
def test_nothing_of_the_host_is_cleaned(toolchain: Toolchain) -> None:
    """mmdebstrap's own cleaning works on the host when its configuration in the root's /tmp is gone."""
    command = mmdebstrap_command(toolchain, PackageSource("alpha", entries()), "/c/x.tar", "/c/s", True, True)
    assert "--skip=cleanup/apt" in command
    for hook in (word.partition("=")[2] for word in command if word.startswith("--customize-hook=rm ")):
        removed = [word for word in hook.partition(" && ")[0].split()[1:] if not word.startswith("-")]
        assert removed and all(word.startswith('"$1') for word in removed)


def test_a_base_image_is_completed_from_the_machines_mirror() -> None:
    script = completion_script(WITH_SOURCES, lambda toolchain: PackageSource("alpha", entries()))
    assert "http://mirror.example/debian/" in script
    assert "apt-get -o APT::Install-Recommends=false -q -y install gcc make" in script
    assert script.index(" update\n") < script.index(" install ") < script.index("old-gcc")

    def none(toolchain: Toolchain) -> PackageSource:
        raise InfrastructureError("this machine runs another system")

    assert "mirror.example" not in completion_script(TOOLCHAIN, none)


def test_an_unreachable_registry_costs_little() -> None:
    started = time.monotonic()
    assert not registry_answers("registry.invalid", 443, seconds=1.0)
    assert not registry_answers("", 443)
    assert time.monotonic() - started < 3.0


class FakeEngine:
    """Keeps imported images by tag. ``offered`` are those that its registry has; completing one ends with ``code``."""

    def __init__(self) -> None:
        self.images: dict[str, str] = {}
        self.imported: list[bytes] = []
        self.offered: set[str] = set()
        self.code = 0
        self.port = 9

    def registry(self, reference: str) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def pull(self, reference: str, progress: Callable[[str], None]) -> str:
        if reference not in self.offered:
            raise InfrastructureError(f"{reference} cannot be pulled: manifest unknown")
        self.images[reference] = "sha256:base"
        return "sha256:base"

    def run_and_commit(
        self, base: str, script: str, reference: str, changes: object, timeout: float, sink: Callable[[bytes], None]
    ) -> int:
        assert "apt-get" in script
        sink(b"E: Unable to locate package xz-utils\n" if self.code else b"done\n")
        if not self.code:
            self.images[reference] = f"sha256:{base}"
        return self.code

    def image(self, reference: str) -> str | None:
        return self.images.get(reference)

    def import_tar(self, path: Path, reference: str, changes: tuple[str, ...]) -> str:
        assert any(change.startswith("ENV PATH=/usr/lib/ccache:") for change in changes)
        self.imported.append(path.read_bytes())
        self.images[reference] = f"sha256:{len(self.imported):064d}"
        return self.images[reference]


def fake_mmdebstrap(folder: Path, script: str) -> Callable[[Toolchain], PackageSource]:
    program = folder / "mmdebstrap"
    # The tar is the argument after the suite.
    find = "for word; do case $word in *.tar) tar=$word;; esac; done\n"
    program.write_text(f"#!/bin/sh\n{find}{script}\n")
    program.chmod(0o755)
    return lambda toolchain: PackageSource(toolchain.suite, entries())


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], tuple[FakeEngine, Path]]:
    """Puts a shell script in the place of mmdebstrap; returns an engine and a cache folder."""

    def prepare(script: str) -> tuple[FakeEngine, Path]:
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        monkeypatch.setattr(images, "package_source", fake_mmdebstrap(programs, script))
        monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        return FakeEngine(), tmp_path / "cache"

    return prepare


def test_an_image_is_made_once_and_pinned(made: Callable[[str], tuple[FakeEngine, Path]]) -> None:
    fake, cache = made('echo root > "$tar"')
    said: list[str] = []
    first = ensure_image(cast(DockerEngine, fake), TOOLCHAIN, cache, said.append)
    again = ensure_image(cast(DockerEngine, fake), TOOLCHAIN, cache, said.append)
    assert first == again
    assert first.digest.startswith("sha256:")
    assert fake.imported == [b"root\n"]
    assert any("ready after" in line for line in said)
    assert [path.name for path in cache.iterdir()] == ["gcc-9.lock"]


def test_a_failure_leaves_no_image_and_names_the_reason(made: Callable[[str], tuple[FakeEngine, Path]]) -> None:
    fake, cache = made('echo half > "$tar"; echo "E: Unable to locate package gcc" >&2; exit 1')
    with pytest.raises(InfrastructureError, match="Unable to locate package gcc") as raised:
        ensure_image(cast(DockerEngine, fake), TOOLCHAIN, cache, lambda text: None)
    assert raised.value.where is not None and Path(raised.value.where).is_file()
    assert not fake.imported
    assert not list(cache.glob("*.tar")) and not list(cache.glob("*.new*"))


def test_what_a_killed_harness_left_is_removed_or_used(made: Callable[[str], tuple[FakeEngine, Path]]) -> None:
    fake, cache = made("exit 1")
    cache.mkdir()
    stem = f"{TOOLCHAIN.name}-{definition_hash(TOOLCHAIN)[:12]}"
    (cache / f"{stem}.new.abc").mkdir()
    (cache / f"{stem}.new.abc" / "root.tar").write_text("half")
    (cache / f"{stem}.tar").write_text("whole")
    ensure_image(cast(DockerEngine, fake), TOOLCHAIN, cache, lambda text: None)
    assert fake.imported == [b"whole"]
    assert [path.name for path in cache.iterdir()] == ["gcc-9.lock"]


ARCHIVED = replace(
    TOOLCHAIN,
    name="gcc-0.9",
    suite="ancient",
    pull="debian/eol:ancient",
    pull_only=True,
    apt_options=("APT::Get::force-yes=true",),
    where="gcc-0.9.yaml",
)


@pytest.fixture
def registry() -> Iterator[int]:
    """A port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_archived_system_is_completed_by_its_own_archive_with_its_own_apt() -> None:
    def asked(toolchain: Toolchain) -> PackageSource:
        raise AssertionError("no mirror has that suite")

    script = completion_script(ARCHIVED, asked)
    assert "sources.list" not in script.replace("/etc/apt/apt.conf.d", "")
    assert "-o APT::Get::force-yes=true -q -y install gcc make" in script
    assert "--no-install-recommends" not in script  # which apt before 0.7 does not know
    plain = definition_hash(replace(ARCHIVED, pull_only=False, apt_options=()))
    assert len({plain, definition_hash(ARCHIVED), definition_hash(replace(ARCHIVED, apt_options=()))}) == 3
    assert definition_hash(replace(ARCHIVED, probes=("m64",), note="x", where="y")) == definition_hash(ARCHIVED)


@pytest.mark.parametrize(
    ("offered", "code", "why"),
    [
        (set(), 0, "manifest unknown"),
        ({"debian/eol:ancient"}, 100, "Unable to locate package xz-utils"),
        ({"debian/eol:ancient"}, 139, "vsyscall=emulate"),
    ],
)
def test_what_only_a_registry_has_is_not_made(
    tmp_path: Path, registry: int, offered: set[str], code: int, why: str
) -> None:
    fake = FakeEngine()
    fake.port, fake.offered, fake.code = registry, offered, code
    with pytest.raises(InfrastructureError, match=why) as failed:
        ensure_image(cast(DockerEngine, fake), ARCHIVED, tmp_path / "cache", lambda text: None)
    told = str(failed.value)
    assert told.startswith("gcc-0.9.yaml: ") and "registry: HOST" in told and "\n" not in told
    assert failed.value.exit_code == 3


def test_without_a_registry_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match=r"gcc-0\.9 is made from the image debian/eol:ancient only: no image"):
        ensure_image(cast(DockerEngine, FakeEngine()), ARCHIVED, tmp_path / "cache", lambda text: None)


def test_a_registry_of_ones_own_is_asked(tmp_path: Path, registry: int) -> None:
    assert pull_reference(ARCHIVED, "reg.example:5000") == "reg.example:5000/debian/eol:ancient"
    assert pull_reference(replace(ARCHIVED, pull="other.example/x:1"), "reg.example") == "other.example/x:1"
    assert pull_reference(replace(ARCHIVED, pull="localhost:1/x:1"), "reg.example") == "localhost:1/x:1"
    fake = FakeEngine()
    fake.port, fake.offered = registry, {"reg.example:5000/debian/eol:ancient"}
    image = ensure_image(
        cast(DockerEngine, fake), ARCHIVED, tmp_path / "cache", lambda text: None, registry="reg.example:5000/"
    )
    assert image.digest == "sha256:reg.example:5000/debian/eol:ancient"


@pytest.mark.parametrize(("offered", "code"), [(set(), 0), ({"debian:alpha"}, 100)])
def test_a_registry_that_does_not_help_is_done_without(
    made: Callable[[str], tuple[FakeEngine, Path]], registry: int, offered: set[str], code: int
) -> None:
    fake, cache = made('echo root > "$tar"')
    fake.port, fake.offered, fake.code = registry, offered, code
    said: list[str] = []
    ensure_image(cast(DockerEngine, fake), replace(TOOLCHAIN, pull="debian:alpha"), cache, said.append)
    assert fake.imported == [b"root\n"]
    assert any("making it from the distribution's packages" in line for line in said)


def test_an_image_is_made_anew_where_that_is_asked(made: Callable[[str], tuple[FakeEngine, Path]]) -> None:
    fake, cache = made('echo root > "$tar"')
    first = ensure_image(cast(DockerEngine, fake), TOOLCHAIN, cache, lambda text: None)
    second = ensure_image(cast(DockerEngine, fake), TOOLCHAIN, cache, lambda text: None, again=True)
    assert first.digest != second.digest and len(fake.imported) == 2
