"""Mails to a series: which of them belong to it, in which order, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.intake.mail import Mail, letter_text, patch_author, patch_title, split_patch
from harness.model.errors import UserError
from harness.model.series import Patch, Provenance, Series, SeriesSpec

_NO_DATE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Posting:
    """The mails of one posting of a series by patch index; 0 is the cover letter."""

    version: int
    total: int
    mails: dict[int, Mail]

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(index for index in range(1, self.total + 1) if index not in self.mails)


def _time(mail: Mail) -> datetime:
    return mail.date or _NO_DATE


def _one_of_each(mails: Iterable[Mail]) -> list[Mail]:
    """Each message once: lists and folders hold cross-posted copies."""
    seen: set[str] = set()
    kept = []
    for mail in mails:
        if mail.message_id is None or mail.message_id not in seen:
            kept.append(mail)
        if mail.message_id:
            seen.add(mail.message_id)
    return kept


def _sender(mail: Mail) -> str:
    return mail.author.rpartition("<")[2].strip(" >").casefold()


def _by_index(mails: Iterable[Mail]) -> dict[int, Mail]:
    """Mails by the n of "n/m"; of two with the same number the later (a resend) stands."""
    found: dict[int, Mail] = {}
    for mail in mails:
        index = mail.subject.index
        if index is not None and (index not in found or _time(mail) >= _time(found[index])):
            found[index] = mail
    return found


def numbered_posting(mails: Sequence[Mail], where: str) -> Posting | None:
    """The newest posting among mails with "n/m" in the subject, None where there is none.

    A single patch sent again as an answer into the older posting's thread replaces that one patch.
    Raises UserError where two different series have the same version.
    """
    groups: dict[tuple[int, bool, int, str], list[Mail]] = {}
    for mail in mails:
        subject = mail.subject
        if subject.is_patch and not subject.is_reply and subject.index is not None and subject.total is not None:
            key = (subject.version, not subject.rfc, subject.total, _sender(mail))
            groups.setdefault(key, []).append(mail)
    if not groups:
        return None
    newest = max(key[:2] for key in groups)
    rivals = [key for key in groups if key[:2] == newest]
    if len(rivals) > 1:
        names = " and ".join(f'"{groups[key][0].subject.title}" (of {key[2]})' for key in rivals[:3])
        raise UserError(
            f"mails of {len(rivals)} series: {names}", where=where, remedy="give a mbox or folder that holds one series"
        )
    key = rivals[0]
    posting = Posting(key[0], key[2], _by_index(groups[key]))
    if posting.missing and 0 not in posting.mails:
        for older in sorted((k for k in groups if k[2:] == key[2:] and k != key), reverse=True):
            ids = {mail.message_id for mail in groups[older]}
            if all(ids.intersection(mail.references) for mail in posting.mails.values()):
                return Posting(key[0], key[2], {**_by_index(groups[older]), **posting.mails})
    return posting


def threaded(mails: Sequence[Mail]) -> list[Mail]:
    """Mails with each after those that it answers, else by date, else as they came."""
    waiting = sorted(mails, key=_time)
    ids = {mail.message_id for mail in mails if mail.message_id}
    placed: set[str] = set()
    ordered: list[Mail] = []
    while waiting:
        ready = next(
            (m for m in waiting if placed.issuperset(ids.intersection(m.references) - {m.message_id})),
            waiting[0],  # mails that answer each other: no order is better than another
        )
        waiting.remove(ready)
        ordered.append(ready)
        if ready.message_id:
            placed.add(ready.message_id)
    return ordered


def _unnumbered_posting(mails: Sequence[Mail], by_thread: bool) -> Posting | None:
    """Patches without "n/m", in the order of their files or of their thread."""
    patches = [mail for mail in mails if mail.has_diff and not mail.subject.is_reply]
    if by_thread:
        patches = [mail for mail in patches if mail.subject.is_patch] or patches
        patches = threaded(patches)
    if not patches:
        return None
    version = max(mail.subject.version for mail in patches)
    return Posting(version, len(patches), dict(enumerate(patches, 1)))


def listed_posting(mails: Sequence[Mail]) -> Posting | None:
    """Patches in the order given, as a quilt ``series`` file does; their subjects' numbers do not count."""
    return _unnumbered_posting(mails, by_thread=False)


