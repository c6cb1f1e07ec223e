"""The forms a mail program gives a patch: flowed text, charsets, attachments, mails inside mails, compressed files."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import quopri
import zipfile
from pathlib import Path

import pytest

from harness.intake import read_series
from harness.intake.bounded import unpack_bounded
from harness.intake.flowed import unflow
from harness.intake.mail import parse_mail, parse_mails
from harness.intake.patch_text import split_patch
from harness.model.errors import UserError

LIMIT = 1 << 20  # bytes, in place of the real bound where a test would take long to reach it
HEAD = b"From: A Frog <frog@pond.example>\nSubject: [PATCH] pond: hold the frog\nMessage-Id: <1@pond.example>\n"
DIFF = (
    b"diff --git a/mm/pond.c b/mm/pond.c\n--- a/mm/pond.c\n+++ b/mm/pond.c\n"
    b"@@ -10,6 +10,7 @@ static int frog_jump(struct frog *frog)\n {\n \tint ret = 0;\n \n+\tfrog_get(frog);\n"
    b"-\tleap(a); \n+\tleap(b); \n \treturn ret;\n }\n"
)
TEXT = b"A frog must be held.\n\nSigned-off-by: A Frog <frog@pond.example>\n---\n"


def _part(data: bytes, name: str = "", kind: str = "text/plain") -> bytes:
    disposition = f'Content-Disposition: attachment; filename="{name}"\n' if name else ""
    encoded = base64.encodebytes(data)
    return f"Content-Type: {kind}\n{disposition}Content-Transfer-Encoding: base64\n\n".encode() + encoded


def _multipart(*parts: bytes, head: bytes = HEAD) -> bytes:
    body = b"".join(b"--pond\n" + part + b"\n" for part in parts)
    return head + b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="pond"\n\n' + body + b"--pond--\n"


def _stuffed(data: bytes) -> bytes:
    """As RFC 3676 stuffs lines before they are sent, without regard to what they are."""
    return b"".join(b" " + line if line.startswith((b" ", b">", b"From ")) else line for line in data.splitlines(True))


def _flowed(body: bytes, more: bytes = b"") -> bytes:
    return HEAD + b"Content-Type: text/plain; charset=utf-8; format=flowed" + more + b"\n\n" + body


def test_flowed_diff_is_read_back() -> None:
    text = split_patch(parse_mail(_flowed(_stuffed(TEXT + DIFF)), "m"))
    assert text.diff.encode() == DIFF and text.message.startswith("A frog must be held.")


def test_flowed_lines_that_were_wrapped_are_joined() -> None:
    diff = DIFF.replace(b"leap(a); ", b"leap(a);").replace(b"leap(b); ", b"leap(b, and_a_long_one, to_be_wrapped);")
    sent = _stuffed(diff).replace(b"and_a_long_one, ", b"and_a_long_one, \n")
    mail = parse_mail(_flowed(TEXT + sent), "m")
    assert split_patch(mail).diff.encode() == diff
    assert mail.notes == ("format=flowed undone, lines of the diff not joined",)  # its blank line ends with a blank


def test_flowed_with_delsp() -> None:
    diff = DIFF.replace(b"leap(a); ", b"leap(a);").replace(b"leap(b); ", b"leap(b, to_be_wrapped);")
    sent = _stuffed(diff).replace(b"to_be", b"to_ \nbe")
    assert split_patch(parse_mail(_flowed(TEXT + sent, b"; DelSp=Yes"), "m")).diff.encode() == diff


def test_labelled_flowed_but_is_not() -> None:
    mail = parse_mail(_flowed(TEXT + DIFF), "m")
    assert split_patch(mail).diff.encode() == DIFF and "is not" in mail.notes[0]


def test_flowed_prose_and_quotes() -> None:
    assert unflow(["one ", "two", "> a ", "> b", ">> c", " >d", "-- ", "x "], delsp=False) == [
        "one two",
        "> a b",
        ">> c",
        ">d",
        "-- ",
        "x ",
    ]
    assert unflow(["one ", "two"], delsp=True) == ["onetwo"]


@pytest.mark.parametrize("charset", ["euc-jp", "utf-8", "iso-8859-1", "koi8-r"])
def test_bytes_of_the_diff_are_the_mails(charset: str) -> None:
    word = {"euc-jp": "蛙", "utf-8": "蛙", "iso-8859-1": "é", "koi8-r": "ж"}[charset].encode(charset)
    diff = DIFF.replace(b"leap(b); ", b"leap(b); /* " + word + b" */")
    data = HEAD + f"Content-Type: text/plain; charset={charset}\n".encode()
    text = split_patch(parse_mail(data + b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(diff), "m"))
    assert text.diff.encode("utf-8", "surrogateescape") == diff
    assert text.notes == (() if charset == "utf-8" else (f"bytes of {charset} in the diff, kept as they came",))


def test_iso_2022_jp_in_the_diff_becomes_utf8() -> None:
    """No file holds its escapes: the mail program made them of the file's own encoding."""
    diff = DIFF.decode().replace("leap(b); ", "leap(b); /* 蛙 */")
    data = HEAD + b"Content-Type: text/plain; charset=ISO-2022-JP\n\n" + (TEXT.decode() + diff).encode("iso2022_jp")
    mail = parse_mail(data, "m")
    assert split_patch(mail).diff == diff and mail.notes == ("text decoded from iso-2022-jp to UTF-8",)


