"""Probes of images, run with this machine's own compiler in the place of a container's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.model.era import Toolchain
from harness.model.errors import InfrastructureError, UserError
from harness.model.version import KernelVersion
from harness.toolchains.probes import DEFAULT_PROBES, PROBES, _found, chosen_probes, sound_image, verify_image
from tests.fake.containers import LocalRunner, fake_image

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed on this machine")
ANY = KernelVersion((0,))
TOOLCHAIN = Toolchain("own", "none", ("gcc",), "", (("CC", "gcc"),), where="own.yaml")


@pytest.fixture
def runner(tmp_path: Path) -> LocalRunner:
    """Runs commands on the spot and logs them."""
    return LocalRunner(tmp_path / "log")


def compiler(tmp_path: Path, script: str) -> Toolchain:
    """The toolchain of a compiler that is a shell script."""
    path = tmp_path / "cc"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return replace(TOOLCHAIN, make_vars=(("CC", str(path)),))


def test_this_machines_compiler_passes_them(runner: LocalRunner) -> None:
    toolchain = replace(
        TOOLCHAIN,
        probes=(*DEFAULT_PROBES, "native", "asm-goto"),
        tools=tuple((tool, ANY) for tool in ("gcc", "make", "perl", "binutils")),
    )
    found = verify_image(runner, fake_image(toolchain), toolchain)
    assert found.failures == ()
    assert [probe.name for probe in found.probes] == list(toolchain.probes)
    assert all(tool.found is not None and tool.found > ANY for tool in found.tools), found.tools
    # Nobody has version 0: what is declared is compared.
    assert [phrase.split()[0] for phrase in found.other_tools] == ["gcc", "make", "perl", "binutils"]


def test_a_failing_probe_says_which_and_why(runner: LocalRunner, tmp_path: Path) -> None:
    toolchain = compiler(
        tmp_path,
        'for word; do [ "$word" = -m32 ] && echo "cc: error: 32-bit mode not compiled in" >&2 && exit 1; done\n'
        'exec gcc "$@"',
    )
    found = verify_image(runner, fake_image(toolchain), toolchain)
    assert found.failures == ("probe m32 failed: cc: error: 32-bit mode not compiled in",)


def test_code_that_is_not_the_kernels_is_seen(runner: LocalRunner, tmp_path: Path) -> None:
    """A compiler that takes -mcmodel=kernel and does something else."""
    drop = 'for word; do shift; [ $word = -mcmodel=kernel ] || set -- "$@" $word; done\nexec gcc "$@"'
    toolchain = compiler(tmp_path, drop)
    found = verify_image(runner, fake_image(toolchain), toolchain)
    assert found.failures == ("probe kernel-model failed: no address is sign-extended (R_X86_64_32S)",)


@pytest.mark.parametrize(
    "script", ["exit 1", "kill -SEGV $$", 'exec gcc -fno-such-option "$@"', "printf '\\033[31m\\377 no'; exit 3"]
)
def test_a_compiler_that_does_nothing(runner: LocalRunner, tmp_path: Path, script: str) -> None:
    toolchain = compiler(tmp_path, script)
    found = verify_image(runner, fake_image(toolchain), toolchain)
    assert [phrase.split()[1] for phrase in found.failures] == ["m64", "m32", "kernel-model", "inline-asm"]
    assert all(phrase.isprintable() for phrase in found.failures)


def test_a_chatty_compiler_is_cut(runner: LocalRunner, tmp_path: Path) -> None:
    toolchain = compiler(tmp_path, 'yes "cc: warning: something" | head -n 20000; exec gcc "$@"')
    found = verify_image(runner, fake_image(toolchain), toolchain)
    assert found.failures == ()


@pytest.mark.parametrize(("fault", "why"), [("killed", "exit code 137|mm/core"), ("late", "not done after 300 s")])
def test_an_image_that_runs_nothing(tmp_path: Path, fault: str, why: str) -> None:
    with pytest.raises(InfrastructureError, match=why) as failed:
        verify_image(LocalRunner(tmp_path / "log", fault), fake_image(TOOLCHAIN), TOOLCHAIN)
    assert "harness toolchain build --again own" in str(failed.value)


def test_a_digest_that_passed_is_not_asked_again(runner: LocalRunner, tmp_path: Path) -> None:
    image, memory, told = fake_image(TOOLCHAIN), tmp_path / "images", list[str]()
    toolchain = replace(TOOLCHAIN, tools=(("make", ANY),))

    def asked() -> int:
        return len(runner.log.read_text().splitlines())

    assert sound_image(runner, image, toolchain, memory, told.append) == image
    assert "make is" in told[0] and "declared 0 in own.yaml" in told[0]
    sound_image(runner, image, toolchain, memory, told.append)
    assert (asked(), len(told)) == (1, 1)
    sound_image(runner, replace(image, digest="sha256:other"), toolchain, memory, told.append)
    sound_image(runner, image, replace(toolchain, probes=("m64",)), memory, told.append)
    assert asked() == 3


def test_an_image_that_fails_stops_a_run(runner: LocalRunner, tmp_path: Path) -> None:
    toolchain = compiler(tmp_path, "echo 'cc: error: broken'; exit 1")
    for _ in range(2):  # and is not taken for good the second time
        with pytest.raises(InfrastructureError) as failed:
            sound_image(runner, fake_image(toolchain), toolchain, tmp_path / "images", print)
        told = str(failed.value)
        assert "fake/own:1 cannot build kernels: probe m64 failed: cc: error: broken (and 3 more)" in told
        assert told.startswith("own.yaml: ") and "harness toolchain verify own" in told and "\n" not in told
        assert failed.value.exit_code == 3


def test_unknown_names_are_the_users_mistake() -> None:
    with pytest.raises(UserError, match="unknown probe 'm46'; did you mean m64"):
        chosen_probes(replace(TOOLCHAIN, probes=("m46",)))
    with pytest.raises(UserError, match="unknown tool 'mak'; did you mean make"):
        chosen_probes(replace(TOOLCHAIN, tools=(("mak", ANY),)))
    assert all(probe.what and probe.script for probe in PROBES.values())


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("GNU Make version 3.79.1, by Richard Stallman and Roland McGrath.", (3, 79, 1)),
        ("GNU ld version 2.12.90.0.1 20020307 Debian/GNU Linux", (2, 12, 90, 0)),
        ("GNU ld (GNU Binutils for Debian) 2.35.2", (2, 35, 2)),
        ("Debian LLD 14.0.6 (compatible with GNU linkers)", (14, 0, 6)),
        ("2.95.4", (2, 95, 4)),
        ("sh: make: not found", None),
        ("", None),
    ],
)
def test_versions_as_tools_tell_them(said: str, version: tuple[int, ...] | None) -> None:
    found = _found(said)
    assert (found.numbers if found else None) == version
