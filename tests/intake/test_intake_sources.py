"""Every kind of source, and how mails become an ordered series."""

from __future__ import annotations

import gzip
import os
import subprocess
import time
from pathlib import Path

import pytest

from harness.intake import read_series
from harness.model.errors import UserError
from harness.model.series import Provenance, SeriesSpec

DATE = "Fri, 19 Aug 2011 {hour:02}:00:00 +0000"
HUNK = "--- a/mm/p{n}.c\n+++ b/mm/p{n}.c\n@@ -1 +1 @@ int f{n}(void)\n-a\n+b\n"


def _mail(subject: str, number: int, *, mid: str = "", answers: str = "", hour: int = 1, sender: str = "frog") -> str:
    body = "Nine frogs.\n" if number == 0 else f"Text {number}.\n---\n{HUNK.format(n=number)}"
    return (
        f"From: A Frog <{sender}@pond.example>\nSubject: {subject}\nDate: {DATE.format(hour=hour)}\n"
        + f"Message-Id: <{mid or f'{number}-v1'}@pond.example>\n"
        + (f"In-Reply-To: <{answers}@pond.example>\n" if answers else "")
        + f"\n{body}-- \n1.7.3.1\n"
    )


def _series(total: int = 3, version: int = 1, first: int = 0) -> list[str]:
    tag = f" v{version}" if version > 1 else ""
    cover = f"0-v{version}"
    return [
        _mail(
            f"[PATCH{tag} {n}/{total}] pond: part {n}",
            n,
            mid=f"{n}-v{version}",
            answers=cover if n else "",
            hour=version,
        )
        for n in range(first, total + 1)
    ]


def _mbox(mails: list[str]) -> bytes:
    return "".join(f"From frog@pond.example Fri Aug 19 07:48:52 2011\n{mail}\n" for mail in mails).encode()


def _spec(patches: int = 3, ids: tuple[str, ...] = ()) -> SeriesSpec:
    return SeriesSpec("frogs", "frogs.yaml", "Frogs", "2011-08-19", (), patches, ids, None, (), (), (), ())


IDS = tuple(f"{n}-v1@pond.example" for n in range(4))


def _check(series_path: Path) -> None:
    series = read_series("frogs", [series_path])
    assert [p.index for p in series.patches] == [1, 2, 3]
    assert [p.subject for p in series.patches] == ["pond: part 1", "pond: part 2", "pond: part 3"]
    assert series.title == "pond: part 0" and series.cover == "Nine frogs." and series.missing == ()
    assert series.cover_message_id == "0-v1@pond.example" and series.total == 3


@pytest.mark.parametrize("kind", ["mbox", "mbox.gz", "folder", "folder of mboxes", "maildir", "format-patch"])
def test_kinds_of_source(tmp_path: Path, kind: str) -> None:
    mails = list(reversed(_series()))
    path = tmp_path / "source"
    if kind == "mbox":
        path.write_bytes(_mbox(mails))
    elif kind == "mbox.gz":
        path.write_bytes(gzip.compress(_mbox(mails)))
    elif kind == "maildir":
        for name in ("cur", "new", "tmp"):
            (path / name).mkdir(parents=True)
        for number, mail in enumerate(mails):
            (path / ("cur" if number % 2 else "new") / f"{number}.host:2,S").write_text(mail)
    else:
        path.mkdir()
        (path / "README.md").write_text(HUNK)
        (path / "series.yaml").write_text("title: x\n")
        (path / ".hidden").write_text("x")
        if kind == "folder of mboxes":
            (path / "a.mbox").write_bytes(_mbox(mails[:2]))
            (path / "b").write_bytes(_mbox(mails[2:]))
        else:
            start = "From 1234567890123456789012345678901234567890 Mon Sep 17 00:00:00 2001\n"
            suffix, head = (".patch", start) if kind == "format-patch" else (".eml", "")
            for number, mail in enumerate(mails):
                (path / f"{number}{suffix}").write_text(head + mail)
    _check(path)