def test_crlf_in_one_part_only() -> None:
    data = _multipart(_part(TEXT), _part(DIFF.replace(b"\n", b"\r\n"), "pond.diff", "application/octet-stream"))
    assert split_patch(parse_mail(data, "m")).diff.encode() == DIFF


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pond.patch", "text/x-patch"),
        ("pond.diff", "application/octet-stream"),
        ("patch-pond-2", "text/plain"),
        ("pond", "application/octet-stream"),
        ("0001-pond.txt", "text/plain"),
    ],
)
def test_attached_patch(name: str, kind: str) -> None:
    mail = parse_mail(_multipart(_part(TEXT), _part(DIFF, name, kind)), "m")
    text = split_patch(mail)
    assert text.diff.encode() == DIFF and text.message.startswith("A frog must be held.")
    assert mail.notes == (f"the patch is an attachment: {name}",)


def test_what_else_is_attached_is_left_out() -> None:
    log = _part(b"boot log\n", "dmesg.txt")
    program = _part(b"int main(void)\n", "test.c", "text/x-csrc")
    picture = _part(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "x.png", "image/png")
    mail = parse_mail(_multipart(_part(TEXT + DIFF), log, program, picture), "m")
    assert mail.body == parse_mail(HEAD + b"\n" + TEXT + DIFF, "m").body


def test_patch_inline_and_attached_is_taken_once() -> None:
    wrapped = DIFF.replace(b"frog_get(frog)", b"frog_get(\nfrog)")
    mail = parse_mail(_multipart(_part(TEXT + wrapped), _part(DIFF, "pond.patch", "text/x-patch")), "m")
    assert split_patch(mail).diff.encode() == DIFF and "not taken" in mail.notes[1]


def test_several_attached_patches_are_a_series(tmp_path: Path) -> None:
    other = DIFF.replace(b"pond.c", b"lake.c")
    made = b"From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: B Newt <newt@pond.example>\n"
    made += b"Subject: [PATCH 2/2] lake: hold the newt\n\nText.\n---\n" + other
    path = tmp_path / "m.eml"
    path.write_bytes(_multipart(_part(b"Two patches.\n"), _part(DIFF, "1.patch"), _part(other, "2.patch")))
    series = read_series("x", [path])
    assert [(p.subject, p.files) for p in series.patches] == [("1", ("mm/pond.c",)), ("2", ("mm/lake.c",))]
    assert series.patches[1].author == "A Frog <frog@pond.example>" and series.cover is None
    numbered = made.replace(b"2/2", b"1/2").replace(b"lake", b"pond")
    path.write_bytes(_multipart(_part(b"Two patches.\n"), _part(made, "b.patch"), _part(numbered, "a.patch")))
    series = read_series("x", [path])
    assert [p.subject for p in series.patches] == ["pond: hold the newt", "lake: hold the newt"]
    assert series.patches[0].author == "B Newt <newt@pond.example>"


def test_one_attached_mail_of_format_patch() -> None:
    made = b"From: B Newt <newt@pond.example>\nSubject: [PATCH] lake: hold the newt\n\nText.\n---\n" + DIFF
    (mail,) = parse_mails(_multipart(_part(b"See attached.\n"), _part(made, "x.patch")), "m")
    assert (mail.subject.title, mail.author) == ("lake: hold the newt", "B Newt <newt@pond.example>")
    assert mail.message_id == "1@pond.example" and split_patch(mail).message == "Text."


