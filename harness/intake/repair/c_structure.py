"""What C's braces and comments allow next, line by line, without regard to whitespace.

Used to say where a lost line that held only a brace or a comment delimiter must have stood. It judges lines as kernel
code is written, one thing on a line; a line it does not understand costs nothing.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache


class Before(enum.Enum):
    """What the last line of code left open."""

    START = enum.auto()  # the file's first line, or something complete at file level
    HEADER = enum.auto()  # "int f(void)": its body must follow
    CONTROL = enum.auto()  # "if (x)", "else", "do": a statement or a block follows
    OPENED = enum.auto()  # the line ended with "{"
    STATEMENT = enum.auto()
    DECLARATION = enum.auto()  # of a variable, in a block
    CLOSED = enum.auto()  # the line was or ended with "}"
    PARTIAL = enum.auto()  # the statement goes on in the next line
    LABEL = enum.auto()


@dataclass(frozen=True, slots=True)
class Structure:
    """State between two lines. ``braces`` and ``parens`` are those open; ``gap``: the last line was blank.

    ``opened`` holds the columns of the lines that opened the innermost braces, None where a column is not known;
    ``begun`` is the column where the statement that goes on began. ``aggregates`` says of the same braces which are of
    a struct, union, enum or initialiser.
    """

    braces: int = 0
    parens: int = 0
    in_comment: bool = False
    before: Before = Before.START
    gap: bool = False
    after_comment: bool = False
    macro: bool = False
    opened: tuple[int | None, ...] = ()
    begun: int | None = None
    aggregates: tuple[bool, ...] = ()

    @property
    def closer(self) -> str:
        """The line that closes the innermost brace: that of a struct or an initialiser at file level takes a ";"."""
        return "};" if self.braces == 1 and self.aggregates[-1:] == (True,) else "}"

    def feed(self, text: str, column: int | None = None) -> tuple[Structure, float]:
        """The state after a line of this text, and how odd the line is here: 0 not at all, 10 impossible.

        ``text`` is stripped; ``column`` is where it begins, SOMEWHERE for an unknown column that is not 0, None where
        nothing is known.
        """
        return _feed(self, text[:MAX_TEXT], column)

    def agreement(self, other: Structure) -> float:
        """How odd it is that the same text follows both states."""
        cost = 7.0 * abs(self.braces - other.braces) + 4.0 * abs(self.parens - other.parens)
        return cost + (10.0 if self.in_comment != other.in_comment else 0.0)


MAX_TEXT = 400  # characters of a line that are looked at
MAX_OPENED = 12  # innermost braces whose columns are kept
SOMEWHERE = -1
TAB = 8  # columns, of the kernel's coding style


def stands_outside(text: str) -> bool:
    """Whether a line's column says nothing of the block it is in: a label, or for the preprocessor."""
    return text.startswith("#") or bool(_LABEL.match(text) or _LABELLED.match(text))


def column_of(line: str) -> int | None:
    """The column where a line's text begins, tabs of 8; None for a blank line."""
    text = line.lstrip(" \t")
    return len(line[: len(line) - len(text)].expandtabs(8)) if text.strip() else None


_LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|/\*.*?\*/|//.*')
_CONTROL = re.compile(r"(?:\}\s*)?(?:else\s+)?(?:if|for|while|switch|do|else|list_for_each\w*|for_each\w*)\b")
_LABEL = re.compile(r"(?:[A-Za-z_]\w*|case\b.*|default)\s*:$")
_LABELLED = re.compile(r"[a-z_]\w*\s*:\s+[a-z]")  # a statement behind a label
_COMMENT_TEXT = re.compile(r"\*(?:\s|$|\*)")
_TYPE = (
    r"(?:(?:const|static|register|volatile|unsigned|signed|long|short|struct|union|enum|extern|auto)\s+)*"
    r"(?:int|char|void|long|short|unsigned|signed|float|double|bool|[us]\d+|__[us]\d+|\w+_t|(?:struct|union|enum)\s+\w+)"
)
_DECLARATION = re.compile(_TYPE + r"\b[\s*]*[\w,\s*\[\]()=&>.|+<-]*;?$|DECLARE_\w+\(|DEFINE_\w+\(|LIST_HEAD\(")
_TOP = re.compile(
    r"(?:static|extern|typedef|asmlinkage|inline|EXPORT_SYMBOL\w*|module_\w+|struct\s+\w+\s*\{|void\s+\w+\s*\()"
)
_AGGREGATE = re.compile(r"^(?:static |const |typedef )*(?:struct|union|enum)\b[^()]*\{$|=\s*\{$")
_HEADER = re.compile(r"[A-Za-z_][\w\s*,()\[\].&>-]*\)\s*(?:__\w+(?:\([^)]*\))?\s*)*$")
# a macro used at file level, no function's header: one word before the "("
_INVOKED = re.compile(r"[A-Z]\w*\s*\(")


