"""The whitespace of a flattened C line, predicted from the lines before it and the habits of its file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

TAB = 8
WIDTH = 80
# Nobody wrote what lies beyond these; they bound the work that a hostile text can ask for.
_LONGEST = 2048
_DEEPEST = 64
_RECENT = 12


def squeeze(line: str) -> str:
    """``line`` without blanks at its ends and with single spaces between its words: what an archive leaves of it."""
    return " ".join(line.split())


def _columns(text: str) -> int:
    return len(text.expandtabs(TAB))


def _blanks(column: int) -> str:
    return "\t" * (column // TAB) + " " * (column % TAB)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


# --- what one line says, whatever stands before it -------------------------------------------------------------------

_TOKEN = re.compile(r"[A-Za-z_]\w*|/\*|//|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[0-9][\w.]*|\S")
_CONTROL = frozenset("if for while switch list_for_each list_for_each_safe".split())
_LOOP_MACRO = re.compile(r"(?:\w+_)?for_?each(?:_\w+)?$")
_AGGREGATE = frozenset("struct union enum".split())
_WORDS = frozenset("if else for while do switch case default struct union enum return goto typedef".split())
_TELLING = frozenset("(){}[];:?,=") | _WORDS


class Token(NamedTuple):
    """A word or a mark outside comments, and where it starts (index into the line)."""

    text: str
    at: int


class Lexed(NamedTuple):
    """A line cut into tokens. ``open_at``: index of the ``/*`` that is still open at its end (-1: opened earlier)."""

    indent: str
    tokens: tuple[Token, ...]
    open_at: int | None
    comment_first: bool  # the first thing on the line is a comment
    backslash: bool
    last: str  # the last token outside comments


@lru_cache(maxsize=16384)
def _lex(line: str, in_comment: bool) -> Lexed:
    full = line
    line = line[:_LONGEST]
    indent = _indent(line)
    backslash = full.rstrip().endswith("\\")
    at = 0
    if in_comment:
        end = line.find("*/")
        if end < 0:
            return Lexed(indent, (), -1, True, backslash, "")
        at = end + 2
    tokens: list[Token] = []
    comment_first = in_comment
    while True:
        match = _TOKEN.search(line, at)
        if match is None:
            return Lexed(indent, tuple(tokens), None, comment_first, backslash, tokens[-1].text if tokens else "")
        text = match[0]
        if text == "//":
            comment_first = comment_first or not tokens
            return Lexed(indent, tuple(tokens), None, comment_first, False, tokens[-1].text if tokens else "")
        if text == "/*":
            comment_first = comment_first or not tokens
            end = line.find("*/", match.end())
            if end < 0:
                return Lexed(
                    indent, tuple(tokens), match.start(), comment_first, backslash, tokens[-1].text if tokens else ""
                )
            at = end + 2
            continue
        tokens.append(Token(text, match.start()))
        at = match.end()


# --- habits of a file ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Style:
    """What one file does where the kernel lets it choose, learned from its lines.

    ``unit``: one level of indentation. ``aligned``: share of continuation lines that stand under the text after the
    open parenthesis. ``wide``: share of the others that are two tabs deeper. ``two_spaces``: after a full stop in
    comments. ``label``: indentation of labels.
    """

    lines: tuple[str, ...]
    index: dict[str, list[int]]
    unit: str
    aligned: float
    wide: float
    two_spaces: bool
    label: str

    @classmethod
    def of(cls, lines: Sequence[str]) -> Style:
        """The habits of the file that has these ``lines`` (without line ends)."""
        index: dict[str, list[int]] = {}
        aligned = narrow = wide = 0
        one = two = 0
        labels: Counter[str] = Counter()
        units: Counter[str] = Counter()
        open_at: tuple[str, int] | None = None
        for number, line in enumerate(lines):
            words = line[:_LONGEST].split()
            index.setdefault(" ".join(words), []).append(number)
            if not words:
                open_at = None
                continue
            first = line[0]
            if open_at is not None:
                above, column = open_at
                indent = _indent(line)
                if _columns(indent) == column + 1:
                    aligned += 1
                elif indent == above + "\t\t":
                    wide += 1
                elif indent == above + "\t":
                    narrow += 1
            open_at = None
            if line.count("(") > line.count(")"):
                paren = _open_paren(line)
                if paren is not None and paren + 1 < len(line.rstrip()):
                    open_at = (_indent(line), _columns(line[:paren]))
            if first in " \t":
                if len(words) == 1 and words[0][-1] == ":" and words[0] != "default:" and words[0][:-1].isidentifier():
                    labels[_indent(line)] += 1
                elif ". " in line and (first == " " or "*" in line):
                    one += len(_ONE_SPACE.findall(line))
                    two += len(_TWO_SPACES.findall(line))
                units["\t" if first == "\t" else line[:4] if line[:4] == "    " else "?"] += 1
            elif words[0][-1] == ":" and len(words) == 1 and words[0] != "default:":
                labels[""] += 1
        total = aligned + narrow + wide
        return cls(
            tuple(lines),
            index,
            "    " if units["    "] > 3 * units["\t"] and units["    "] > 10 else "\t",
            (aligned + 1) / (total + 2),
            (wide + 1) / (narrow + wide + 2),
            two > one,
            max(labels, key=lambda k: labels[k]) if labels else "",
        )


