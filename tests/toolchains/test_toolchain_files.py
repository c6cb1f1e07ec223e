"""The data files of toolchains and eras: they load, and their scripts are programs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.config.kernel_files import load_era, load_toolchain

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TOOLCHAINS = sorted((CONFIGS / "toolchains").glob("*.yaml"))
ERAS = sorted((CONFIGS / "eras").glob("*.yaml"))


@pytest.mark.parametrize("path", TOOLCHAINS, ids=lambda path: path.stem)
def test_toolchain_file(path: Path) -> None:
    toolchain = load_toolchain(path)
    assert toolchain.name == path.resolve().stem
    assert re.fullmatch(r"[a-z0-9][a-z0-9._-]*", toolchain.name)  # it is part of an image's tag
    assert {"gcc", "make", "ccache"} <= set(toolchain.packages)
    checked = subprocess.run(["sh", "-n"], input=toolchain.script, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("path", ERAS, ids=lambda path: path.stem)
def test_era_file(path: Path) -> None:
    era = load_era(path)
    assert era.name == path.stem
    assert (CONFIGS / "toolchains" / f"{era.toolchain}.yaml").is_file()
    assert any(word.startswith("console=ttyS0") for word in era.boot_args)
    for name, translated in era.kconfig_names:
        assert name == name.upper() and not name.startswith("CONFIG_")
        assert not translated.startswith("CONFIG_")
