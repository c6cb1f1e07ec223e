"""A patch mail's body to commit message and diff; what a damaged diff still tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from harness.intake.diff_paths import (
    NO_FILE,
    check_diff_lines,
    check_headers,
    header_path,
    path_refusal,
    stripped_path,
    touched_files,
)
from harness.intake.diff_text import (
    FileDiff,
    MalformedDiff,
    count_changes,
    damaged_start,
    diff_start,
    is_signature,
    orphan_hunk,
    read_diff,
)
from harness.intake.diffstat import disagreements, is_diffstat_line, read_diffstat
from harness.intake.mail import Mail, header_text, printable, prose
from harness.intake.obfuscated import hidden_address
from harness.intake.subject import parse_subject
from harness.intake.trailers import message_trailers
from harness.model.errors import UserError
from harness.model.series import Trailer

_IN_BODY = re.compile(r"(From|Subject|Date): *(.*)")
# "-- >8 --" of git mailinfo, "==" on a line of its own as kernel people wrote before there was git
_SCISSORS = re.compile(r"(?:[-\s]*(?:>8|8<|>%|%<)[-\s>8<%]*(?:cut here)?[-\s>8<%]*|={2,19}\s*)$", re.IGNORECASE)
_ATTRIBUTION = re.compile(r".{0,300}\b(?:wrote|writes|said):?\s*$")
_QUOTE = re.compile(r"\s{0,3}(?:[A-Za-z]{0,4}>|\|)")
_CHANGED_C = re.compile(r"[-+] {8}")


@dataclass(frozen=True, slots=True)
class PatchText:
    """A patch mail's body: the commit message (trailers included), the text between "---" and the diff, the diff.

    ``diff`` is the body's own bytes as UTF-8 with surrogateescape, from the first header to the last hunk's end;
    where ``damage`` says why it cannot be read, it goes on to the message's end.
    """

    message: str
    below: str
    diff: str
    files: tuple[str, ...]
    added: int
    removed: int
    trailers: tuple[Trailer, ...] = ()
    damage: str = ""
    diff_line: int = 0
    notes: tuple[str, ...] = ()


def strip_signature(lines: Sequence[str]) -> Sequence[str]:
    """The lines before a signature or a list's footer."""
    end = next((at for at, line in enumerate(lines) if is_signature(line)), len(lines))
    return lines[:end]


def _in_body_headers(mail: Mail, begin: int = 0) -> tuple[dict[str, str], int]:
    """ "From:" and "Subject:" at the head of the body, where the sender is not the author; the line they end before."""
    at = next((at for at in range(begin, len(mail.body)) if mail.body[at].strip()), begin)
    found: dict[str, str] = {}
    while at < len(mail.body) and (match := _IN_BODY.match(mail.body[at])):
        found.setdefault(match[1], header_text(match[2]))
        at += 1
    return found, at


def _scissors(mail: Mail) -> int:
    """The line behind the last scissors line above the diff, 0 where there is none."""
    start = diff_start(mail.body)
    if start is None:
        start = orphan_hunk(mail.body)
    head = mail.body[: start or 0]
    return next((at + 1 for at in range(len(head) - 1, -1, -1) if _SCISSORS.match(head[at])), 0)


def patch_author(mail: Mail) -> str:
    """The author: the body's own "From:" line before the mail's."""
    return _in_body_headers(mail, _scissors(mail))[0].get("From") or mail.author


def patch_title(mail: Mail) -> str:
    """The subject without prefix: the body's own "Subject:" line before the mail's."""
    own = _in_body_headers(mail, _scissors(mail))[0].get("Subject")
    return parse_subject(own).title if own else mail.subject.title


def letter_text(mail: Mail) -> str:
    """A cover letter's text, without signature and footers."""
    return prose(mail, strip_signature(mail.body))


