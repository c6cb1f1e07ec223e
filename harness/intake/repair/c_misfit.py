"""Lines that cannot stand where they are: what shows that a line before them was lost."""

from __future__ import annotations

import re

from harness.intake.repair.c_code import Code, Comment

_COMMENT_LINE = re.compile(r"\*(?:/| |$)")
_HEADER = re.compile(
    r"(?:static|extern|asmlinkage|fastcall|inline|__init|__inline__)\b[\w *]*\w ?\([^;={}]*[{,)]?$"
    r"|(?:EXPORT_SYMBOL|module_init)"
)
_STATEMENT = re.compile(r"(?:if|while|for|switch|return|goto|break|continue|else|do)\b")


def misfit_in_comment(comment: Comment, text: str) -> float:
    if text.startswith("/*"):
        return 0.9
    if comment.star and comment.indent is not None and text[0] != "*" and text[-1] in ";{}" and "*/" not in text:
        return 0.8
    return 0.0


def misfit_in_code(code: Code, text: str) -> float:
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
