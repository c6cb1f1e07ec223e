"""Pages of archives of every shape, made up: a title, who and when in some form, a message, and what stands around."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.intake import read_series
from harness.intake.archive_dates import DAY_ONLY, NO_ZONE, archive_date, is_date
from harness.intake.mail import Mail
from harness.intake.obfuscated import NOTE, hidden_address
from harness.intake.patch_text import letter_text, split_patch
from harness.intake.web_archive_text import looks_like_web_archive, read_web_archive
from harness.model.errors import UserError

MESSAGE = """\
A frog that jumps must be held.

Signed-off-by: A Frog <frog@xxxxxxxxxxxx>
---
 mm/pond.c |    3 ++-
 1 file changed, 2 insertions(+), 1 deletion(-)
"""
DIFF = """\
diff --git a/mm/pond.c b/mm/pond.c
index 1234567..89abcde 100644
--- a/mm/pond.c
+++ b/mm/pond.c
@@ -10,4 +10,5 @@ static int frog_jump(struct frog *frog)
 {
 \tint ret = 0;

-\tfrog_leap(frog);
+\tfrog_get(frog);
+\tret = frog_leap(frog);
"""
FOOTER = """\
--
To unsubscribe from this list: send the line "unsubscribe linux-frog" in
the body of a message to majordomo@xxxxxxxxxxxxxxx
"""
BODY = f"{MESSAGE}\n{DIFF}\n{FOOTER}"

PAGES = {
    "hypermail": f"""\
[PATCH 2/3] pond: hold the frog

From: A Frog
Date: Wed Jan 16 2008 - 03:49:19 EST

    Next message: B Newt: "Re: [PATCH 2/3] pond: hold the frog"
    Messages sorted by: [ date ] [ thread ] [ subject ] [ author ]

{BODY}
    Next message: B Newt: "Re: [PATCH 2/3] pond: hold the frog"
""",
    "old hypermail": f"""\
[PATCH 2/3] pond: hold the frog
A Frog (frog@pond.example)
Wed, 16 Jan 2008 09:49:19 +0100

    Messages sorted by: [ date ][ thread ][ subject ][ author ]
    Next message: B Newt: "Re: pond"
    Previous message: C Toad: "flies"

{BODY}
    Next message: B Newt: "Re: pond"
""",
    "pipermail": f"""\
[PATCH 2/3] pond: hold the frog

A Frog frog at pond.example
Wed Jan 16 08:49:19 GMT 2008

    Previous message: [PATCH 1/3] pond: count
    Next message: [PATCH 3/3] pond: drain
    Messages sorted by: [ date ] [ thread ] [ subject ] [ author ]

{BODY.split("--" + chr(10) + "To uns", maxsplit=1)[0]}
    Previous message: [PATCH 1/3] pond: count
    Next message: [PATCH 3/3] pond: drain
    Messages sorted by: [ date ] [ thread ] [ subject ] [ author ]

More information about the linux-frog mailing list
""",
    "marc": f"""\
[prev in list] [next in list] [prev in thread] [next in thread]

List:       linux-frog
Subject:    [PATCH 2/3] pond: hold the frog
From:       A Frog <frog () pond ! example>
Date:       2008-01-16 8:49:19
Message-ID: 2-frog () pond ! example
[Download RAW message or body]

{BODY}
[prev in list] [next in list] [prev in thread] [next in thread]

Configure | About | News | Add a list | Sponsored by Nobody
""",
    "lkml table": f"""\
[lkml] \u00a0 [2008] \u00a0 [Jan] \u00a0 [16] \u00a0 [last100] \u00a0 RSS Feed
Views: [wrap][no wrap] \u00a0 [headers]\u00a0 [forward]\u00a0
Messages in this thread
First message in thread
A Frog
B Newt
Patch in this message
Get diff 1
DateWed, 16 Jan 2008 08:49:19 +0000
FromA Frog <>
Subject[PATCH 2/3] pond: hold the frog
{BODY}
\u00a0 \\ /
\u00a0 Last update: 2008-01-16 09:28 \u00a0\u00a0 [W:0.168 / U:0.168 seconds]
\u00a92003-2020 Somebody|hosted at Somewhere
""",
    "kerneltrap": f"""\
[PATCH 2/3] pond: hold the frog

Previous message: [thread] [date] [author]
Next message: [thread] [date] [author]
From: A Frog
Date: Wednesday, January 16, 2008 - 8:49 am

{BODY}
Previous message: [thread] [date] [author]
Next message: [thread] [date] [author]

Messages in current thread:
[PATCH 2/3] pond: hold the frog, A Frog, (Wed Jan 16, 8:49 am)
Re: [PATCH 2/3] pond: hold the frog, B Newt, (Wed Jan 16, 9:49 am)
""",
    "spinics": f"""\
[PATCH 2/3] pond: hold the frog

[Date Prev][Date Next][Thread Prev][Thread Next][Date Index][Thread Index]

    Subject: [PATCH 2/3] pond: hold the frog
    From: A Frog <frog@xxxxxxxxxxxx>
    Date: Wed, 16 Jan 2008 00:49:19 -0800
    Cc: Bee Newt <newt@xxxxxxxxxxxx>,
    linux-frog@xxxxxxxxxxxxxxx
    In-reply-to: <1-frog@pond.example>

{BODY}
Follow-Ups:

    Re: [PATCH 2/3] pond: hold the frog
        From: B Newt
Prev by Date: [PATCH 1/3] pond: count
""",
    "openwall": f"""\
[<prev] [next>] [<thread-prev] [thread-next>] [day] [month] [year] [list]
Message-ID: <2-frog@pond.example>
Date: Wed, 16 Jan 2008 09:49:19 +0100
From: A Frog <frog@...d.example>
To: B Newt <newt@...d.example>
Cc: linux-frog@...r.kernel.org,
    C Toad <toad@...d.example>
Subject: [PATCH 2/3] pond: hold the frog

{BODY}
""",
    "mail-archive": f"""\
[PATCH 2/3] pond: hold the frog

A Frog Wed, 16 Jan 2008 00:49:19 -0800

{BODY}

    Previous message
    View by thread
    View by date
    Next message

    [PATCH 2/3] pond: hold the frog A Frog
        Re: [PATCH 2/3] pond: hold the frog B Newt

Reply via email to
A Frog
""",
    "gmane": f"""\
From: A Frog <frog <at> pond.example>
Subject: [PATCH 2/3] pond: hold the frog
Newsgroups: gmane.linux.frog
Date: 2008-01-16 08:49:19 GMT (2 hours ago)

{BODY}
""",
    "public-inbox": f"""\
linux-frog.pond.example archive mirror
 help / color / mirror / Atom feed
From: A Frog <frog@pond.example>
To: linux-frog@vger.kernel.org
Cc: B Newt <newt@pond.example>
Subject: [PATCH 2/3] pond: hold the frog
Date: Wed, 16 Jan 2008 00:49:19 -0800\t[thread overview]
Message-ID: <2-frog@pond.example> (raw)
In-Reply-To: <0-frog@pond.example>

{BODY}
  reply\tother threads:[~2008-01-16  8:49 UTC|newest]

Thread overview: 3+ messages / expand[flat|nested]  mbox.gz  Atom feed  top
2008-01-16  8:49 [PATCH 0/3] pond A Frog
""",
}


def _mail(text: str) -> Mail:
    data = text.encode()
    assert looks_like_web_archive(data) or text.startswith("From: A Frog")  # gmane's are headers as in a mail
    found = read_web_archive(data, "page.txt")
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("kind", PAGES)
def test_message_of_a_page(kind: str) -> None:
    mail = _mail(PAGES[kind])
    assert (mail.subject.title, mail.subject.index, mail.subject.total) == ("pond: hold the frog", 2, 3)
    assert mail.author.startswith("A Frog")
    wanted = datetime(2008, 1, 16, 8, 49, 0 if kind == "kerneltrap" else 19, tzinfo=UTC)
    assert mail.date == wanted, mail.notes
    text = split_patch(mail)
    assert (text.diff, text.files, text.added, text.removed) == (DIFF, ("mm/pond.c",), 2, 1)
    assert text.message == "A frog that jumps must be held.\n\nSigned-off-by: A Frog <frog@xxxxxxxxxxxx>"
    assert [trailer.key for trailer in text.trailers] == ["Signed-off-by"]
    assert NOTE in mail.notes and text.notes == ()
    assert not any(word in letter_text(mail) for word in ("unsubscribe", "Next message", "B Newt", "Messages"))


@pytest.mark.parametrize("kind", PAGES)
def test_page_through_the_front_door(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "page"
    path.write_text(PAGES[kind])
    series = read_series("x", [path])
    assert (series.total, series.missing, series.patches[0].diff) == (3, (1, 3), DIFF)
    hunk = "@@ -10,4 +10,5 @@ static int frog_jump(struct frog *frog)"
    line = PAGES[kind].split("\n").index(hunk) + 1
    path.write_text(PAGES[kind].replace("-10,4 +10,5", "-10,30 +10,31"))
    with pytest.raises(UserError, match=rf"page:\d+: patch 2 of 3.*hunk of line {line} still lacks.*series repair"):
        read_series("x", [path])


@pytest.mark.parametrize("kind", PAGES)
def test_whitespace_taken_is_damage(kind: str) -> None:
    """What is stripped of leading blanks is given as it stands, to the last line before what surely is a footer."""
    stripped = "\n".join(" ".join(line.split()) for line in PAGES[kind].split("\n"))
    text = split_patch(_mail(stripped), damaged=True)
    assert "malformed diff" in text.damage and text.damage.startswith("page.txt:")
    assert text.files == ("mm/pond.c",) and (text.added, text.removed) == (2, 1)
    wanted = [" ".join(line.split()) for line in DIFF.split("\n")[:-1]]
    got = text.diff.split("\n")
    assert got[: len(wanted)] == wanted and not any(got[len(wanted) :])


def test_a_new_file_whose_counts_hold_is_damaged_all_the_same() -> None:
    diff = "--- /dev/null\n+++ b/mm/frog.c\n@@ -0,0 +1,4 @@\n+int frog(void)\n+{\n+ return 1;\n+}\n"
    page = PAGES["hypermail"].replace(DIFF, diff)
    text = split_patch(_mail(page), damaged=True)
    assert "collapsed" in text.damage and text.files == ("mm/frog.c",)
    kept = split_patch(_mail(page.replace("+ return", "+\treturn")))
    assert kept.damage == "" and kept.added == 4


def test_page_of_a_thread() -> None:
    page = f"""\
linux-frog.pond.example archive mirror
* [PATCH 0/2] pond: frogs
@ 2008-01-16  8:49 A Frog
  2008-01-16  8:50 ` [PATCH 2/2] pond: hold the frog A Frog
  0 siblings, 1 reply; 2+ messages in thread
From: A Frog @ 2008-01-16  8:49 UTC (permalink / raw)
  To: linux-frog

Two frogs.

^ permalink raw reply\t[flat|nested] 2+ messages in thread

* [PATCH 2/2] pond: hold the frog
  2008-01-16  8:49 [PATCH 0/2] pond: frogs A Frog
@ 2008-01-16  8:50 ` A Frog
  0 siblings, 0 replies; 2+ messages in thread
From: A Frog @ 2008-01-16  8:50 UTC (permalink / raw)
  To: linux-frog

{BODY}
^ permalink raw reply\t[flat|nested] 2+ messages in thread
"""
    cover, patch = read_web_archive(page.encode(), "page.txt")
    assert (cover.subject.index, letter_text(cover)) == (0, "Two frogs.")
    assert patch.date == datetime(2008, 1, 16, 8, 50, tzinfo=UTC)
    assert split_patch(patch).diff == DIFF


def test_page_saved_as_html(tmp_path: Path) -> None:
    page = tmp_path / "page.htm"
    body = BODY.replace("&", "&amp;").replace("<", "&lt;")
    page.write_text(
        "<!DOCTYPE html>\n<html><head><title>x</title><script>var a = '<pre>';</script></head><body>"
        "<h1>[PATCH 2/3] pond: hold the frog</h1><b>A Frog</b> <a href=x>frog at pond.example</a><br/>"
        f"<i>Wed Jan 16 08:49:19 GMT 2008</i><hr/><pre>{body}</pre></body></html>"
    )
    series = read_series("x", [page])
    assert series.patches[0].diff == DIFF and series.patches[0].author == "A Frog frog at pond.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Just text.\n",
        "Nothing but a title\n\nand prose.\n",
        DIFF,
        f"pond: hold the frog\n\nProse.\n---\n{DIFF}",
        f"From: A Frog <frog@pond.example>\nSubject: [PATCH] x\nDate: Wed, 16 Jan 2008 00:49:19 -0800\n\n{BODY}",
        f"From: A Frog <frog@pond.example>\nSubject: [PATCH] x\n\nMessages in this thread:\n\n{BODY}",
    ],
)
def test_what_is_no_page(text: str) -> None:
    assert not looks_like_web_archive(text.encode())


@pytest.mark.parametrize(
    ("text", "wanted", "note"),
    [
        ("Wed Jan 16 2008 - 03:49:19 EST", "2008-01-16 08:49:19", ""),
        ("Fri Aug 19 2011 - 03:49:19 EST", "2011-08-19 07:49:19", "EST in summer"),
        ("Tue Aug 20 2002 - 05:58:53 EST", "2002-08-20 10:58:53", ""),  # Indiana had no summer time before 2006
        ("Fri, 19 Aug 2011 03:49:19 EST", "2011-08-19 08:49:19", ""),
        ("Tuesday, April 29, 2008 - 3:49 am", "2008-04-29 03:49:00", NO_ZONE),
        ("April 29, 2008, 12:10 p.m.", "2008-04-29 12:10:00", NO_ZONE),
        ("12:10 am 29 April 2008", "2008-04-29 00:10:00", NO_ZONE),
        ("2008-08-20  9:58:53", "2008-08-20 09:58:53", NO_ZONE),
        ("2011-08-19  7:48 UTC", "2011-08-19 07:48:00", ""),
        ("Tue Apr 29 03:49:19 PDT 2008", "2008-04-29 10:49:19", ""),
        ("Wed, 20 Aug 2008 19:04:45 +0900 (JST)", "2008-08-20 10:04:45", ""),
        ("Tue, 29 May 2007 18:36:50 IST", "2007-05-29 13:06:50", "Ireland"),
        ("26 Aug 2002", "2002-08-26 00:00:00", DAY_ONLY),
        ("31 Feb 2002 10:00", None, ""),
        ("Re: frogs in 2002", None, ""),
        ("", None, ""),
    ],
)
def test_dates(text: str, wanted: str | None, note: str) -> None:
    date, told = archive_date(text)
    assert (f"{date:%Y-%m-%d %H:%M:%S}" if date else None) == wanted
    assert note in told and bool(note) == bool(told)
    assert is_date(text) == bool(wanted)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("A Frog <frog@xxxxxxxxxxxxxxx>", True),
        ("frog () pond ! example", True),
        ("frog <at> pond.example", True),
        ("frog(a)pond.example", True),
        ("frog at pond dot example", True),
        ("[email protected]", True),
        ("<frog@...d.example>", True),
        ("A Frog <>", True),
        ("A Frog <frog@pond.example>", False),
        ("frog_get(frog) ? x : !y;", False),
        ("a list <> b", False),
        ("", False),
    ],
)
def test_hidden_addresses(text: str, hidden: bool) -> None:
    assert hidden_address(text) == hidden


def test_an_address_hidden_inside_the_diff_is_named() -> None:
    page = PAGES["spinics"].replace("+\tfrog_get(frog);", '+\tMODULE_AUTHOR("frog@xxxxxxxxxxxx");')
    assert split_patch(_mail(page)).notes == ("address hidden by the archive in the diff, line 10 of it",)
