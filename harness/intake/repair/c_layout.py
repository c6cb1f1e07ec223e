"""The whitespace of a flattened C line, predicted from the lines before it and the habits of its file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.intake.repair.c_code import (
    OUTSIDE,
    Branch,
    Code,
    Comment,
    Frame,
    Macro,
    Statement,
    advance,
    comment_line,
    directive,
    macro_body,
    open_macro,
)
from harness.intake.repair.c_continuation import Question, choose, features
from harness.intake.repair.c_line import (
    LONGEST,
    TAB,
    blanks,
    columns,
    deeper,
    gaps,
    indent_of,
    lex,
    prose_gaps,
    squeeze,
)
from harness.intake.repair.c_style import Spaced, Style, callee_before, continuations, nearest, open_bracket

__all__ = ["Guess", "Layout", "Style", "squeeze"]

_RECENT = 12


@dataclass(frozen=True, slots=True)
class Guess:
    """A line with its whitespace restored (no newline), how often such a guess is right, and why it was made so."""

    line: str
    sure: float
    why: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a C file stands between two of its lines. Immutable; feeding a line gives the next one.

    ``code``: open brackets and what is awaited; ``comment``, ``macro``: those that are open; ``branches``: open #if;
    ``recent``: the last lines; ``fed``: how many there were.
    """

    style: Style
    code: Code = OUTSIDE
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
    def in_comment(self) -> bool:
        """Whether a ``/*`` is open."""
        return self.comment is not None

    def feed(self, line: str) -> Layout:
        """The state after ``line``, whose whitespace is right."""
        recent = (*self.recent[1 - _RECENT :], line)
        fed = self.fed + 1
        before = self.comment
        lexed = lex(line, before is not None)
        comment: Comment | None = None
        if lexed.open_at is not None:
            if before is not None:
                comment = comment_line(before, line)
            else:
                at = lexed.open_at
                comment = Comment(columns(line[:at]), not line[:at].strip(), None, True, " ")
        code, macro, branches = self.code, self.macro, self.branches
        tokens = lexed.tokens
        if macro is not None:
            if lexed.backslash:
                code = advance(code, line, lexed)
                macro = open_macro(macro.around, line)
            else:
                code, macro = macro.around, None
        elif tokens:
            if tokens[0].text == "#" and before is None:
                code, branches = directive(code, branches, tokens)
                if lexed.backslash:
                    macro = open_macro(code, line)
                    code = macro_body(line, lexed) if len(tokens) > 1 and tokens[1].text == "define" else OUTSIDE
            else:
                code = advance(code, line, lexed)
        elif lexed.comment_first and before is None and code.stack and not code.awaiting and code.statement is None:
            top = code.stack[-1]
            if top.inner is None and len(lexed.indent) > len(top.indent):
                code = code._replace(stack=(*code.stack[:-1], top._replace(inner=lexed.indent)))
        return Layout(self.style, code, comment, macro, branches, recent, fed)

    def guess(
        self,
        text: str,
        *,
        indented: bool | None,
        removed: Sequence[str] = (),
        after: Sequence[str] = (),
        ahead: Sequence[str] = (),
    ) -> Guess:
        """``text`` with its whitespace restored.

        ``text`` is squeezed. ``indented``: whether it is known to have had any indentation; None: not known.
        ``removed``: the lines that the same change removes, and ``after``: the file's lines that follow it, both with
        their own whitespace. ``ahead``: the squeezed lines that the change adds after this one.
        """
        text = squeeze(text)
        if not text:
            return Guess("", 0.999, "empty")
        hints = _Hints(self, text, tuple(removed[:200]), tuple(after[:_RECENT]), tuple(ahead[:_RECENT]))
        indent, why, sure = _place(hints, indented)
        indent = _same_blanks(hints, indent)
        body, body_why, body_sure = _body(hints, indent)
        return Guess(indent + body, round(sure * body_sure, 3), f"{why}, {body_why}" if body_why else why)


@dataclass(frozen=True, slots=True)
class _Hints:
    """One question: the text to place, and everything around it."""

    layout: Layout
    text: str
    removed: tuple[str, ...]
    after: tuple[str, ...]
    ahead: tuple[str, ...]

    @property
    def style(self) -> Style:
        return self.layout.style

    def last_line(self) -> str | None:
        """The last line that is not blank, of the few remembered."""
        return next((line for line in reversed(self.layout.recent) if line.strip()), None)


# --- placing ---------------------------------------------------------------------------------------------------------

_LABEL = re.compile(r"[A-Za-z_]\w* ?:(?!:)(?: ;)?(?: ?/\*.*)?$")
_CASE = re.compile(r"(?:case\b.*|default ?):")

