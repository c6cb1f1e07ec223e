"""Which frames of a trace a series touched: by their line, or by the body of the function that they are in.

Lines are those of the tree with the patches applied, for that is what the frames speak of: each patch's own hunks are
carried through the patches after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from harness.intake.touched_functions import function_of
from harness.model.finding import FrameTouch, SourceFrame

MAX_BODY = 4000
"""Lines of a function that are looked through for its beginning and its end."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one hunk without context does to a file: ``old`` lines from ``old_line`` on are replaced by ``new`` from
    ``new_line`` on; 1-based. Of a part without lines the line is the one before it, as in a hunk's header."""

    old_line: int
    old: int
    new_line: int
    new: int


@dataclass(frozen=True, slots=True)
class Mark:
    """``count`` lines from ``line`` on that ``patch`` wrote; 0: it only took lines away, behind ``line``."""

    line: int
    count: int
    patch: int


FileChanges = Mapping[str, tuple[str, tuple[Change, ...]]]
"""File, as the patch leaves it, to (the file's name before, its hunks in order)."""


def changes_of(diff: str) -> dict[str, tuple[str, tuple[Change, ...]]]:
    """What a diff made by git with -U0 changes. A file that is removed is not in it. Raises ValueError."""
    try:
        found = {}
        for file in PatchSet(diff):
            if file.is_removed_file:
                continue
            hunks = tuple(
                Change(hunk.source_start, hunk.source_length, hunk.target_start, hunk.target_length) for hunk in file
            )
            before = file.source_file.removeprefix("a/") if not file.is_added_file else file.path
            found[file.path] = (before, hunks)
        return found
    except UnidiffParseError as error:
        raise ValueError(f"git's diff cannot be read: {error}") from error


def marks_of(patches: Sequence[tuple[int, FileChanges]]) -> dict[str, tuple[Mark, ...]]:
    """What is left of each patch's changes after the last of ``patches`` (number, changes), by file."""
    marks: dict[str, list[Mark]] = {}
    for number, files in patches:
        before = {path: marks.get(old, []) for path, (old, _) in files.items()}
        for path, (old, changes) in files.items():
            if old != path:
                marks.pop(old, None)
            carried = [moved for mark in before[path] for moved in _carried(mark, changes)]
            marks[path] = carried + [Mark(change.new_line, change.new, number) for change in changes]
    return {path: tuple(sorted(of, key=lambda mark: (mark.line, mark.patch))) for path, of in marks.items() if of}


def _carried(mark: Mark, changes: Sequence[Change]) -> list[Mark]:
    """A mark in the numbering after ``changes``: what they replaced is theirs, and may leave two parts of it."""
    if not mark.count:
        return [Mark(_carried_line(mark.line, changes), 0, mark.patch)]
    parts: list[Mark] = []
    begin, end, shift = mark.line, mark.line + mark.count, 0
    for change in changes:
        first = change.old_line if change.old else change.old_line + 1
        if first >= end:
            break
        if first > begin:
            parts.append(Mark(begin + shift, first - begin, mark.patch))
        shift += change.new - change.old
        begin = max(begin, first + change.old)
    if begin < end:
        parts.append(Mark(begin + shift, end - begin, mark.patch))
    return parts


def _carried_line(line: int, changes: Sequence[Change]) -> int:
    """Where a line is after ``changes``; of one that they replaced, the last line that stands in its place."""
    shift = 0
    for change in changes:
        if change.old and change.old_line <= line < change.old_line + change.old:
            return change.new_line + max(change.new - 1, 0)
        if change.old_line < line:
            shift += change.new - change.old
    return line + shift


_SIGNATURE_ENDS = re.compile(r"\s*$|[#}/]|\s*\*|.*[;:]\s*$")


