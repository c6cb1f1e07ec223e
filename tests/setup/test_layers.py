"""The direction of imports, as pyproject.toml's contracts state it."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def test_import_contracts_hold() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-logo", "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
