"""Whatever bytes come in, what comes out is a value or a UserError."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.intake import check_diff_paths, patch_functions, read_series
from harness.intake.mail import parse_mail
from harness.intake.patch_text import letter_text, split_patch
from harness.intake.subject import parse_subject
from harness.model.errors import UserError

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
    max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
def test_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "m"
    path.write_bytes(data)
    with contextlib.suppress(UserError):
        for patch in read_series("x", [path]).patches:
            check_diff_paths(patch.diff, "m")  # what was accepted once is accepted again
            patch_functions(patch)
            assert patch.diff.endswith("\n") and patch.files


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
