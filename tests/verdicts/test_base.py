"""Which tree a series was made for: clues of the series, trials of trees, and how sure the answer is."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harness.intake.file_changes import file_changes
from harness.model.base import BaseRanking, Candidate, KernelVersion, NoHunks, Trial
from harness.model.series import Patch, Series
from harness.verdicts.base_clues import clues_of, version_in, version_of_makefile
from harness.verdicts.base_score import fitness, rank, trial

V1 = {
    "Makefile": "VERSION = 2\nPATCHLEVEL = 6\nSUBLEVEL = 22\nEXTRAVERSION = -rc2\n",
    "mm/swap.c": "".join(f"int swap{number};\n" for number in range(40)),
    "mm/rmap.c": "".join(f"int rmap{number};\n" for number in range(40)),
}
V2 = {**V1, "Makefile": V1["Makefile"].replace("-rc2", "-rc3"), "mm/rmap.c": "/* moved */\n" + V1["mm/rmap.c"]}
V3 = {**V1, "mm/rmap.c": V1["mm/rmap.c"].replace("rmap2", "other2"), "Makefile": "VERSION = 2\nPATCHLEVEL = 4\n"}


def blob(text: str) -> str:
    """git's id of a file."""
    return hashlib.sha1(b"blob %d\0" % len(text.encode()) + text.encode()).hexdigest()


def patch(
    index: int, old: dict[str, str], new: dict[str, str], top: str = "a", named: bool = False, **words: object
) -> Patch:
    """The patch from old to new; ``named``: with index lines."""
    parts = []
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            before, after = old.get(path, ""), new.get(path, "")
            name = f"{top}/{path}" if path in old else "/dev/null"
            if named:
                ids = (blob(before) if path in old else "0" * 40, blob(after))
                parts.append(f"diff --git a/{path} b/{path}\nindex {ids[0][:7]}..{ids[1][:7]} 100644\n")
            lines = [text.splitlines(keepends=True) for text in (before, after)]
            parts.append("".join(difflib.unified_diff(lines[0], lines[1], name, f"b/{path}")))
    made = Patch(index, f"s{index}", "a", None, None, "", "".join(parts), tuple(new), 0, 0, "box")
    return replace(made, **words)  # type: ignore[arg-type]


def series(*patches: Patch, **words: object) -> Series:
    """A series of them."""
    return replace(Series("s", "a title", 1, len(patches), tuple(patches)), **words)  # type: ignore[arg-type]


AFTER_ONE = {**V1, "mm/swap.c": V1["mm/swap.c"].replace("int swap9;", "long swap9;")}
AFTER_TWO = {
    **AFTER_ONE,
    "mm/swap.c": AFTER_ONE["mm/swap.c"].replace("int swap10;", "long swap10;"),
    "mm/rmap.c": V1["mm/rmap.c"].replace("int rmap20;", "long rmap20;"),
}


def tried(of: Series, tree: dict[str, str]) -> Trial:
    """The series on a tree."""
    data = {path: text.encode() for path, text in tree.items()}
    return trial([file_changes(one) for one in of.patches], data.get)


def ranked(of: Series, *trees: tuple[str, dict[str, str], int | None]) -> BaseRanking:
    """Trees by (name, files, time)."""
    clues = clues_of(of, [file_changes(one) for one in of.patches])
    candidates = [
        (Candidate(name, version_of_makefile(files["Makefile"].encode()), time), tried(of, files))
        for name, files, time in trees
    ]
    return rank(clues, candidates)


TWO = series(patch(1, V1, AFTER_ONE), patch(2, AFTER_ONE, AFTER_TWO))
NAMED = series(patch(1, V1, AFTER_ONE, named=True), patch(2, AFTER_ONE, AFTER_TWO, named=True))


# Trials


def test_a_patch_is_tried_on_top_of_those_before_it() -> None:
    seen = tried(TWO, V1)
    assert [hunk.fit for hunk in seen.hunks] == ["clean"] * 3 and fitness(seen) == 1.0
    # Patch 2 needs patch 1: alone it has no place in mm/swap.c.
    alone = tried(series(TWO.patches[1]), V1)
    assert sorted(hunk.fit for hunk in alone.hunks) == ["clean", "missing"]


