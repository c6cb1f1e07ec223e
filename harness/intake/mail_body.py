"""A message's MIME parts: its prose, the patches attached to it, the messages inside it.

Bytes of a diff stay the mail's own, whatever charset the mail names, as git am keeps them: a patch pasted into a mail
has the bytes of the file it was made from. Only charsets in which ASCII is not ASCII (ISO-2022-JP, UTF-16, UTF-7, HZ)
are decoded to UTF-8, since no kernel file is written in them.
"""

from __future__ import annotations

import codecs
import email.message
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.intake.bounded import is_compressed, unpack_bounded
from harness.intake.diff_text import diff_start
from harness.intake.flowed import read_flowed
from harness.intake.html_text import text_of_html
from harness.model.errors import UserError

MAX_MAIL = 16 * 1024 * 1024  # bytes of one message, and of what an attachment of it unpacks to
MAX_LINE = 64 * 1024  # characters of one body line; no kernel source line is near
MAX_LINES = 1_000_000  # of one body; a whole release's patch has fewer
MAX_PARTS = 256  # MIME parts of one message
MAX_INSIDE = 8  # messages within messages

_STATEFUL = re.compile(r"iso2022.*|utf-(?:7|16|32).*|hz")
_PATCH_NAME = re.compile(r"\.(?:patch|diff)(?:\.(?:gz|bz2|xz|zip|txt))?$")
_NO_TEXT = ("image", "audio", "video", "font")
_ORIGINAL = re.compile(r"-{3,}\s*Original Message\s*-{3,}\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a message: ``lines`` are bytes as UTF-8 with surrogateescape; ``name`` is an attachment's."""

    lines: tuple[str, ...]
    charset: str
    name: str = ""
    notes: tuple[str, ...] = ()

    @property
    def has_diff(self) -> bool:
        return diff_start(self.lines) is not None


@dataclass(slots=True)
class Room:
    """What the attachments of one message, and of those inside it, may still unpack to."""

    left: int  # bytes


@dataclass(frozen=True, slots=True)
class Body:
    """``inline`` is what a reader sees first, ``attached`` each attachment with a diff, ``inside`` forwarded mails."""

    inline: Part
    attached: tuple[Part, ...]
    inside: tuple[email.message.Message, ...]


def split_lines(raw: bytes, where: str) -> tuple[str, ...]:
    """Lines of a text; CRLF counts as the transport's only where every line has it.

    Raises UserError for a line that is too long, and for too many lines.
    """
    if raw.count(b"\n") > MAX_LINES:
        raise UserError(f"more than {MAX_LINES:,} lines", where=where)
    if b"\r\n" in raw and raw.count(b"\r\n") == raw.count(b"\n"):
        raw = raw.replace(b"\r\n", b"\n")
    lines = raw.decode("utf-8", "surrogateescape").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise UserError(f"line {number} of the body is longer than {MAX_LINE} characters", where=where)
    return tuple(lines)


def _ascii_bytes(raw: bytes, charset: str) -> tuple[bytes, str, tuple[str, ...]]:
    """(bytes, charset, notes) with a charset that is not a superset of ASCII decoded to UTF-8."""
    try:
        name = codecs.lookup(charset).name
    except (LookupError, ValueError, UnicodeError):
        return raw, charset, ()
    if not _STATEFUL.fullmatch(name):
        return raw, charset, ()
    try:
        text = raw.decode(name)
    except (UnicodeError, ValueError):
        if name.startswith(("utf-16", "utf-32")):
            return raw, charset, ()
        text = raw.decode(name, "replace")
    note = () if text.isascii() else (f"text decoded from {charset} to UTF-8",)
    return text.encode("utf-8", "surrogatepass"), "utf-8", note


def _part(message: email.message.Message, raw: bytes, name: str, where: str) -> Part:
    raw, charset, notes = _ascii_bytes(raw, str(message.get_content_charset() or "utf-8"))
    if message.get_content_subtype() == "html":
        raw = text_of_html(raw.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        notes = (*notes, "text taken from HTML")
    lines = split_lines(raw, where)
    if str(message.get_param("format", "")).lower() == "flowed":
        read, how = read_flowed(lines, delsp=str(message.get_param("delsp", "")).lower() == "yes")
        lines, notes = tuple(read), (*notes, *([how] if how else []))
    return Part(lines, charset, name, notes)


def _leaves(message: email.message.Message, depth: int = 0) -> Iterator[email.message.Message]:
    """Parts that hold no others, and whole messages inside."""
    if message.get_content_type() == "message/rfc822" or not message.is_multipart():
        yield message
        return
    if depth > MAX_PARTS:
        return
    for part in message.get_payload():
        if isinstance(part, email.message.Message):
            yield from _leaves(part, depth + 1)


def quoted_original(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines of an answer with what stands below Outlook's "Original Message" marked as the quotation it is."""
    at = next((at for at, line in enumerate(lines) if _ORIGINAL.match(line)), None)
    return tuple(lines) if at is None else (*lines[:at], *(f"> {line}" for line in lines[at:]))


def read_body(message: email.message.Message, where: str, room: Room) -> Body:
    """The parts of a message, transfer encodings undone. Raises UserError beyond the bounds above.

    ``room`` is lessened by what compressed attachments unpack to; where it is none, they are left out.
    """
    leaves = []
    for leaf in _leaves(message):
        leaves.append(leaf)
        if len(leaves) > MAX_PARTS:
            raise UserError(f"more than {MAX_PARTS} MIME parts", where=where)
    inline: list[Part] = []
    pages: list[Part] = []
    attached: list[Part] = []
    inside: list[email.message.Message] = []
    for leaf in leaves:
        if leaf.is_multipart():
            inner = leaf.get_payload(0)
            if isinstance(inner, email.message.Message) and len(inside) < MAX_INSIDE * MAX_PARTS:
                inside.append(inner)
            continue
        kind, name = leaf.get_content_maintype(), str(leaf.get_filename() or "")
        raw = leaf.get_payload(decode=True)
        if not isinstance(raw, bytes) or kind in _NO_TEXT or leaf.get_content_subtype() == "calendar":
            continue
        if is_compressed(raw):
            if not room.left or not _PATCH_NAME.search(name.lower()):
                continue
            raw = unpack_bounded(raw, room.left, f"{where}: attachment {name!r}")
            room.left -= len(raw)
        if kind == "text" and not name and leaf.get_content_disposition() != "attachment":
            (pages if leaf.get_content_subtype() == "html" else inline).append(_part(leaf, raw, "", where))
        elif b"\0" not in raw[:8192] or _PATCH_NAME.search(name.lower()):
            part = _part(leaf, raw, name or "attachment", where)
            if part.has_diff or _PATCH_NAME.search(name.lower()):
                attached.append(part)
    texts = inline or (pages if not attached else [])
    return Body(
        Part(
            tuple(line for part in texts for line in part.lines),
            texts[0].charset if texts else "utf-8",
            "",
            tuple(dict.fromkeys(note for part in texts for note in part.notes)),
        ),
        tuple(attached),
        tuple(inside),
    )
