"""One line of C by itself: its tokens, its columns, and the gaps in it that neighbours align."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

TAB = 8
WIDTH = 80
# What lies beyond is not looked at: it bounds the work that a hostile line can ask for.
LONGEST = 2048

_TOKEN = re.compile(r"[A-Za-z_]\w*|/\*|//|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[0-9][\w.]*|\S")
_NOT_A_TYPE = frozenset("return goto else case default if while for do switch break continue sizeof typeof".split())
_OPERATOR_BEFORE_EQUAL = frozenset("=!<>+-*/%&|^")


def squeeze(line: str) -> str:
    """``line`` without blanks at its ends and with single spaces between its words: what an archive leaves of it."""
    return " ".join(line.split())


def columns(text: str) -> int:
    """Width of ``text`` from the start of a line, in columns, tabs every 8."""
    return len(text.expandtabs(TAB)) if "\t" in text else len(text)


def blanks(column: int) -> str:
    """The kernel's way to reach ``column`` from the start of a line: tabs, then fewer than 8 spaces."""
    return "\t" * (column // TAB) + " " * (column % TAB)


def indent_of(line: str) -> str:
    """The whitespace at the start of ``line``."""
    return line[: len(line) - len(line.lstrip())]


def deeper(indent: str, unit: str = "\t") -> str:
    """One level below ``indent``; a tab takes the spaces before it in."""
    if unit == "\t" and indent.endswith(" "):
        return blanks(columns(indent + unit))
    return indent + unit


class Token(NamedTuple):
    """A word or a mark outside comments, and where it starts (index into the line)."""

    text: str
    at: int


class Lexed(NamedTuple):
    """A line cut into tokens.

    ``open_at``: index of the ``/*`` that is still open at its end (-1: it was opened earlier; None: none is open).
    ``trailing``: index of the comment after its last token (-1: none). ``comment_first``: a comment comes before any
    token.
    """

    indent: str
    tokens: tuple[Token, ...]
    open_at: int | None
    trailing: int
    comment_first: bool
    backslash: bool


@lru_cache(maxsize=16384)
def lex(line: str, in_comment: bool) -> Lexed:
    """``line`` cut into tokens; ``in_comment``: it begins inside a comment."""
    backslash = line.rstrip().endswith("\\")
    line = line[:LONGEST]
    indent = indent_of(line)
    at = 0
    comment_first = in_comment
    if in_comment:
        end = line.find("*/")
        if end < 0:
            return Lexed(indent, (), -1, -1, True, backslash)
        at = end + 2
    tokens: list[Token] = []
    trailing = -1
    for_search = _TOKEN.search
    while (match := for_search(line, at)) is not None:
        text = match[0]
        at = match.end()
        if text == "/*" or text == "//":
            start = match.start()
            trailing = start
            comment_first = comment_first or not tokens
            if text == "//":
                return Lexed(indent, tuple(tokens), None, trailing, comment_first, False)
            end = line.find("*/", at)
            if end < 0:
                return Lexed(indent, tuple(tokens), start, trailing, comment_first, backslash)
            at = end + 2
            continue
        if text != "\\":
            trailing = -1
        tokens.append(Token(text, match.start()))
    if backslash and tokens and tokens[-1].text == "\\":
        tokens.pop()
    return Lexed(indent, tuple(tokens), None, trailing, comment_first, backslash)


# --- gaps ------------------------------------------------------------------------------------------------------------


class Gap(NamedTuple):
    """Whitespace between two words at a place that neighbouring lines align: ``line[start:end]``."""

    start: int
    end: int


def _gap_before(line: str, at: int) -> Gap | None:
    start = at
    while start > 0 and line[start - 1] in " \t":
        start -= 1
    return Gap(start, at) if 0 < start < at else None


@lru_cache(maxsize=4096)
def gaps(line: str) -> dict[str, Gap]:
    """The gaps of a line of code that may be wider than one space, by what they stand before or after.

    ``backslash``, ``comment``: before it. ``define``, ``macro``: after the name (of a macro with arguments: after
    those) in a #define. ``assign``, ``value``: before and after "=". ``decl``: before the declared name and its
    stars. ``label``: after a colon that follows the first word or a case. ``comma1`` to ``comma8``: after commas.
    Do not change the returned dictionary: it is shared.
    """
    found: dict[str, Gap] = {}

    def note(kind: str, gap: Gap | None) -> None:
        if gap is not None:
            found.setdefault(kind, gap)

    lexed = lex(line, False)
    line = line[:LONGEST]
    tokens = list(lexed.tokens)
    if lexed.backslash and line.rstrip().endswith("\\"):
        note("backslash", _gap_before(line, line.rindex("\\")))
    if lexed.trailing >= 0 and tokens:
        kind = "comment"
        if tokens[0].text == "#" and len(tokens) > 1 and tokens[1].text != "define":
            kind = "directive comment"
        note(kind, _gap_before(line, lexed.trailing))
    if not tokens:
        return found
    if tokens[0].text == "#":
        _define_gaps(line, tokens, note)
        return found
    depth = commas = 0
    begin = 0
    level = 1 if tokens[0].text == "{" else 0
    for number, (text, at) in enumerate(tokens):
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth -= 1
        elif text == "=" and depth <= level:
            after = tokens[number + 1] if number + 1 < len(tokens) else None
            before = tokens[number - 1] if number else None
            if (after is None or not (after.text == "=" and after.at == at + 1)) and not (
                before is not None and before.at == at - 1 and before.text in _OPERATOR_BEFORE_EQUAL
            ):
                note("assign", _gap_before(line, at))
                if after is not None:
                    note("value", _gap_before(line, after.at))
                begin = len(tokens)
        elif text == "," and depth <= level:
            commas += 1
            if number + 1 < len(tokens) and commas <= 8:
                note(f"comma{commas}", _gap_before(line, tokens[number + 1].at))
        elif text == ":" and depth == 0 and number + 1 < len(tokens) and (number == 1 or tokens[0].text == "case"):
            note("label", _gap_before(line, tokens[number + 1].at))
    if begin == 0 or begin == len(tokens):
        _declarator_gap(line, tokens, note)
    return found


_STAR = re.compile(r"\s*(?:/\*\*?|\*(?!/))([ \t]+)\S")
_DOC = re.compile(r"\s*(?:/\*\*?|\*)?[ \t]*@\w+[.)]*:?([ \t]+)\S")
_DASH = re.compile(r"\s*(?:/\*\*?|\*)?[ \t]*\w+(?:\(\))?([ \t]+)-([ \t]+)\S")


@lru_cache(maxsize=4096)
def prose_gaps(line: str) -> dict[str, Gap]:
    """The gaps of a line of a comment that may be wider than one space.

    ``star``: after the star; ``doc``: after "@name:"; ``dash``, ``after dash``: around the dash of a kernel-doc title.
    Do not change the returned dictionary: it is shared.
    """
    line = line[:LONGEST]
    found: dict[str, Gap] = {}
    if match := _STAR.match(line):
        found["star"] = Gap(*match.span(1))
    if match := _DOC.match(line):
        found["doc"] = Gap(*match.span(1))
    elif match := _DASH.match(line):
        found["dash"] = Gap(*match.span(1))
        found["after dash"] = Gap(*match.span(2))
    return found


def _define_gaps(line: str, tokens: list[Token], note: Callable[[str, Gap | None], None]) -> None:
    if len(tokens) > 1:
        note("hash", _gap_before(line, tokens[1].at))
    if len(tokens) < 3 or tokens[1].text != "define":
        return
    note("directive", _gap_before(line, tokens[2].at))
    if len(tokens) < 4:
        return
    name = tokens[2]
    if tokens[3].text == "(" and tokens[3].at == name.at + len(name.text):
        depth = 0
        for number in range(3, len(tokens) - 1):
            text = tokens[number].text
            depth += (text == "(") - (text == ")")
            if depth == 0:
                note("macro", _gap_before(line, tokens[number + 1].at))
                return
    else:
        note("define", _gap_before(line, tokens[3].at))


def _declarator_gap(line: str, tokens: list[Token], note: Callable[[str, Gap | None], None]) -> None:
    """The gap between a type and the name declared with it, if the line looks like a declaration."""
    if tokens[0].text in _NOT_A_TYPE:
        return
    words = 0
    last = -1
    for number, (text, _) in enumerate(tokens):
        if text[0].isalpha() or text[0] == "_":
            words += 1
            last = number
        elif text == "*":
            if words == 0:
                return
        elif text == "(" and words and number + 1 < len(tokens) and tokens[number + 1].text == "*":
            note("decl", _gap_before(line, tokens[number].at))
            return
        elif text in ";,=[(:)":
            break
        else:
            return
    if words < 2:
        return
    while last > 0 and tokens[last - 1].text == "*":
        last -= 1
    note("decl", _gap_before(line, tokens[last].at))
