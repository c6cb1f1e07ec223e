"""HTML to the text a reader would copy from it: preformatted text as it stands, blocks on lines of their own.

html.parser takes time quadratic in what is left open ("<a<a<a...": minutes for 256 KiB), so tags are found here.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

MAX_TAG = 4096  # characters between "<" and ">"

_BLOCKS = frozenset("address blockquote br center div dd dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table tr ul".split())
_SKIPPED = ("head", "script", "style", "template")
_PAGE = re.compile(rb"\s{0,256}(?:<\?xml[^>]{0,200}>\s{0,256})?<(?:!doctype html|html)\b", re.IGNORECASE)
_TAG = re.compile(rf"<(/?)([A-Za-z][A-Za-z0-9]{{0,31}})(?:[\s/][^<>]{{0,{MAX_TAG}}})?>|<!--|<[!?][^<>]{{0,{MAX_TAG}}}>")
_BLANKS = re.compile(r"[ \t\r\n]+")


def is_html(data: bytes) -> bool:
    """Whether the bytes begin as a web page does."""
    return bool(_PAGE.match(data[:2048]))


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """("", text) and ("name" or "/name", "") in turn; comments and what is in skipped elements left out."""
    lower = text.lower()
    at = 0
    absent: set[str] = set()  # what was looked for once and is not there any more
    for match in _TAG.finditer(text):
        if match.start() < at:
            continue
        if match.start() > at:
            yield "", text[at : match.start()]
        at = match.end()
        name = match[2].lower() if match[2] else ""
        end = "-->" if match[0] == "<!--" else f"</{name}" if name in _SKIPPED and not match[1] else ""
        if end and end not in absent:
            found = lower.find(end, at)
            if found < 0:
                absent.add(end)
            else:
                at = found + (3 if end == "-->" else 0)
                continue
        if name:
            yield match[1] + name, ""
    if at < len(text):
        yield "", text[at:]


def text_of_html(text: str) -> str:
    """The page's text; character references decoded, tags gone. Never raises."""
    parts: list[str] = []
    preformatted = 0
    for tag, data in _pieces(text):
        name = tag.lstrip("/")
        if not tag:
            plain = html.unescape(data)
            parts.append(plain if preformatted else _BLANKS.sub(" ", plain))
        elif name in _BLOCKS:
            if name == "pre":
                preformatted = max(0, preformatted + (-1 if tag.startswith("/") else 1))
            if tag == "br" or (parts and not parts[-1].endswith("\n")):
                parts.append("\n")
        elif tag == "/td":
            parts.append("\t")
    return "".join(parts)
