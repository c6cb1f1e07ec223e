"""A posting's mails to the Series that the rest of the harness takes."""

from __future__ import annotations

from collections.abc import Iterable

from harness.intake.diff_text import MalformedDiff
from harness.intake.diffstat import disagreements, read_diffstat
from harness.intake.mail import Mail, printable
from harness.intake.obfuscated import NOTE, hidden_address
from harness.intake.ordering import Posting
from harness.intake.patch_text import letter_text, patch_author, patch_title, split_patch
from harness.intake.prerequisites import prerequisites
from harness.intake.shortlog import shortlog, titles_of_cover
from harness.model.errors import UserError
from harness.model.series import Patch, Provenance, Series

_NO_TAGS = ("patch", "vger")


def _shown(texts: Iterable[str]) -> tuple[str, ...]:
    """Each text once, without what a terminal would obey."""
    return tuple(dict.fromkeys(printable(text) for text in texts))


def _patch(index: int, total: int, mail: Mail, provenance: Provenance, damaged: bool) -> Patch:
    title = patch_title(mail)
    try:
        text = split_patch(mail, damaged=damaged)
    except MalformedDiff as error:
        what = f'patch {index} of {total}, "{title[:80]}", is damaged: {error.what}'
        remedy = f"mend it: harness series repair {mail.path} --tree TREE -o FILE"
        raise MalformedDiff(what, where=error.where, remedy=remedy) from None
    author = patch_author(mail)
    notes = [*mail.notes, *text.notes]
    if NOTE not in notes and any(hidden_address(line) for line in (author, *(t.value for t in text.trailers))):
        notes.append(NOTE)
    return Patch(
        index=index,
        subject=title,
        author=author,
        date=mail.date,
        message_id=mail.message_id,
        message=text.message,
        diff=text.diff,
        files=text.files,
        added=text.added,
        removed=text.removed,
        source=mail.source,
        provenance=Provenance.REPAIRED if mail.repairs else provenance,
        repairs=mail.repairs,
        trailers=text.trailers,
        damage=text.damage,
        diff_line=text.diff_line,
        notes=_shown(notes),
    )


def _tags(posting: Posting) -> tuple[str, ...]:
    """Words of the subjects' prefixes beside "PATCH", the version and n/m: "RFC", "RESEND", "-mm"."""
    found: dict[str, None] = {}
    for _, mail in sorted(posting.mails.items()):
        for tag in mail.subject.tags:
            if (tag.isalpha() and tag.lower() not in _NO_TAGS) or (tag.startswith("-") and tag[1:].isalnum()):
                found[tag] = None
    return tuple(tag for tag in found if tag.lower() not in ("of", "take", "try", "version"))


def _cover_notes(cover: Mail, text: str, patches: tuple[Patch, ...], total: int) -> list[str]:
    """What the cover letter says of the series: whose patches it lists, and a diffstat that disagrees."""
    notes = list(cover.notes)
    by_author = shortlog(text.split("\n"))
    listed = sum(len(titles) for _, titles in by_author)
    if by_author and listed != total:
        notes.append(f"the cover letter lists {listed} patches of {total}")
    stat = read_diffstat(text.split("\n"))
    if stat and len(patches) == total and not any(patch.damage for patch in patches):
        paths = [path for patch in patches for path in patch.files]
        if len(set(paths)) == len(paths):  # a file changed twice counts otherwise there
            added, removed = sum(p.added for p in patches), sum(p.removed for p in patches)
            if stat.total and stat.total[1:] != (added, removed):
                notes.append(
                    f"the cover letter's diffstat counts +{stat.total[1]} -{stat.total[2]} lines, "
                    f"the patches have +{added} -{removed}"
                )
        told = disagreements(stat, dict.fromkeys(paths, (0, 0)), counts=False)
        notes += [f"cover letter: {text}" for text in told]
    return notes


def _older(name: str, posting: Posting) -> Series | None:
    """An earlier posting, as far as it can be read: nothing in it may stand in the way of the newest."""
    try:
        return series_from(name, posting, Provenance.CLEAN, damaged=True)
    except UserError:
        found = [mail for index, mail in sorted(posting.mails.items()) if index > 0]
        title = posting.mails.get(0, found[0] if found else None)
        return Series(
            name=name,
            title=title.subject.title if title else name,
            version=posting.version,
            total=posting.total,
            patches=(),
            missing=tuple(range(1, posting.total + 1)),
            missing_ids=("",) * posting.total,
            missing_titles=("",) * posting.total,
            notes=_shown(("cannot be read", *posting.notes)),
        )


def series_from(
    name: str, posting: Posting, provenance: Provenance, title: str | None = None, *, damaged: bool = False
) -> Series:
    """The series of a posting.

    Raises UserError, with file and line, for a patch whose diff is refused, and for one that is damaged unless
    ``damaged`` asks for it with Patch.damage set.
    """
    cover = posting.mails.get(0)
    total = posting.total
    patches = tuple(
        _patch(index, total, mail, provenance, damaged) for index, mail in sorted(posting.mails.items()) if index > 0
    )
    text = letter_text(cover) if cover else ""
    titles = titles_of_cover(text.split("\n"), total) if cover else ()
    first = cover.subject.title if cover else patches[0].subject if patches else name
    ids = dict(posting.ids)
    notes = list(posting.notes)
    if cover:
        notes += _cover_notes(cover, text, patches, total)
    whole = "\n".join(cover.body) if cover else ""
    return Series(
        name=name,
        title=title or first,
        version=posting.version,
        total=total,
        patches=patches,
        cover=text if cover else None,
        cover_message_id=cover.message_id if cover else None,
        cover_author=patch_author(cover) if cover else "",
        cover_date=cover.date if cover else None,
        tags=_tags(posting),
        missing=posting.missing,
        missing_ids=tuple(ids.get(index, "") for index in posting.missing),
        missing_titles=tuple(titles[index - 1] if titles else "" for index in posting.missing),
        prerequisites=_shown(
            prerequisites([whole, *(patch.message for patch in patches)], [patch.diff for patch in patches])
        ),
        older=tuple(older for posted in posting.older if (older := _older(name, posted))),
        notes=_shown(notes),
        lists=tuple(dict.fromkeys(name for _, mail in sorted(posting.mails.items()) for name in mail.lists)),
    )