def posting_of(mails: Sequence[Mail], where: str, *, by_thread: bool) -> Posting | None:
    """The series among ``mails``; ``by_thread`` orders unnumbered ones by thread and date instead of as given."""
    single = _one_of_each(mails)
    posting = numbered_posting(single, where)
    if posting is None:
        return _unnumbered_posting(single, by_thread)
    for mail in single:
        if mail.subject.index is None and mail.path.endswith((".patch", ".diff")) and mail.has_diff:
            raise UserError(
                "patch without n/m in its subject among patches that have it",
                where=mail.source,
                remedy="number it, move it away, or list the order in a file named series",
            )
    return posting


def expected_posting(mails: Sequence[Mail], expected: SeriesSpec, where: str) -> Posting | None:
    """The mails whose message ids ``expected`` names, by "n/m" or else by the ids' order.

    None where no mail has a message id at all (patch files): then only their number can be checked.
    Raises UserError naming each missing patch and its message id.
    """
    ids = tuple(text.strip().strip("<>") for text in expected.message_ids)
    if not ids or not any(mail.message_id for mail in mails):
        return None
    cover_ids = len(ids) - expected.patches  # 1 where the cover letter's id stands first
    by_id = {mail.message_id: mail for mail in reversed(mails) if mail.message_id}
    found: dict[int, Mail] = {}
    for place, message_id in enumerate(ids):
        if mail := by_id.get(message_id):
            subject = mail.subject
            numbered = subject.index is not None and subject.total == expected.patches
            found[subject.index if numbered and subject.index is not None else place - cover_ids + 1] = mail
    posting = Posting(
        max((mail.subject.version for mail in found.values()), default=1),
        expected.patches,
        {index: mail for index, mail in found.items() if 0 <= index <= expected.patches},
    )
    if posting.missing:
        absent = [ids[index + cover_ids - 1] for index in posting.missing if 0 <= index + cover_ids - 1 < len(ids)]
        raise UserError(
            f"{_named(posting.missing)} of {expected.patches} not found in {where} (message ids {', '.join(absent)})",
            remedy="give the whole series with --mail PATH",
        )
    return posting


def _named(indexes: Sequence[int]) -> str:
    """ "patch 3" or "patches 3, 4"."""
    return f"patch{'es' if len(indexes) > 1 else ''} {', '.join(map(str, indexes))}"


def check_complete(posting: Posting, expected: SeriesSpec, where: str) -> None:
    """Raises UserError where ``posting`` is not of as many patches as ``expected`` says, or lacks some."""
    if posting.total != expected.patches:
        raise UserError(
            f"{posting.total} patches where the series has {expected.patches}",
            where=where,
            remedy=f"see {expected.path}",
        )
    if posting.missing:
        raise UserError(
            f"{_named(posting.missing)} of {posting.total} not found in {where}",
            remedy="give the whole series with --mail PATH",
        )


def _patch(index: int, mail: Mail, provenance: Provenance) -> Patch:
    text = split_patch(mail)
    return Patch(
        index=index,
        subject=patch_title(mail),
        author=patch_author(mail),
        date=mail.date,
        message_id=mail.message_id,
        message=text.message,
        diff=text.diff,
        files=text.files,
        added=text.added,
        removed=text.removed,
        source=mail.source,
        provenance=provenance,
    )


def series_from(name: str, posting: Posting, provenance: Provenance, title: str | None = None) -> Series:
    """The series of a posting. Raises UserError, with file and line, for a patch without a sound diff."""
    cover = posting.mails.get(0)
    patches = tuple(_patch(index, mail, provenance) for index, mail in sorted(posting.mails.items()) if index > 0)
    first = cover.subject.title if cover else patches[0].subject if patches else name
    return Series(
        name=name,
        title=title or first,
        version=posting.version,
        total=posting.total,
        patches=patches,
        cover=letter_text(cover) if cover else None,
        cover_message_id=cover.message_id if cover else None,
        missing=posting.missing,
    )
