"""A patch as file changes to compare with a tree; a damaged diff as far as its lines can be told apart.

Nothing read here is ever applied: a damaged diff becomes a patch by its repair only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.intake.diff_paths import NO_FILE, header_path
from harness.intake.diff_text import HUNK, FileDiff, diff_start, read_diff
from harness.intake.repair.damaged_diff import DamagedFile, DamagedHunk, read_damaged, unescaped
from harness.model.errors import UserError
from harness.model.hunk import FileChange, HunkLines, header_time
from harness.model.series import Patch

_BLOB = re.compile(r"([0-9a-f]{4,64})\.\.[0-9a-f]{4,64}(?:\s|$)")
_HEADER_LINES = 14  # lines of a damaged file's header that its "--- " is looked for in
# Where the list's own text begins behind a diff that lost lines.
_FOOTER = re.compile(r"To unsubscribe from this list|-{5,} ?(?:next part|End of)|\s*Last update: ")


def file_changes(patch: Patch) -> tuple[FileChange, ...]:
    """Every file whose lines the patch changes, in the diff's order; a file that appears twice is there twice.

    A diff that cannot be read as it stands is read as a damaged one. Raises UserError where it is too large for that.
    """
    lines = patch.diff.split("\n")
    if not patch.damage:
        try:
            diff = read_diff(lines, diff_start(lines) or 0, lambda at: f"{patch.source}:{at + 1}")
            return tuple(change for file in diff.files if (change := _whole(file, lines)) is not None)
        except UserError:
            pass
    return tuple(_damaged(file, lines) for file in read_damaged(patch.diff).files if file.hunks)


def _whole(file: FileDiff, lines: Sequence[str]) -> FileChange | None:
    old, new = file.header("--- "), file.header("+++ ")
    if old is None or new is None:  # a mode, or a rename without a change
        return None
    hunks = []
    for hunk in file.hunks:
        match = HUNK.match(lines[hunk.line])
        assert match is not None  # read_diff has read it
        # git takes an empty line for an empty context line; "\ No newline" is no line of the file.
        body = tuple(line or " " for line in hunk.lines if not line.startswith("\\"))
        hunks.append(HunkLines(hunk.line + 1, int(match[1]), int(match[2] or 1), body))
    blob = _BLOB.match(file.header("index ") or "")
    names = (header_path(old), header_path(new))
    return FileChange(
        path=_below(names[0] if names[1] == NO_FILE else names[1]),
        old_name=old,
        old_time=header_time(old),
        old_blob=blob[1] if blob else "",
        created=names[0] == NO_FILE or _of_nothing(hunks),
        damaged=False,
        hunks=tuple(hunks),
    )


def _below(path: str) -> str:
    """The path without its first directory, as -p1 takes it."""
    return path.partition("/")[2] or path


def _of_nothing(hunks: Sequence[HunkLines]) -> bool:
    return len(hunks) == 1 and not hunks[0].start and not hunks[0].count


def _damaged(file: DamagedFile, lines: Sequence[str]) -> FileChange:
    head = lines[file.number - 1 : file.number - 1 + _HEADER_LINES]
    old_name = next((line[4:] for line in head if line.startswith("--- ")), file.old or "")
    blob = next((match[1] for line in file.git_headers if (match := _BLOB.match(line.removeprefix("index ")))), "")
    hunks = [HunkLines(hunk.number, hunk.old_start, hunk.old_count, tuple(_within_counts(hunk))) for hunk in file.hunks]
    path = (file.old if file.new in (None, NO_FILE) else file.new) or ""
    created = file.old == NO_FILE or _of_nothing(hunks)
    return FileChange(_below(path), old_name, header_time(old_name), blob, created, True, tuple(hunks))


def _within_counts(hunk: DamagedHunk) -> Iterator[str]:
    """The hunk's lines as far as its header's counts leave room: behind them stands the archive's own text."""
    old, new = hunk.old_count, hunk.new_count
    for item in hunk.items:
        if (old <= 0 and new <= 0) or _FOOTER.match(item.raw):
            return
        if item.mark == "\\":
            continue
        old -= item.mark != "+"
        new -= item.mark != "-"
        yield (item.mark or " ") + unescaped(item.text)