_ONE_SPACE = re.compile(r"[a-z)]\. [A-Z]")
_TWO_SPACES = re.compile(r"[a-z)]\.  [A-Z]")


def _open_paren(line: str) -> int | None:
    """Index of the last parenthesis that ``line`` leaves open."""
    depth = 0
    for at in range(min(len(line), _LONGEST) - 1, -1, -1):
        if line[at] == ")":
            depth += 1
        elif line[at] == "(":
            if depth == 0:
                return at
            depth -= 1
    return None


# --- state -----------------------------------------------------------------------------------------------------------


class Header(NamedTuple):
    """An ``if``, ``else``, ``for``, ``while``, ``do``, ``switch`` whose statement is awaited, with its indentation."""

    word: str
    indent: str


class Statement(NamedTuple):
    """A statement, declaration or initialiser entry that has begun and not ended."""

    indent: str  # of its first line
    word: str  # first word
    opened: bool  # it has had a parenthesis
    assigned: bool  # it has had a "="
    follow: str | None  # indentation of its last continuation line outside brackets
    lines: int  # continuation lines so far
    aggregate: str  # "struct", "union", "enum" where such a word came first
    column: int  # of the text after its "=" or "return", -1: none
    ternary: int


class Frame(NamedTuple):
    """An open bracket."""

    mark: str  # "{", "(" or "["
    kind: str  # of "{": block, switch, struct, enum, init
    indent: str  # of the line (of "{": of the statement) that opened it
    inner: str | None  # indentation of what stands in it; None: nothing yet
    case: str | None  # indentation of its case labels
    column: int  # of the bracket
    text_after: bool  # on the bracket's own line
    statement: Statement | None  # what it interrupts
    awaiting: tuple[Header, ...]


class Code(NamedTuple):
    """Where in the code a line ends."""

    stack: tuple[Frame, ...]
    statement: Statement | None
    awaiting: tuple[Header, ...]
    ended: tuple[Header, ...]  # headers whose statement has just ended: an else may follow


class Comment(NamedTuple):
    """The comment that is open."""

    column: int  # of its "/*"
    alone: bool  # nothing stood before it on its line
    indent: str | None  # of its last line after the first
    star: bool  # that line began with "*"
    gap: str  # blanks after the "*"


class Macro(NamedTuple):
    """A ``#define`` that goes on after its line: the code around it, and its backslashes."""

    around: Code
    column: int
    gap: str


class Branch(NamedTuple):
    """An open ``#if``: the code at its head, and at the end of its first branch."""

    head: Code
    first: Code | None


_OUTSIDE = Code((), None, (), ())