def test_a_patch_whose_forerunner_does_not_apply_is_tried_on_the_tree_itself() -> None:
    half = {**V1, "mm/swap.c": AFTER_ONE["mm/swap.c"]}
    seen = tried(TWO, half)
    assert [(hunk.patch, hunk.path, hunk.fit) for hunk in seen.hunks] == [
        (1, "mm/swap.c", "missing"), (2, "mm/rmap.c", "clean"), (2, "mm/swap.c", "clean"),
    ]  # fmt: skip


def test_how_hunks_fit_other_trees() -> None:
    assert [hunk.fit for hunk in tried(TWO, V2).hunks] == ["clean", "offset", "clean"]
    assert [hunk.offset for hunk in tried(TWO, V2).hunks] == [0, 1, 0]
    assert [hunk.fit for hunk in tried(TWO, V3).hunks] == ["clean", "missing", "clean"]
    gone = {path: text for path, text in V1.items() if path != "mm/rmap.c"}
    assert [hunk.fit for hunk in tried(TWO, gone).hunks] == ["clean", "file missing", "clean"]


def test_blob_ids_with_the_earlier_patches_applied() -> None:
    assert (tried(NAMED, V1).blobs, tried(NAMED, V1).blobs_found) == (3, 3)
    assert (tried(NAMED, V2).blobs, tried(NAMED, V2).blobs_found) == (3, 2)
    new = series(patch(1, {}, {"mm/new.c": "int x;\n"}, named=True))
    assert (tried(new, V1).blobs, tried(new, V1).hunks[0].fit) == (0, "clean"), "a new file names no blob"
    assert tried(new, {**V1, "mm/new.c": "int y;\n"}).hunks[0].fit == "missing"


# Clues


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("linux-2.6.22-rc2-mm1.orig", KernelVersion((2, 6, 22), 2, "mm1")),
        ("linux-2.5.31-bk7", KernelVersion((2, 5, 31), 0, "bk7")),
        ("mmtom-2.6.27-rc3+.orig", KernelVersion((2, 6, 27), 3, "+")),
        ("v3.0", KernelVersion((3, 0))),
        ("linux-3.0.0", KernelVersion((3, 0))),
        ("linux-6.1.192", KernelVersion((6, 1, 192))),
        ("a", None), ("linux", None), ("linux-mm", None), ("1.7.3.1", None), ("b4-0.12.3", None),
    ],
)  # fmt: skip
def test_versions_in_names(name: str, version: KernelVersion | None) -> None:
    assert version_in(name) == version
    if version is not None:
        assert version_in(f"linux-{version}") == version


def test_the_version_of_a_makefile() -> None:
    assert version_of_makefile(V1["Makefile"].encode()) == KernelVersion((2, 6, 22), 2)
    assert version_of_makefile(b"VERSION = 3\nPATCHLEVEL = 0\nSUBLEVEL = 0\nEXTRAVERSION =\n") == KernelVersion((3, 0))
    assert version_of_makefile(b"all:\n\tmake\n") is None
    assert version_of_makefile(None) is None


def said(**words: object) -> list[tuple[str, bool]]:
    """Versions that a series of such words names."""
    of = series(patch(1, V1, AFTER_ONE, top=str(words.pop("top", "a"))), **words)
    return [(str(hint.version), hint.sure) for hint in clues_of(of, [file_changes(one) for one in of.patches]).versions]


def test_what_a_series_says() -> None:
    assert said(top="linux-2.6.22-rc2-mm1.orig") == [("2.6.22-rc2-mm1", True)]
    assert said(title="MM patches against 2.5.31") == [("2.5.31", False)]
    assert said(cover="This applies on top of 2.6.27-rc3.\nMade by git 1.7.3.1, with 2.1 % less.") == [
        ("2.6.27-rc3", False)
    ]
    assert said(prerequisites=("linux-2.6.22-rc2-mm1",)) == [("2.6.22-rc2-mm1", True)]
    # Where a header names the tree, what is said of other kernels does not count.
    assert said(top="linux-2.5.31-bk7", title="against 2.5.31", cover="a fix for 2.4.19") == [
        ("2.5.31-bk7", True), ("2.5.31", False),
    ]  # fmt: skip
    assert said() == []