def test_forwarded_messages(tmp_path: Path) -> None:
    inner = [
        b"Content-Type: message/rfc822\n\n"
        + HEAD.replace(b"[PATCH]", b"[PATCH %d/2]" % n).replace(b"<1@", b"<%d@" % n)
        + b"\n"
        + TEXT
        + DIFF
        for n in (2, 1)
    ]
    path = tmp_path / "m.eml"
    path.write_bytes(_multipart(_part(b"FYI\n"), *inner, head=b"From: X <x@y>\nSubject: Fwd: frogs\n"))
    assert [p.message_id for p in read_series("x", [path]).patches] == ["1@pond.example", "2@pond.example"]


def test_outlook_quotes_without_marks() -> None:
    head = HEAD.replace(b"Subject: ", b"Subject: RE: ")
    body = b"I do not like it.\r\n\r\n-----Original Message-----\r\nFrom: A Frog\r\n\r\n" + DIFF.replace(b"\n", b"\r\n")
    mail = parse_mail(b"\xef\xbb\xbf" + (head + b"\n").replace(b"\n", b"\r\n") + body, "m.eml")
    assert not mail.has_diff and mail.subject.title == "pond: hold the frog"


def test_html_only_mail() -> None:
    page = b"<html><body><p>A frog.</p><pre>" + DIFF.replace(b"<", b"&lt;") + b"</pre></body></html>"
    data = HEAD + b"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
    mail = parse_mail(data + quopri.encodestring(page), "m")
    assert split_patch(mail).diff.encode() == DIFF and mail.notes == ("text taken from HTML",)


def test_utf16_file(tmp_path: Path) -> None:
    path = tmp_path / "m.txt"
    path.write_bytes((HEAD + b"\n" + TEXT + DIFF).decode().encode("utf-16"))
    assert read_series("x", [path]).patches[0].diff.encode() == DIFF


def _pack(kind: str, data: bytes) -> bytes:
    if kind == "gz":
        return gzip.compress(data)
    if kind == "bz2":
        return bz2.compress(data)
    return lzma.compress(data) if kind == "xz" else _zip(data)


def _zip(data: bytes, *more: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("pond.patch", *more):
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_compressed_attachments_and_files(tmp_path: Path, kind: str) -> None:
    packed = _pack(kind, DIFF)
    name = f"pond.patch.{kind}"
    mail = parse_mail(_multipart(_part(TEXT), _part(packed, name, "application/octet-stream")), "m")
    assert split_patch(mail).diff.encode() == DIFF
    (tmp_path / name).write_bytes(packed)
    assert read_series("x", [tmp_path / name]).patches[0].diff.encode() == DIFF


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
@pytest.mark.timeout(20)
def test_bombs_are_not_unpacked(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.intake.mail.MAX_MAIL", LIMIT)
    packed = _pack(kind, bytes(LIMIT + 1))
    bomb = _part(packed, f"x.patch.{kind}", "application/octet-stream")
    with pytest.raises(UserError, match=r"m: attachment 'x\.patch\.\w+': larger than 1 MiB when decompressed"):
        parse_mails(_multipart(_part(TEXT), bomb), "m")
    with pytest.raises(UserError, match=r"cut short|damaged"):
        unpack_bounded(packed[: len(packed) // 2], LIMIT * 2, "m")


def test_many_small_bombs_share_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.intake.mail.MAX_MAIL", LIMIT)
    half = gzip.compress(b"\n" * (LIMIT // 2 + 1))
    parts = [_part(half, f"{n}.patch.gz", "application/gzip") for n in range(3)]
    with pytest.raises(UserError, match="larger than"):
        parse_mails(_multipart(*parts), "m")


def test_zip_of_several_files_and_false_size() -> None:
    with pytest.raises(UserError, match="2 files in a zip archive; unpack it"):
        unpack_bounded(_zip(DIFF, "b"), 100, "m")
    packed = bytearray(_zip(bytes(5000)))
    at = packed.rindex(b"PK\x01\x02")
    packed[at + 24 : at + 28] = b"\1\0\0\0"  # the size it claims
    with pytest.raises(UserError):
        unpack_bounded(bytes(packed), 100, "m")
