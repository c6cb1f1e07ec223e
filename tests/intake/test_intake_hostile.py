"""Whatever bytes come in, what comes out is a value or a UserError."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.intake import read_series
from harness.intake.bounded import unpack_bounded
from harness.intake.mail import parse_mail
from harness.intake.patch_text import letter_text, split_patch
from harness.intake.subject import parse_subject
from harness.model.errors import UserError
from tests.intake.any_bytes import check_series, read_any

pytestmark = pytest.mark.slow

LINES = st.sampled_from(
    [
        b"diff --git a/x b/x",
        b"--- a/x",
        b"+++ b/x",
        b"--- /dev/null",
        b"+++ /dev/null",
        b"@@ -1 +1 @@",
        b"@@ -1,2 +1,3 @@ f(",
        b"@@ -0,0 +1 @@",
        b"@@ -99999999999 +1 @@",
        b"@@@ -1 -1 +1 @@@",
        b"-a",
        b"+b",
        b" c",
        b"",
        b"\\ No newline at end of file",
        b"-- ",
        b"---",
        b"new file mode 100644",
        b"deleted file mode 100644",
        b"rename from x",
        b"rename to y",
        b"index 1..2 100644",
        b"Binary files a/x and b/x differ",
        b"GIT binary patch",
        b"Index: x",
        b"From: x",
        b"Subject: x",
        b"From x Fri Aug 19 07:48:52 2011",
        b"Date: Fri Aug 19 2011 - 03:49:19 EST",
        b"Date: Tuesday, April 29, 2008 - 3:49 am",
        b"Previous message: [thread] [date] [author]",
        b"[lkml] [2002] [Aug] [26]",
        b"SubjectRe: x",
        b"[Download RAW message or body]",
        b"From: x @ 2011-08-19  7:48 UTC (permalink / raw)",
        b"^ permalink raw reply",
        b"To unsubscribe from this list: send the line",
        b"A Frog (2):",
        b" x | 2 +-",
        b" 1 file changed, 2 insertions(+), 1 deletion(-)",
        b"-- >8 --",
        b"> +quoted ",
        b"Signed-off-by: x <a@xxxxxxxx>",
        b"against 2.5.31-bk7",
    ]
)
BODIES = st.lists(st.one_of(LINES, LINES, LINES, st.binary(max_size=12)), max_size=24).map(b"\n".join)
HEADS = st.lists(
    st.sampled_from(
        [
            b"Subject: [PATCH 1/1] x",
            b"Subject: =?utf-8?B?=ff?= [PATCH 1/1",
            b"Subject: =?x?Q?=?=",
            b"From: \xff\xfe <x",
            b"Date: Fri, 99 Foo -99999 +9999",
            b"Message-Id: <",
            b"Message-Id: <a@b>",
            b"References: <a@b> <c",
            b"Content-Type: multipart/mixed; boundary=x",
            b"Content-Type: message/rfc822",
            b"Content-Type: text/plain; charset*=x''%ff",
            b"Content-Type: text/plain; charset=utf-16",
            b"Content-Type: /",
            b"Content-Transfer-Encoding: base64",
            b"Content-Transfer-Encoding: quoted-printable",
            b"Content-Transfer-Encoding: x-uuencode",
            b"Content-Type: text/plain; format=flowed; delsp=yes",
            b"Content-Type: text/plain; charset=iso-2022-jp",
            b"Content-Type: text/html",
            b"Content-Disposition: attachment; filename=x.patch",
            b"Content-Disposition: attachment; filename=x.patch.gz",
            b"Subject: Re: [PATCH 2/3] x",
            b"Content-Disposition: attachment; filename*0*=%; filename*1=x",
            b" folded",
            b"no header",
        ]
    ),
    max_size=6,
).map(b"\n".join)
MAILS = st.one_of(
    st.binary(max_size=300),
    BODIES,
    st.tuples(HEADS, BODIES).map(b"\n\n".join),
    BODIES.map(lambda body: b"Subject: [PATCH 1/1] x\n\n" + body),
)
WORDS = st.sampled_from(
    ["[", "]", "PATCH", "RFC", "Re:", " ", "1", "9", "/", " of ", "v", "v2", "take", "-", "\u0661", "\n"]
)
QUICK = settings(
    max_examples=80, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(MAILS)
def test_mail(data: bytes) -> None:
    with contextlib.suppress(UserError):
        mail = parse_mail(data, "m.eml")
        letter_text(mail)
        split_patch(mail)


@QUICK
@given(MAILS)
def test_every_reader(tmp_path: Path, data: bytes) -> None:
    read_any(data, tmp_path / "m")


@QUICK
@given(st.lists(MAILS, min_size=2, max_size=4))
def test_mbox_of_anything(tmp_path: Path, mails: list[bytes]) -> None:
    read_any(b"".join(b"From x Fri Aug 19 07:48:52 2011\n" + mail + b"\n\n" for mail in mails), tmp_path / "m")


@QUICK
@given(st.binary(max_size=200), st.sampled_from([b"\x1f\x8b\x08", b"BZh91AY&SY", b"\xfd7zXZ\0", b"PK\x03\x04", b""]))
def test_unpacking(data: bytes, magic: bytes) -> None:
    with contextlib.suppress(UserError):
        assert len(unpack_bounded(magic + data, 1000, "m")) <= 1000


@QUICK
@given(
    st.lists(st.one_of(WORDS, st.binary(max_size=3).map(lambda raw: raw.decode("latin-1"))), max_size=9).map("".join)
)
def test_subject(text: str) -> None:
    parse_subject(text)
    parse_subject(f"[PATCH {text}] x")


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: x\nContent-Type: multipart/mixed; boundary=x\n\n"
        + b"--x\nContent-Type: multipart/mixed; boundary=x\n\n" * 400,
        b"Subject: x\n" + b"Content-Type: message/rfc822\n\n" * 2000,
        b"Subject: " + b"=?utf-8?q?" * 20_000 + b"\n\n",
        b"Subject: " + b"[" * 60_000 + b"\n\n",
        b"Subject: " + b"[PATCH 1 of " * 5000 + b"\n\n",
        b"From: " + b"(" * 60_000 + b"\n\n",
        b"Date: " + b"(" * 60_000 + b"\n\n",
        b"Subject: [PATCH 1/1] x\n\n--- a/x\n+++ b/x\n" + b"@@ -1 +1 @@\n-a\n+b\n" * 7000,
        b"Subject: [PATCH 1/1] x\n\n--- a/x 2002-08-26" + b" 2002-08-26" * 5000 + b"\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        b"Subject: [PATCH 1/1] x\n\ndiff --git" + b" a/b:/c b/x" * 5000 + b"\nold mode 100644\nnew mode 100755\n",
        b"Subject: [PATCH 1/1] x\n\ndiff --git" + b" a://c b/x" * 5000 + b"\nold mode 100644\nnew mode 100755\n",
        b"Subject: [PATCH 1/1] x\n\nindex " + b"1," * 30_000 + b"\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        b"Subject: [PATCH 1/1] x\n\n" + b" x |" * 15_000 + b"\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        b"Subject: [PATCH 1/1] x\n\n" + b"--- a/x\n" * 100_000,
        b"Subject: [PATCH 1/1] x\n\n--- a/" + b"\\" * 60_000 + b"\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        b'Subject: [PATCH 1/1] x\n\n--- "a/' + b'\\"' * 30_000 + b"\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        b"Subject: [PATCH 1/1] x\n\n--- a/x" + b" " * 60_000 + b"x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        b"Subject: [PATCH 1/1] x\n\n" + b" x |" + b" " * 60_000 + b"\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
    ],
)
@pytest.mark.timeout(5)
def test_large_and_nested(data: bytes) -> None:
    with contextlib.suppress(UserError):
        split_patch(parse_mail(data, "m.eml"))


PAGE = b"[PATCH] x\n\nFrom: A Frog\nDate: Fri Aug 19 2011 - 03:49:19 EST\n\n"
HUNK = b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"<html>" + tag * (200_000 // len(tag))
            for tag in (b"<a", b"<!--", b"</", b"<?", b'<a b="', b"<pre>", b"&#")
        ),
        PAGE + b"[date] " * 9000 + b"\n" + HUNK,
        PAGE + b"x () " * 9000 + b"\n" + HUNK,
        PAGE + (b"Previous message: " + b"a: " * 1000 + b"\n") * 50,
        PAGE + b"against " * 8000 + b"\n" + HUNK,
        PAGE + b"From: a\n" * 20_000,
        PAGE + b"A Frog (4000):\n" + b"pond: x\n" * 20_000,
        PAGE + b" x | 3 ++\n" * 20_000 + HUNK,
        PAGE + b"A-by: x@y\n" * 20_000 + HUNK,
        b"[PATCH 0/4096] x\n\nFrom: A Frog\nDate: Fri Aug 19 2011 - 03:49:19 EST\n\nx\n",
        b"* x\nFrom: A @ 2011-08-19  7:48 UTC (permalink / raw)\n\nx\n" * 9000,
        b"Subject: x\nContent-Type: text/plain; format=flowed; delsp=yes\n\n" + b"x \n" * 30_000 + HUNK,
        b"From x Fri Aug 19 07:48:52 2011\nSubject: [PATCH] x\nMessage-ID: <a@b>\nReferences: <a@b>\n\n" * 1500,
        b"".join(
            b"From x Fri Aug 19 07:48:52 2011\nSubject: [PATCH] %d\nMessage-ID: <%d@b>\nReferences: <%d@b>\n\n%s\n"
            % (n, n, (n + 1) % 800, HUNK)
            for n in range(800)
        ),
    ],
)
@pytest.mark.timeout(20)
def test_large_pages_and_threads(tmp_path: Path, data: bytes) -> None:
    """In linear time: each takes a fraction of a second."""
    path = tmp_path / "m"
    path.write_bytes(data)
    with contextlib.suppress(UserError):
        check_series(read_series("x", [path], damaged=True))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"--- a/x\n+++ b/x\n" + b"@@ -1 +1 @@\n-a\n+b\n" * 501, "more than 500 hunks"),
        (b"+" * 100_000, r"line \d of the body is longer than 65536 characters"),
        (b"\n" * 5001, "more than 5,000 lines"),
        (bytes(16 * 2**20 + 1), "message larger than 16 MiB"),
    ],
)
@pytest.mark.parametrize("head", [b"Subject: [PATCH 1/1] x\n\n", PAGE])
def test_bounds_of_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, body: bytes, why: str
) -> None:
    monkeypatch.setattr("harness.intake.diff_text.MAX_HUNKS", 500)
    monkeypatch.setattr("harness.intake.mail_body.MAX_LINES", 5000)
    path = tmp_path / "m"
    path.write_bytes(head + body)
    with pytest.raises(UserError, match=why):
        read_series("x", [path], damaged=True)


@pytest.mark.parametrize(
    "data",
    [
        PAGE + b" mm/\x07\x1b[2J.c | 3 ++\n" + HUNK,  # a control character in a note
        b"From x Fri Aug 19 07:48:52 2011\nSubject: [1/1]\n\nFrom x Fri Aug 19 07:48:52 2011\n"
        b"Subject: [1/1]\n\n@@ -0 +0 @@\n",  # an older posting that cannot be read
    ],
)
def test_found_by_fuzzing(tmp_path: Path, data: bytes) -> None:
    read_any(data, tmp_path / "m")
