"""A made-up overlay on a real kernel: what -mm and -bk trees are."""

from __future__ import annotations

import bz2
import hashlib
import time
from pathlib import Path

import pytest

from harness.config.tree_file import load_tree, tree_text
from harness.model.errors import TreeUnavailable
from harness.model.tree import Overlay, Pin, PinKind, Source, SourceKind, Tree
from harness.runs.workshop import Workshop

pytestmark = pytest.mark.system
NEW = """diff -urN linux/mm/overlay_probe.c linux-mm1/mm/overlay_probe.c
--- linux/mm/overlay_probe.c	1970-01-01 01:00:00.000000000 +0100
+++ linux-mm1/mm/overlay_probe.c	2007-05-23 00:00:00.000000000 +0200
@@ -0,0 +1,2 @@
+// SPDX-License-Identifier: GPL-2.0
+int overlay_probe;
"""


def test_the_same_overlay_gives_the_same_tree(workshop: Workshop, tmp_path: Path) -> None:
    here = workshop.library.present(workshop.catalogue.tree("linux-6.1"))
    if here is None:
        pytest.skip("linux-6.1 has not been fetched: harness tree fetch linux-6.1")
    store = workshop.library.store
    head = store.git("show", f"{here.commit}:Makefile").splitlines()
    at = next(number for number, line in enumerate(head) if line.startswith("EXTRAVERSION"))
    hunk = f"@@ -{at},3 +{at},3 @@\n {head[at - 1]}\n-{head[at]}\n+EXTRAVERSION = -mm1\n {head[at + 1]}\n"
    patch = tmp_path / "6.1-mm1.bz2"
    patch.write_bytes(bz2.compress(f"--- linux/Makefile\n+++ linux-mm1/Makefile\n{hunk}{NEW}".encode()))
    overlay = Overlay(str(patch), hashlib.sha256(patch.read_bytes()).hexdigest())
    name = f"overlay-probe-{tmp_path.name}"
    source = Source(
        SourceKind.GIT, str(store.path), here.commit, (Pin(PinKind.COMMIT, here.commit),), overlay=(overlay,)
    )
    try:
        started = time.monotonic()
        found = workshop.library.learn(Tree(name, "6.1.0-mm1", None, (source,)), print)
        assert time.monotonic() - started < 120
        commit, tree_id = found.content.commit, found.content.tree_id
        changed = store.git("diff", "--name-status", here.commit, commit).splitlines()
        assert changed == ["M\tMakefile", "A\tmm/overlay_probe.c"]
        # What was learned, written down and read again, is that tree and no other.
        path = tmp_path / f"{name}.yaml"
        pinned = Source(**{f: getattr(found.source, f) for f in source.__slots__} | {"pins": found.pins})
        path.write_text(tree_text(Tree(name, "6.1.0-mm1", None, (pinned,))))
        tree = load_tree(path)
        assert workshop.library.ensure(tree, print).tree_id == tree_id
        assert workshop.library.verify(tree).pinned
        patch.write_bytes(bz2.compress(NEW.encode()))
        other = Tree(f"{name}-2", "6.1.0-mm1", None, tree.sources)
        with pytest.raises(TreeUnavailable, match=r"pinned is"):
            workshop.library.learn(other, print)
    finally:
        for ref in (name, f"{name}-2"):
            store.git("update-ref", "-d", f"refs/harness/trees/{ref}")
        for record in store.folder.glob("overlay-probe-*"):
            record.unlink()
        for lock in store.folder.glob("tree-overlay-probe-*"):
            lock.unlink()