def _answer_begins(lines: Sequence[str]) -> int:
    """Where an answer's own last words begin: behind the last quoted line and what announces it."""
    last = next((at for at in range(len(lines) - 1, -1, -1) if _QUOTE.match(lines[at])), None)
    if last is not None:
        return last + 1
    return next((at + 1 for at, line in enumerate(lines) if _ATTRIBUTION.match(line)), 0)


def _head(mail: Mail, start: int) -> tuple[list[str], list[str]]:
    """(commit message, text below its "---") of what stands above the diff."""
    top = _scissors(mail)
    if mail.has_headers or mail.subject.title != PurePath(mail.path).stem:
        headers, behind = _in_body_headers(mail, top)
        top = behind if headers or top == 0 else top
    if mail.subject.is_reply and top == 0:
        top = _answer_begins(mail.body[:start])
    head = mail.body[top:start]
    # akpm's and quilt's patches of old have no "---": there the diffstat ends the message
    rule = next(
        (at for at, line in enumerate(head) if line.rstrip() == "---" or is_diffstat_line(line)),
        len(head),
    )
    message = list(head[:rule])
    if not mail.has_headers and message:
        message.pop(0)  # the subject
    return message, list(head[rule + 1 :] if rule < len(head) and head[rule].rstrip() == "---" else head[rule:])


def _changes(files: Sequence[FileDiff]) -> dict[str, tuple[int, int]]:
    """Added and removed lines by path."""
    found: dict[str, tuple[int, int]] = {}
    for file in files:
        marks = [line[:1] for hunk in file.hunks for line in hunk.lines]
        for path in touched_files([file]):
            before = found.get(path, (0, 0))
            found[path] = (before[0] + marks.count("+"), before[1] + marks.count("-"))
    return found


def _whitespace_lost(mail: Mail, lines: Sequence[str]) -> bool:
    """Whether the archive collapsed blanks and tabs: the counts may hold all the same, in a diff without context."""
    changed = [line for line in lines if line[:1] in ("+", "-") and not line.startswith(("+++", "---"))]
    return (
        mail.archived
        and any(line[1:2] == " " for line in changed)
        and not any("\t" in line or "  " in line[1:] for line in lines)
    )


def _diff_notes(mail: Mail, lines: Sequence[str], files: Sequence[str]) -> list[str]:
    """What a reader of the diff should know."""
    told = []
    if any(not line.isascii() for line in lines) and mail.charset.lower() not in ("utf-8", "us-ascii", "utf8"):
        told.append(f"bytes of {printable(mail.charset)[:40]} in the diff, kept as they came")
    if mail.archived:
        hidden = [at for at, line in enumerate(lines, 1) if hidden_address(line)]
        if hidden:
            told.append(f"address hidden by the archive in the diff, line {', '.join(map(str, hidden[:8]))} of it")
    elif (
        any(path.endswith((".c", ".h")) for path in files)
        and not any("\t" in line for line in lines if line[:1] in ("+", "-", " "))
        and sum(1 for line in lines if _CHANGED_C.match(line)) >= 3
    ):
        told.append("no tab in the diff: a mail program may have turned tabs into blanks")
    return told


def split_patch(mail: Mail, *, damaged: bool = False) -> PatchText:
    """Commit message, notes and diff of a patch mail.

    Raises UserError, naming file and line, where there is no diff, and where it reaches outside the tree
    (check_diff_lines); MalformedDiff where it cannot be read, unless ``damaged`` asks for such a diff as it stands.
    """
    try:
        return _sound(mail)
    except MalformedDiff as error:
        if not damaged:
            raise
        return _as_it_stands(mail, error)


