"""One message: headers, transfer encodings, and the split into commit message, notes and diff."""

from __future__ import annotations

import base64
import quopri
from datetime import UTC, datetime

import pytest

from harness.intake.mail import parse_mail
from harness.intake.patch_text import letter_text, patch_author, patch_title, split_patch
from harness.model.errors import UserError

DIFF = b"""\
diff --git a/mm/pond.c b/mm/pond.c
index 1234567..89abcde 100644
--- a/mm/pond.c
+++ b/mm/pond.c
@@ -10,5 +10,6 @@ static int frog_jump(struct frog *frog)
 {
 \tint ret = 0;

+\tfrog_get(frog);
-- old comment
+- new comment
 \treturn ret;
"""
MESSAGE = b"A frog must be held.\n\nSigned-off-by: A Frog <frog@pond.example>\n"
FOOTER = b"-- \n1.7.3.1\n\n--\nTo unsubscribe, send a message with 'unsubscribe' in\n"
BODY = MESSAGE + b"---\n mm/pond.c |    3 ++-\n 1 files changed, 2 insertions(+), 1 deletions(-)\n\n" + DIFF + FOOTER
HEAD = b"""\
From: A Frog <frog@pond.example>
Subject: [PATCH v2 3/9] pond: hold the
 frog
Date: Fri, 19 Aug 2011 00:48:22 -0700
Message-Id: <3-frog@pond.example>
References: <0-frog@pond.example>
"""


def test_headers() -> None:
    mail = parse_mail(HEAD + b"\n" + BODY, "m.eml")
    assert (mail.subject.index, mail.subject.total, mail.subject.version) == (3, 9, 2)
    assert mail.subject.title == "pond: hold the frog"
    assert mail.author == "A Frog <frog@pond.example>"
    assert mail.date == datetime(2011, 8, 19, 7, 48, 22, tzinfo=UTC) and mail.date.tzinfo is UTC
    assert mail.message_id == "3-frog@pond.example" and mail.references == ("0-frog@pond.example",)


def test_body_is_split() -> None:
    text = split_patch(parse_mail(HEAD + b"\n" + BODY, "m.eml"))
    assert text.message == MESSAGE.decode().strip()
    assert text.below.startswith(" mm/pond.c |    3") and text.below.endswith("1 deletions(-)")
    assert text.diff.encode() == DIFF
    assert (text.files, text.added, text.removed) == (("mm/pond.c",), 2, 1)


@pytest.mark.parametrize(
    "form", ["crlf", "quoted-printable", "quoted-printable crlf", "base64", "base64 crlf", "multipart"]
)
def test_transfer_encodings_give_the_same_diff(form: str) -> None:
    body = BODY.replace(b"\n", b"\r\n") if form.endswith("crlf") and form != "crlf" else BODY
    if form == "crlf":
        data = (HEAD + b"\n" + BODY).replace(b"\n", b"\r\n")
    elif form.startswith("quoted-printable"):
        data = HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + quopri.encodestring(body)
    elif form.startswith("base64"):
        data = HEAD + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(body)
    else:
        part = b"Content-Type: text/plain\n\n" + MESSAGE + b"---\n"
        attached = (
            b'Content-Type: application/octet-stream; name="x"\n'
            b'Content-Disposition: attachment; filename="pond.patch"\nContent-Transfer-Encoding: base64\n\n'
            + base64.encodebytes(DIFF)
        )
        html = b"Content-Type: text/html\n\n<pre>--- a/x\n+++ b/x\n</pre>\n"
        data = (
            HEAD
            + b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="pond"\n\n'
            + b"".join(b"--pond\n" + p + b"\n" for p in (part, html, attached))
            + b"--pond--\n"
        )
    text = split_patch(parse_mail(data, "m.eml"))
    assert text.diff.encode() == DIFF
    assert text.message == MESSAGE.decode().strip()


def test_iso_2022_jp_message() -> None:
    head = HEAD.replace(b"A Frog <", b"=?iso-2022-jp?B?" + base64.b64encode("蛙".encode("iso2022_jp")) + b"?= <")
    mail = parse_mail(
        head + b"Content-Type: text/plain; charset=ISO-2022-JP\n\n" + "池の蛙\n---\n".encode("iso2022_jp") + DIFF,
        "m.eml",
    )
    text = split_patch(mail)
    assert mail.author == "蛙 <frog@pond.example>"
    assert text.message == "池の蛙" and text.diff.encode() == DIFF


def test_diff_keeps_bytes_that_are_no_utf8() -> None:
    diff = DIFF.replace(b"old comment", b"old \xe9\x0c\x85 comment")
    text = split_patch(
        parse_mail(HEAD + b"Content-Type: text/plain; charset=iso-8859-1\n\nL\xe9\n---\n" + diff, "m.eml")
    )
    assert text.diff.encode("utf-8", "surrogateescape") == diff
    assert text.message == "Lé"


def test_crlf_of_a_file_is_kept() -> None:
    diff = DIFF.replace(b"frog_get(frog);\n", b"frog_get(frog);\r\n")
    assert split_patch(parse_mail(HEAD + b"\n" + diff, "m.eml")).diff.encode() == diff