def _bare(text: str) -> str:
    """The text without literals and comments that end on the line."""
    return _LITERAL.sub("", text) if any(c in text for c in "\"'/") else text


@lru_cache(maxsize=200_000)
def _feed(state: Structure, text: str, column: int | None) -> tuple[Structure, float]:
    if state.in_comment:
        return _feed_comment(state, text, column)
    if not text:
        return _blank(state)
    if state.macro or text.startswith("#"):
        # both branches of an #if are seen: what they open cannot be counted, so a directive changes nothing
        opened = text.rfind("/*")
        in_comment = opened >= 0 and text.find("*/", opened + 2) < 0
        return _with(state, gap=False, after_comment=False, macro=text.endswith("\\"), in_comment=in_comment), 0.0
    if _COMMENT_TEXT.match(text) and state.before is not Before.PARTIAL and not text.endswith(";"):
        return state, 10.0 if text == "*/" else 8.0
    if text == "*/" or text.startswith("*/"):
        return state, 10.0
    opened = text.rfind("/*")
    code = text
    in_comment = False
    if opened >= 0 and text.find("*/", opened + 2) < 0 and "//" not in text[:opened]:
        in_comment, code = True, text[:opened].rstrip()
    code = _bare(code).strip()
    if not code:
        crowded = state.before is Before.CLOSED and not state.braces and not state.gap and not state.after_comment
        after = _with(state, in_comment=in_comment, gap=False, after_comment=not in_comment)
        cost = 0.8 if crowded else 0.0
        return after, cost + (2.0 if state.before is Before.HEADER else 0.0)
    return _feed_code(state, code, column, in_comment)


def _with(state: Structure, **changes: object) -> Structure:
    values = {name: getattr(state, name) for name in Structure.__slots__}
    return Structure(**(values | changes))


def _feed_comment(state: Structure, text: str, column: int | None) -> tuple[Structure, float]:
    end = text.find("*/")
    cost = 0.0
    if not text.startswith("*"):
        if not text:
            cost = 2.0
        elif text.endswith((";", "{", "}")) or text.startswith(("/*", "#")):
            cost = 5.0
        else:
            cost = 0.5
        if column == 0 and text and end < 0:
            cost += 4.0
    if end < 0:
        return _with(state, gap=False), cost
    rest = _bare(text[end + 2 :]).strip()
    after = _with(state, in_comment=False, gap=False, after_comment=True)
    if rest:
        after, more = _feed_code(after, rest, column, False)
        return after, cost + more
    return after, cost


def _blank(state: Structure) -> tuple[Structure, float]:
    cost = 0.0
    if state.gap:
        cost = 0.8
    elif state.parens or state.before in (Before.PARTIAL, Before.HEADER, Before.CONTROL):
        cost = 2.5
    elif state.before is Before.OPENED:
        cost = 0.8
    elif state.after_comment or state.before is Before.LABEL:
        cost = 0.4
    return _with(state, gap=True, after_comment=False), cost


def _feed_code(state: Structure, code: str, column: int | None, in_comment: bool) -> tuple[Structure, float]:
    cost = 0.0
    braces, parens = state.braces, state.parens
    opened = list(state.opened)
    aggregates = list(state.aggregates)
    is_aggregate = bool(_AGGREGATE.search(code))
    inside = state.parens > 0 or state.before is Before.PARTIAL
    start = state.begun if inside else _likely_column(state, column)
    for at, c in enumerate(code):
        if c == "{":
            braces += 1
            opened.append(start)
            aggregates.append(is_aggregate)
        elif c == "}":
            braces -= 1
            if braces < 0:
                cost += 8.0
                braces = 0
            begun = opened.pop() if opened else None
            del aggregates[-1:]
            if at == 0 and begun is not None and column is not None and begun != column:
                cost += 0.0 if column == SOMEWHERE and begun else 4.0
        elif c in "([":
            parens += 1
        elif c in ")]":
            if parens == 0:
                cost += 4.0
            else:
                parens -= 1
    is_label = bool(_LABEL.match(code))
    first = code[0]
    if code in ("{", "}") and state.parens:
        cost += 6.0
    if not inside:
        cost += _position_cost(state, code, first, column, is_label)
        cost += _gap_cost(state, code, first, is_label)
    return (
        Structure(
            braces,
            parens,
            in_comment,
            _left_open(state, code, braces, parens, is_label),
            opened=tuple(opened[-MAX_OPENED:]),
            begun=start,
            aggregates=tuple(aggregates[-MAX_OPENED:]),
        ),
        cost,
    )


