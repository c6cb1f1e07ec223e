"""Mails to a posting: which of them belong to it, in which order, which are missing, and what it replaced."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from harness.intake.mail import Mail
from harness.intake.message_ids import ids_by_numbering
from harness.intake.patch_text import patch_author, patch_title
from harness.model.errors import UserError
from harness.model.series import SeriesSpec

MAX_UNNUMBERED = 4096  # patches without n/m of one source
MAX_NOTES = 8  # mails named as not taken

_NO_DATE = datetime.min.replace(tzinfo=UTC)
_QUOTED_TITLE = re.compile(r"(?:>\s?)*\[PATCH[^\]\n]{0,40}\]\s+(\S.{2,160})$")


@dataclass(frozen=True, slots=True)
class Posting:
    """The mails of one posting of a series by patch index; 0 is the cover letter.

    ``older`` are earlier postings found beside it, newest first; ``ids`` the message ids known of mails that are not
    here; ``notes`` what was left out and why.
    """

    version: int
    total: int
    mails: dict[int, Mail]
    older: tuple[Posting, ...] = ()
    ids: tuple[tuple[int, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(index for index in range(1, self.total + 1) if index not in self.mails)


def _time(mail: Mail) -> datetime:
    return mail.date or _NO_DATE


def _one_of_each(mails: Iterable[Mail]) -> list[Mail]:
    """Each message once: lists and folders hold cross-posted copies."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for mail in mails:
        key = (mail.message_id or "", mail.part)
        if mail.message_id is None or key not in seen:
            kept.append(mail)
        seen.add(key)
    return kept


def _sender(mail: Mail) -> str:
    return mail.author.rpartition("<")[2].strip(" >").casefold()


def _named_mail(mail: Mail) -> str:
    return f'"{mail.subject.title[:80]}" ({mail.source})'


def _by_index(mails: Iterable[Mail]) -> tuple[dict[int, Mail], dict[int, Mail]]:
    """(mails by the n of "n/m", those replaced): of two with the same number the later, a resend, stands."""
    found: dict[int, Mail] = {}
    replaced: dict[int, Mail] = {}
    for mail in mails:
        index = mail.subject.index
        if index is None:
            continue
        if index not in found or _time(mail) >= _time(found[index]):
            if index in found:
                replaced[index] = found[index]
            found[index] = mail
        else:
            replaced[index] = mail
    return found, replaced


_Key = tuple[int, bool, int, str]  # version, not RFC, total, sender


@dataclass(frozen=True, slots=True)
class _Marks:
    """By what a posting's mails are known to be of the same series as another's."""

    sender: str
    ids: frozenset[str]
    answers: frozenset[str]
    titles: frozenset[str]

    @classmethod
    def of(cls, mails: Sequence[Mail]) -> _Marks:
        return cls(
            _sender(mails[0]),
            frozenset(mail.message_id for mail in mails if mail.message_id),
            frozenset(id_ for mail in mails for id_ in mail.references),
            frozenset(mail.subject.title.casefold() for mail in mails),
        )

    def related(self, other: _Marks) -> bool:
        """Whether sender, thread or the title of a mail of each is the same."""
        return (
            self.sender == other.sender
            or not self.answers.isdisjoint(other.ids)
            or not other.answers.isdisjoint(self.ids)
            or not self.titles.isdisjoint(other.titles)
        )


def _whole(key: _Key, mails: Sequence[Mail]) -> list[Posting]:
    """The posting of a group's mails, and behind it what was sent again in the same version."""
    found, replaced = _by_index(mails)
    postings = [Posting(key[0], key[2], found)]
    if replaced:
        again = "sent again in the same version"
        postings.append(Posting(key[0], key[2], replaced, notes=(again,)))
    return postings


def numbered_posting(mails: Sequence[Mail], where: str) -> Posting | None:
    """The newest posting among mails with "n/m" in the subject, None where there is none.

    A single patch sent again as an answer into the older posting's thread replaces that one patch.
    Raises UserError where two different series have the same version.
    """
    groups: dict[_Key, list[Mail]] = {}
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
    posting, *older = _whole(key, groups[key])
    earlier = [k for k in sorted(groups, reverse=True) if k != key]
    marks = _Marks.of(groups[key])
    strangers = {k for k in earlier if not _Marks.of(groups[k]).related(marks)}
    if posting.missing and 0 not in posting.mails:
        for k in earlier:
            ids = {mail.message_id for mail in groups[k]}
            if k[2:] == key[2:] and all(ids.intersection(mail.references) for mail in posting.mails.values()):
                posting = replace(posting, mails={**_by_index(groups[k])[0], **posting.mails})
                break
    older += [found for k in earlier if k not in strangers for found in _whole(k, groups[k])]
    notes = [
        f"another series in {where}: {_named_mail(groups[k][0])}, of {k[2]}" for k in sorted(strangers)[:MAX_NOTES]
    ]
    return replace(posting, older=tuple(older), notes=tuple(notes))


