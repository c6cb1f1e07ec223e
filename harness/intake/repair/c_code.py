"""What is open between two lines of C: brackets, a statement, bodies that are awaited, conditional branches."""

from __future__ import annotations

import re
from typing import NamedTuple

from harness.intake.repair.c_line import Lexed, Token, columns, indent_of

# Nobody nests deeper; it bounds the work that a hostile text can ask for.
DEEPEST = 64
_CONTROL = frozenset("if for while switch".split())
_LOOP_MACRO = re.compile(r"(?:\w+_)?for_?each(?:_\w+)?$")
_AGGREGATE = frozenset("struct union enum".split())


class Header(NamedTuple):
    """An ``if``, ``else``, ``for``, ``while``, ``do``, ``switch`` whose statement is awaited, with its indentation."""

    word: str
    indent: str


class Statement(NamedTuple):
    """A statement, declaration or initialiser entry that has begun and not ended."""

    indent: str  # of its first line
    word: str = ""  # first word
    opened: bool = False  # it has had a parenthesis
    assigned: bool = False  # it has had a "="
    follow: str | None = None  # indentation of its last continuation line outside brackets
    lines: int = 0  # continuation lines so far
    aggregate: str = ""  # "struct", "union", "enum" where such a word came first
    column: int = -1  # of the text after its "=" or "return", -1: none
    ternary: int = 0
    typed: bool = False  # two words in a row stood in its brackets: parameters with types


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
    child: str | None  # ``inner`` of the last brace that closed in it


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


OUTSIDE = Code((), None, (), ())


# --- feeding ---------------------------------------------------------------------------------------------------------


def comment_line(comment: Comment, line: str) -> Comment:
    indent = indent_of(line)
    body = line[len(indent) :]
    if not body:
        return comment
    if body[0] == "*":
        rest = body[1:]
        gap = indent_of(rest) if rest.strip() else comment.gap
        return Comment(comment.column, comment.alone, indent, True, gap)
    return Comment(comment.column, comment.alone, indent, False, "")


def open_macro(around: Code, line: str) -> Macro:
    text = line.rstrip()[:-1]
    bare = text.rstrip()
    return Macro(around, columns(text), text[len(bare) :])


def macro_body(line: str, lexed: Lexed) -> Code:
    """What the second line of a macro finds: a level of its own, one tab deep."""
    frame = Frame("{", "block", "", None, None, 0, False, None, (), None)
    body = Code((frame,), None, (), ())
    tokens = lexed.tokens
    skip = 3
    if len(tokens) > 3 and tokens[3].text == "(" and tokens[3].at == tokens[2].at + len(tokens[2].text):
        depth = 0
        while skip < len(tokens):
            depth += (tokens[skip].text == "(") - (tokens[skip].text == ")")
            skip += 1
            if depth == 0:
                break
    return advance(body, line, lexed, skip) if skip < len(tokens) else body


def directive(code: Code, branches: tuple[Branch, ...], tokens: tuple[Token, ...]) -> tuple[Code, tuple[Branch, ...]]:
    word = tokens[1].text if len(tokens) > 1 else ""
    if word in ("if", "ifdef", "ifndef"):
        return code, (*branches[-DEEPEST:], Branch(code, None))
    if word in ("else", "elif") and branches:
        top = branches[-1]
        return top.head, (*branches[:-1], Branch(top.head, top.first if top.first is not None else code))
    if word == "endif" and branches:
        top = branches[-1]
        return (top.first if top.first is not None else code), branches[:-1]
    return code, branches


def advance(code: Code, line: str, lexed: Lexed, skip: int = 0) -> Code:
    """``code`` after the tokens of one line, without the first ``skip``."""
    if not lexed.tokens:
        return code
    stack = list(code.stack)
    statement, awaiting, ended = code.statement, code.awaiting, code.ended
    indent = lexed.indent
    tokens = lexed.tokens
    first = skip == 0
    # continuation lines leave their mark before the tokens are looked at
    if statement is not None and first:
        if stack and stack[-1].mark != "{":
            if tokens[0].text not in ")]":
                stack[-1] = stack[-1]._replace(inner=indent)
        elif tokens[0].text not in "{}":
            statement = statement._replace(follow=indent, lines=statement.lines + 1)
    number = skip
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
                statement = Statement(awaiting[-1].indent, "if")
                awaiting = awaiting[:-1]
            elif text == "while" and ended and ended[-1].word == "do":
                statement = Statement(ended[-1].indent if not first else indent, "dowhile")
            else:
                if text in ("case", "default"):
                    if first and top is not None:
                        stack[-1] = top._replace(case=indent)
                elif first and top is not None and not awaiting:
                    label = count > number and tokens[number].text == ":" and top.kind in ("block", "switch")
                    if not label and (len(indent) > len(top.indent) or top.inner is None):
                        stack[-1] = top._replace(inner=indent)
                column = columns(line[: at + 7]) if text == "return" else -1
                aggregate = text if text in _AGGREGATE else ""
                statement = Statement(indent, text, aggregate=aggregate, column=column)
            ended = ()
            first = False
            continue
        first = False
        if text == "(" or text == "[":
            if statement is None:
                statement = Statement(indent, opened=True)
            elif not inside and not statement.opened:
                statement = statement._replace(opened=True)
            stack.append(Frame(text, "", indent, None, None, columns(line[:at]), number < count, None, (), None))
            if len(stack) > DEEPEST:
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
                    awaiting = (*awaiting[-DEEPEST:], Header(statement.word, statement.indent))
                    statement = None
        elif text == "{":
            kind = _brace_kind(stack, statement, awaiting)
            if statement is not None:
                base = statement.indent
            elif awaiting and at != len(indent):
                base = awaiting[-1].indent
            else:
                base = indent
            stack.append(
                Frame("{", kind, base, None, None, columns(line[:at]), number < count, statement, awaiting, None)
            )
            if len(stack) > DEEPEST:
                del stack[0]
            statement, awaiting, ended = None, (), ()
        elif text == "}":
            while stack and stack[-1].mark != "{":
                stack.pop()
            if stack:
                frame = stack.pop()
                statement, awaiting = frame.statement, frame.awaiting
                if stack and frame.inner is not None and stack[-1].child != frame.inner:
                    stack[-1] = stack[-1]._replace(child=frame.inner)
                if frame.kind in ("block", "switch") and not (stack and stack[-1].mark != "{"):
                    ended, awaiting, statement = awaiting, (), None
                else:
                    ended = ()
                    if statement is None and frame.kind in ("init", "struct", "enum"):
                        statement = Statement(frame.indent, "}")
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
                statement = statement._replace(assigned=True, column=columns(line[:at]) + 2)
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
        elif inside and statement is not None and not statement.typed and number > 1 and stack[0].mark != "{":
            before = tokens[number - 2].text
            if (text == "void" and before == "(") or (text.isidentifier() and (before.isidentifier() or before == "*")):
                statement = statement._replace(typed=True)
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