@dataclass(frozen=True, slots=True)
class Guess:
    """A line with its whitespace restored (no newline), how often such a guess is right, and why it was made so."""

    line: str
    sure: float
    why: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a C file stands between two of its lines. Immutable; feeding a line gives the next one."""

    style: Style
    code: Code = _OUTSIDE
    comment: Comment | None = None
    macro: Macro | None = None
    branches: tuple[Branch, ...] = ()
    recent: tuple[str, ...] = ()
    fed: int = 0

    @classmethod
    def begin(cls, style: Style) -> Layout:
        """The top of a file with these habits."""
        return cls(style)

    @property
    def depth(self) -> int:
        """Open braces."""
        return sum(frame.mark == "{" for frame in self.code.stack)

    @property
    def parens(self) -> int:
        """Open parentheses and square brackets within the innermost open brace."""
        count = 0
        for frame in reversed(self.code.stack):
            if frame.mark == "{":
                break
            count += 1
        return count

    @property
    def in_comment(self) -> bool:
        """Whether a ``/*`` is open."""
        return self.comment is not None

    def feed(self, line: str) -> Layout:
        """The state after ``line``, whose whitespace is right."""
        recent = (*self.recent, line)[-_RECENT:]
        fed = self.fed + 1
        was_comment = self.comment is not None
        lexed = _lex(line, was_comment)
        comment: Comment | None = None
        if lexed.open_at is not None:
            if was_comment:
                assert self.comment is not None
                comment = _comment_line(self.comment, line)
            else:
                at = lexed.open_at
                comment = Comment(_columns(line[:at]), not line[:at].strip(), None, True, " ")
        code, macro, branches = self.code, self.macro, self.branches
        tokens = lexed.tokens
        if tokens or (lexed.backslash and macro):
            if macro is None and tokens and tokens[0].text == "#" and not was_comment:
                code, branches = _directive(code, branches, tokens)
                if lexed.backslash:
                    word = tokens[1].text if len(tokens) > 1 else ""
                    macro = _macro(code, line)
                    code = _macro_body(line) if word == "define" else _OUTSIDE
            elif macro is not None:
                if lexed.backslash:
                    code = _advance(code, line, lexed, self.style.unit)
                    macro = _macro(macro.around, line)
                else:
                    code, macro = macro.around, None
            else:
                code = _advance(code, line, lexed, self.style.unit)
        elif macro is not None and not lexed.backslash:
            code, macro = macro.around, None
        elif lexed.comment_first and not was_comment and code.stack and not code.awaiting and code.statement is None:
            top = code.stack[-1]
            if top.inner is None and len(lexed.indent) > len(top.indent):
                code = code._replace(stack=(*code.stack[:-1], top._replace(inner=lexed.indent)))
        return Layout(self.style, code, comment, macro, branches, recent, fed)

    def guess(
        self, text: str, *, indented: bool | None, removed: Sequence[str] = (), after: Sequence[str] = ()
    ) -> Guess:
        """``text`` with its whitespace restored.

        ``text`` is squeezed. ``indented``: whether it is known to have had any indentation; None: not known.
        ``removed``: the lines that the same change removes, and ``after``: the file's lines that follow it, both with
        their own whitespace.
        """
        text = squeeze(text)
        if not text:
            return Guess("", 0.99, "empty")
        indent, why = _place(self, text, indented)
        indent, why = _as_known(self, text, indent, why, indented)
        body = _body(self, text, indent, removed)
        return Guess(indent + body, 0.9, why)

    def misfit(self, text: str) -> float:
        """How odd it would be if a line with the squeezed ``text`` came next: 0 normal, 1 cannot be."""
        text = text[:_LONGEST]
        if not text or self.macro is not None:
            return 0.0
        if self.comment is not None:
            return _misfit_in_comment(self.comment, text)
        if text[0] == "#":
            return 0.0
        return _misfit_in_code(self.code, text)


# --- feeding ---------------------------------------------------------------------------------------------------------


def _comment_line(comment: Comment, line: str) -> Comment:
    indent = _indent(line)
    body = line[len(indent) :]
    if not body:
        return comment
    if body[0] == "*":
        rest = body[1:]
        gap = _indent(rest) if rest.strip() else comment.gap
        return Comment(comment.column, comment.alone, indent, True, gap)
    return Comment(comment.column, comment.alone, indent, False, "")


def _macro(around: Code, line: str) -> Macro:
    text = line.rstrip()[:-1]
    bare = text.rstrip()
    return Macro(around, _columns(text), text[len(bare) :])


def _macro_body(line: str) -> Code:
    """What the second line of a macro finds: a level of its own, one tab deep."""
    frame = Frame("{", "block", "", None, None, 0, False, None, ())
    return Code((frame,), None, (), ())


def _directive(code: Code, branches: tuple[Branch, ...], tokens: tuple[Token, ...]) -> tuple[Code, tuple[Branch, ...]]:
    word = tokens[1].text if len(tokens) > 1 else ""
    if word in ("if", "ifdef", "ifndef"):
        return code, (*branches[-_DEEPEST:], Branch(code, None))
    if word in ("else", "elif") and branches:
        top = branches[-1]
        return top.head, (*branches[:-1], Branch(top.head, top.first if top.first is not None else code))
    if word == "endif" and branches:
        top = branches[-1]
        return (top.first if top.first is not None else code), branches[:-1]
    return code, branches


def _advance(code: Code, line: str, lexed: Lexed, unit: str) -> Code:
    """``code`` after the tokens of one line."""
    if not lexed.tokens:
        return code
    stack = list(code.stack)
    statement, awaiting, ended = code.statement, code.awaiting, code.ended
    indent = lexed.indent
    tokens = lexed.tokens
    first = True
    # continuation lines leave their mark before the tokens are looked at
    if statement is not None:
        if stack and stack[-1].mark != "{":
            if tokens[0].text not in ")]":
                stack[-1] = stack[-1]._replace(inner=indent)
        elif tokens[0].text not in "{}":
            statement = statement._replace(follow=indent, lines=statement.lines + 1)
    number = 0
    count = len(tokens)
    while number < count:
        text, at = tokens[number]
        number += 1
        top = stack[-1] if stack else None
        inside = top is not None and top.mark != "{"
        if statement is None and not inside and text not in "{};":
            # --- a statement begins
            if text == "else":
                headers = ended
                while headers and headers[-1].word not in ("if",):
                    headers = headers[:-1]
                place = headers[-1].indent if headers and not first else indent
                awaiting = (*headers[:-1], Header("else", place))
                ended = ()
                first = False
                continue
            if text == "do":
                awaiting = (*awaiting, Header("do", indent))
                ended = ()
                first = False
                continue
            if (
                text == "if"
                and awaiting
                and awaiting[-1].word == "else"
                and number > 1
                and tokens[number - 2][0] == "else"
            ):
                statement = Statement(awaiting[-1].indent, "if", False, False, None, 0, "", -1, 0)
                awaiting = awaiting[:-1]
            elif text == "while" and ended and ended[-1].word == "do":
                statement = Statement(
                    ended[-1].indent if not first else indent, "dowhile", False, False, None, 0, "", -1, 0
                )
            else:
                if text in ("case", "default"):
                    if first and top is not None:
                        stack[-1] = top._replace(case=indent)
                elif first and top is not None and not awaiting:
                    label = count > number and tokens[number].text == ":" and top.kind in ("block", "switch")
                    if not label and (len(indent) > len(top.indent) or top.inner is None):
                        stack[-1] = top._replace(inner=indent)
                statement = Statement(indent, text, False, False, None, 0, text if text in _AGGREGATE else "", -1, 0)
            ended = ()
            first = False
            continue
        first = False
        if text == "(" or text == "[":
            if statement is None:
                statement = Statement(indent, "", True, False, None, 0, "", -1, 0)
            elif not inside and not statement.opened:
                statement = statement._replace(opened=True)
            stack.append(Frame(text, "", indent, None, None, _columns(line[:at]), number < count, None, ()))
            if len(stack) > _DEEPEST:
                del stack[0]
        elif text == ")" or text == "]":
            if inside:
                stack.pop()
                if (
                    statement is not None
                    and text == ")"
                    and not (stack and stack[-1].mark != "{")
                    and (statement.word in _CONTROL or _LOOP_MACRO.match(statement.word))
                    and (number >= count or tokens[number].text != ";" or statement.word in _CONTROL)
                    and not statement.assigned
                ):
                    awaiting = (*awaiting[-_DEEPEST:], Header(statement.word, statement.indent))
                    statement = None
        elif text == "{":
            kind = _brace_kind(stack, statement, awaiting)
            if statement is not None:
                base = statement.indent
            elif awaiting and at != len(indent):
                base = awaiting[-1].indent
            else:
                base = indent
            stack.append(Frame("{", kind, base, None, None, _columns(line[:at]), number < count, statement, awaiting))
            if len(stack) > _DEEPEST:
                del stack[0]
            statement, awaiting, ended = None, (), ()
        elif text == "}":
            while stack and stack[-1].mark != "{":
                stack.pop()
            if stack:
                frame = stack.pop()
                statement, awaiting = frame.statement, frame.awaiting
                if frame.kind in ("block", "switch") and not (stack and stack[-1].mark != "{"):
                    ended, awaiting, statement = awaiting, (), None
                else:
                    ended = ()
                    if statement is None and frame.kind in ("init", "struct", "enum"):
                        statement = Statement(frame.indent, "}", False, False, None, 0, "", -1, 0)
            else:
                statement, awaiting, ended = None, (), ()
        elif text == ";":
            if inside:
                if top is not None and top.mark == "(" and statement is not None and statement.word == "for":
                    continue
                if at + 1 >= len(line.rstrip()) and statement is not None and statement.word != "for":
                    # a parenthesis was lost or a macro opened it: the line's end is stronger
                    while stack and stack[-1].mark != "{":
                        stack.pop()
                else:
                    continue
            statement = None
            ended, awaiting = awaiting, ()
        elif text == ",":
            if top is not None and top.kind in ("init", "enum"):
                statement = None
                awaiting = ended = ()
        elif text == "=":
            if statement is not None and not inside and not statement.assigned:
                statement = statement._replace(assigned=True, column=_columns(line[:at]) + 2)
        elif text == "?":
            if statement is not None:
                statement = statement._replace(ternary=statement.ternary + 1)
        elif text == ":":
            if statement is not None and not inside and top is not None and top.kind in ("block", "switch"):
                if statement.ternary:
                    statement = statement._replace(ternary=statement.ternary - 1)
                elif statement.word in ("case", "default") or (
                    not statement.opened
                    and not statement.assigned
                    and number == 2
                    and not statement.lines
                    and tokens[0].at == len(indent)
                ):
                    statement = None
                    first = False
        elif (
            text in _AGGREGATE
            and statement is not None
            and not inside
            and not (statement.opened or statement.assigned or statement.aggregate)
        ):
            statement = statement._replace(aggregate=text)
    return Code(tuple(stack), statement, awaiting, ended)


def _brace_kind(stack: list[Frame], statement: Statement | None, awaiting: tuple[Header, ...]) -> str:
    top = stack[-1] if stack else None
    if top is not None and top.mark == "{" and top.kind in ("init", "enum"):
        return "init"
    if statement is not None:
        if statement.assigned or statement.word == "return":
            return "block" if top is not None and top.mark == "(" else "init"
        if statement.aggregate and not statement.opened:
            return "enum" if statement.aggregate == "enum" else "struct"
    if awaiting and awaiting[-1].word == "switch":
        return "switch"
    return "block"


# --- placing ---------------------------------------------------------------------------------------------------------

_LABEL = re.compile(r"[A-Za-z_]\w* ?:(?!:)(?: ;)?(?: ?/\*.*)?$")
_CASE = re.compile(r"(?:case\b.*|default ?):")


def _place(layout: Layout, text: str, indented: bool | None) -> tuple[str, str]:
    """The indentation of ``text``, and why."""
    if indented is False:
        return "", "not indented"
    indent, why = _structure(layout, text)
    if indented and not indent:
        if layout.comment is None and _LABEL.match(text):
            return layout.style.label or " ", "a label"
        if text.startswith("*") and layout.comment is None:
            return " ", "a comment line"
        return "\t", "indented at file level"
    return indent, why


def _structure(layout: Layout, text: str) -> tuple[str, str]:
    code, unit = layout.code, layout.style.unit
    if layout.comment is not None:
        return _in_comment(layout.comment, text)
    if text[0] == "#" and layout.macro is None:
        return "", "preprocessor line"
    stack = code.stack
    top = stack[-1] if stack else None
    if text[0] == "}":
        for frame in reversed(stack):
            if frame.mark == "{":
                return frame.indent, "closes a brace"
        return "", "closes a brace"
    if code.statement is not None:
        return _continuation(layout, text, code.statement)
    if top is not None and top.mark != "{":
        return _continuation(layout, text, Statement(top.indent, "", True, False, None, 0, "", -1, 0))
    if text[0] == "{" and code.awaiting:
        return code.awaiting[-1].indent, f"opens the body of '{code.awaiting[-1].word}'"
    if code.awaiting:
        head = code.awaiting[-1]
        return head.indent + unit, f"a level below '{head.word}'"
    word = re.match(r"\w*", text)
    if word is not None and word[0] == "else" and code.ended:
        for header in reversed(code.ended):
            if header.word == "if":
                return header.indent, "with its 'if'"
    if word is not None and word[0] == "while" and code.ended and code.ended[-1].word == "do":
        return code.ended[-1].indent, "with its 'do'"
    if top is None:
        return "", "file level"
    if top.kind in ("block", "switch"):
        if _CASE.match(text):
            if top.case is not None:
                return top.case, "as the case above"
            if top.kind == "switch":
                return top.indent, "with its 'switch'"
        if top.kind == "block" and _LABEL.match(text) and not text.startswith("default"):
            return layout.style.label, "a label"
    if top.inner is not None:
        return top.inner, "as the line above"
    if top.case is not None:
        return top.case + unit, "a level below 'case'"
    return top.indent + unit, "a level below the brace"


def _in_comment(comment: Comment, text: str) -> tuple[str, str]:
    if text[0] == "*":
        if comment.indent is not None and comment.star:
            return comment.indent, "as the comment line above"
        return _blanks(comment.column + 1), "under '/*'"
    if comment.indent is not None:
        if comment.star and text.startswith("*/"):
            return comment.indent, "as the comment line above"
        return comment.indent, "as the comment line above"
    return _blanks(comment.column + 3), "under the comment's text"