def _likely_column(state: Structure, column: int | None) -> int | None:
    """Where a statement begins: as given, else one level inside the block around it."""
    if column is not None and column != SOMEWHERE:
        return column
    if not state.braces and not state.opened:
        return 0
    around = state.opened[-1] if state.opened else None
    return None if around is None or state.before in (Before.CONTROL, Before.PARTIAL) else around + TAB


def _position_cost(state: Structure, code: str, first: str, column: int | None, is_label: bool) -> float:
    """How odd code is at this depth."""
    before = state.before
    if first == "{":
        if before in (Before.HEADER, Before.CONTROL):
            return 0.0
        if state.braces == 0:
            return 8.0
        is_entry = code.endswith((",", "}")) or before in (Before.OPENED, Before.CLOSED)  # of an initialiser
        return 0.5 if is_entry else 3.0
    if first == "}":
        return 3.0 if before in (Before.CONTROL, Before.HEADER) else 0.0
    if before is Before.HEADER:
        if code.startswith("__"):
            return 0.0
        # old-style parameters may come between the header and its body
        return 2.0 if code.endswith(";") and column != 0 and _DECLARATION.match(code) else 7.0
    if state.braces == 0:
        if is_label or _LABELLED.match(code):
            return 4.0
        if column and code.endswith(";") and not _DECLARATION.match(code):
            return 4.0
        return 5.0 if code.startswith(("return", "if (", "goto ", "break;", "continue;")) else 0.0
    if column == 0 and not is_label:
        return 6.0 if _TOP.match(code) else 3.5
    if column is not None and column > 0 and not is_label:
        around = state.opened[-1] if state.opened else None
        if around is not None and column <= around:
            return 4.0
        complete = before in (Before.STATEMENT, Before.DECLARATION, Before.CLOSED)
        if around is not None and column > around + TAB and complete:
            return 1.5
    if code.startswith(("static inline ", "asmlinkage ", "EXPORT_SYMBOL", "module_init(")):
        return 5.0
    return 0.0


def _gap_cost(state: Structure, code: str, first: str, is_label: bool) -> float:
    """How odd it is that there is, or is no, blank line above."""
    declares = bool(_DECLARATION.match(code))
    if state.after_comment and first == "}":
        return 0.8
    if state.gap:
        if first == "}":
            return 0.8
        return 0.5 if declares and state.before is Before.DECLARATION and state.braces else 0.0
    if state.before is Before.DECLARATION and state.braces and not declares and first != "}":
        return 1.2
    if state.before is Before.STATEMENT and declares and state.braces and not state.after_comment:
        return 1.0
    if state.before is Before.CLOSED and state.braces == 0 and not state.after_comment and first != "}":
        return 0.0 if code.startswith(("EXPORT_", "module_", "__", "late_", "core_", "subsys_")) else 1.2
    return 0.0


def _left_open(state: Structure, code: str, braces: int, parens: int, is_label: bool) -> Before:
    if parens:
        return Before.PARTIAL
    if code.endswith("{"):
        return Before.OPENED
    if code.endswith("}") or (code.startswith("}") and code.endswith((";", ","))):
        return Before.CLOSED
    if is_label:
        return Before.LABEL
    if code.endswith((";", ",")):
        if code.endswith(";") and _DECLARATION.match(code) and not code.startswith("return"):
            return Before.DECLARATION
        return Before.STATEMENT
    if code.endswith("\\"):
        return Before.STATEMENT
    if _CONTROL.match(code) or (state.before is Before.PARTIAL and code.endswith(")") and state.braces):
        return Before.CONTROL
    if braces == 0:
        if code.endswith(")") and (_HEADER.match(code) or state.parens):
            return Before.START if code.partition("(")[0].isupper() or _INVOKED.match(code) else Before.HEADER
        return Before.PARTIAL if code[-1].isalnum() or code[-1] in "_*=" else Before.START
    if code.endswith((")", "=", "+", "-", "|", "&", "?", ":", "<", ">", "*", "/")):
        return Before.PARTIAL if not code.endswith(")") else Before.STATEMENT
    return Before.STATEMENT if code.isupper() else Before.PARTIAL


def states_of(lines: list[str]) -> list[Structure]:
    """The state before each line of a file, and after the last."""
    state = Structure()
    states = [state]
    for line in lines:
        state, _ = state.feed(line.strip(), column_of(line))
        if line.startswith(("{", "}")) and state.before in (Before.OPENED, Before.CLOSED):
            # "{" opens and "}" ends a function in column 0: what #if branches left over ends there
            is_open = line[0] == "{"
            state = _with(
                state,
                braces=int(is_open),
                parens=0,
                opened=(0,) if is_open else (),
                aggregates=(False,) if is_open else (),
            )
        states.append(state)
    return states
