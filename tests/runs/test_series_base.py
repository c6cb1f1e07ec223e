"""Candidates brought to trial: revisions of a range by content, near ones of a long range, JSON."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.runs import series_base
from tests.fake.checkout import Checkout, harmless

COMMITS = 60


def fast_import(folder: Path, commits: int) -> None:
    """A history in which commit k makes mm/busy.c say k, and mm/rare.c change at 20, 30 and 40; from 33 on its
    Makefile says 2.5.2."""
    subprocess.run(["git", "init", "-q", "--bare", str(folder)], check=True)
    lines = []
    for number in range(1, commits + 1):
        time = 1_000_000_000 + number * 86_400
        step = sum(number >= at for at in (20, 30, 40))
        rare = "".join(f"int line{at};\n" for at in range(30)).replace("line15", f"line15_{step}")
        makefile = f"VERSION = 2\nPATCHLEVEL = 5\nSUBLEVEL = {1 if number < 33 else 2}\n"
        files = {"mm/busy.c": f"int busy = {number};\n", "mm/rare.c": rare, "Makefile": makefile}
        lines.append(f"commit refs/heads/master\ncommitter a <a@b> {time} +0000\ndata <<END\ncommit {number}\nEND\n")
        for path, text in files.items():
            lines.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
        if number in (1, commits):
            lines.append(f"reset refs/tags/v{number}\nfrom refs/heads/master\n\n")
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=folder, check=True, input="".join(lines).encode(),
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )  # fmt: skip


PATCH = """From: A Developer <a@example.org>
Date: Sat, 13 Oct 2001 12:00:00 +0000
Subject: [PATCH] mm: take it

It is better.
---
diff -u linux-2.5.1/mm/rare.c linux/mm/rare.c
--- linux-2.5.1/mm/rare.c
+++ linux/mm/rare.c
@@ -13,7 +13,7 @@
 int line12;
 int line13;
 int line14;
-int line15_2;
+long line15_2;
 int line16;
 int line17;
 int line18;
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with a history and a patch for its commits 30 to 39."""
    made = Checkout(tmp_path_factory.mktemp("base")).make(harmless(1))
    fast_import(made.folder / "history.git", COMMITS)
    (made.folder / "it.patch").write_text(PATCH)
    return made


def found(checkout: Checkout, *candidates: str) -> dict[str, object]:
    """What --json prints."""
    ended = checkout.harness(
        "series", "base", str(checkout.folder / "it.patch"), "--json", "--candidates", *candidates
    )  # fmt: skip
    assert ended.code == 0, ended
    value = json.loads(ended.out)
    assert isinstance(value, dict)
    return value


def subject(checkout: Checkout, name: str) -> str:
    """The subject of a candidate's commit."""
    folder, _, revision = name.rpartition("@")
    words = ["git", "-C", folder, "log", "-1", "--format=%s", revision]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commits_of_a_range_by_content(checkout: Checkout) -> None:
    value = found(checkout, f"{checkout.folder}/history.git@v1..v60")
    trees = value["trees"]
    assert isinstance(trees, list)
    assert len(trees) == 4, "as many as mm/rare.c has contents"
    best = trees[0]
    assert value["confidence"] == "likely"
    # Sent on the day of commit 34 for 2.5.1, it is for the newest 2.5.1 of its content until then.
    assert (subject(checkout, best["tree"]), best["version"]) == ("commit 32", "2.5.1")
    assert sorted(subject(checkout, name) for name in best["alike"]) == [
        f"commit {number}" for number in range(30, 40) if number != 32
    ]
    assert best["hunks"] == {"clean": 1, "offset": 0, "fuzz": 0, "missing": 0, "file missing": 0}
    assert best["each_hunk"][0] == {
        "patch": 1, "file": "mm/rare.c", "line": 13, "fit": "clean", "offset": 0, "share": 1.0,
    }  # fmt: skip
    clues = value["clues"]
    assert isinstance(clues, dict)
    assert clues["versions"] == [{"version": "2.5.1", "where": "the header of mm/rare.c", "sure": True}]


def test_a_long_range_is_narrowed(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_base, "ALL_TRIED", 12)
    monkeypatch.setattr(series_base, "COARSE", 8)
    value = found(checkout, f"{checkout.folder}/history.git@v1..v60")
    trees = value["trees"]
    assert isinstance(trees, list)
    assert subject(checkout, trees[0]["tree"]) == "commit 32"


def test_candidates_of_every_kind(checkout: Checkout) -> None:
    history = f"{checkout.folder}/history.git"
    value = found(checkout, "fake", f"{history}@v1", f"{history}@v1~0..v60", str(checkout.root / "tree"))
    trees = value["trees"]
    assert isinstance(trees, list)
    assert len(trees) == 7
    fits = {tree["tree"]: tree["hunks"] for tree in trees}
    assert fits["fake"]["file missing"] == 1
    assert fits[f"{history}@v1"]["missing"] == 1
    ended = checkout.harness("series", "base", str(checkout.folder / "it.patch"), "--candidates", f"{history}@v9..v60")
    assert (ended.code, "no revision 'v9'" in ended.err) == (2, True)
    ended = checkout.harness("series", "base", str(checkout.folder / "it.patch"), "--candidates", f"{history}@v1")
    assert (ended.code, ended.out.splitlines()[-1]) == (4, "none of these trees: not one of 1 hunks has a place")


SEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "seeds"


@pytest.mark.parametrize(
    ("name", "version", "not_after"),
    [
        ("002_memcg-lockless-page-cgroup.txt", "2.6.27-rc3+", "2008-08-20"),
        ("003_migration-by-kernel.txt", "2.6.22-rc2-mm1", "2007-05-30"),
        ("004_page-release-race.txt", "2.5.31-bk7", "2002-08-26"),
    ],
)
def test_what_the_archives_pages_say_of_their_base(checkout: Checkout, name: str, version: str, not_after: str) -> None:
    if not (SEEDS / name).is_file():
        pytest.skip("the archives' pages do not lie beside this checkout")
    history = f"{checkout.folder}/history.git@v1"
    ended = checkout.harness("series", "base", str(SEEDS / name), "--json", "--candidates", history)
    assert ended.code == 4, ended
    value = json.loads(ended.out)
    assert (value["clues"]["versions"][0]["version"], value["clues"]["versions"][0]["sure"]) == (version, True)
    assert value["clues"]["not_after"].startswith(not_after)
