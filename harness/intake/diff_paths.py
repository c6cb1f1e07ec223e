"""Which files a diff may touch: ordinary files inside the tree, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.intake.diff_text import FileDiff, Where, outside_hunks
from harness.model.errors import UserError
from harness.model.plain_text import clean

NO_FILE = "/dev/null"
MAX_PATH = 4096  # PATH_MAX

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
# diff -u without a tab before the time: "a/mm/x.c 2002-08-26 ...", "a/mm/x.c Mon Aug 26 ...", CVS's "26 Aug 2002 ..."
_TIME = re.compile(
    r" (?:\d{4}-\d\d-\d\d |(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} |\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:).*$"
)
_MODE = re.compile(
    r"(?:old mode|new mode|new file mode|deleted file mode|index [0-9a-f]+(?:,[0-9a-f]+)*\.\.[0-9a-f]+) (.*)"
)
_PREFIXED = ("--- ", "+++ ")
_BARE = ("rename from ", "rename to ", "rename old ", "rename new ", "copy from ", "copy to ")
# characters that HFS+ drops when it compares names: ".g<U+200C>it" opens .git there
_IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def _unquote(text: str) -> str:
    """A name as git quotes it in C style, decoded; other text unchanged."""
    match = _QUOTED.match(text)
    if not match:
        return text
    raw = match[1].encode("utf-8", "surrogateescape")

    def byte(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code, 8) & 0xFF]) if code.isdigit() and code < b"8" else _ESCAPES.get(code, code)

    return _ESCAPE.sub(byte, raw).decode("utf-8", "surrogateescape")


def header_path(text: str) -> str:
    """The path in what follows "--- " or "+++ ": unquoted, without the time stamp."""
    if text.startswith('"'):
        return _unquote(text)
    return _TIME.sub("", text.split("\t", 1)[0]).rstrip(" ")


def path_refusal(path: str) -> str | None:
    """Why no patch may touch ``path`` (as a header names it, first folder included), or None."""
    if len(path) > MAX_PATH:
        return f"path longer than {MAX_PATH} characters"
    if "\r" in path:
        return "carriage return in a path"
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in path):
        return "control character in a path"
    if any(0xD800 <= ord(c) < 0xE000 for c in path):
        return "path is not UTF-8"
    if "\\" in path:
        return "backslash in a path"
    if path.startswith("/"):
        return "absolute path"
    parts = path.split("/")
    if ".." in parts:
        return 'path with ".."'
    if "" in parts:
        return "path with an empty component"
    for part in parts:
        name = _IGNORED.sub("", part).split(":")[0].rstrip(" .").casefold()
        if name in (".git", "git~1"):
            return "path inside .git"
    return None


def _mode_refusal(text: str) -> str | None:
    """Why a file may not have the mode ``text`` (octal, as git writes it), or None."""
    mode = text.strip()
    if not re.fullmatch("[0-7]{5,6}", mode):
        return "file mode is no octal number of git's"
    kind, bits = int(mode, 8) & 0o170000, int(mode, 8) & 0o7777
    if kind == 0o120000:
        return "symbolic link"
    if kind == 0o160000:
        return "submodule"
    if kind != 0o100000:
        return "mode of something that is no file"
    if bits & 0o7000:
        return "setuid, setgid or sticky mode"
    return None


def _shown(path: str) -> str:
    return clean(path, 120)


def _header_refusal(line: str) -> str | None:
    """Why the header line refuses the diff, or None."""
    if line.startswith(("GIT binary patch", "Binary files ")):
        return "binary patch"
    for prefix in _PREFIXED:
        if line.startswith(prefix):
            rest = line[len(prefix) :]
            path = header_path(rest)
            if path == NO_FILE:
                return "carriage return in a path" if "\r" in rest else None
            why = "carriage return in a path" if "\r" in rest else path_refusal(path)
            if why is None and "/" not in path:
                why = "path without a leading directory (-p1 is needed)"
            return f"{why}: {_shown(path)}" if why else None
    for prefix in _BARE:
        if line.startswith(prefix):
            path = _unquote(line[len(prefix) :])
            why = path_refusal(path)
            return f"{why}: {_shown(path)}" if why else None
    if line.startswith("diff --git "):
        rest = line[len("diff --git ") :]
        quoted = [_unquote(match[0]) for match in _QUOTED.finditer(rest)]
        # two names with blanks cannot be told apart here, but a bad component is bad in either reading
        for path in [*quoted, *_QUOTED.sub("", rest).split(" ")]:
            if path and path != NO_FILE and (why := path_refusal(path)):
                return f"{why}: {_shown(path)}"
    match = _MODE.match(line)
    if match and (why := _mode_refusal(match[1])):
        return why
    return None


def check_diff_lines(lines: Sequence[str], first: int, where: Where) -> None:
    """Refuses a diff that reaches outside the tree or makes anything but ordinary files.

    ``first`` is the index that ``where`` gives to ``lines[0]``. Raises UserError naming the line: "..", absolute
    paths, .git, symbolic links, submodules, setuid modes, binary patches, control characters.
    """
    for at, line in outside_hunks(lines, lambda index: where(first + index)):
        if why := _header_refusal(line):
            raise UserError(f"patch refused: {why}", where=where(first + at), remedy="remove that part of the patch")


def check_headers(lines: Sequence[str], first: int, where: Where) -> None:
    """As check_diff_lines, of a diff whose hunks cannot be told from its headers.

    A line counts as a header where the lines beside it make it one: "---" above "+++", "Index:" above a row of "=",
    git's own within the lines below "diff --git".
    """
    git_lines = 0
    for at, line in enumerate(lines):
        before, after = lines[at - 1] if at else "", lines[at + 1] if at + 1 < len(lines) else ""
        if line.startswith("diff --git "):
            git_lines = 8  # mode, similarity, rename, index, ---, +++
        elif line.startswith("@@"):
            git_lines = 0
        why = None
        if (
            (line.startswith("--- ") and after.startswith("+++ "))
            or (line.startswith("+++ ") and before.startswith("--- "))
            or (git_lines > 0 and not line.startswith(_PREFIXED))
        ):
            why = _header_refusal(line)
        elif line.rstrip() == "GIT binary patch" or (line.startswith("Binary files ") and line.endswith(" differ")):
            why = "binary patch"
        elif line.startswith("Index: ") and after.startswith("==="):
            why = path_refusal(header_path(line[7:].strip()))
        git_lines -= 1
        if why:
            raise UserError(f"patch refused: {why}", where=where(first + at), remedy="remove that part of the patch")


def check_path(path: str, where: str) -> None:
    """Refuses a path below the tree's root that no patch may touch. Raises UserError naming it."""
    if why := path_refusal(path):
        raise UserError(f"patch refused: {why}: {_shown(path)}", where=where, remedy="remove that part of the patch")


