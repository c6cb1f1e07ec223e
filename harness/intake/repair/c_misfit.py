"""Lines that cannot stand where they are: what shows that a line before them was lost."""

from __future__ import annotations

import re

from harness.intake.repair.c_code import Code, Comment, Statement

_COMMENT_LINE = re.compile(r"\*(?:/| |$)")
_STATEMENT = re.compile(r"(?:if|while|for|switch|return|goto|break|continue|else|do)\b")
# "static int f(...", "struct page *f(struct ..." up to the end of the line: the head of a function
_FUNCTION = re.compile(
    r"(?:(?:static|extern|asmlinkage|fastcall|inline|__init|__inline__|__exit)\b[\w *]*\w ?\([^;={}]*[{,)]?$"
    r"|(?:(?:const|unsigned|signed|struct|union|enum) )*[A-Za-z_]\w* [\w *]*\b\w+ ?"
    r"\((?:void|(?:const |unsigned |struct |union |enum )*[A-Za-z_]\w* [\w *]*\w)(?:\) ?\{?|,[^;={}]*)$)"
)
_FILE_LEVEL = re.compile(
    r"(?:EXPORT_SYMBOL|module_init|module_exit|MODULE_LICENSE|__setup|core_initcall|SYSCALL_DEFINE)\w* ?\("
)
_NO_TYPE = re.compile(r"(?:return|else|goto|case|if|while|for|switch|do)\b")
_LABEL = re.compile(r"\w+ ?:(?!:)")
_AFTER_HEADER = re.compile(r"\{|__\w+|\w+\(|[=;,:]|//|/\*")
_CODE_END = frozenset(";{}")


def misfit_in_comment(comment: Comment, text: str, indented: bool | None) -> float:
    """How odd ``text`` would be as the next line of an open comment."""
    if text.startswith("/*"):
        return 0.9
    if not comment.star or comment.indent is None or text[0] == "*":
        return 0.0
    if "*/" in text:
        return 0.8 if "/*" in text else 0.0
    if text[-1] in _CODE_END or _FUNCTION.match(text):
        return 0.8
    if text[0] == "#" and re.match(r"# ?(?:include|define|if|ifdef|ifndef|endif|else|undef)\b", text):
        return 0.8
    return 0.7 if indented is False and comment.indent else 0.0


def misfit_in_code(code: Code, text: str, indented: bool | None) -> float:
    """How odd ``text`` would be as the next line of code."""
    stack, statement = code.stack, code.statement
    top = stack[-1] if stack else None
    in_paren = top is not None and top.mark != "{"
    if statement is None and not in_paren and _COMMENT_LINE.match(text):
        return 0.95
    brace = next((frame for frame in reversed(stack) if frame.mark == "{"), None)
    if text[0] == "}":
        if brace is None:
            return 1.0
        if code.awaiting and not in_paren:
            return 0.8
        if re.match(r"\} ?else\b", text) and not any(header.word == "if" for header in brace.awaiting):
            return 0.8
        return 0.6 if indented is False and len(stack) > 1 and stack[-1].indent else 0.0
    if brace is None:
        return _misfit_at_file_level(statement, in_paren, text, indented)
    if in_paren:
        return 0.8 if top is not None and top.mark == "(" and _STATEMENT.match(text) else 0.0
    if brace.kind in ("struct", "enum"):
        return 0.9 if _STATEMENT.match(text) else 0.0
    if brace.kind not in ("block", "switch"):
        return 0.0
    if statement is None and not _NO_TYPE.match(text) and (_FUNCTION.match(text) or _FILE_LEVEL.match(text)):
        return 0.9
    if text.startswith("else") and statement is None and not any(header.word == "if" for header in code.ended):
        return 0.7
    if indented is False and statement is None and not _LABEL.match(text) and text[0] not in "{/":
        return 0.6 if brace.inner else 0.0
    return 0.0


def _misfit_at_file_level(statement: Statement | None, in_paren: bool, text: str, indented: bool | None) -> float:
    if _STATEMENT.match(text):
        return 0.9
    if in_paren:
        return 0.0
    if statement is None:
        return 0.0 if not indented or text[0] in "/*{" or _LABEL.match(text) else 0.7
    if statement.typed and statement.opened and not statement.assigned and not _AFTER_HEADER.match(text):
        return 0.9 if not statement.word.isupper() else 0.0
    return 0.0
