"""The damaged texts of three web archives, repaired on the trees that they were made for.

Needs the texts beside the checkout, and git directories with the trees' history below $HARNESS_TEST_MIRRORS.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from harness.intake import read_series
from harness.intake.repair import Grade, Repair, new_content
from harness.runs.repairing import repair_series, why_refused
from harness.trees.git_objects import GitObjects
from harness.trees.tree_files import GitTreeFiles
from tests.intake.seeds import seed

V2_5_31_BK = "a385a726790ff4954db7e71e2a94040182a10a08"  # 26 August 2002
V2_6_22_RC2 = "df6c43cb64a83036d3efdf06894b6170fb4d69ed"
V2_6_27_RC3 = "dc9fa159ab9886d66ae3e81bb28cbef63cacdf30"
DEPTH = ("*", "*/.git", "*/*")  # where git directories lie below the folder


def tree(tree_id: str) -> GitTreeFiles:
    """A commit with this tree, from whichever git directory has one; the test is skipped where none does."""
    mirrors = os.environ.get("HARNESS_TEST_MIRRORS")
    if not mirrors:
        pytest.skip("HARNESS_TEST_MIRRORS names no folder of git directories with the kernel's history")
    for pattern in DEPTH:
        for folder in sorted(Path(mirrors).glob(pattern)):
            if (folder / "objects").is_dir() and (commit := commit_of(folder, tree_id)):
                return GitTreeFiles(GitObjects(folder), commit, "the tree")
    pytest.skip(f"no git directory below {mirrors} has a commit with the tree {tree_id[:12]}")


def commit_of(folder: Path, tree_id: str) -> str | None:
    git = ["git", "-c", "safe.directory=*", "--git-dir", str(folder)]
    if subprocess.run([*git, "cat-file", "-e", f"{tree_id}^{{tree}}"], capture_output=True).returncode != 0:
        return None
    told = subprocess.run([*git, "log", "--all", "--format=%T %H"], capture_output=True, text=True).stdout
    return next((line.split()[1] for line in told.splitlines() if line.startswith(tree_id)), None)


@cache
def repaired(number: str, tree_id: str) -> tuple[GitTreeFiles, Repair]:
    """The one patch of a text, repaired on a tree."""
    files = tree(tree_id)
    (done,) = repair_series(read_series("x", [seed(number)], damaged=True), files)
    return files, done.repair


def check_applies(files: GitTreeFiles, repair: Repair, folder: Path) -> None:
    """git apply takes the diff with no option, and makes the same files of the tree's as new_content."""
    for file in repair.files:
        data = files.read(file.path)
        assert data is not None
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).write_bytes(data)
    patch = repair.diff.encode("utf-8", "surrogateescape")
    ended = subprocess.run(["git", "apply", "-"], cwd=folder, input=patch, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    for file in repair.files:
        assert (folder / file.path).read_bytes() == new_content(file, files.read(file.path))


def check_honest(repair: Repair) -> None:
    """Added lines are the text's, or of no word; none of them is called proved, and the whole is called guessed."""
    assert repair.grade is Grade.GUESSED, "the archives took the indentation of added lines"
    for hunk in repair.hunks:
        for line in hunk.lines:
            if line.mark == "+":
                assert line.grade is not Grade.PROVED
                assert line.text.split() == line.given.split() if line.given else line.text.strip() in "{}/***/"


def test_the_patch_of_2002_is_whole_on_its_own_tree(tmp_path: Path) -> None:
    files, repair = repaired("004", V2_5_31_BK)
    assert not repair.refusal and not repair.unplaced
    assert [file.path for file in repair.files] == [
        "include/linux/mm.h", "include/linux/pagemap.h", "mm/swap.c", "mm/vmscan.c",
    ]  # fmt: skip
    assert len(repair.hunks) == 9
    assert [hunk.start for hunk in repair.hunks] == [hunk.old_start for hunk in repair.hunks]
    check_applies(files, repair, tmp_path)
    check_honest(repair)
    for hunk in repair.hunks:
        counts = f"-{hunk.start},{hunk.old_count} "
        assert counts in hunk.header and f",{hunk.new_count} @@" in hunk.header, "as many lines as its header counts"


def test_the_patch_of_2007_has_every_place_in_2_6_22_rc2(tmp_path: Path) -> None:
    files, repair = repaired("003", V2_6_22_RC2)
    assert not repair.refusal and (len(repair.hunks), repair.unplaced) == (11, ())
    check_applies(files, repair, tmp_path)
    check_honest(repair)


def test_the_patch_of_2008_says_what_it_lacks_in_2_6_27_rc3(tmp_path: Path) -> None:
    files, repair = repaired("002", V2_6_27_RC3)
    assert not repair.refusal
    assert 0 < len(repair.unplaced) < len(repair.hunks)
    for hunk in repair.unplaced:
        assert (
            "nowhere in the file" in hunk.reason and "it needs patches 1 to 3 of its series (not here)" in hunk.reason
        )
        assert any(line.mark == "+" for line in hunk.lines), "its text is repaired as far as it goes"
    assert all(f"@@ -{hunk.old_start}," in repair.rejected for hunk in repair.unplaced)
    check_applies(files, repair, tmp_path)
    check_honest(repair)
    series = read_series("x", [seed("002")], damaged=True)
    done = repair_series(series, files)
    refused = why_refused(done, series.total, partial=False)
    assert refused is not None and f"{len(repair.unplaced)} of {len(repair.hunks)} hunks have no place" in str(refused)
    assert why_refused(done, series.total, partial=True) is None