def _continuation(layout: Layout, text: str, statement: Statement) -> tuple[str, str]:
    stack = layout.code.stack
    top = stack[-1] if stack else None
    style, unit = layout.style, layout.style.unit
    if text[0] == "{" and (top is None or top.mark == "{"):
        return statement.indent, "opens its body"
    if top is not None and top.mark != "{":
        if text[0] in ")]":
            return top.indent, "closes a parenthesis"
        if top.inner is not None:
            return top.inner, "as the continuation above"
        if not top.text_after:
            return top.indent + unit, "after an open parenthesis"
        column = top.column + 1
        aligned = _blanks(column)
        if style.aligned >= 0.5 and column + len(text) <= WIDTH:
            return aligned, "aligned with '('"
        wide = top.indent + unit * (2 if style.wide > 0.5 else 1)
        return wide, "a continuation"
    if statement.follow is not None:
        return statement.follow, "as the continuation above"
    if top is None and not statement.assigned and not statement.opened:
        return "", "file level"
    if top is None and statement.opened and not statement.assigned:
        return (unit if layout.recent and not layout.recent[-1].rstrip().endswith(")") else ""), "after a header"
    return statement.indent + unit, "a continuation"


# --- what cannot come next -------------------------------------------------------------------------------------------

_COMMENT_LINE = re.compile(r"\*(?:/| |$)")
_HEADER = re.compile(
    r"(?:static|extern|asmlinkage|fastcall|inline|__init|__inline__)\b[\w *]*\w ?\([^;={}]*[{,)]?$"
    r"|(?:EXPORT_SYMBOL|module_init)"
)
_STATEMENT = re.compile(r"(?:if|while|for|switch|return|goto|break|continue|else|do)\b")


