"""Text from outside (consoles, logs, mails, file names) made harmless for a terminal, a page or a one-line error."""

from __future__ import annotations

import re

MAX_TEXT = 2000
"""Characters shown of any one piece of text: a longer one is cut with a visible mark."""

# A CSI sequence or a two-character escape. What follows an OSC's introduction stays as plain text on purpose: nothing
# may be hidden by wrapping it into a window title.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,16}[@-~]?|[ -/]{0,4}[0-~]?)?")
_BLANK = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")

NOT_SHOWN = frozenset(
    (
        *range(0x20),
        *range(0x7F, 0xA0),
        0x061C,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xD800, 0xE000),
        0xFEFF,
        0xFFFE,
        0xFFFF,
        *range(0xE0000, 0xE0080),
    )
)
"""Code points that are shown as U+FFFD: controls, bidirectional overrides and invisible ones, which make a reader see
another text than there is; and halves of surrogate pairs, which undecodable mail is kept as and which no UTF-8 file can
hold."""
_FORBIDDEN = dict.fromkeys(NOT_SHOWN, "\ufffd")


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """One line of ``text`` without escapes, control and invisible characters, cut to ``limit`` with a mark."""
    # Twice the limit is enough to look at: a text that is mostly escapes is cut all the same.
    piece = _BLANK.sub(" ", _ESCAPE.sub("", text[: 2 * limit + 256])).translate(_FORBIDDEN)
    if len(piece) <= limit and len(text) <= 2 * limit + 256:
        return piece
    return f"{piece[: limit - 1]}…"