def threaded(mails: Sequence[Mail]) -> list[Mail]:
    """Mails with each after those that it answers, else by date, else as they came."""
    order = sorted(range(len(mails)), key=lambda at: _time(mails[at]))
    place = {at: number for number, at in enumerate(order)}
    by_id: dict[str, int] = {}
    for at, mail in enumerate(mails):
        if mail.message_id:
            by_id.setdefault(mail.message_id, at)
    waits: list[int] = [0] * len(mails)
    answers: dict[int, list[int]] = {}
    for at, mail in enumerate(mails):
        for parent in {by_id[id_] for id_ in mail.references if id_ != mail.message_id and id_ in by_id}:
            waits[at] += 1
            answers.setdefault(parent, []).append(at)
    ready = [place[at] for at in range(len(mails)) if not waits[at]]
    heapq.heapify(ready)
    placed: set[int] = set()
    ordered: list[Mail] = []
    while len(ordered) < len(mails):
        # mails that answer each other: no order is better than another
        at = order[heapq.heappop(ready)] if ready else next(at for at in order if at not in placed)
        if at in placed:
            continue
        placed.add(at)
        ordered.append(mails[at])
        for answer in answers.get(at, ()):
            waits[answer] -= 1
            if waits[answer] == 0 and answer not in placed:
                heapq.heappush(ready, place[answer])
    return ordered


def _enumerated(
    version: int, mails: Sequence[Mail], older: tuple[Posting, ...] = (), notes: tuple[str, ...] = ()
) -> Posting:
    return Posting(version, len(mails), dict(enumerate(mails, 1)), older, notes=notes)


def _cover_of(patches: Sequence[Mail], mails: Sequence[Mail]) -> Mail | None:
    """The letter that several unnumbered patches answer, or that has the same thread's first place."""
    if len(patches) < 2:
        return None
    parents = set.intersection(*(set(mail.references) for mail in patches))
    taken = {id(mail) for mail in patches}
    return next(
        (
            mail
            for mail in mails
            if mail.message_id in parents and not mail.has_diff and not mail.subject.is_reply and id(mail) not in taken
        ),
        None,
    )


def _newest_of_each(patches: Sequence[Mail]) -> tuple[list[Mail], list[Mail]]:
    """(patches, those replaced): of patches with one title the highest version, then the latest, stands."""
    best: dict[tuple[str, int], Mail] = {}
    for mail in patches:
        key = (patch_title(mail).casefold(), mail.part)
        other = best.get(key)
        if other is None or (mail.subject.version, _time(mail)) >= (other.subject.version, _time(other)):
            best[key] = mail
    kept = {id(mail) for mail in best.values()}
    return [mail for mail in patches if id(mail) in kept], [mail for mail in patches if id(mail) not in kept]


def _unnumbered_posting(mails: Sequence[Mail], by_thread: bool) -> Posting | None:
    """Patches without "n/m", in the order of their files or of their thread."""
    patches = [mail for mail in mails if mail.has_diff and not mail.subject.is_reply]
    if not patches and len(mails) == 1 and not mails[0].subject.is_reply:
        patches = [mail for mail in mails if mail.has_fragment]
    replaced: list[Mail] = []
    notes: list[str] = []
    if by_thread:
        marked = [mail for mail in patches if mail.subject.is_patch]
        if marked:
            others = [mail for mail in patches if not mail.subject.is_patch]
            notes = [f"not taken: {_named_mail(mail)}, no [PATCH] in its subject" for mail in others]
            patches = marked
        if len(patches) > MAX_UNNUMBERED:
            raise UserError(f"more than {MAX_UNNUMBERED} patches without n/m", where=patches[0].path)
        patches, replaced = _newest_of_each(threaded(patches))
    if not patches:
        return None
    version = max(mail.subject.version for mail in patches)
    cover = _cover_of(patches, mails)
    found = dict(enumerate(patches, 1))
    if cover:
        found[0] = cover
    versions = sorted({mail.subject.version for mail in replaced}, reverse=True)
    older = [_enumerated(number, [mail for mail in replaced if mail.subject.version == number]) for number in versions]
    return Posting(version, len(patches), found, tuple(older), notes=tuple(notes[:MAX_NOTES]))