def test_the_latest_moment_of_the_base() -> None:
    sent = datetime(2002, 8, 26, 9, tzinfo=UTC)
    one = patch(1, V1, AFTER_ONE, date=sent)
    clues = clues_of(series(one), [file_changes(one)])
    assert (clues.not_after, clues.not_after_why) == (sent, "it was sent 2002-08-26 09:00 UTC")
    day = replace(one, date=sent.replace(hour=0))
    clues = clues_of(series(day), [file_changes(day)])
    assert (clues.not_after, clues.not_after_why) == (datetime(2002, 8, 27, tzinfo=UTC), "it was sent on 2002-08-26")
    older = replace(
        one, diff=one.diff.replace("--- a/mm/swap.c", "--- a/mm/swap.c\t2002-08-24 18:30:38.000000000 +0200")
    )
    clues = clues_of(series(older), [file_changes(older)])
    assert clues.not_after == datetime(2002, 8, 25, 8, 30, 38, tzinfo=UTC), "in the zone that is latest"


# Ranking


def test_blobs_are_proof() -> None:
    ranking = ranked(NAMED, ("v3", V3, None), ("v2", V2, None), ("v1", V1, None))
    assert [tree.candidate.name for tree in ranking.trees] == ["v1", "v2", "v3"]
    assert (ranking.confidence, ranking.trees[0].score) == ("certain", 1.0)
    assert ranking.sentence.startswith("certain: the files it changes are those of v1, byte for byte")
    assert "every file is, byte for byte, what the index lines name" in ranking.trees[0].reasons
    ranking = ranked(NAMED, ("v2", V2, None), ("v3", V3, None))
    assert ranking.confidence != "certain"
    assert "2 of 3 files are the very ones" in ranking.sentence or ranking.confidence == "open"


def test_two_trees_with_the_same_files() -> None:
    ranking = ranked(NAMED, ("v1", V1, None), ("again", V1, None))
    assert ranking.sentence == "certain as far as its files go: again and v1 have the very same ones"
    assert ranked(TWO, ("v1", V1, None), ("again", V1, None)).confidence == "open"


def test_without_blobs_the_hunks_decide() -> None:
    ranking = ranked(TWO, ("v3", V3, None), ("v1", V1, None))
    assert (ranking.trees[0].candidate.name, ranking.confidence) == ("v1", "likely")
    assert ranking.trees[0].reasons == ("all 3 hunks stand at their lines",)
    assert ranking.trees[1].reasons == ("2 of 3 hunks have a place",)


def test_versions_and_dates_decide_what_the_hunks_leave_open() -> None:
    rc3 = {**V1, "Makefile": V2["Makefile"]}
    of = series(patch(1, V1, AFTER_ONE, top="linux-2.6.22-rc2-mm1.orig"))
    ranking = ranked(of, ("rc3", rc3, None), ("rc2", V1, None))
    assert [tree.candidate.name for tree in ranking.trees] == ["rc2", "rc3"]
    assert "the header of mm/swap.c names 2.6.22-rc2-mm1, which is built on 2.6.22-rc2" in ranking.trees[0].reasons
    assert ranking.sentence == ("likely rc2: the hunks fit rc3 as well, but what is said of version or date does not")
    assert ranked(TWO, ("rc3", rc3, None), ("rc2", V1, None)).confidence == "open", "where nothing is said"
    sent = datetime(2007, 5, 29, 12, tzinfo=UTC)
    moments = {"old": -90, "newest": -2, "later": 3}
    dated = series(patch(1, V1, AFTER_ONE, date=sent))
    times = [(name, V1, int(sent.timestamp()) + days * 86400) for name, days in moments.items()]
    assert [tree.candidate.name for tree in ranked(dated, *times).trees] == ["newest", "old", "later"]
    late = ranked(dated, *times).trees[2]
    assert any(", too late: it was sent 2007-05-29" in reason for reason in late.reasons)


def test_none_of_these() -> None:
    foreign = {path: text.replace("int ", "u32 ") for path, text in V1.items()}
    ranking = ranked(TWO, ("foreign", foreign, None), ("empty", {"Makefile": ""}, None))
    assert ranking.confidence == "none"
    assert ranking.sentence == "none of these trees: not one of 3 hunks has a place"
    mm = series(patch(1, V1, AFTER_ONE, top="linux-2.6.22-rc2-mm1.orig"), patch(2, V1, {**V1, "mm/rmap.c": "int x;\n"}))
    half = {**V1, "mm/rmap.c": "int y;\n"}
    assert ranked(mm, ("half", half, None)).sentence == (
        "probably none of these trees: half comes nearest, but 1 of 2 hunks have no place; it was made for "
        "2.6.22-rc2-mm1, which is 2.6.22-rc2 with more on top"
    )
    with pytest.raises(NoHunks):
        ranked(series(), ("v1", V1, None))
