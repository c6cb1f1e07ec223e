"""What a series says of its base in words: versions in the names of its old files and in its text, and dates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

from harness.model.base import BaseClues, KernelVersion, VersionHint
from harness.model.hunk import FileChange
from harness.model.series import Patch, Series

_NUMBERS = r"(?P<numbers>\d{1,2}\.\d{1,3}(?:\.\d{1,3}){0,2})"
_TAIL = r"(?:-rc(?P<rc>\d{1,2}))?(?:-?(?P<suffix>(?:mm|bk|ac|git|mmotm|tip|next|pre)-?\d{0,8}|\+))?"
# A version is one where its surroundings say so: 1.7.3.1 alone is the git that made the mail.
_IN_NAME = re.compile(rf"(?:linux|mmtom|mmotm|kernel|v)[-_.]?{_NUMBERS}{_TAIL}(?![\d.]*\d)")
_SAID = r"against|for|to|on top of|onto|over|vs\.?|from|in|based on|linux|kernel"
_IN_TEXT = re.compile(
    rf"\b(?:(?:{_SAID})[ -]+v?|v|(?=[\d.]+-(?:rc|mm|bk|ac)\d)){_NUMBERS}{_TAIL}(?![\d.]*\d)",
    re.IGNORECASE,
)
_TREE_VERSION = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION)[ \t]*=[ \t]*([\w.+-]*)[ \t]*$", re.MULTILINE)
_ZONES = timedelta(hours=14)  # the old files' time is in a zone that nobody names; the furthest are 14 hours from UTC
MAX_TEXT = 200_000  # characters of the messages that are searched


def clues_of(series: Series, changes: Sequence[Sequence[FileChange]]) -> BaseClues:
    """The clues of a series; ``changes`` are the file changes of each of its patches."""
    hints = list(_header_hints(changes)) + list(_text_hints(series))
    named = {hint.version.numbers for hint in hints if hint.sure}
    kept: dict[KernelVersion, VersionHint] = {}
    for hint in hints:
        # Text speaks of many kernels; where a header names one, only what is said of that one counts.
        if hint.sure or not named or hint.version.numbers in named:
            kept.setdefault(hint.version, hint)
    moment, why = _not_after(series.patches, changes)
    return BaseClues(tuple(kept.values()), moment, why)


def version_of_makefile(data: bytes | None) -> KernelVersion | None:
    """The version a kernel's Makefile carries; None where it has none."""
    found = dict(_TREE_VERSION.findall((data or b"")[:20_000].decode("latin-1")))
    numbers = [found.get(key, "") for key in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
    if not numbers[0].isdigit() or not numbers[1].isdigit():
        return None
    text = ".".join(number for number in numbers if number.isdigit())
    return version_in(f"linux-{text}{found.get('EXTRAVERSION', '')}")


def version_in(name: str) -> KernelVersion | None:
    """The version in a folder's or an archive's name: "linux-2.6.22-rc2-mm1.orig", "v3.0"."""
    match = _IN_NAME.search(name)
    return _version(match["numbers"], match["rc"], match["suffix"]) if match else None


def _version(numbers: str, rc: str | None, suffix: str | None) -> KernelVersion:
    parts = tuple(map(int, numbers.split(".")))
    if parts[0] >= 3 and len(parts) == 3 and parts[2] == 0:  # 3.0's own Makefile says 3.0.0
        parts = parts[:2]
    return KernelVersion(parts, int(rc or 0), (suffix or "").lower())


def _header_hints(changes: Sequence[Sequence[FileChange]]) -> Iterator[VersionHint]:
    for many in changes:
        for change in many:
            top = change.old_name.partition("/")[0]
            version = version_in(top)
            if version is not None:
                yield VersionHint(version, f"the header of {change.path}", True)


def _text_hints(series: Series) -> Iterator[VersionHint]:
    for what in series.prerequisites:
        version = version_in(what) or next(_versions_in(what), None)
        if version is not None:
            yield VersionHint(version, "the prerequisites", True)
    texts = [("the title", series.title), ("the cover letter", series.cover or "")]
    texts += [(f"the text of patch {patch.index}", f"{patch.subject}\n{patch.message}") for patch in series.patches]
    left = MAX_TEXT
    for where, text in texts:
        for version in _versions_in(text[:left]):
            yield VersionHint(version, where, False)
        left -= min(left, len(text))


def _versions_in(text: str) -> Iterator[KernelVersion]:
    for match in _IN_TEXT.finditer(text):
        yield _version(match["numbers"], match["rc"], match["suffix"])


def _not_after(patches: Sequence[Patch], changes: Sequence[Sequence[FileChange]]) -> tuple[datetime | None, str]:
    mails = [patch.date for patch in patches if patch.date is not None]
    files = [change.old_time for many in changes for change in many if change.old_time is not None]
    moments = []
    if mails:
        sent = min(mails)
        # An archive's page may tell the day only.
        known = sent.time() != time.min
        told = f"it was sent {sent:%Y-%m-%d %H:%M} UTC" if known else f"it was sent on {sent:%Y-%m-%d}"
        moments.append((sent if known else sent + timedelta(days=1), told))
    if files:
        moments.append(
            (max(files).replace(tzinfo=UTC) + _ZONES, f"its old files are of {max(files):%Y-%m-%d %H:%M}, zone unknown")
        )
    return min(moments, default=(None, ""))