def _sound(mail: Mail) -> PatchText:
    start = diff_start(mail.body)
    if start is None:
        orphan = orphan_hunk(mail.body)
        if orphan is not None:
            raise MalformedDiff("malformed diff: hunk without ---/+++ lines", where=mail.where(orphan))
        raise UserError("no diff in this patch", where=mail.source, remedy="give the mail as it was sent")
    diff = read_diff(mail.body, start, mail.where)
    lines = mail.body[diff.start : diff.end]
    check_diff_lines(lines, diff.start, mail.where)
    if not any(file.hunks or len(file.headers) > 1 for file in diff.files):
        raise UserError("diff without a change", where=mail.where(start))
    added, removed = count_changes(lines, diff.start, mail.where)
    changes = _changes(diff.files)
    if (added, removed) != (sum(pair[0] for pair in changes.values()), sum(pair[1] for pair in changes.values())):
        marks = [line[:1] for file in diff.files for hunk in file.hunks for line in hunk.lines]
        if (added, removed) != (marks.count("+"), marks.count("-")):
            raise UserError("ambiguous diff: two readers count different changes in it", where=mail.where(start))
        changes = {}  # a renamed file stands under both names
    if _whitespace_lost(mail, lines):
        raise MalformedDiff("the archive collapsed blanks and tabs: no tab in the whole diff", where=mail.where(start))
    message, below = _head(mail, start)
    files = touched_files(diff.files)
    text = prose(mail, message)
    return PatchText(
        message=text,
        below=prose(mail, below),
        diff="\n".join(lines) + "\n",
        files=files,
        added=added,
        removed=removed,
        trailers=message_trailers(text),
        diff_line=mail.body_line + start if mail.body_line is not None else 0,
        notes=(*_stat_notes([*message, *below], changes, counts=True), *_diff_notes(mail, lines, files)),
    )


def _stat_notes(lines: Sequence[str], changes: Mapping[str, tuple[int, int]], *, counts: bool) -> tuple[str, ...]:
    stat = read_diffstat(lines)
    return disagreements(stat, changes, counts=counts) if stat and changes else ()


def _found_in_damage(lines: Sequence[str]) -> tuple[tuple[str, ...], int, int]:
    """(files, added lines, removed lines) as far as headers and marks still tell."""
    files: dict[str, None] = {}
    added = removed = 0
    in_hunks = False
    pending = ""  # of "Index:" or "diff", for where "---" and "+++" are lost
    for at, line in enumerate(lines):
        after = lines[at + 1] if at + 1 < len(lines) else ""
        if line.startswith("@@ "):
            if pending and not path_refusal(pending):
                files[stripped_path(pending)] = None
            in_hunks, pending = True, ""
        elif line.startswith(("diff -", "Index: ")):
            in_hunks, pending = False, header_path(line.split(" ")[-1].strip())
        elif line.startswith("--- ") and after.startswith("+++ "):
            new, old = header_path(after[4:]), header_path(line[4:])
            files[stripped_path(old if new == NO_FILE else new)] = None  # check_headers has seen them
            in_hunks, pending = False, ""
        elif in_hunks:
            added += line.startswith("+")
            removed += line.startswith("-") and not is_signature(line)
    return tuple(files), added, removed


def _as_it_stands(mail: Mail, error: MalformedDiff) -> PatchText:
    """The damaged diff with its message. Raises UserError for headers that reach outside the tree."""
    start = damaged_start(mail.body)
    if start is None:
        raise error
    lines = mail.body[start:]
    check_headers(lines, start, mail.where)
    files, added, removed = _found_in_damage(lines)
    message, below = _head(mail, start)
    text = prose(mail, message)
    notes = list(_stat_notes([*message, *below], dict.fromkeys(files, (0, 0)), counts=False))
    if not files and (stat := read_diffstat([*message, *below])):
        files = tuple(path for path, _ in stat.files if not path_refusal(path))
        notes.append("files named by the diffstat only")
    return PatchText(
        message=text,
        below=prose(mail, below),
        diff="\n".join(lines) + "\n",
        files=files,
        added=added,
        removed=removed,
        trailers=message_trailers(text),
        damage=f"{error.where}: {error.what}" if error.where else error.what,
        diff_line=mail.body_line + start if mail.body_line is not None else 0,
        notes=(*notes, *_diff_notes(mail, lines, files)),
    )