def test_patch_of_old_without_rule_or_git_header() -> None:
    old = b"""\
--- linux.orig/mm/pond.c\t2002-08-26 12:00:00.000000000 -0700
+++ linux/mm/pond.c\t2002-08-26 12:01:00.000000000 -0700
@@ -1 +1 @@
-a
+b

_
"""
    body = b"Hold it.\n\n mm/pond.c |    2 +-\n 1 files changed\n\nIndex: linux/mm/pond.c\n" + b"=" * 67 + b"\n" + old
    text = split_patch(parse_mail(HEAD + b"\n" + body, "m.eml"))
    assert text.message == "Hold it." and text.files == ("mm/pond.c",)
    assert text.diff.startswith("Index: ") and text.diff.endswith("+b\n")


def test_author_and_title_in_the_body() -> None:
    mail = parse_mail(
        HEAD + b"\nFrom: B Newt <newt@pond.example>\nSubject: [PATCH] pond: newt\n\nText.\n---\n" + DIFF, "m"
    )
    assert patch_author(mail) == "B Newt <newt@pond.example>" and patch_title(mail) == "pond: newt"
    assert split_patch(mail).message == "Text."


def test_bare_patch_takes_subject_from_prose_or_file_name() -> None:
    mail = parse_mail(b"pond: hold the frog\n\nBecause.\n---\n" + DIFF, "dir/0001-hold.patch")
    assert mail.subject.title == "pond: hold the frog" and split_patch(mail).message == "Because."
    mail = parse_mail(DIFF, "dir/0001-hold.patch")
    assert mail.subject.title == "0001-hold" and split_patch(mail).diff.encode() == DIFF


def test_cover_letter_loses_signature() -> None:
    assert letter_text(parse_mail(HEAD + b"\nNine frogs.\n" + FOOTER, "m.eml")) == "Nine frogs."


def test_terminal_escapes_do_not_come_through() -> None:
    head = HEAD.replace(b"pond: hold", b"pond:\x1b[31m hold")
    mail = parse_mail(head + b"\n\x1b]0;x\x07Text\xc2\x9b.\n---\n" + DIFF, "m.eml")
    assert mail.subject.title == "pond:[31m hold the frog" and split_patch(mail).message == "]0;xText."


@pytest.mark.parametrize("date", ["", "soon", "Fri, 99 Aug 2011 00:48:22 -0700", "Fri, 31 Dec 9999 23:59:59 -2300"])
def test_bad_date_is_none(date: str) -> None:
    head = HEAD.replace(b"Fri, 19 Aug 2011 00:48:22 -0700", date.encode())
    assert parse_mail(head + b"\n" + BODY, "m.eml").date is None


def test_malformed_diff_names_file_and_line() -> None:
    broken = BODY.replace(b" \treturn ret;\n", b"")
    with pytest.raises(
        UserError, match=r"^m\.eml:\d+: malformed diff: .*of line 19 still lacks 0 old and 1 new lines"
    ) as caught:
        split_patch(parse_mail(HEAD + b"\n" + broken, "m.eml"))
    line = int(str(caught.value.where).rpartition(":")[2])
    # the signature's "-- " is taken for a removed line, what follows it cannot be
    assert (HEAD + b"\n" + broken).split(b"\n")[line - 1] in (b"1.7.3.1", b"-- ")


def test_line_in_a_decoded_body_is_said_to_be_one() -> None:
    broken = quopri.encodestring(BODY.replace(b"\treturn ret;\n", b"\n"))
    data = HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + broken.replace(b"-10,5", b"-10,9")
    with pytest.raises(UserError, match=r"^m\.eml: line of the decoded body:\d+: malformed"):
        split_patch(parse_mail(data, "m.eml"))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"no change at all\n", "no diff"),
        (b"@@ -1 +1 @@\n-a\n+b\n", "without ---/\\+\\+\\+ lines"),
        (b"--- a/x\n+++ b/x\n", "no hunk"),
        (b"--- a/x\n+++ b/x\n@@ -1,x +1 @@\n", "malformed hunk header"),
        (b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n+c\n", "longer than its header"),
        (b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n\n+c\n", "longer than its header"),
        (b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n c\n", "longer than its header"),
        (b"--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n a\n b\n", "longer than its header"),
        (b"--- a/x\n+++ b/x\n@@ -0,0 +0,0 @@\n", "no lines"),
        (b"diff --git a/x b/x\nindex 1..2\n@@ -1 +1 @@\n-a\n+b\n", "without --- and"),
    ],
)
def test_what_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(UserError, match=why):
        split_patch(parse_mail(HEAD + b"\n" + body, "m.eml"))


def test_bounds() -> None:
    with pytest.raises(UserError, match="line 1 of the body is longer"):
        parse_mail(HEAD + b"\n" + b"x" * 70_000, "m.eml")
    with pytest.raises(UserError, match="headers larger"):
        parse_mail(HEAD + b"X: " + b"x" * 300_000 + b"\n\n" + BODY, "m.eml")
    with pytest.raises(UserError, match="larger than 16 MiB"):
        parse_mail(HEAD + b"\n" + b"x\n" * (9 * 2**20), "m.eml")
    parts = b"".join(b"--p\n\nx\n" for _ in range(300))
    with pytest.raises(UserError, match="MIME parts"):
        parse_mail(HEAD + b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=p\n\n" + parts, "m.eml")


@pytest.mark.parametrize("charset", ["unicode_escape", "idna", "rot13", "zlib_codec", "no-such", "\x00"])
def test_charset_that_is_none(charset: str) -> None:
    data = HEAD + b"Content-Type: text/plain; charset=" + charset.encode() + b"\n\nL\xc3\xa9\\n\n---\n" + DIFF
    assert split_patch(parse_mail(data, "m.eml")).message == "Lé\\n"
