"""What a series tells of itself: trailers, prerequisites, diffstat, shortlog, missing members, earlier postings."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from harness.intake import patch_functions, read_series
from harness.intake.diffstat import disagreements, read_diffstat
from harness.intake.message_ids import ids_by_numbering
from harness.intake.prerequisites import header_trees, prerequisites, said_prerequisites
from harness.intake.shortlog import shortlog, titles_of_cover
from harness.intake.trailers import message_trailers
from harness.model.errors import UserError
from harness.model.series import Series

HUNK = "--- a/mm/p{n}.c\n+++ b/mm/p{n}.c\n@@ -1 +1 @@ int f{n}(void)\n-a\n+b\n"
_count = itertools.count()


def _mail(
    subject: str, body: str, mid: str = "", answers: str = "", hour: int = 1, sender: str = "A Frog <frog@pond.example>"
) -> str:
    return (
        f"From frog@pond.example Fri Aug 19 07:48:52 2011\nFrom: {sender}\nSubject: {subject}\n"
        f"Date: Fri, 19 Aug 2011 {hour:02}:00:00 +0000\nMessage-Id: <{mid or f'{next(_count)}@pond.example'}>\n"
        "To: linux-mm@kvack.org\nCc: linux-kernel@vger.kernel.org, newt@pond.example\n"
        + (f"In-Reply-To: <{answers}>\n" if answers else "")
        + f"\n{body}\n\n"
    )


def _patch(subject: str, n: int, text: str = "Text.", **more: object) -> str:
    return _mail(subject, f"{text}\n---\n{HUNK.format(n=n)}", **more)  # type: ignore[arg-type]


def _read(tmp_path: Path, *mails: str) -> Series:
    path = tmp_path / "m"
    path.write_text("".join(mails))
    return read_series("x", [path], damaged=True)


def test_trailers_of_every_kind_and_case() -> None:
    message = (
        "Text: with a colon.\nReported-by: in the middle of prose, by nobody\nat all.\n\n"
        'Fixes: 0123456789ab ("pond: leap")\nReported-by: B Newt <newt@pond.example>\n'
        "Closes: https://pond.example/1\nLink: https://pond.example/\n 2\nSigned-Off-By: A Frog <frog@pond.example>\n"
        "[toad@pond.example: fixed it]\nCc: <stable@pond.example> # 3.0\n\nTested-by: C Toad <toad@pond.example>\n"
    )
    assert [(t.key, t.value) for t in message_trailers(message)] == [
        ("Fixes", '0123456789ab ("pond: leap")'),
        ("Reported-by", "B Newt <newt@pond.example>"),
        ("Closes", "https://pond.example/1"),
        ("Link", "https://pond.example/ 2"),
        ("Signed-Off-By", "A Frog <frog@pond.example>"),
        ("Cc", "<stable@pond.example> # 3.0"),
        ("Tested-by", "C Toad <toad@pond.example>"),
    ]


def test_sign_off_above_a_postscript_counts() -> None:
    message = "Text.\n\nSigned-off-by: A Frog <frog@pond.example>\n\nP.S.: it rains.\n"
    assert [t.key for t in message_trailers(message)] == ["Signed-off-by"]
    assert message_trailers("Note: this is prose.\n") == ()


def test_what_is_needed_is_kept_as_it_is_said() -> None:
    cover = (
        "These depend on the lake series. They apply on top of 2.6.22-rc2-mm1,\nwhich has it.\n\n"
        "> This is against 2.4.0.\n\nWe race against time, and depend on you.\n"
        "base-commit: 0123456789abcdef\nprerequisite-patch-id: 89ab\nprerequisite-change-id: 20230101-pond-v1\n"
    )
    assert list(said_prerequisites(cover)) == [
        "base-commit: 0123456789abcdef",
        "prerequisite-patch-id: 89ab",
        "prerequisite-change-id: 20230101-pond-v1",
        'said: "These depend on the lake series."',
        'said: "They apply on top of 2.6.22-rc2-mm1, which has it."',
    ]


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (["--- linux-2.6.22-rc2-mm1.orig/mm/a.c", "+++ linux-2.6.22-rc2-mm1/mm/a.c"], ("linux-2.6.22-rc2-mm1.orig",)),
        (["Index: mmotm-0814/mm/a.c"], ("mmotm-0814",)),
        (["--- a/mm/a.c", "+++ b/mm/a.c"], ()),
        (["--- linux.orig/mm/a.c", "+++ linux/mm/a.c"], ()),
        (["--- v2.5.31/mm/a.c", "--- v2.5.31/mm/b.c"], ("v2.5.31",)),
    ],
)
def test_trees_named_by_headers(lines: list[str], named: tuple[str, ...]) -> None:
    assert header_trees(lines) == named


def test_prerequisites_are_bounded() -> None:
    assert len(prerequisites(["".join(f"It is against 2.6.{n}. " for n in range(500))], [])) == 16


STAT = " mm/a.c |    3 ++-\n .../deep/b.c | 2 +-\n 2 files changed, 3 insertions(+), 2 deletions(-)\n".split("\n")


def test_diffstat_agrees_or_not() -> None:
    stat = read_diffstat(STAT)
    assert stat is not None and stat.total == (2, 3, 2)
    right = {"mm/a.c": (2, 1), "mm/very/deep/b.c": (1, 1)}
    assert disagreements(stat, right) == ()
    assert disagreements(stat, right | {"mm/a.c": (3, 1)}) == (
        "the diffstat counts 3 changed lines of mm/a.c, the diff has 4",
        "the diffstat counts +3 -2 lines, the diff has +4 -2",
    )
    assert disagreements(stat, {"mm/a.c": (2, 1), "mm/c.c": (1, 1)}) == (
        "the diffstat names .../deep/b.c, the diff does not",
        "the diff changes mm/c.c, the diffstat does not name it",
    )
    assert disagreements(stat, {"mm/a.c": (9, 9), "x/deep/b.c": (0, 0)}, counts=False) == ()


def test_diffstat_of_a_mail_is_checked(tmp_path: Path) -> None:
    text = "Text.\n---\n mm/p1.c | 3 ++-\n 1 file changed, 2 insertions(+), 1 deletion(-)\n"
    series = _read(tmp_path, _mail("[PATCH] x", f"{text}\n{HUNK.format(n=1)}"))
    assert series.patches[0].notes == (
        "the diffstat counts 3 changed lines of mm/p1.c, the diff has 2",
        "the diffstat counts +2 -1 lines, the diff has +1 -1",
    )
    assert series.lists == ("linux-mm", "linux-kernel")


def test_shortlogs() -> None:
    whole = "A Frog (2):\n      pond: hold\n        the frog\n      pond: drain\n\nB Newt (1):\n      lake: fill\n"
    assert shortlog(whole.split("\n")) == (
        ("A Frog", ("pond: hold the frog", "pond: drain")),
        ("B Newt", ("lake: fill",)),
    )
    assert titles_of_cover(whole.split("\n"), 3) == ()  # by author, which is not the order of the patches
    long = "pond: a title that is so long that the letter's program had to wrap it"
    flat = f"A Frog (2):\n{long}\nbefore here\npond: drain\n"
    assert titles_of_cover(flat.split("\n"), 2) == (f"{long} before here", "pond: drain")
    assert shortlog("A Frog (2):\npond: a\npond: b\npond: c\n".split("\n")) == ()


@pytest.mark.parametrize(
    ("held", "missing", "wanted"),
    [
        ({0: "1313740111-27446-1-git-send-email-a@b"}, [2], {2: "1313740111-27446-3-git-send-email-a@b"}),
        ({1: "1313740111-27446-1-git-send-email-a@b"}, [2], {2: "1313740111-27446-2-git-send-email-a@b"}),
        ({1: "20230101010203.1234-2-a@b"}, [0, 3], {0: "20230101010203.1234-1-a@b", 3: "20230101010203.1234-4-a@b"}),
        ({1: "20230101-pond-v2-1-0123456789ab@b"}, [2], {2: "20230101-pond-v2-2-0123456789ab@b"}),
        ({1: "1313740111-27446-1-git-send-email-a@b", 2: "1313740111-27446-9-git-send-email-a@b"}, [3], {}),
        ({1: "frog@pond"}, [2], {}),
    ],
)
def test_numbered_message_ids(held: dict[int, str], missing: list[int], wanted: dict[int, str]) -> None:
    assert ids_by_numbering(held, missing) == wanted


def test_ids_of_missing_members_by_who_answers_them(tmp_path: Path) -> None:
    series = _read(
        tmp_path,
        _mail("[PATCH 0/3] ponds", "Three.\n\nA Frog (3):\n  a\n  b\n  c\n", "cover"),
        _patch("[PATCH 1/3] a", 1, mid="one", answers="cover"),
        _mail("Re: [PATCH 2/3] b", "> x\n\nNo.", "no", "two-unseen"),
    )
    assert (series.missing, series.missing_ids) == ((2, 3), ("two-unseen", ""))
    assert series.missing_titles == ("b", "c")


def test_older_versions_are_kept(tmp_path: Path) -> None:
    first = [_patch(f"[RFC PATCH {n}/2] part {n}", n, mid=f"{n}-1", hour=1) for n in (1, 2)]
    second = [_patch(f"[PATCH {n}/3] part {n}", n, mid=f"{n}-2", hour=2) for n in (1, 2, 3)]
    third = [_patch(f"[PATCH v2 RESEND {n}/3] part {n}", n, mid=f"{n}-3", hour=3) for n in (1, 2, 3)]
    broken = second[1].replace("@@ -1 +1 @@", "@@ -1,9 +1 @@")
    series = _read(tmp_path, *third, *first, second[0], broken, second[2])
    assert (series.version, series.tags, len(series.patches)) == (2, ("RESEND",), 3)
    assert [(o.version, o.tags, o.total, len(o.patches)) for o in series.older] == [(1, (), 3, 3), (1, ("RFC",), 2, 2)]
    assert series.older[0].patches[1].damage  # an old version's damage is no error


def test_what_was_sent_again_is_kept_as_older(tmp_path: Path) -> None:
    mails = [_patch(f"[PATCH {n}/2] part {n}", n, mid=f"{n}-1") for n in (1, 2)]
    again = _patch("[PATCH 2/2] part 2 again", 2, mid="2-2", hour=5)
    series = _read(tmp_path, again, *mails)
    assert [p.message_id for p in series.patches] == ["1-1", "2-2"]
    (older,) = series.older
    assert [p.message_id for p in older.patches] == ["2-1"] and older.notes == ("sent again in the same version",)


def test_unnumbered_versions(tmp_path: Path) -> None:
    series = _read(
        tmp_path, _patch("[PATCH] pond: hold", 1, mid="a"), _patch("[PATCH v3] pond: hold", 1, mid="c", hour=3)
    )
    assert (series.version, [p.message_id for p in series.patches]) == (3, ["c"])
    assert [p.message_id for older in series.older for p in older.patches] == ["a"]


def test_unnumbered_thread_has_its_letter(tmp_path: Path) -> None:
    series = _read(
        tmp_path,
        _patch("[PATCH] b", 2, mid="b", answers="letter", hour=3),
        _patch("[PATCH] a", 1, mid="a", answers="letter", hour=2),
        _mail("[PATCH] two patches", "Two patches.", "letter"),
    )
    assert (series.cover, series.title, series.total) == ("Two patches.", "two patches", 2)
    assert [p.subject for p in series.patches] == ["a", "b"]


def test_mercurials_numbers(tmp_path: Path) -> None:
    mails = [_patch(f"[PATCH {n:02} of 12] part {n}", n) for n in range(1, 13)]
    series = _read(tmp_path, *mails[::-1], _mail("[PATCH 00 of 12] frog notifier #v13", "All."))
    assert [p.index for p in series.patches] == list(range(1, 13)) and series.cover == "All."


def test_patches_in_answers_beside_a_posting_are_named_not_taken(tmp_path: Path) -> None:
    series = _read(
        tmp_path,
        _patch("[PATCH 1/1] a", 1, mid="a"),
        _patch("Re: [PATCH 1/1] a", 2, mid="r", answers="a"),
        _patch("[PATCH] stray", 3, mid="s"),
        _patch("[PATCH 1/2] other", 4, mid="o", sender="B Newt <newt@pond.example>").replace("PATCH 1/2", "RFC 1/2"),
    )
    assert [p.message_id for p in series.patches] == ["a"]
    told = "\n".join(series.notes)
    assert 'the patch in the answer "a"' in told and '"stray"' in told and "another series in" in told
    assert series.older == ()


def test_answer_alone_gives_its_patch_and_not_the_quoted_one(tmp_path: Path) -> None:
    quoted = "".join(f"> {line}\n" for line in HUNK.format(n=1).split("\n"))
    text = f"On Friday, B Newt wrote:\n{quoted}> +foo\nRather this:\n\nSigned-off-by: A Frog <frog@pond.example>"
    series = _read(tmp_path, _patch("Re: [PATCH 3/4] a", 2, text))
    (patch,) = series.patches
    assert (patch.files, series.total) == (("mm/p2.c",), 1)
    assert patch.message == "Rather this:\n\nSigned-off-by: A Frog <frog@pond.example>"
    with pytest.raises(UserError, match=r"a reply without a patch \(to patch 3 of 4\)"):
        _read(tmp_path, _mail("Re: [PATCH 3/4] a", f"{quoted}\nNo."))


def test_scissors_and_in_body_headers(tmp_path: Path) -> None:
    text = "Try this.\n\n-- >8 --\nFrom: B Newt <newt@pond.example>\nSubject: [PATCH] lake: fill\n\nIt was empty."
    (patch,) = _read(tmp_path, _patch("Re: frogs", 1, text)).patches
    assert (patch.author, patch.subject, patch.message) == (
        "B Newt <newt@pond.example>",
        "lake: fill",
        "It was empty.",
    )


def test_two_answers_of_one_author_to_the_same_file(tmp_path: Path) -> None:
    series = _read(tmp_path, _patch("Re: a", 1, mid="1", hour=1), _patch("Re: a", 1, mid="2", hour=2))
    assert [p.message_id for p in series.patches] == ["2"]
    assert [p.message_id for p in series.older[0].patches] == ["1"]
    with pytest.raises(UserError, match="2 answers with patches of 2 authors"):
        _read(tmp_path, _patch("Re: a", 1), _patch("Re: a", 2, sender="B Newt <newt@pond.example>"))


def test_cover_letter_against_its_patches(tmp_path: Path) -> None:
    stat = " mm/p1.c | 9 +\n mm/p3.c | 2 +-\n 2 files changed, 10 insertions(+), 1 deletion(-)"
    letter = f"Text.\n\nA Frog (3):\n  a\n  b\n  c\n\n{stat}"
    series = _read(tmp_path, _mail("[PATCH 0/2] ponds", letter), *(_patch(f"[PATCH {n}/2] {n}", n) for n in (1, 2)))
    assert series.notes == (
        "the cover letter lists 3 patches of 2",
        "the cover letter's diffstat counts +10 -1 lines, the patches have +2 -2",
        "cover letter: the diffstat names mm/p3.c, the diff does not",
        "cover letter: the diff changes mm/p2.c, the diffstat does not name it",
    )


def test_blanks_for_tabs_are_noted(tmp_path: Path) -> None:
    blanks = "--- a/mm/x.c\n+++ b/mm/x.c\n@@ -1,2 +1,3 @@\n {\n-        a();\n+        b();\n+        c();\n"
    (patch,) = _read(tmp_path, _mail("[PATCH] x", blanks)).patches
    assert patch.notes == ("no tab in the diff: a mail program may have turned tabs into blanks",)


def test_damaged_mail_is_kept_with_what_its_headers_tell(tmp_path: Path) -> None:
    body = (
        "Text.\n---\n mm/x.c | 2 +-\n\nIndex: mm-2.6.22/mm/x.c\n====================\n"
        "--- mm-2.6.22/mm/x.c.orig 1 Jan 2002 10:00\n"
        "+++ mm-2.6.22/mm/x.c\n@@ -1,20 +1,20 @@ static int frog(void)\nint a;\n-a();\n+b();\n"
        "diff -u x/mm/gone.c y/mm/gone.c\n@@ -1,2 +1,2 @@ int toad(void)\n+c();\nstatic int newt(void)\n+d();\n"
    )
    (patch,) = _read(tmp_path, _mail("[PATCH] x", body)).patches
    assert patch.files == ("mm/x.c", "mm/gone.c") and (patch.added, patch.removed) == (3, 1)
    assert patch_functions(patch) == ("frog", "toad", "newt")
    assert patch.diff.startswith("Index: mm-2.6.22") and "malformed" in patch.damage
    with pytest.raises(UserError, match=r'patch 1 of 1, "x", is damaged'):
        read_series("x", [tmp_path / "m"])


def test_hunks_whose_headers_are_lost(tmp_path: Path) -> None:
    stat = " mm/x.c | 2 +-\n 1 file changed, 1 insertion(+), 1 deletion(-)\n"
    body = f"Text.\n---\n{stat}\n@@ -1 +1 @@ int f(void)\n-a\n+b\n"
    (patch,) = _read(tmp_path, _mail("[PATCH] x", body)).patches
    assert (patch.files, patch.notes) == (("mm/x.c",), ("files named by the diffstat only",))
    assert patch.damage.endswith("hunk without ---/+++ lines") and patch.diff.startswith("@@ -1 +1 @@")


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("--- a/../x\n+++ b/../x", r"path with \"\.\.\""),
        ("--- a/x\n+++ b/.git/hooks/x", "path inside .git"),
        ("--- //etc/x\n+++ //etc/x", "absolute path"),
        ("diff --git a/x b/x\nnew file mode 120000", "symbolic link"),
        ("diff --git a/x b/x\nold mode 100644\nnew mode 104755", "setuid"),
        ("diff --git a/x b/x\nindex 1..2 160000", "submodule"),
        ("diff --git a/x b/x\nrename from ../x\nrename to y", r"path with \"\.\.\""),
        ("Index: ../x\n====================\n--- a/x\n+++ b/x", r"path with \"\.\.\""),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\nGIT binary patch", "binary patch"),
    ],
)
def test_a_damaged_diff_is_refused_where_a_sound_one_is(tmp_path: Path, header: str, why: str) -> None:
    with pytest.raises(UserError, match=rf"m:\d+: patch refused: {why}"):
        _read(tmp_path, _mail("[PATCH] x", f"{header}\n@@ -1,30 +1,30 @@\nno mark here\n+b\n"))
