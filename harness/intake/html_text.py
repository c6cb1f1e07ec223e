"""HTML to the text a reader would copy from it: preformatted text as it stands, blocks on lines of their own."""

from __future__ import annotations

import re
from html.parser import HTMLParser

MAX_TAGS = 400_000  # of one page

_BLOCKS = frozenset("address blockquote br center div dd dl dt h1 h2 h3 h4 h5 h6 hr li ol p table tr ul".split())
_SKIPPED = frozenset("head script style template".split())
_PAGE = re.compile(rb"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,400}?-->\s*)?<(?:!doctype html|html)\b", re.I | re.S)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.preformatted = 0
        self.skipped = 0
        self.tags = 0

    def _block(self, tag: str) -> None:
        if tag == "br" or (tag in _BLOCKS and self.parts and not self.parts[-1].endswith("\n")):
            self.parts.append("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += 1
        if tag in _SKIPPED:
            self.skipped += 1
        elif tag == "pre":
            self.preformatted += 1
            self._block("div")
        else:
            self._block(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self.skipped = max(0, self.skipped - 1)
        elif tag == "pre":
            self.preformatted = max(0, self.preformatted - 1)
            self._block("div")
        elif tag != "br":
            self._block(tag)

    def handle_data(self, data: str) -> None:
        if self.skipped or self.tags > MAX_TAGS:
            return
        self.parts.append(data if self.preformatted else re.sub(r"[ \t\r\n]+", " ", data))


def is_html(data: bytes) -> bool:
    """Whether the bytes begin as a web page does."""
    return bool(_PAGE.match(data[:2048]))


def text_of_html(text: str) -> str:
    """The page's text; character references decoded, tags gone. Never raises."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts)
