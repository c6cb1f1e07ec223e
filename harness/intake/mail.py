"""One message, or one plain patch file, as bytes to its headers and body, what is attached to it included."""

from __future__ import annotations

import codecs
import email
import email.header
import email.message
import email.utils
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import PurePath

from harness.intake.archive_dates import archive_date
from harness.intake.diff_text import diff_start, orphan_hunk
from harness.intake.mail_body import MAX_INSIDE, MAX_MAIL, Body, Part, Room, quoted_original, read_body, split_lines
from harness.intake.subject import Subject, parse_subject
from harness.model.errors import UserError

MAX_HEAD = 256 * 1024  # bytes of a message's headers
MAX_HEADER = 4096  # characters of one header that are decoded
BOM = b"\xef\xbb\xbf"

REPAIR_HEADER = "X-Harness-Repair"
MAX_REPAIRS = 64  # such headers of one message that are read

_ENVELOPE = re.compile(rb"From \S+.*\d\d:\d\d.*\d{4}")
_FIELD = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:")
_NEEDED = re.compile(rb"^(?:subject|from|message-id):", re.IGNORECASE | re.MULTILINE)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,998})>")
_LIST_ADDRESS = re.compile(
    r"([A-Za-z0-9][\w.+-]{1,63})@(?:vger\.kernel\.org|kvack\.org|lists?\.[\w.-]+|[\w.-]*\.lists?\.[\w.-]+)", re.ASCII
)
# what a mail's charset may name; others ("unicode_escape", "idna") are no encodings of mail
_MAIL_CODEC = re.compile(
    r"ascii|utf-(?:7|8|16|32)|iso(?:8859|2022).*|cp\d+|koi8-[ru]|euc_(?:jp|kr)|shift_jis.*|gb\w+|hz|big5.*"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Mail:
    """A message taken apart, its body decoded but not yet split.

    ``body`` holds the body's bytes as UTF-8 with surrogateescape, one string per line; ``charset`` says what they
    stand for in prose. ``references`` names the mails it answers, oldest first. ``first_line`` is the message's line
    in ``path`` (from 1), ``body_line`` that of the body's first line, None where the body was transfer-encoded.
    ``has_headers`` is False for a bare patch file. ``part`` counts the attachments of one mail that are patches of
    their own, from 1. ``archived``: the text is a web archive's rendering. ``notes`` say what a reader should know,
    ``repairs`` what a repair says of its work in the message's own headers.
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
    lists: tuple[str, ...] = ()
    part: int = 0
    archived: bool = False
    notes: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The file, with the message's line where it does not begin the file."""
        return self.path if self.first_line == 1 else f"{self.path}:{self.first_line}"

    def where(self, index: int) -> str:
        """Place of body line ``index`` (from 0), for an error."""
        if self.body_line is None:
            return f"{self.source}: line of the decoded body:{index + 1}"
        return f"{self.path}:{self.body_line + index}"

    @cached_property
    def has_diff(self) -> bool:
        """Whether a diff with file headers begins on a line of its own; quoted ones ("> +++") do not count."""
        return diff_start(self.body) is not None

    @property
    def has_fragment(self) -> bool:
        """Whether there is a diff, or the hunks of one whose file headers are lost."""
        return self.has_diff or orphan_hunk(self.body) is not None


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


def header_text(value: str) -> str:
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
        return archive_date(value)[0]  # what mailbox files made by hand hold


def _message_ids(value: str) -> tuple[str, ...]:
    ids = _MESSAGE_ID.findall(value[: 16 * MAX_HEADER])
    return tuple(printable(text) for text in ids)


def _patch_files(part: Part) -> frozenset[str]:
    """What the diff's "+++ " lines name, without leading directory and time."""
    return frozenset(
        line[4:].split("\t")[0].split(" ")[0].partition("/")[2] for line in part.lines if line.startswith("+++ ")
    )


def _with_attachment(inline: Part, attached: Part) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(lines, notes) of a mail whose one patch is attached. The attachment stands where both hold the same patch: it
    was sent along because mail programs damage what is inline."""
    notes = (*inline.notes, *attached.notes, f"the patch is an attachment: {printable(attached.name)}")
    start = diff_start(inline.lines)
    if start is None:
        return (*inline.lines, *attached.lines), notes
    return (*inline.lines[:start], *attached.lines), (*notes, "the same patch stands inline too: not taken")


def _attached_patch(carrier: Mail, part: Part, number: int) -> Mail:
    """An attachment as a patch of its own; what it does not say itself the mail that carries it does.

    What is attached to an attached mail is not looked at.
    """
    raw = "\n".join(part.lines).encode("utf-8", "surrogateescape")
    notes = (*part.notes, f"attachment {printable(part.name)} of a mail")
    if looks_like_mail(raw):
        own = _parse(raw, carrier.path, carrier.first_line, Room(0))[0]
    else:
        own = _bare_patch(raw, part.name, 1)
        own = replace(
            own, subject=replace(own.subject, is_patch=True), path=carrier.path, first_line=carrier.first_line
        )
    return replace(
        own,
        author=own.author or carrier.author,
        date=own.date or carrier.date,
        message_id=own.message_id or carrier.message_id,
        references=carrier.references,
        subject=replace(own.subject, is_reply=carrier.subject.is_reply),
        lists=carrier.lists,
        charset=part.charset,
        body_line=None,
        has_headers=True,
        part=number,
        notes=notes,
    )


def _mails_of(carrier: Mail, body: Body) -> Iterator[Mail]:
    """The carrier with its text, and each attachment that is a patch of its own."""
    inline, attached = body.inline, list(body.attached)
    if carrier.subject.is_reply:
        inline = replace(inline, lines=quoted_original(inline.lines))
    if len(attached) == 1 and inline.has_diff and _patch_files(inline) == _patch_files(attached[0]):
        lines, notes = _with_attachment(inline, attached[0])
        yield replace(carrier, body=lines, notes=notes)
        return
    own_mail = [looks_like_mail("\n".join(part.lines[:64]).encode("utf-8", "surrogateescape")) for part in attached]
    if not inline.has_diff and attached and not any(own_mail) and (len(attached) == 1 or carrier.subject.index):
        lines = inline.lines
        notes = inline.notes
        for part in attached:
            lines = (*lines, *part.lines)
            notes = (*notes, *part.notes, f"the patch is an attachment: {printable(part.name)}")
        yield replace(carrier, body=lines, notes=notes)
        return
    if len(attached) == 1 and own_mail[0] and not inline.has_diff:
        yield replace(_attached_patch(carrier, attached[0], 1), part=0)
        return
    yield replace(carrier, body=inline.lines, notes=inline.notes)
    for number, part in enumerate(attached, 1):
        yield _attached_patch(carrier, part, number)


def _lists(values: Sequence[str]) -> tuple[str, ...]:
    """Mailing lists among To, Cc and List-Id, by the name before the "@"."""
    found: dict[str, None] = {}
    for value in values:
        for name in _LIST_ADDRESS.findall(value[: 4 * MAX_HEADER]):
            if not name.startswith(("majordomo", "owner-", "unsubscribe")):
                found[name] = None
    return tuple(found)


def _message(
    message: email.message.Message, path: str, first_line: int, body_line: int | None, room: Room, depth: int = 0
) -> Iterator[Mail]:
    source = path if first_line == 1 else f"{path}:{first_line}"
    body = read_body(message, source, room)
    headers = {name.lower(): str(value) for name, value in reversed(list(message.raw_items()))}
    addressed = [headers.get(name, "") for name in ("to", "cc", "list-id", "x-mailing-list")]
    answered = [*_message_ids(headers.get("references", "")), *_message_ids(headers.get("in-reply-to", ""))]
    ids = _message_ids(headers.get("message-id", ""))
    mail_id = ids[0] if ids else printable(headers.get("message-id", "").strip()[:998])
    carrier = Mail(
        subject=parse_subject(header_text(headers.get("subject", ""))),
        author=header_text(headers.get("from", "")),
        date=_date(headers.get("date")),
        message_id=mail_id or None,
        references=tuple(dict.fromkeys(answered)),
        body=(),
        charset=body.inline.charset,
        path=path,
        first_line=first_line,
        body_line=body_line,
        has_headers=True,
        lists=_lists([value.replace(".vger.kernel.org", "@vger.kernel.org") for value in addressed]),
        repairs=tuple(header_text(str(value)) for value in message.get_all(REPAIR_HEADER, [])[:MAX_REPAIRS]),
    )
    yield from _mails_of(carrier, body)
    if depth < MAX_INSIDE:
        for inner in body.inside:
            yield from _message(inner, path, first_line, None, room, depth + 1)


def parse_mails(data: bytes, path: str, first_line: int = 1) -> tuple[Mail, ...]:
    """The message in ``data``, an mbox "From " line in front allowed, or a bare patch without headers; behind it each
    attachment that is a patch of its own and each message attached.

    ``path`` and ``first_line`` (from 1) are where it was read from. Raises UserError for a message beyond the bounds
    above; a malformed header is never an error.
    """
    return _parse(data, path, first_line, Room(MAX_MAIL))


def _parse(data: bytes, path: str, first_line: int, room: Room) -> tuple[Mail, ...]:
    source = path if first_line == 1 else f"{path}:{first_line}"
    if len(data) > MAX_MAIL:
        raise UserError(f"message larger than {MAX_MAIL // 2**20} MiB", where=source)
    data = data.removeprefix(BOM)
    if not looks_like_mail(data):
        return (_bare_patch(data, path, first_line),)
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
        encoded = str(message.get("Content-Transfer-Encoding", "")).strip().lower()
        plain = not message.is_multipart() and encoded not in ("quoted-printable", "base64", "x-uuencode", "uuencode")
        if message.defects or str(message.get_param("format", "")).lower() == "flowed":
            plain = False  # the body may not begin where the blank line is, or its lines were joined
        line = first_line + envelope + head.count(b"\n") + 2 if plain else None
        return tuple(_message(message, path, first_line, line, room))
    except UserError:
        raise
    except (ValueError, LookupError, TypeError, AssertionError, AttributeError, RecursionError) as error:
        raise UserError(f"not a message that can be parsed ({type(error).__name__})", where=source) from None


def parse_mail(data: bytes, path: str, first_line: int = 1) -> Mail:
    """The first of parse_mails."""
    return parse_mails(data, path, first_line)[0]


def _bare_patch(data: bytes, path: str, first_line: int) -> Mail:
    """A patch file without headers: its first line of prose, else its file name, is the subject."""
    body = split_lines(data, path)
    start = diff_start(body)
    prose = [line.strip() for line in body[: start or 0] if line.strip() and line.strip() != "---"]
    subject = parse_subject(printable(prose[0][:MAX_HEADER]) if prose else PurePath(path).stem)
    return Mail(subject, "", None, None, (), body, "utf-8", path, first_line, first_line, False)


def prose(mail: Mail, lines: Sequence[str]) -> str:
    """Lines of the body as text in the mail's charset, without control characters and blank lines around."""
    raw = "\n".join(lines).encode("utf-8", "surrogateescape")
    return printable(_decoded(raw, mail.charset)).strip("\n")