_Placed = tuple[str, str, float]

# Share of right answers of each rule over some 800 kernel commits of 2002 to 2008, as benchmarks/layout feeds them;
# no commit counts more than fifteen times for a rule. What errors of the lines before cost is in it.
_RIGHT = {
    "not indented": 1.0,
    "preprocessor line": 0.99,
    "file level": 0.97,
    "as the line above": 0.985,
    "a level below the brace": 0.97,
    "a level below 'if'": 0.97,
    "a level below a header": 0.945,
    "a level below 'case'": 0.8,
    "closes a brace": 0.985,
    "opens its body": 0.8,
    "with its 'if'": 0.97,
    "with its 'do'": 0.97,
    "with its 'switch'": 0.65,
    "as the case above": 0.8,
    "as in the entry above": 0.65,
    "a label": 0.9,
    "as the comment line above": 0.985,
    "under '/*'": 0.98,
    "as the comment text above": 0.9,
    "as the comment text below": 0.3,
    "under the comment's text": 0.85,
    "a comment line": 0.9,
    "indented at file level": 0.25,
    "as the continuation above": 0.7,
    "closes a parenthesis": 0.4,
    "after a header": 0.6,
    "as an equal line": 0.82,
    "as a line of another file": 0.8,
    "as the removed line, shifted": 0.65,
}


def _placed(indent: str, why: str) -> _Placed:
    return indent, why, _RIGHT[why]


def _place(hints: _Hints, indented: bool | None) -> _Placed:
    """The indentation of the text, why, and how sure."""
    if indented is False:
        return _placed("", "not indented")
    layout, text = hints.layout, hints.text
    placed = _structure(hints)
    if indented and not placed[0]:
        if layout.comment is None and _LABEL.match(text):
            labels = [entry for _, entry in nearest(layout.style.labels, layout.fed, 20)]
            own = [entry.gap for entry in labels if entry.gap]
            return _placed((own[0] if own else " "), "a label")
        if text.startswith("*") and layout.comment is None:
            return _placed(" ", "a comment line")
        return _placed("\t", "indented at file level")
    return placed


_NO_STATEMENT = Statement("", opened=True)


def _structure(hints: _Hints) -> _Placed:
    layout, text = hints.layout, hints.text
    code, unit = layout.code, layout.style.unit
    if layout.comment is not None:
        return _in_comment(layout.comment, hints)
    if text[0] == "#" and layout.macro is None:
        return _placed("", "preprocessor line")
    stack = code.stack
    top = stack[-1] if stack else None
    if text[0] == "}":
        for frame in reversed(stack):
            if frame.mark == "{":
                return _placed(frame.indent, "closes a brace")
        return _placed("", "closes a brace")
    if code.statement is not None or (top is not None and top.mark != "{"):
        moved = _moved(hints)
        if moved is not None:
            return moved
        return _continuation(hints, code.statement or _NO_STATEMENT._replace(indent=top.indent if top else ""))
    if text[0] == "{" and code.awaiting:
        return _placed(code.awaiting[-1].indent, "opens its body")
    if code.awaiting:
        head = code.awaiting[-1]
        return _placed(
            deeper(head.indent, unit), "a level below 'if'" if head.word == "if" else "a level below a header"
        )
    word = re.match(r"\w*", text)
    if word is not None and word[0] == "else" and code.ended:
        for header in reversed(code.ended):
            if header.word == "if":
                return _placed(header.indent, "with its 'if'")
    if word is not None and word[0] == "while" and code.ended and code.ended[-1].word == "do":
        return _placed(code.ended[-1].indent, "with its 'do'")
    if top is None:
        return _placed("", "file level")
    if top.kind in ("block", "switch"):
        if _CASE.match(text):
            if top.case is not None:
                return _placed(top.case, "as the case above")
            if top.kind == "switch":
                return _placed(top.indent, "with its 'switch'")
        if top.kind == "block" and _LABEL.match(text) and not text.startswith("default"):
            labels = nearest(layout.style.labels, layout.fed, 1)
            label = labels[0][1] if labels else None
            return _placed(label.gap if label is not None else "", "a label")
    if top.inner is not None:
        return _placed(top.inner, "as the line above")
    if top.case is not None:
        return _placed(deeper(top.case, unit), "a level below 'case'")
    if len(stack) > 1 and top.kind == "init" and stack[-2].child is not None and stack[-2].kind == "init":
        return _placed(stack[-2].child, "as in the entry above")
    return _placed(deeper(top.indent, unit), "a level below the brace")


