"""Importing archives: the same content is the same tree; names that leave the tree are refused."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from harness.model.errors import HarnessError, TreeUnavailable
from harness.trees.object_store import ObjectStore
from tests.trees.conftest import FILES, Tarred


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """One member without content."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def test_the_same_content_is_the_same_tree(store: ObjectStore, tarred: Tarred) -> None:
    first = store.import_tar(tarred(), "refs/harness/trees/a", "a")
    other = tarred("other.tar.xz", dict(reversed(FILES.items())), [member("linux/doc/", tarfile.DIRTYPE)], mtime=99)
    second = store.import_tar(other, "refs/harness/trees/b", "b")
    assert store.tree_of(first) == store.tree_of(second)
    assert store.git("ls-tree", "-r", "--name-only", first).split() == ["Makefile", "mm/latin.c", "mm/x.c"]
    assert store.has_commit(first)
    assert not store.has_commit("0" * 40)


def test_links_and_modes_are_kept(store: ObjectStore, tarred: Tarred) -> None:
    more = [member("linux/link", tarfile.SYMTYPE, "mm/x.c"), member("linux/scripts/run", mode=0o755)]
    commit = store.import_tar(tarred(more=more), "refs/harness/trees/a", "a")
    listed = {line.split("\t")[1]: line.split()[0] for line in store.git("ls-tree", "-r", commit).splitlines()}
    assert listed == {
        "Makefile": "100644", "link": "120000", "mm/latin.c": "100644", "mm/x.c": "100644", "scripts/run": "100755",
    }  # fmt: skip


@pytest.mark.parametrize(
    "hostile",
    [
        member("linux/../../etc/cron.d/x"),
        member("linux/a/../../../x"),
        member("linux/.git/hooks/post-checkout"),
        member("linux/a\nM 100755 inline b"),
        member('linux/"quoted'),
        member("linux/device", tarfile.CHRTYPE),
        member("linux/fifo", tarfile.FIFOTYPE),
        member("linux/hard", tarfile.LNKTYPE, "/etc/passwd"),
    ],
)
def test_hostile_members_are_refused(store: ObjectStore, tarred: Tarred, hostile: tarfile.TarInfo) -> None:
    with pytest.raises(TreeUnavailable, match="cannot be imported"):
        store.import_tar(tarred(more=[hostile]), "refs/harness/trees/a", "a")
    assert store.ref("refs/harness/trees/a") is None


@pytest.mark.parametrize("name", ["linux//x", "linux/a/./b", "linux/a//b"])
def test_odd_names_are_an_error_of_ours_at_most(store: ObjectStore, tarred: Tarred, name: str) -> None:
    try:
        commit = store.import_tar(tarred(more=[member(name)]), "refs/harness/trees/a", "a")
    except HarnessError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert "//" not in store.git("ls-tree", "-r", "--name-only", commit)


def test_a_broken_archive(store: ObjectStore, tarred: Tarred, tmp_path: Path) -> None:
    whole = tarred("linux.tar.xz").read_bytes()
    for number, data in enumerate((b"", b"not a tar", whole[: len(whole) // 2])):
        path = tmp_path / f"broken{number}"
        path.write_bytes(data)
        with pytest.raises(HarnessError):
            store.import_tar(path, f"refs/harness/trees/broken{number}", "b")


def test_a_local_mirror(store: ObjectStore, tarred: Tarred, tmp_path: Path) -> None:
    mirror = ObjectStore(tmp_path / "mirror")
    commit = mirror.import_tar(tarred(), "refs/tags/v1", "v1")
    assert store.tree_of(store.fetch(str(mirror.path), "v1", "refs/harness/trees/a")) == mirror.tree_of(commit)
    with pytest.raises(TreeUnavailable, match="v9"):
        store.fetch(str(mirror.path), "v9", "refs/harness/trees/b")
    with pytest.raises(TreeUnavailable, match="no such git directory"):
        store.fetch(str(tmp_path / "none"), "v1", "refs/harness/trees/b")
