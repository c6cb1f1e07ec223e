"""Trees of a base and patch files: -mm, snapshots. The files come from anywhere."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config.tree_file import TreeSchema, load_tree
from harness.config.yaml_file import parse_yaml
from harness.model.errors import TreeUnavailable, UserError
from harness.model.tree import Overlay, Pin, PinKind, Source, SourceKind, Tree, TreeContent
from harness.trees import overlays
from harness.trees.sources import TreeLibrary
from tests.trees.conftest import Tarred

# As diff -urN writes it: a changed file, a new one, a removed one.
MM = b"""Whoever reads this is welcome.
diff -urN linux/Makefile linux-mm1/Makefile
--- linux/Makefile\t2007-05-19 00:00:00.000000000 +0200
+++ linux-mm1/Makefile\t2007-05-23 00:00:00.000000000 +0200
@@ -1 +1,2 @@
 VERSION = 6
+EXTRAVERSION = -mm1
diff -urN linux/mm/new.c linux-mm1/mm/new.c
--- linux/mm/new.c\t1970-01-01 01:00:00.000000000 +0100
+++ linux-mm1/mm/new.c\t2007-05-23 00:00:00.000000000 +0200
@@ -0,0 +1 @@
+int n;
diff -urN linux/mm/latin.c linux-mm1/mm/latin.c
--- linux/mm/latin.c\t2007-05-19 00:00:00.000000000 +0200
+++ linux-mm1/mm/latin.c\t1970-01-01 01:00:00.000000000 +0100
@@ -1,2 +0,0 @@
-/* J\xf6rg */
-int j;
"""
SECOND = b"""--- a/mm/new.c
+++ b/mm/new.c
@@ -1 +1 @@
-int n;
+int nn;
"""


@pytest.fixture
def library(tmp_path: Path) -> TreeLibrary:
    """An empty cache."""
    return TreeLibrary(tmp_path / "cache")


def over(base: Path, *files: Overlay, pins: tuple[Pin, ...] = ()) -> Tree:
    """A tree of a tarball and patch files."""
    return Tree("x-mm1", "6.1", "old", (Source(SourceKind.TARBALL, str(base), None, pins, overlay=files),))


def fetched(library: TreeLibrary, tree: Tree) -> TreeContent:
    return library.ensure(tree, lambda _: None)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_patch_files_go_on_top_in_order(
    tmp_path: Path, tarred: Tarred, library: TreeLibrary, pack: Callable[[bytes], bytes]
) -> None:
    first, second = tmp_path / "one.patch", tmp_path / "two.patch"
    first.write_bytes(pack(MM))
    second.write_bytes(pack(SECOND))
    pinned = Overlay(str(first), hashlib.sha256(first.read_bytes()).hexdigest())
    content = fetched(library, over(tarred(), pinned, Overlay(str(second))))
    listed = library.store.git("ls-tree", "-r", "--name-only", content.commit).split()
    assert listed == ["Makefile", "mm/new.c", "mm/x.c"]
    assert library.store.git("show", f"{content.commit}:mm/new.c") == "int nn;"
    assert library.store.git("show", f"{content.commit}:Makefile") == "VERSION = 6\nEXTRAVERSION = -mm1"
    assert content.source.endswith("+ one.patch + two.patch")
    assert not content.pinned, "the patch's checksum alone does not pin the base"


def test_the_tree_pin_is_the_results(tmp_path: Path, tarred: Tarred, library: TreeLibrary) -> None:
    patch = tmp_path / "mm.patch"
    patch.write_bytes(MM)
    base = tarred()
    tree_id = fetched(library, over(base, Overlay(str(patch)))).tree_id
    good = over(base, Overlay(str(patch)), pins=(Pin(PinKind.TREE, tree_id),))
    content = fetched(library, good)
    assert content.pinned and library.verify(good) == content
    other = TreeLibrary(tmp_path / "other")
    wrong = over(base, Overlay(str(patch)), pins=(Pin(PinKind.TREE, "0" * 40),))
    with pytest.raises(TreeUnavailable, match=f"tree is {tree_id}, pinned is 0000"):
        fetched(other, wrong)
    assert other.present(wrong) is None


def test_the_bases_checksum_is_the_bases(tmp_path: Path, tarred: Tarred, library: TreeLibrary) -> None:
    patch = tmp_path / "mm.patch"
    patch.write_bytes(MM)
    with pytest.raises(TreeUnavailable, match=r"sha256 is .*, pinned is 1111"):
        fetched(library, over(tarred(), Overlay(str(patch)), pins=(Pin(PinKind.SHA256, "1" * 64),)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"nothing of a patch\n", "does not apply to its base"),
        (b"", "does not apply to its base"),
        (MM.replace(b"VERSION = 6", b"VERSION = 7"), "no place for its hunk at Makefile:1"),
        (b"--- a/../../out\n+++ b/../../out\n@@ -0,0 +1 @@\n+x\n", "invalid path"),
        (
            b"diff --git a/x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n",
            "does not apply",
        ),
        (
            b"diff --git a/.git/config b/.git/config\nnew file mode 100644\n"
            b"--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+x\n",
            "invalid path",
        ),
        (b"diff --git a/x b/x\nnew file mode 100644\nindex 0000000..1111111\nGIT binary patch\nliteral 9\n", "binary"),
        (gzip.compress(MM)[:-12], "cannot be unpacked"),
        (b"BZh91AY&SY" + b"\xff" * 40, "cannot be unpacked"),
        (lzma.compress(MM)[:60], "cannot be unpacked"),
    ],
)
def test_a_hostile_or_damaged_file_makes_no_tree(
    tmp_path: Path, tarred: Tarred, library: TreeLibrary, text: bytes, why: str
) -> None:
    patch = tmp_path / "evil.patch"
    patch.write_bytes(text)
    tree = over(tarred(), Overlay(str(patch)))
    with pytest.raises(TreeUnavailable, match=why):
        fetched(library, tree)
    assert library.present(tree) is None
    assert not (tmp_path / "out").exists()


def test_a_symbolic_link_leads_nowhere(tmp_path: Path, tarred: Tarred, library: TreeLibrary) -> None:
    patch = tmp_path / "link.patch"
    patch.write_bytes(
        b"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/tmp\n"
        b"\\ No newline at end of file\n"
        b"diff --git a/l/x b/l/x\nnew file mode 100644\n--- /dev/null\n+++ b/l/x\n@@ -0,0 +1 @@\n+x\n"
    )
    with pytest.raises(TreeUnavailable, match="does not apply"):
        fetched(library, over(tarred(), Overlay(str(patch))))


def test_unpacking_is_bounded(
    tmp_path: Path, tarred: Tarred, library: TreeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlays, "MAX_UNPACKED", 1 << 20)
    bomb = tmp_path / "bomb.bz2"
    bomb.write_bytes(bz2.compress(b"\n" * (8 << 20)))
    assert bomb.stat().st_size < 4096
    with pytest.raises(TreeUnavailable, match="unpacks to more than"):
        fetched(library, over(tarred(), Overlay(str(bomb))))


def test_a_binary_patch_is_seen_across_two_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlays, "_CHUNK", 7)
    packed = tmp_path / "x"
    packed.write_bytes(b"some words\n and GIT binary patch inside a line\n")
    overlays.unpacked(packed, Overlay(str(packed)), tmp_path / "diff")
    packed.write_bytes(b"some words\nGIT binary patch\n")
    with pytest.raises(TreeUnavailable, match="binary"):
        overlays.unpacked(packed, Overlay(str(packed)), tmp_path / "diff")


def test_another_file_than_the_pinned_one(tmp_path: Path, tarred: Tarred, library: TreeLibrary) -> None:
    patch = tmp_path / "mm.patch"
    patch.write_bytes(MM)
    with pytest.raises(TreeUnavailable, match=r"sha256 is .*pinned is 2222"):
        fetched(library, over(tarred(), Overlay(str(patch), "2" * 64)))
    with pytest.raises(TreeUnavailable, match="no such file"):
        fetched(library, over(tarred(), Overlay(str(tmp_path / "gone.patch"))))


def test_overlays_in_a_file(tmp_path: Path) -> None:
    text = (
        "name: x-mm1\nversion: 2.6.22-rc2-mm1\n"
        "sources:\n  - git: https://example.org/x.git\n    revision: v2.6.22-rc2\n"
        "    overlay:\n      - patch: mm.bz2\n      - {patch: 'https://example.org/p.gz', sha256: %s}\n" % ("a" * 64)
    )
    (tmp_path / "x-mm1.yaml").write_text(text)
    (source,) = load_tree(tmp_path / "x-mm1.yaml").sources
    assert source.overlay == (
        Overlay(str(tmp_path / "mm.bz2")),
        Overlay("https://example.org/p.gz", "a" * 64),
    )
    ranged = text.replace("revision: v2.6.22-rc2", "revision: a..b\n    pins: [{tree: %s}]" % ("b" * 40))
    with pytest.raises(UserError, match="a range cannot have an overlay"):
        parse_yaml(ranged.encode(), TreeSchema, "x.yaml")
