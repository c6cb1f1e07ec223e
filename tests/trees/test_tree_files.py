"""The files of a tree: at a revision of a git directory, whole or partial, and in a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.model.errors import UserError
from harness.model.tree import TreeFiles
from harness.trees import git_objects, tree_files
from harness.trees.git_objects import GitObjects
from harness.trees.tree_files import FolderFiles, GitTreeFiles

FILES = {
    "Makefile": b"VERSION = 6\n",
    "include/registers.h": b"#define REGISTER 0\n" * 99,
    "mm/x.c": b"int a;\n\tif (page_count(page))\n\t\treturn;\n",
    "mm/latin.c": b"/* J\xf6rg */\nint j;\n",
    "mm/y.c": b"        if (page_count(page))\n",
}
ENVIRONMENT = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_AUTHOR_DATE": "@1000000 +0000",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_COMMITTER_DATE": "@1000000 +0000",
}  # fmt: skip


def git(folder: Path, *words: str) -> str:
    """Output of git in a folder."""
    return subprocess.run(
        ["git", *words], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with FILES and links, committed twice: the second commit changes mm/x.c."""
    folder = tmp_path / "linux"
    for path, data in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (tmp_path / "outside.c").write_text("int secret;\n")
    (folder / "out.c").symlink_to(tmp_path / "outside.c")
    (folder / "in.c").symlink_to("mm/x.c")
    (folder / "up").symlink_to("..")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "tag", "-a", "-m", "v1", "v1")
    (folder / "mm" / "x.c").write_bytes(b"int changed;\n")
    git(folder, "commit", "-q", "-a", "-m", "second")
    (folder / "mm" / "x.c").write_bytes(FILES["mm/x.c"])
    return folder


@pytest.fixture(params=["revision", "folder"])
def files(request: pytest.FixtureRequest, checkout: Path) -> TreeFiles:
    """The same files in both ways."""
    return GitTreeFiles(GitObjects(checkout), "v1") if request.param == "revision" else FolderFiles(checkout)


def test_reading(files: TreeFiles) -> None:
    assert {path: files.read(path) for path in files.paths()} == FILES
    assert list(files.paths()) == sorted(FILES)


@pytest.mark.parametrize(
    "path", ["mm", "mm/none.c", "", "/etc/passwd", "../outside.c", "mm/../Makefile", "./Makefile", "mm//x.c", "a\0b",
             "a\nb", "out.c", "in.c", "up/outside.c", ".git/config", "Makefile/x", "\udcff"],
)  # fmt: skip
def test_what_is_no_file_of_the_tree(files: TreeFiles, path: str) -> None:
    assert files.read(path) is None


def test_holding(files: TreeFiles) -> None:
    assert files.holding("  if (page_count(page))") == ["mm/x.c", "mm/y.c"]
    assert files.holding("int secret;") == [] or files.holding("int secret;") == ()
    assert list(files.holding("-e")) == [] and list(files.holding(" \t")) == []
    assert list(files.holding("int a;\nint j;")) == []


def test_a_name_for_messages(checkout: Path) -> None:
    assert GitTreeFiles(GitObjects(checkout), "v1").name == f"{checkout}@v1"
    assert GitTreeFiles(GitObjects(checkout), "v1", "v1 of mine").name == "v1 of mine"
    assert FolderFiles(checkout).name == str(checkout)


def test_a_large_file_is_not_read(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_objects, "MAX_FILE", 1000)
    monkeypatch.setattr(tree_files, "MAX_FILE", 1000)
    for tree in (GitTreeFiles(GitObjects(checkout), "v1"), FolderFiles(checkout)):
        assert tree.read("include/registers.h") is None
        assert tree.read("Makefile") == FILES["Makefile"]


def test_a_fifo_is_no_file(checkout: Path) -> None:
    os.mkfifo(checkout / "pipe")
    assert FolderFiles(checkout).read("pipe") is None, "and reading does not hang"
    assert "pipe" not in FolderFiles(checkout).paths()


def test_a_partial_mirror_is_not_asked_to_fetch(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", checkout.as_uri(), "partial")
    tree = GitTreeFiles(GitObjects(tmp_path / "partial"), "v1")
    assert sorted(tree.paths()) == sorted(FILES), "the trees are here"
    assert tree.read("mm/x.c") is None and tree.read("Makefile") is None
    assert list(tree.holding("page_count")) == []
    assert git(tmp_path / "partial", "count-objects", "-v").count("size-garbage: 0") == 1
    git(tmp_path / "partial", "-c", "protocol.file.allow=always", "cat-file", "blob", "v1:Makefile")
    assert GitTreeFiles(GitObjects(tmp_path / "partial"), "v1").read("Makefile") == FILES["Makefile"]


def test_a_repository_cannot_run_a_program(checkout: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.external", "grep.pager", "pager.log"):
        git(checkout, "config", key, str(program))
    tree = GitTreeFiles(GitObjects(checkout), "v1")
    assert tree.holding("int a;") and tree.paths() and tree.read("mm/x.c")
    assert GitObjects(checkout).revisions("v1", "HEAD", 10)
    assert FolderFiles(checkout).holding("int a;")
    assert not (tmp_path / "ran").exists()


def test_revisions_and_tags(checkout: Path) -> None:
    objects = GitObjects(checkout)
    found = objects.revisions("v1", "HEAD", 10)
    assert [(revision.subject, revision.time) for revision in found] == [("first", 1000000), ("second", 1000000)]
    assert objects.tagged() == {found[0].commit: "v1"}
    assert objects.time(found[1].commit) == 1000000
    for words in (("v1", "v1", 10), ("HEAD", "v1", 10), ("v1", "HEAD", 0), ("v9", "HEAD", 10), ("--all", "HEAD", 10)):
        with pytest.raises(UserError):
            objects.revisions(*words)


@pytest.mark.parametrize("revision", ["v9", "-x", "--all", "", "v1 v1", "v1\n"])
def test_a_revision_that_is_none(checkout: Path, revision: str) -> None:
    with pytest.raises(UserError, match="revision"):
        GitTreeFiles(GitObjects(checkout), revision)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(UserError, match=r"no such folder|no folder"):
            FolderFiles(folder)
        with pytest.raises(UserError, match="no such git directory"):
            GitObjects(folder)
    with pytest.raises(UserError, match="no revision 'HEAD'"):
        GitTreeFiles(GitObjects(tmp_path), "HEAD")