def _answered_posting(mails: Sequence[Mail], where: str) -> Posting | None:
    """Patches that stand in answers, for a source that has no others: those of one author, in the thread's order, the
    last of those that touch the same files. Raises UserError where they are of several authors."""
    patches = threaded([mail for mail in mails if mail.subject.is_reply and mail.has_diff][:MAX_UNNUMBERED])
    if not patches:
        return None
    authors = sorted({patch_author(mail) for mail in patches})
    if len(authors) > 1:
        raise UserError(
            f"{len(patches)} answers with patches of {len(authors)} authors and no posting: "
            + ", ".join(_named_mail(mail) for mail in patches[:3]),
            where=where,
            remedy="give the one mail that is meant",
        )
    by_files: dict[frozenset[str], Mail] = {}
    for mail in patches:
        by_files[frozenset(line for line in mail.body if line.startswith("+++ "))] = mail
    last = {id(mail) for mail in by_files.values()}
    kept = [mail for mail in patches if id(mail) in last]
    replaced = [mail for mail in patches if id(mail) not in last]
    note = "a patch in an answer" if len(kept) == 1 else "patches in answers"
    subject = kept[0].subject
    if len(kept) == 1 and subject.index is not None:
        note += f" to patch {subject.index} of {subject.total}"
    older = (_enumerated(1, replaced, notes=("an earlier patch to the same files",)),) if replaced else ()
    return _enumerated(max(mail.subject.version for mail in kept), kept, older=older, notes=(note,))


def listed_posting(mails: Sequence[Mail]) -> Posting | None:
    """Patches in the order given, as a quilt ``series`` file does; their subjects' numbers do not count."""
    return _unnumbered_posting(mails, by_thread=False)


def _not_taken(mails: Sequence[Mail], posting: Posting) -> tuple[str, ...]:
    """Notes on patches among ``mails`` that ``posting`` and its older ones do not hold."""
    taken = {id(mail) for one in (posting, *posting.older) for mail in one.mails.values()}
    told = []
    for mail in mails:
        if id(mail) in taken or not mail.has_diff:
            continue
        if mail.subject.is_reply:
            told.append(f"not taken: the patch in the answer {_named_mail(mail)}")
        elif mail.subject.index is None:
            told.append(f"not taken: {_named_mail(mail)}, a patch without n/m")
    more = len(told) - MAX_NOTES
    return (*told[:MAX_NOTES], *([f"not taken: {more} more patches"] if more > 0 else []))


def _ids_by_answers(mails: Sequence[Mail], posting: Posting) -> dict[int, str]:
    """Message ids of missing members that answers to them name: of "Re: [PATCH 3/9]" the mail it answers."""
    held = {mail.message_id for mail in mails}
    missing = set(posting.missing)
    found: dict[int, str] = {}
    for mail in mails:
        subject = mail.subject
        if not (subject.is_reply and subject.index in missing and subject.total == posting.total):
            continue
        unknown = [id_ for id_ in mail.references if id_ not in held]
        if unknown and subject.index is not None:
            found.setdefault(subject.index, unknown[0])
    return found


def posting_of(mails: Sequence[Mail], where: str, *, by_thread: bool) -> Posting | None:
    """The series among ``mails``; ``by_thread`` orders unnumbered ones by thread and date instead of as given."""
    single = _one_of_each(mails)
    posting = numbered_posting(single, where)
    if posting is None:
        posting = _unnumbered_posting(single, by_thread) or _answered_posting(single, where)
        return replace(posting, notes=(*posting.notes, *_not_taken(single, posting))) if posting else None
    for mail in single:
        if mail.subject.index is None and mail.path.endswith((".patch", ".diff")) and mail.has_diff:
            raise UserError(
                "patch without n/m in its subject among patches that have it",
                where=mail.source,
                remedy="number it, move it away, or list the order in a file named series",
            )
    held = {index: mail.message_id for index, mail in posting.mails.items() if mail.message_id}
    ids = {**_ids_by_answers(single, posting), **ids_by_numbering(held, posting.missing)}
    return replace(posting, ids=tuple(sorted(ids.items())), notes=(*posting.notes, *_not_taken(single, posting)))


def without_patch(mails: Sequence[Mail], where: str) -> UserError:
    """What to say of mails among which there is no patch: what they are, and what commits they quote."""
    if len(mails) != 1:
        return UserError("no patch among these mails", where=where, remedy="give the patches, not answers to them")
    mail = mails[0]
    subject = mail.subject
    kind = "a reply without a patch" if subject.is_reply else "a mail without a patch"
    if subject.is_reply and subject.index is not None:
        kind += f" (to patch {subject.index} of {subject.total})"
    facts = [f'"{mail.subject.title[:120]}"']
    if mail.author:
        facts.append(mail.author[:120])
    if mail.date:
        facts.append(f"{mail.date:%Y-%m-%d %H:%M} UTC")
    quoted = list(dict.fromkeys(match[1] for line in mail.body if (match := _QUOTED_TITLE.match(line))))
    told = ""
    if quoted:
        shown = ", ".join(f'"{title}"' for title in quoted[:8])
        told = f"; it quotes the messages of {len(quoted)} commit{'s' if len(quoted) > 1 else ''}: {shown}"
    return UserError(
        f"{kind}: {', '.join(facts)}{told}",
        where=where,
        remedy="give the patches themselves, or where they were merged the commits of a git tree: DIR@A..B",
    )


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