def _in_comment(comment: Comment, hints: _Hints) -> _Placed:
    text = hints.text
    if text[0] == "*":
        if comment.indent is not None and comment.star:
            return _placed(comment.indent, "as the comment line above")
        return _placed(blanks(comment.column + 1), "under '/*'")
    if comment.indent is not None:
        return _placed(comment.indent, "as the comment text above")
    if hints.after and hints.after[0].strip() and "*/" in "".join(hints.after) and not hints.ahead:
        return _placed(indent_of(hints.after[0]), "as the comment text below")
    return _placed(blanks(comment.column + 3), "under the comment's text")


def _same_blanks(hints: _Hints, indent: str) -> str:
    """``indent`` in the tabs and spaces of a similar removed line, if that stood in the same column."""
    if not indent or all(line.startswith("\t") or not line[:1].isspace() for line in hints.removed):
        return indent
    similar = _similar(hints.text, hints.removed)
    if similar is None or squeeze(similar) == hints.text:
        return indent
    other = indent_of(similar)
    return other if columns(other) == columns(indent) else indent


# --- lines that were elsewhere ---------------------------------------------------------------------------------------


def _moved(hints: _Hints) -> _Placed | None:
    """The indentation of a line that follows the same line as it did elsewhere, shifted as that line was."""
    last = hints.last_line()
    if last is None:
        return None
    above = squeeze(last)
    for lines, why in _elsewhere(hints):
        for number, line in lines:
            previous = _previous(number, line)
            if previous is None or squeeze(previous) != above:
                continue
            now, then = indent_of(last), indent_of(previous)
            own = why == "as the removed line"
            if now == then and not own:
                return indent_of(line[number]), why, _RIGHT[why]
            column = columns(indent_of(line[number])) + columns(now) - columns(then)
            if own and now != then and column >= 0:
                return blanks(column), why + ", shifted", _RIGHT[why + ", shifted"]
    return None


def _previous(number: int, lines: Sequence[str]) -> str | None:
    for at in range(number - 1, max(number - 4, -1), -1):
        if lines[at].strip():
            return lines[at]
    return None


def _elsewhere(hints: _Hints) -> Iterator[tuple[list[tuple[int, Sequence[str]]], str]]:
    text, style = hints.text, hints.style
    yield [(at, hints.removed) for at, line in enumerate(hints.removed) if squeeze(line) == text], "as the removed line"
    if len(text) > 3:
        places = style.index.get(text, ())
        if places:
            near = sorted(places, key=lambda number: abs(number - hints.layout.fed))[:8]
            yield [(at, style.lines) for at in near], "as an equal line"
        yield [(at, style.moved) for at in style.moved_index.get(text, ())[:8]], "as a line of another file"


# --- continuation lines ----------------------------------------------------------------------------------------------


def _continuation(hints: _Hints, statement: Statement) -> _Placed:
    layout, text = hints.layout, hints.text
    stack = layout.code.stack
    top = stack[-1] if stack else None
    unit = layout.style.unit
    if text[0] == "{" and (top is None or top.mark == "{"):
        return _placed(statement.indent, "opens its body")
    if top is not None and top.mark != "{":
        if text[0] in ")]":
            return _placed(top.indent, "closes a parenthesis")
        if top.inner is not None:
            return _placed(top.inner, "as the continuation above")
        return _first_continuation(hints, statement, top)
    if statement.follow is not None:
        return _placed(statement.follow, "as the continuation above")
    if top is None and not statement.assigned and not statement.opened:
        return _placed("", "file level")
    if top is None and statement.opened and not statement.assigned:
        last = hints.last_line() or ""
        return _placed(("" if last.rstrip().endswith(")") else unit), "after a header")
    return _first_continuation(hints, statement, None)


def continuation_features(hints: _Hints, statement: Statement, top: Frame | None) -> dict[str, dict[str, float]]:
    layout, text = hints.layout, hints.text
    column = top.column + 1 if top is not None else max(statement.column, 0)
    if top is None:
        context = "bare" if statement.column > 0 else "bare -"
    elif not top.text_after:
        context = "-"
    elif text[0] == '"' and layout.depth:
        context = "string"
    elif layout.depth == 0 and not statement.assigned:
        context = "header"
    elif statement.word in ("if", "while", "for", "switch"):
        context = "condition"
    else:
        context = "call"
    last = hints.last_line() or ""
    at = open_bracket(last)
    similar = _similar(text, tuple(line for line in hints.removed if squeeze(line) != text))
    below = None
    if not hints.ahead and hints.after and hints.after[0].strip() and text.count(")") <= text.count("("):
        below = indent_of(hints.after[0])
    return features(
        Question(
            text,
            statement.indent,
            column,
            context,
            callee_before(last, at) if at is not None else "",
            [
                (1.0 / (1.0 + distance / 60), entry)
                for distance, entry in nearest(layout.style.continued, layout.fed, 24)
            ],
            [(1.0, entry) for entry in continuations(hints.removed)],
            [indent_of(line) for line in hints.removed if squeeze(line) == text],
            indent_of(similar) if similar is not None else None,
            below,
            hints.ahead[0].split(" ", 1)[0] if hints.ahead and text[-1] in ",&|+-" else "",
        )
    )


