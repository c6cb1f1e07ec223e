"""A repaired patch as the mail that harness, git am and git apply read, and that says of itself what it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from email.utils import format_datetime

from harness.intake.mail import REPAIR_HEADER
from harness.intake.repair.grades import Grade, Repair
from harness.model.plain_text import clean
from harness.model.series import Patch

NO_ADDRESS = "unknown@localhost"
MAX_HEADER = 900  # characters of one header line; RFC 5322 allows 998
# git's own mark of a mbox made by a program
_ENVELOPE = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001"


def summary(repair: Repair, tree: str) -> Iterator[str]:
    """What the repair did, a line each: the grade, the lines of each kind, what was wrong, what has no place."""
    lines = [line for hunk in repair.hunks if hunk.start is not None for line in hunk.lines]
    grades = Counter(line.grade for line in lines)
    told = ", ".join(f"{grades[grade]} {grade}" for grade in Grade if grades[grade])
    yield f"least sure line {repair.grade} ({told}), rebuilt on {tree}"
    lost = Counter(line.mark for line in lines if line.given is None)
    if lost:
        words = {" ": "context", "-": "removed", "+": "added"}
        yield "lost lines put back: " + ", ".join(f"{lost[mark]} {word}" for mark, word in words.items() if lost[mark])
    yield from repair.notes
    for hunk in repair.unplaced:
        yield f"left out: hunk {hunk.header} of {hunk.path}: {hunk.reason}"


def _header(name: str, value: str) -> str:
    return f"{name}: {clean(value, MAX_HEADER)}"


def _with_address(author: str) -> str:
    """The author with an address: git am wants one, and archives hide them."""
    return author if re.search(r"<[^<>\s]+>", author) else f"{author or 'unknown'} <{NO_ADDRESS}>"


def patch_mail(patch: Patch, total: int, repair: Repair, tree: str) -> str:
    """The patch as a message of a mbox; text is UTF-8 with surrogateescape."""
    number = f" {patch.index}/{total}" if total > 1 else ""
    out = [_ENVELOPE, _header("From", _with_address(patch.author))]
    if patch.date is not None:
        out.append(_header("Date", format_datetime(patch.date)))
    out.append(_header("Subject", f"[PATCH{number}] {patch.subject}"))
    if patch.message_id:
        out.append(_header("Message-ID", f"<{patch.message_id}>"))
    out += [_header(REPAIR_HEADER, line) for line in summary(repair, tree)]
    out += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit", ""]
    # a message's line that a reader of mailboxes takes for the next one's envelope is quoted
    out += [f">{line}" if line.startswith("From ") else line for line in patch.message.split("\n")]
    out += ["", "---", ""]
    return "\n".join(out) + "\n" + repair.diff + "\n"
