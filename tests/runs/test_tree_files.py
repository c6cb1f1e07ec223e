"""What a user may call a tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.model.errors import TreeUnavailable, UserError
from harness.runs.tree_files import tree_files
from tests.fake.checkout import Checkout, harmless


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with the trees fake and gone."""
    return Checkout(tmp_path_factory.mktemp("trees")).make(harmless(1))


def test_a_name_a_folder_and_a_revision(checkout: Checkout, tmp_path: Path) -> None:
    workshop, _ = checkout.workshop()
    folder = checkout.root / "tree"
    source = (folder / "mm" / "core.c").read_bytes()
    content = workshop.library.ensure(workshop.catalogue.tree("fake"), print)
    for text in ("fake", str(folder), f"{workshop.library.store.path}@{content.commit}"):
        tree = tree_files(workshop, text)
        assert tree.read("mm/core.c") == source
        assert tree.name == text
    (tmp_path / "a@b").mkdir()
    assert tree_files(workshop, str(tmp_path / "a@b")).paths() == ()


def test_what_is_no_tree(checkout: Checkout, tmp_path: Path) -> None:
    workshop, _ = checkout.workshop()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for text, told in (
        ("fakee", "did you mean fake?"),
        (f"{tmp_path}@v9", "no revision 'v9'"),
        (f"{tmp_path}/none@v9", "no such git directory"),
        ("@v9", "no tree, folder or git revision '@v9'"),
    ):
        with pytest.raises(UserError, match=r"^[^\n]*$") as error:
            tree_files(workshop, text)
        assert told in str(error.value)
    with pytest.raises(TreeUnavailable):
        tree_files(workshop, "gone")
