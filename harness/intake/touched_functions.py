"""Which C functions a patch changes, as far as hunk headers and hunk bodies tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.intake.diff_paths import NO_FILE, header_path
from harness.intake.diff_text import HUNK, FileDiff, Hunk, diff_start, read_diff
from harness.model.series import Patch

_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_SYSCALL = re.compile(r"(?:COMPAT_)?SYSCALL_DEFINE\d\((\w+)")
# at column 0: what stands between functions, not in them
_BETWEEN = re.compile(r"/\*|#\s*define\b|(?:struct|union|enum)\s+\w+\s*\{|EXPORT_SYMBOL")
_NO_FUNCTION = frozenset(
    (
        "if",
        "for",
        "while",
        "switch",
        "return",
        "sizeof",
        "typeof",
        "__attribute__",
        "__aligned",
        "__acquires",
        "__releases",
        "__section",
    )
)


def function_of(line: str) -> str | None:
    """The function whose definition begins on ``line`` (text at column 0), or None."""
    if not line[:1].isalpha() and line[:1] != "_":
        return None
    if match := _SYSCALL.match(line):
        return f"sys_{match[1]}"
    if line.startswith(("typedef ", "extern ", "return ")) or "=" in line.partition("(")[0]:
        return None
    for match in _CALL.finditer(line[:512]):
        name = match[1]
        if name not in _NO_FUNCTION:
            # EXPORT_SYMBOL(x), MODULE_LICENSE("GPL"): a macro's use, no function
            return None if name.isupper() or name.startswith(("EXPORT_", "module_")) else name
    return None


def _functions(hunk: Hunk) -> Iterator[str]:
    current = function_of(hunk.section)
    for line in hunk.lines:
        mark, text = line[:1], line[1:]
        begun = None if text.rstrip().endswith(";") else function_of(text)
        if begun:
            current = begun
        elif _BETWEEN.match(text):
            current = None
        if mark in ("+", "-") and current and text.strip():
            yield current
        if text.startswith("}"):
            current = None


def functions_of(files: Sequence[FileDiff]) -> tuple[str, ...]:
    """Names of the functions changed in .c and .h files, in order of first mention."""
    found: dict[str, None] = {}
    for file in files:
        paths = [header_path(text) for p in ("+++ ", "--- ") if (text := file.header(p)) is not None]
        path = next((p for p in paths if p != NO_FILE), "")
        if path.endswith((".c", ".h")):
            for hunk in file.hunks:
                found.update((name, None) for name in _functions(hunk))
    return tuple(found)


# a definition whose indentation cannot be trusted: a type in front, no ";" behind
_DEFINED = re.compile(
    r"(?:static|inline|extern|asmlinkage|void|int|unsigned|long|char|bool|struct\s+\w+|\w+_t)\b[\w\s*]*?\b[A-Za-z_]\w*\s*\("
)


def _functions_in_damage(lines: Sequence[str]) -> Iterator[str]:
    """As _functions, of hunks whose context may have lost its leading blanks."""
    current: str | None = None
    in_hunk = False
    for line in lines:
        if match := HUNK.match(line):
            current, in_hunk = function_of(match[5]), True
            continue
        if line.startswith(("diff -", "Index: ", "--- ", "+++ ")):
            in_hunk = False
        if not in_hunk:
            continue
        mark = line[:1]
        text = line[1:] if mark in ("+", "-", " ") else line
        if not text.rstrip().endswith(";") and _DEFINED.match(text[:512]) and (begun := function_of(text)):
            current = begun
        elif re.match(r"(?:struct|union|enum)\s+\w+\s*\{", text):
            current = None
        if mark in ("+", "-") and current and text.strip():
            yield current


def patch_functions(patch: Patch) -> tuple[str, ...]:
    """Functions that ``patch`` changes, each once; of a damaged diff what hunk headers and definitions in it tell.

    Raises UserError where a diff that is not marked as damaged is malformed.
    """
    lines = patch.diff.split("\n")
    if patch.damage:
        return tuple(dict.fromkeys(_functions_in_damage(lines)))
    start = diff_start(lines)
    if start is None:
        return ()
    return functions_of(read_diff(lines, start, lambda index: f"{patch.source}: diff line {index + 1}").files)
