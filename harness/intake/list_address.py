"""A message in a list archive as people name it: a message id, or the address of its page."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass

from harness.model.errors import UserError

ALL_LISTS = "https://lore.kernel.org/all"  # public-inbox of every list that kernel.org keeps

# these lead to a message by its id alone: the id is the path's last part
_REDIRECTS = ("lkml.kernel.org/r/", "lore.kernel.org/r/", "patch.msgid.link/", "msgid.link/", "lkml.kernel.org/")
_ID = re.compile(r"(?:mid:|id:)?([^<>\s@/:]{1,400}@[A-Za-z0-9\[][^<>\s@/]{0,400})")
_MARKED = re.compile(r"<?([^<>\s@]{1,400}@[A-Za-z0-9\[][^<>\s@]{0,400})>?")  # in brackets, or a part of an address


@dataclass(frozen=True, slots=True)
class ListAddress:
    """``archive`` is the address of a public-inbox, ``message_id`` one of the thread that is meant."""

    archive: str
    message_id: str


def list_address(text: str) -> ListAddress | None:
    """The message that ``text`` names, None for what is neither a message id nor an http address.

    Raises UserError for the address of a page that does not name its message by id.
    """
    text = text.strip()
    if not text.lower().startswith(("http://", "https://")):
        match = (_MARKED if text.startswith("<") else _ID).fullmatch(text)
        return ListAddress(ALL_LISTS, match[1]) if match and ".." not in text.rpartition("@")[2] else None
    try:
        url = urllib.parse.urlsplit(text)
        host = (url.hostname or "").lower()
    except ValueError:
        raise UserError("not an address", where=text[:200]) from None
    parts = [urllib.parse.unquote(part) for part in url.path.split("/") if part]
    at = next((at for at, part in enumerate(parts) if _MARKED.fullmatch(part)), None)
    if at is None:
        raise UserError(
            "this page does not name its message by id",
            where=text[:200],
            remedy="copy the page's text into a file and import that, or give the message id",
        )
    match = _MARKED.fullmatch(parts[at])
    assert match
    place = f"{host}/{'/'.join([*parts[:at], ''])}"
    if host == "patchew.org" or any(place == redirect for redirect in _REDIRECTS) or at == 0:
        return ListAddress(ALL_LISTS, match[1])
    return ListAddress(f"{url.scheme}://{url.netloc}/{'/'.join(parts[:at])}", match[1])