def _first_continuation(hints: _Hints, statement: Statement, top: Frame | None) -> _Placed:
    indent, share = choose(continuation_features(hints, statement, top))
    share *= 0.9  # errors of the lines before
    if top is not None and indent == blanks(top.column + 1):
        return indent, "aligned with '('", share
    if top is None and indent == blanks(statement.column):
        return indent, "aligned with the text above", share
    return indent, "a continuation as elsewhere in the file", share


# --- whitespace inside the line --------------------------------------------------------------------------------------

_STOP = re.compile(r"(?<=[a-z0-9)'\"][.!?]) (?=[A-Z_`(\"'@%&])")
_STOPPED = re.compile(r"[a-z0-9)'\"][.!?](  ?)[A-Z_`(\"'@%&]")


def _body(hints: _Hints, indent: str) -> _Placed:
    """The text after its indentation, why, and how sure."""
    text = hints.text
    if " " not in text:
        return text, "", 1.0
    # An equal line in both halves of a change would not be in the diff: its whitespace has changed.
    same = next((line for line in hints.removed if squeeze(line) == text), None)
    if same is not None:
        if indent_of(same) != indent or same != same.rstrip():
            return same.strip(), "as the removed line", 0.99
        body, why, _ = _spaced(hints, indent, None)
        return (body, why, 0.4) if body != same.strip() else (text, "unlike the removed line", 0.35)
    for lines, why in _elsewhere(hints):
        found = [where[at].strip() for at, where in lines]
        if found:
            return found[0], why if found[0] != text else "", 0.8 if found[0] != text else 0.98
    return _spaced(hints, indent, _similar(text, hints.removed))


def _spaced(hints: _Hints, indent: str, similar: str | None) -> _Placed:
    """The text with each of its gaps as wide as a similar removed line, or else its neighbours, have it."""
    layout, text = hints.layout, hints.text
    prose = layout.comment is not None or text.startswith(("/*", "* "))
    own = prose_gaps(text) if prose else gaps(text)
    kinds = {gap.start: kind for kind, gap in own.items()}
    stops = {match.start() for match in _STOP.finditer(text)} if "/*" in text or prose else set()
    taken = _taken_gaps(text, similar) if similar is not None else {}
    if not kinds and not stops and not taken:
        return text, "", 0.98
    two = bool(stops) and _two_spaces(hints)
    line = indent
    why = ""
    sure = 0.98
    done = 0
    for match in _BLANK.finditer(text):
        start = match.start()
        filled = " "
        kind = kinds.get(start)
        if start not in taken and kind is None and start not in stops:
            continue
        line += text[done:start]
        done = start + 1
        if start in taken:
            gap, column = taken[start]
            filled = gap if prose and "\t" not in gap else _reach(gap, column, columns(line))
            if filled != " ":
                why = "gap as in the removed line"
                sure = min(sure, 0.75)
        elif start in stops:
            if two:
                filled = "  "
                why = "two spaces after a full stop"
            sure = min(sure, 0.74)
        elif kind is not None:
            filled, share = _fill(hints, indent, kind, columns(line), prose)
            if filled != " ":
                why = "gap as in its neighbours"
                sure = min(sure, share - 0.35)
            elif share < 0.95:
                sure = min(sure, 0.45)
        line += filled
    return (line + text[done:])[len(indent) :], why, sure


_BLANK = re.compile(" ")


def _two_spaces(hints: _Hints) -> bool:
    """Whether two spaces follow a full stop in the comments around."""
    layout = hints.layout
    votes = 0
    for line in (*layout.recent, *hints.after, *hints.removed):
        if "*" in line or layout.comment is not None:
            for gap in _STOPPED.findall(line[:LONGEST]):
                votes += 1 if gap == "  " else -1
    # What stands near decides; the file as a whole only where nothing does.
    stops = layout.style.stops
    share = sum(1 if entry.gap == "  " else -1 for entry in stops) / len(stops) if stops else 0.0
    return votes + 0.3 * share + 0.2 > 0