def body_at(lines: Sequence[str], line: int) -> tuple[int, int] | None:
    """The function of a kernel source that ``line`` is in: first line of its signature and last of its body, 1-based.
    None between functions, and where a body does not begin and end in the first column, as the kernel writes them."""
    if not 1 <= line <= len(lines):
        return None
    at = line - 1
    if re.match(r"[A-Za-z_][^;]*\{.*\}\s*$", lines[at]):
        return line, line
    opened = at
    if not lines[at].startswith("{"):
        opened = _opened(lines, at)
    closed = next((n for n in range(at, min(len(lines), at + MAX_BODY)) if lines[n].startswith("}")), None)
    if opened < 0 or closed is None:
        return None
    first = opened
    while first > 0 and not _SIGNATURE_ENDS.match(lines[first - 1]):
        first -= 1
    return (first + 1, closed + 1) if first < opened else None


def _opened(lines: Sequence[str], at: int) -> int:
    """Where the body that ``at`` is in, or the signature of, opens; -1 where it is in none."""
    for place in range(at - 1 if lines[at].startswith("}") else at, max(-1, at - MAX_BODY), -1):
        if lines[place].startswith("{"):
            return place
        if lines[place].startswith("}"):
            break
    # In the signature: the body opens before anything ends.
    for place in range(at, min(len(lines), at + 20)):
        if lines[place].startswith("{"):
            return place
        if _SIGNATURE_ENDS.match(lines[place]):
            break
    return -1


def functions_at(lines: Sequence[str], places: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    """Names of the functions of a source that lines of ``places`` (first line, number of lines, both as in a Mark) are
    in, each once, in the order of the places."""
    found: dict[str, None] = {}
    for first, count in places:
        line, end = first, first + max(1, count)
        while line < end:
            body = body_at(lines, line)
            if body is None or (not count and not _within(Mark(line, 0, 0), *body)):
                line += 1
                continue
            name = _name_of(lines, body[0])
            if name is not None:
                found[name] = None
            line = body[1] + 1
    return tuple(found)


def _name_of(lines: Sequence[str], first: int) -> str | None:
    """The name in a signature that begins at line ``first`` and may go over several."""
    signature: list[str] = []
    for line in lines[first - 1 : first + 19]:
        signature.append(line.partition("{")[0].strip())
        if "{" in line:
            break
    return function_of(" ".join(signature))


def touched_frames(
    frames: Sequence[SourceFrame],
    marks: Mapping[str, Sequence[Mark]],
    lines_of: Callable[[str], Sequence[str] | None],
) -> dict[int, FrameTouch]:
    """The frames that were touched, by their place; ``lines_of`` gives a file of the patched tree, None where it has
    none. A frame whose file is not known is touched where just one of the changed files defines its function."""
    found: dict[int, FrameTouch] = {}
    for place, frame in enumerate(frames):
        here = next((m.patch for m in reversed(marks.get(frame.file, ())) if _holds(m, frame.line)), None)
        if here is not None:
            found[place] = FrameTouch((here,), True)
            continue
        bodies = [(frame.file, frame.line)] if frame.file else _definitions(frame.function, marks, lines_of)
        if len(bodies) != 1 or bodies[0][0] not in marks:
            continue
        file, line = bodies[0]
        body = body_at(lines_of(file) or (), line)
        if body is None:
            continue
        patches = sorted({mark.patch for mark in marks[file] if _within(mark, *body)})
        if patches:
            found[place] = FrameTouch(tuple(patches), False)
    return found


def _holds(mark: Mark, line: int) -> bool:
    return mark.line <= line < mark.line + mark.count


def _within(mark: Mark, first: int, last: int) -> bool:
    if not mark.count:
        return first <= mark.line < last
    return mark.line <= last and mark.line + mark.count > first


def _definitions(
    function: str, files: Mapping[str, object], lines_of: Callable[[str], Sequence[str] | None]
) -> list[tuple[str, int]]:
    """(file, line) of each definition of a function in ``files``."""
    name = re.compile(rf"[A-Za-z_].*\b{re.escape(function.partition('.')[0])}\s*\([^;]*$|{re.escape(function)}\([^;]*$")
    return [
        (file, number)
        for file in files
        for number, line in enumerate(lines_of(file) or (), 1)
        if function and line[:1] not in " \t#/*}{" and name.match(line) and body_at(lines_of(file) or (), number)
    ]
