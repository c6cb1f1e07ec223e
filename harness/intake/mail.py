"""One message, or one plain patch file, as bytes to its headers and body; the body to commit message and diff."""

from __future__ import annotations

import codecs
import email
import email.header
import email.message
import email.utils
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

from harness.intake.diff_paths import check_diff_lines, touched_files
from harness.intake.diff_text import count_changes, diff_start, is_signature, orphan_hunk, read_diff
from harness.intake.subject import Subject, parse_subject
from harness.model.errors import UserError

MAX_MAIL = 16 * 1024 * 1024  # bytes of one message
MAX_HEAD = 256 * 1024  # bytes of a message's headers
MAX_HEADER = 4096  # characters of one header that are decoded
MAX_LINE = 64 * 1024  # characters of one body line; no kernel source line is near
MAX_PARTS = 256  # MIME parts of one message

_ENVELOPE = re.compile(rb"From \S+.*\d\d:\d\d.*\d{4}")
_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:")
_NEEDED = re.compile(rb"^(?:subject|from|message-id):", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,998})>")
_IN_BODY = re.compile(r"(From|Subject|Date): *(.*)")
_DIFFSTAT = re.compile(r" \S.*\|\s+(?:\d+|Bin\b)|\s*\d+ files? changed")
# what a mail's charset may name; others ("unicode_escape", "idna") are no encodings of mail
_MAIL_CODEC = re.compile(
    r"ascii|utf-(?:7|8|16|32)|iso(?:8859|2022).*|cp\d+|koi8-[ru]|euc_(?:jp|kr)|shift_jis.*|gb\w+|big5.*"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Mail:
    """A message taken apart, its body decoded but not yet split.

    ``body`` holds the body's bytes as UTF-8 with surrogateescape, one string per line; ``charset`` says what they
    stand for in prose. ``references`` names the mails it answers, oldest first. ``first_line`` is the message's line
    in ``path`` (from 1), ``body_line`` that of the body's first line, None where the body was transfer-encoded.
    ``has_headers`` is False for a bare patch file.
    """

    subject: Subject
    author: str
    date: datetime | None
    message_id: str | None
    references: tuple[str, ...]
    body: tuple[str, ...]
    charset: str
    path: str
    first_line: int
    body_line: int | None
    has_headers: bool

    @property
    def source(self) -> str:
        """The file, with the message's line where it does not begin the file."""
        return self.path if self.first_line == 1 else f"{self.path}:{self.first_line}"

    def where(self, index: int) -> str:
        """Place of body line ``index`` (from 0), for an error."""
        if self.body_line is None:
            return f"{self.source}: line of the decoded body:{index + 1}"
        return f"{self.path}:{self.body_line + index}"

    @property
    def has_diff(self) -> bool:
        return diff_start(self.body) is not None


@dataclass(frozen=True, slots=True)
class PatchText:
    """A patch mail's body: the commit message (trailers included), the text between "---" and the diff, the diff.

    ``diff`` is the body's own bytes as UTF-8 with surrogateescape, from the first header to the last hunk's end.
    """

    message: str
    notes: str
    diff: str
    files: tuple[str, ...]
    added: int
    removed: int


def looks_like_mail(data: bytes) -> bool:
    """Whether the bytes begin with mail headers, with or without an mbox "From " line."""
    head = data[:MAX_HEAD].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    if _ENVELOPE.match(head):
        head = head.partition(b"\n")[2]
    return bool(_FIELD.match(head.removeprefix(b">")) and _NEEDED.search(head))


def printable(text: str) -> str:
    """``text`` without control characters but tab and newline; undecoded bytes shown as U+FFFD."""
    clean = _CONTROL.sub("", text)
    return clean.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _decoded(raw: bytes, charset: str) -> str:
    """Prose in ``charset``, or in UTF-8 or Latin-1 where it is not what it says."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError, UnicodeError):
        name = "utf-8"
    if not _MAIL_CODEC.fullmatch(name) or name == "ascii":
        name = "utf-8"
    try:
        return raw.decode(name)
    except (UnicodeError, ValueError):
        return raw.decode("latin-1") if name == "utf-8" else raw.decode(name, "replace")


def _header_text(value: str) -> str:
    """A raw header unfolded and decoded (RFC 2047); what cannot be decoded stays as it is."""
    unfolded = " ".join(value[:MAX_HEADER].split())
    text = _decoded(unfolded.encode("utf-8", "surrogateescape"), "utf-8")
    if "=?" not in text:
        return printable(text).strip()
    try:
        parts = email.header.decode_header(text)
    except (ValueError, email.errors.HeaderParseError):
        return printable(text).strip()
    decoded = "".join(part if isinstance(part, str) else _decoded(part, charset or "utf-8") for part, charset in parts)
    return printable(" ".join(decoded.split()))


def _date(value: str | None) -> datetime | None:
    """A Date header in UTC; None where there is none or it is no date."""
    if not value:
        return None
    try:
        date = email.utils.parsedate_to_datetime(value[:MAX_HEADER])
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _message_ids(value: str) -> tuple[str, ...]:
    ids = _MESSAGE_ID.findall(value[: 16 * MAX_HEADER])
    return tuple(printable(text) for text in ids)


def _texts(message: email.message.Message, source: str) -> Iterator[tuple[bytes, str]]:
    """(bytes, charset) of each part that may hold prose or a diff, transfer encoding undone."""
    parts = list(message.walk())
    if len(parts) > MAX_PARTS:
        raise UserError(f"more than {MAX_PARTS} MIME parts", where=source)
    for part in parts:
        name = str(part.get_filename() or "").lower()
        is_text = part.get_content_maintype() == "text" and part.get_content_subtype() not in ("html", "calendar")
        if part.is_multipart() or not (is_text or name.endswith((".patch", ".diff"))):
            continue
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            yield payload, str(part.get_content_charset() or "utf-8")


def _lines(raw: bytes, source: str) -> tuple[str, ...]:
    """Lines of the body; CRLF counts as the transport's only where every line has it."""
    if b"\r\n" in raw and raw.count(b"\r\n") == raw.count(b"\n"):
        raw = raw.replace(b"\r\n", b"\n")
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise UserError(f"line {number} of the body is longer than {MAX_LINE} characters", where=source)
    return tuple(lines)


def parse_mail(data: bytes, path: str, first_line: int = 1) -> Mail:
    """The message in ``data``, an mbox "From " line in front allowed, or a bare patch without headers.

    ``path`` and ``first_line`` (from 1) are where it was read from. Raises UserError for a message beyond the bounds
    above; a malformed header is never an error.
    """
    source = path if first_line == 1 else f"{path}:{first_line}"
    if len(data) > MAX_MAIL:
        raise UserError(f"message larger than {MAX_MAIL // 2**20} MiB", where=source)
    if not looks_like_mail(data):
        return _bare_patch(data, path, first_line)
    if data.count(b"\r\n") == data.count(b"\n"):
        data = data.replace(b"\r\n", b"\n")  # a message stored as it went over SMTP
    envelope = 1 if _ENVELOPE.match(data) else 0
    if envelope:
        data = data.partition(b"\n")[2]
    data = data.removeprefix(b">")
    head, _, _ = data.replace(b"\r\n", b"\n").partition(b"\n\n") if b"\n\n" not in data else data.partition(b"\n\n")
    if len(head) > MAX_HEAD:
        raise UserError(f"headers larger than {MAX_HEAD // 1024} KiB", where=source)
    try:
        message = email.message_from_bytes(data)
        texts = list(_texts(message, source))
        headers = {name.lower(): value for name, value in reversed(list(message.raw_items()))}
        encoded = str(message.get("Content-Transfer-Encoding", "")).strip().lower()
        plain = not message.is_multipart() and encoded not in ("quoted-printable", "base64", "x-uuencode", "uuencode")
    except UserError:
        raise
    except (ValueError, LookupError, TypeError, AssertionError, AttributeError, RecursionError) as error:
        raise UserError(f"not a message that can be parsed ({type(error).__name__})", where=source) from None
    if message.defects:
        plain = False  # the body may not begin where the blank line is
    body = _lines(b"\n".join(raw.removesuffix(b"\n") for raw, _ in texts), source)
    answered = [*_message_ids(headers.get("references", "")), *_message_ids(headers.get("in-reply-to", ""))]
    ids = _message_ids(headers.get("message-id", ""))
    mail_id = ids[0] if ids else printable(headers.get("message-id", "").strip()[:998])
    return Mail(
        subject=parse_subject(_header_text(headers.get("subject", ""))),
        author=_header_text(headers.get("from", "")),
        date=_date(headers.get("date")),
        message_id=mail_id or None,
        references=tuple(dict.fromkeys(answered)),
        body=body,
        charset=texts[0][1] if texts else "utf-8",
        path=path,
        first_line=first_line,
        body_line=first_line + envelope + head.count(b"\n") + 2 if plain else None,
        has_headers=True,
    )


def _bare_patch(data: bytes, path: str, first_line: int) -> Mail:
    """A patch file without headers: its first line of prose, else its file name, is the subject."""
    body = _lines(data, path)
    start = diff_start(body)
    prose = [line.strip() for line in body[: start or 0] if line.strip() and line.strip() != "---"]
    subject = parse_subject(printable(prose[0][:MAX_HEADER]) if prose else PurePath(path).stem)
    return Mail(subject, "", None, None, (), body, "utf-8", path, first_line, first_line, False)


def strip_signature(lines: Sequence[str]) -> Sequence[str]:
    """The lines before a signature or a list's footer."""
    end = next((at for at, line in enumerate(lines) if is_signature(line)), len(lines))
    return lines[:end]


def _prose(mail: Mail, lines: Sequence[str]) -> str:
    raw = "\n".join(lines).encode("utf-8", "surrogateescape")
    return printable(_decoded(raw, mail.charset)).strip("\n")


def _in_body_headers(mail: Mail) -> tuple[dict[str, str], int]:
    """ "From:" and "Subject:" at the head of the body, where the sender is not the author; the line they end before."""
    at = next((at for at, line in enumerate(mail.body) if line.strip()), 0)
    found: dict[str, str] = {}
    while at < len(mail.body) and (match := _IN_BODY.match(mail.body[at])):
        found.setdefault(match[1], _header_text(match[2]))
        at += 1
    return found, at


def patch_author(mail: Mail) -> str:
    """The author: the body's own "From:" line before the mail's."""
    return _in_body_headers(mail)[0].get("From") or mail.author


def patch_title(mail: Mail) -> str:
    """The subject without prefix: the body's own "Subject:" line before the mail's."""
    own = _in_body_headers(mail)[0].get("Subject")
    return parse_subject(own).title if own else mail.subject.title


def letter_text(mail: Mail) -> str:
    """A cover letter's text, without signature and footers."""
    return _prose(mail, strip_signature(mail.body))


def split_patch(mail: Mail) -> PatchText:
    """Commit message, notes and diff of a patch mail.

    Raises UserError, naming file and line, where there is no diff, where it is malformed, and where it reaches outside
    the tree (check_diff_lines).
    """
    start = diff_start(mail.body)
    if start is None:
        orphan = orphan_hunk(mail.body)
        if orphan is not None:
            raise UserError("malformed diff: hunk without ---/+++ lines", where=mail.where(orphan))
        raise UserError("no diff in this patch", where=mail.source, remedy="give the mail as it was sent")
    diff = read_diff(mail.body, start, mail.where)
    lines = mail.body[diff.start : diff.end]
    check_diff_lines(lines, diff.start, mail.where)
    if not any(file.hunks or len(file.headers) > 1 for file in diff.files):
        raise UserError("diff without a change", where=mail.where(start))
    added, removed = count_changes(lines, diff.start, mail.where)
    marks = [line[:1] for file in diff.files for hunk in file.hunks for line in hunk.lines]
    if (added, removed) != (marks.count("+"), marks.count("-")):
        raise UserError("ambiguous diff: two readers count different changes in it", where=mail.where(start))
    top = 0 if not mail.has_headers and mail.subject.title == PurePath(mail.path).stem else _in_body_headers(mail)[1]
    head = mail.body[top:start]
    # akpm's and quilt's patches of old have no "---": there the diffstat ends the message
    rule = next(
        (at for at, line in enumerate(head) if line.rstrip() == "---" or _DIFFSTAT.match(line)),
        len(head),
    )
    message = list(head[:rule])
    if not mail.has_headers and message:
        message.pop(0)  # the subject
    return PatchText(
        message=_prose(mail, message),
        notes=_prose(mail, head[rule + 1 :] if rule < len(head) and head[rule].rstrip() == "---" else head[rule:]),
        diff="\n".join(lines) + "\n",
        files=touched_files(diff.files),
        added=added,
        removed=removed,
    )