def test_several_paths_are_taken_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(_mbox(_series()[:2]))
    (tmp_path / "b").write_bytes(_mbox(_series()[1:]))
    series = read_series("frogs", [tmp_path / "a", tmp_path / "b"], provenance=Provenance.PORT)
    assert len(series.patches) == 3 and {p.provenance for p in series.patches} == {Provenance.PORT}


def test_single_patch(tmp_path: Path) -> None:
    path = tmp_path / "hold.patch"
    path.write_text(HUNK.format(n=1))
    series = read_series("one", [path])
    assert (series.total, series.title, series.patches[0].files) == (1, "hold", ("mm/p1.c",))


def test_unnumbered_files_go_by_name(tmp_path: Path) -> None:
    for n in (10, 2, 1):
        (tmp_path / f"{n}-part.patch").write_text(HUNK.format(n=n))
    assert [p.files[0] for p in read_series("x", [tmp_path]).patches] == ["mm/p1.c", "mm/p2.c", "mm/p10.c"]


def test_unnumbered_mails_go_by_thread(tmp_path: Path) -> None:
    mails = [
        _mail("[PATCH] pond: c", 3, mid="c", answers="b", hour=1),
        _mail("[PATCH] pond: b", 2, mid="b", answers="a", hour=2),
        _mail("[PATCH] pond: a", 1, mid="a", hour=3),
        _mail("Re: [PATCH] pond: a", 4, mid="d", answers="a", hour=4),
    ]
    (tmp_path / "m").write_bytes(_mbox(mails))
    assert [p.subject for p in read_series("x", [tmp_path / "m"]).patches] == ["pond: a", "pond: b", "pond: c"]


def test_quilt_order(tmp_path: Path) -> None:
    for n in (1, 2, 3):
        (tmp_path / f"{n}.patch").write_text(_mail(f"[PATCH {n}/3] pond: part {n}", n))
    (tmp_path / "series").write_text("# order\n3.patch\n1.patch -p1 # first\n\n")
    series = read_series("x", [tmp_path])
    assert [(p.index, p.subject) for p in series.patches] == [(1, "pond: part 3"), (2, "pond: part 1")]
    assert series.total == 2 and series.missing == ()


@pytest.mark.parametrize(
    ("line", "why"),
    [("../x.patch", "outside"), ("/etc/passwd", "outside"), ("1.patch -p0", "-p1"), ("9.patch", "no such patch")],
)
def test_quilt_refusals(tmp_path: Path, line: str, why: str) -> None:
    (tmp_path / "1.patch").write_text(HUNK)
    (tmp_path / "series").write_text(f"1.patch\n{line}\n")
    with pytest.raises(UserError, match=rf"series:2: .*{why}"):
        read_series("x", [tmp_path])