def check_diff_paths(diff: str, where: str) -> None:
    """As check_diff_lines, of a diff's text; ``where`` names its file and lines count from 1."""
    check_diff_lines(diff.split("\n"), 0, lambda index: f"{where}:{index + 1}")


def touched_files(files: Sequence[FileDiff]) -> tuple[str, ...]:
    """Paths below the tree's root, in order of first mention; a renamed file under both names."""
    found: dict[str, None] = {}
    for file in files:
        renamed = [file.header(prefix) for prefix in ("rename from ", "rename to ", "copy from ", "copy to ")]
        old, new = (header_path(text) if (text := file.header(p)) is not None else None for p in _PREFIXED)
        if any(renamed):
            found.update((_unquote(name), None) for name in renamed if name)
        elif new not in (None, NO_FILE):
            found[stripped_path(str(new))] = None
        elif old not in (None, NO_FILE):
            found[stripped_path(str(old))] = None
        elif (names := file.header("diff --git ")) is not None:  # only a mode, or an empty file
            quoted = _QUOTED.match(names)
            # both names are the same but for a/ and b/: the first is the shorter half
            found[stripped_path(_unquote(names) if quoted else names[: len(names) // 2])] = None
    return tuple(found)


def stripped_path(path: str) -> str:
    """The path without its first directory, as -p1 takes it."""
    return path.partition("/")[2] or path