def _misfit_in_comment(comment: Comment, text: str) -> float:
    if text.startswith("/*"):
        return 0.9
    if comment.star and comment.indent is not None and text[0] != "*" and text[-1] in ";{}" and "*/" not in text:
        return 0.8
    return 0.0


def _misfit_in_code(code: Code, text: str) -> float:
    stack = code.stack
    top = stack[-1] if stack else None
    in_paren = top is not None and top.mark != "{"
    if code.statement is None and not in_paren and _COMMENT_LINE.match(text):
        return 0.95
    brace = next((frame for frame in reversed(stack) if frame.mark == "{"), None)
    word = re.match(r"\w*", text)
    first = word[0] if word is not None else ""
    if text[0] == "}":
        if brace is None:
            return 1.0
        if code.awaiting and not in_paren:
            return 0.8
        if re.match(r"\} ?else\b", text) and not any(h.word == "if" for h in brace.awaiting):
            return 0.8
        return 0.0
    if brace is not None and brace.kind == "block" and _HEADER.match(text) and not in_paren and code.statement is None:
        return 0.9
    if in_paren and _STATEMENT.match(text) and top is not None and top.mark == "(":
        return 0.8
    if first == "else" and code.statement is None and not any(h.word == "if" for h in code.ended):
        return 0.7
    if brace is None and not in_paren and code.statement is None and _STATEMENT.match(text):
        return 0.9
    if brace is not None and brace.kind in ("struct", "enum") and _STATEMENT.match(text):
        return 0.9
    if brace is None and not in_paren and code.statement is not None and _STATEMENT.match(text):
        return 0.9
    return 0.0


# --- known lines -----------------------------------------------------------------------------------------------------


def _as_known(layout: Layout, text: str, indent: str, why: str, indented: bool | None) -> tuple[str, str]:
    return indent, why


def _body(layout: Layout, text: str, indent: str, removed: Sequence[str]) -> str:
    for line in removed:
        if squeeze(line) == text:
            return line.strip()
    return text