def test_newest_version_wins(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(_mbox(_series(3, 2) + _series(4, 1)))
    series = read_series("x", [tmp_path / "m"])
    assert (series.version, series.total) == (2, 3)
    assert [p.message_id for p in series.patches] == [f"{n}-v2@pond.example" for n in (1, 2, 3)]


def test_single_patch_sent_again_into_the_thread(tmp_path: Path) -> None:
    again = _mail("[PATCH v2 2/3] pond: part 2 again", 2, mid="2-v2", answers="2-v1", hour=5)
    (tmp_path / "m").write_bytes(_mbox([*_series(), again]))
    series = read_series("x", [tmp_path / "m"])
    assert [p.message_id for p in series.patches] == [f"{m}@pond.example" for m in ("1-v1", "2-v2", "3-v1")]
    assert series.missing == () and series.version == 2


def test_resend_and_copies(tmp_path: Path) -> None:
    resent = _mail("[PATCH RESEND 2/3] pond: part 2 resent", 2, mid="2-r", answers="0-v1", hour=9)
    (tmp_path / "m").write_bytes(_mbox([resent, *_series(), *_series()]))
    assert [p.subject for p in read_series("x", [tmp_path / "m"]).patches][1] == "pond: part 2 resent"


def test_missing_members(tmp_path: Path) -> None:
    mails = _series()
    (tmp_path / "m").write_bytes(_mbox([mails[0], mails[2]]))
    assert read_series("x", [tmp_path / "m"]).missing == (1, 3)
    (tmp_path / "m").write_bytes(_mbox(mails[:1]))
    series = read_series("x", [tmp_path / "m"])
    assert series.patches == () and series.missing == (1, 2, 3)


def test_two_series_are_ambiguous(tmp_path: Path) -> None:
    other = [_mail(f"[PATCH {n}/2] lake: part {n}", n, mid=f"{n}-lake", sender="newt") for n in (1, 2)]
    (tmp_path / "m").write_bytes(_mbox(_series() + other))
    with pytest.raises(UserError, match="mails of 2 series"):
        read_series("x", [tmp_path / "m"])
    assert len(read_series("x", [tmp_path / "m"], expected=_spec(3, IDS)).patches) == 3


def test_number_forgotten_on_one_file(tmp_path: Path) -> None:
    (tmp_path / "1.patch").write_text(_mail("[PATCH 1/1] pond: a", 1))
    (tmp_path / "2.patch").write_text(_mail("[PATCH] pond: b", 2))
    with pytest.raises(UserError, match=r"2\.patch: patch without n/m"):
        read_series("x", [tmp_path])


@pytest.mark.parametrize("ids", [IDS, IDS[1:], tuple(f"<{i}>" for i in IDS)])
def test_expected_ids_select(tmp_path: Path, ids: tuple[str, ...]) -> None:
    (tmp_path / "m").write_bytes(_mbox(_series(3, 2) + _series()))
    series = read_series("frogs", [tmp_path / "m"], expected=_spec(3, ids))
    assert [p.message_id for p in series.patches] == list(IDS[1:])
    assert series.title == "Frogs" and (series.cover is None) == (ids == IDS[1:])


def test_expected_patches_missing_are_named(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(_mbox(_series()[:2]))
    with pytest.raises(UserError) as caught:
        read_series("frogs", [path], expected=_spec(3, IDS))
    told = f"patches 2, 3 of 3 not found in {path} (message ids 2-v1@pond.example, 3-v1@pond.example)"
    assert str(caught.value).startswith(told)


def test_expected_number_of_patch_files(tmp_path: Path) -> None:
    for n in (1, 2):
        (tmp_path / f"{n}.patch").write_text(HUNK.format(n=n))
    assert len(read_series("x", [tmp_path], expected=_spec(2, IDS[:3])).patches) == 2
    with pytest.raises(UserError, match="2 patches where the series has 3"):
        read_series("x", [tmp_path], expected=_spec(3, IDS))


def test_quoted_from_and_line_numbers(tmp_path: Path) -> None:
    mails = _series()
    mails[1] = mails[1].replace("Text 1.", ">From here on the frog is held.\n\nFrom there on not.")
    mails[2] = mails[2].replace("@@ -1 +1 @@", "@@ -1,4 +1 @@")
    data = _mbox(mails)
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_series("x", [tmp_path / "m"])
    path, _, line = str(caught.value.where).rpartition(":")
    assert path == str(tmp_path / "m")
    at = data.split(b"\n").index(b"@@ -1,4 +1 @@ int f2(void)") + 1
    assert at <= int(line) <= at + 5
    mails[2] = _series()[2]
    (tmp_path / "m").write_bytes(_mbox(mails))
    patch = read_series("x", [tmp_path / "m"]).patches[0]
    assert patch.message == "From here on the frog is held.\n\nFrom there on not."
    line_of_mail = _mbox(mails[:1]).count(b"\n") + 1
    assert patch.source == f"{tmp_path / 'm'}:{line_of_mail}"


def _git(folder: Path, *words: str) -> None:
    settings = {"GIT_AUTHOR_NAME": "A Frog", "GIT_AUTHOR_EMAIL": "frog@pond.example", "GIT_CONFIG_GLOBAL": "/dev/null"}
    settings |= {"GIT_COMMITTER_NAME": "A Frog", "GIT_COMMITTER_EMAIL": "frog@pond.example"}
    settings |= {"GIT_AUTHOR_DATE": "2011-08-19T00:48:22-0700"}
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env={**os.environ, **settings})


def test_git_range(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "mm").mkdir()
    for number in range(4):
        (tmp_path / "mm" / "pond.c").write_text(f"int frogs = {number};\n")
        _git(tmp_path, "add", ".")
        _git(tmp_path, "commit", "-q", "-m", f"pond: {number} frogs\n\nText {number}.")
    _git(tmp_path, "config", "diff.noprefix", "true")
    _git(tmp_path, "config", "format.attach", "true")
    series = read_series("x", [Path(f"{tmp_path}@main~3..main")])
    assert [p.subject for p in series.patches] == ["pond: 1 frogs", "pond: 2 frogs", "pond: 3 frogs"]
    patch = series.patches[0]
    assert patch.date is not None and patch.date.isoformat() == "2011-08-19T07:48:22+00:00"
    assert (patch.message, patch.files, patch.added, patch.removed) == ("Text 1.", ("mm/pond.c",), 1, 1)
    assert patch.author == "A Frog <frog@pond.example>"
    for wrong in ("main~9..main", "main..main", "no..main"):
        with pytest.raises(UserError):
            read_series("x", [Path(f"{tmp_path}@{wrong}")])
    with pytest.raises(UserError, match="give a range"):
        read_series("x", [tmp_path])


def test_what_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Just text.\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.gz").write_bytes(gzip.compress(_mbox(_series()))[:-20])
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "envelope").write_bytes(b"From \x00 00:00 0000")
    for name, why in [
        ("envelope", "neither a mail nor a patch"),
        ("text", "neither a mail nor a patch"),
        ("empty", "no mail and no patch"),
        ("none", "no such file"),
        ("fifo", "not a regular file"),
        ("cut.gz", "cut short"),
        ("nul\0", "no such file"),
        ("x@--output=y..z", "no such file"),
    ]:
        with pytest.raises(UserError, match=why):
            read_series("x", [tmp_path / name])
    with pytest.raises(UserError, match="--mail"):
        read_series("x", [])


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(4):
        (tmp_path / f"{n}.patch").write_text(HUNK.format(n=n))
    monkeypatch.setattr("harness.intake.sources.MAX_FILES", 3)
    with pytest.raises(UserError, match="more than 3 files"):
        read_series("x", [tmp_path])
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress(bytes(65 * 2**20), 1))
    with pytest.raises(UserError, match="64 MiB when decompressed"):
        read_series("x", [bomb])


def test_thirty_patches_in_under_a_second(tmp_path: Path) -> None:
    hunk = "@@ -{at},7 +{at},8 @@ static int frog_{at}(struct frog *frog)\n a\n b\n c\n-d\n+e\n+f\n g\n h\n i\n"
    mails = []
    for n in range(1, 31):
        hunks = "".join(hunk.format(at=at * 20 + 1) for at in range(40))
        text = f"--- a/mm/p{n}.c\n+++ b/mm/p{n}.c\n{hunks}"
        mails.append(_mail(f"[PATCH {n}/30] pond: part {n}", n).replace(HUNK.format(n=n), text))
    (tmp_path / "m").write_bytes(_mbox(mails))
    begin = time.process_time()
    series = read_series("x", [tmp_path / "m"])
    assert time.process_time() - begin < 1.0
    assert len(series.patches) == 30 and series.patches[0].added == 80