def _taken_gaps(text: str, similar: str) -> dict[int, tuple[str, int]]:
    """Gaps of ``text``, by where they begin, that stand beside words which it shares with ``similar``.

    Each with the whitespace that ``similar`` has there, and the column that it reaches.
    """
    theirs = list(_WORD.finditer(similar[:LONGEST]))
    ours = list(_WORD.finditer(text[:LONGEST]))
    same = 0
    while same < min(len(theirs), len(ours)) and theirs[same][0] == ours[same][0]:
        same += 1
    tail = 0
    while tail < min(len(theirs), len(ours)) - same and theirs[-1 - tail][0] == ours[-1 - tail][0]:
        tail += 1
    found: dict[int, tuple[str, int]] = {}
    for number in range(len(theirs) - 1):
        gap = similar[theirs[number].end() : theirs[number + 1].start()]
        if number < same:
            mine = number
        elif len(theirs) - number - 1 <= tail:
            mine = number + len(ours) - len(theirs)
        else:
            continue
        if 0 <= mine < len(ours) - 1:
            found[ours[mine].end()] = (gap, columns(similar[: theirs[number + 1].start()]))
    return found


_WORD = re.compile(r"\S+")


def _fill(hints: _Hints, indent: str, kind: str, width: int, prose: bool) -> tuple[str, float]:
    """The whitespace of a gap of ``kind`` that begins at column ``width``, as its neighbours have it."""
    layout = hints.layout
    votes: Counter[str] = Counter()
    weight = 4.0
    for line in reversed(layout.recent):
        if not line.strip():
            weight *= 0.7
            continue
        if _vote_gap(votes, line, kind, indent, width, weight, prose):
            weight *= 0.6
        elif prose and "/*" in line:
            break
    weight = 3.0
    for line in hints.after:
        if not line.strip():
            weight *= 0.7
            continue
        if _vote_gap(votes, line, kind, indent, width, weight, prose):
            weight *= 0.6
        elif prose and "*/" in line:
            break
    for line in hints.removed[:40]:
        _vote_gap(votes, line, kind, indent, width, 1.0, prose)
    if not votes:
        if kind == "comment":
            _vote_events(votes, layout.style.comments, layout.fed, width)
            votes["\t"] += 2
            votes[" "] += 1
        elif kind == "define":
            _vote_events(votes, layout.style.defines, layout.fed, width)
            votes[" "] += 1
        elif kind == "macro":
            _vote_events(votes, layout.style.macros, layout.fed, width)
            votes[" "] += 2
        elif kind == "backslash":
            _vote_events(votes, layout.style.backslashes, layout.fed, width)
            votes[" "] += 1
        else:
            return " ", 1.0
    best, score = max(votes.items(), key=lambda pair: pair[1])
    return best, 0.5 + 0.5 * score / sum(votes.values())


def _vote_events(votes: Counter[str], events: Sequence[Spaced], number: int, width: int) -> None:
    for distance, entry in nearest(events, number, 6):
        votes[_reach(entry.gap, entry.column, width)] += 1 / (1 + distance / 60)  # type: ignore[assignment]


def _vote_gap(votes: Counter[str], line: str, kind: str, indent: str, width: int, weight: float, prose: bool) -> bool:
    gap = (prose_gaps(line) if prose else gaps(line)).get(kind)
    if gap is None:
        return False
    if kind in ("decl", "assign", "value", "label") and indent_of(line) != indent:
        return False
    votes[_reach(line[gap.start : gap.end], columns(line[: gap.end]), width)] += weight  # type: ignore[assignment]
    return True


def _reach(gap: str, column: int, width: int) -> str:
    """A gap like ``gap``, which ends at ``column``, for a line whose gap begins at column ``width``."""
    if gap == " ":
        return " "
    if "\t" not in gap:
        return " " * (column - width) if width < column else " "
    if column % TAB == 0:
        return "\t" * (column // TAB - width // TAB) if width < column else "\t"
    if width // TAB < column // TAB:
        return "\t" * (column // TAB - width // TAB) + " " * (column % TAB)
    return " " * (column - width) if width < column else " "


# --- similar lines ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+|[^\w\s]", text[:LONGEST]))


@lru_cache(maxsize=512)
def _similar(text: str, removed: tuple[str, ...]) -> str | None:
    """The removed line that shares most of its words with ``text``; None where none shares more than half."""
    words = _words(text)
    total = words.total()
    best, found = 0.55, None
    for line in removed:
        other = _words(line)
        size = other.total()
        if not size or 2 * min(size, total) <= best * (size + total):
            continue
        share = 2 * (words & other).total() / (total + size)
        if share > best:
            best, found = share, line
    return found
