"""A series as a log for a reader, and as the object that --json prints (docs/series.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import zip_longest

from harness.intake.touched_functions import patch_functions
from harness.model.plain_text import clean
from harness.model.series import Patch, Series

MAX_SHOWN = 40  # functions named of one patch


def _when(date: datetime | None) -> str:
    return f"{date:%Y-%m-%d %H:%M} UTC" if date else "undated"


def _numbers(indexes: Sequence[int]) -> str:
    """ "1 to 9", "1 to 3, 5": runs of indexes put together."""
    parts: list[list[int]] = []
    for index in indexes:
        if parts and index == parts[-1][-1] + 1:
            parts[-1].append(index)
        else:
            parts.append([index])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in parts)


def _missing(series: Series) -> Iterator[tuple[int, str, str]]:
    """(index, title, message id) of each missing member; a port's series knows neither of the latter."""
    facts = zip_longest(series.missing, series.missing_titles, series.missing_ids, fillvalue="")
    return ((int(index), str(title), str(mail_id)) for index, title, mail_id in facts)


def version_words(series: Series) -> str:
    """ "v2 RFC": version and tags."""
    return " ".join([f"v{series.version}", *series.tags])


def missing_words(series: Series) -> str:
    """ "cover of 9; patches 1 to 9 not here; message ids unknown", "" where nothing is missing."""
    if not series.missing:
        return ""
    has_cover = series.cover is not None
    held = (
        f"cover of {series.total}"
        if has_cover and not series.patches
        else f"{len(series.patches)} of {series.total} here"
    )
    ids = [text for text in series.missing_ids if text]
    told = f"message ids {', '.join(ids)}" if ids else "message ids unknown"
    if ids and len(ids) < len(series.missing):
        told += f", {len(series.missing) - len(ids)} unknown"
    plural = "patches" if len(series.missing) > 1 else "patch"
    return f"{held}; {plural} {_numbers(series.missing)} not here; {told}"


def provenance_words(patch: Patch) -> str:
    """ "clean", "port", "repaired" or "damaged"."""
    return "damaged" if patch.damage else str(patch.provenance)


def patch_lines(patch: Patch) -> Iterator[str]:
    """One patch of a log."""
    yield f"  {patch.index}  {clean(patch.subject)}  (+{patch.added} -{patch.removed}, {provenance_words(patch)})"
    mail_id = f", <{clean(patch.message_id)}>" if patch.message_id else ""
    yield f"     {clean(patch.author) or 'no author named'}, {_when(patch.date)}{mail_id}"
    yield f"     files: {clean(', '.join(patch.files))}"
    functions = patch_functions(patch)
    if functions:
        more = f", {len(functions) - MAX_SHOWN} more" if len(functions) > MAX_SHOWN else ""
        yield f"     functions: {clean(', '.join(functions[:MAX_SHOWN]))}{more}"
    if patch.trailers:
        count = Counter(trailer.key for trailer in patch.trailers)
        keys = ", ".join(f"{key} {number}" if number > 1 else key for key, number in count.items())
        yield f"     trailers: {len(patch.trailers)} ({clean(keys)})"
    if patch.damage:
        yield f"     damaged: {clean(patch.damage)}"
    for text in patch.repairs:
        yield f"     repaired: {clean(text)}"
    for text in patch.notes:
        yield f"     note: {clean(text)}"


def series_lines(series: Series) -> Iterator[str]:
    """What a series is, then each patch, each missing one, and the postings before it."""
    dates = [date for date in (series.cover_date, *(patch.date for patch in series.patches)) if date]
    authors = dict.fromkeys([series.cover_author] if series.cover_author else [p.author for p in series.patches])
    yield clean(series.title)
    facts = [
        version_words(series),
        f"{series.total} patch{'es' if series.total != 1 else ''}",
        _when(min(dates, default=None)),
    ]
    named = [clean(author) for author in authors if author]
    yield ", ".join([*facts, *named[:3], *(["and others"] if len(named) > 3 else [])])
    if series.lists:
        yield f"lists: {clean(', '.join(series.lists))}"
    if series.cover is not None:
        mail_id = series.cover_message_id
        yield f"cover: {f'<{clean(mail_id)}>' if mail_id else 'its message id is unknown'}"
    for text in series.prerequisites:
        yield f"prerequisite: {clean(text)}"
    for text in series.notes:
        yield f"note: {clean(text)}"
    for patch in series.patches:
        yield from patch_lines(patch)
    if series.missing:
        yield f"missing: {clean(missing_words(series))}"
        for index, title, mail_id in _missing(series):
            if title or mail_id:
                yield f"  {index}  {clean(title) or '?'}" + (f"  <{clean(mail_id)}>" if mail_id else "")
    for older in series.older:
        when = min((date for date in (older.cover_date, *(p.date for p in older.patches)) if date), default=None)
        held = f"{len(older.patches)} of {older.total} patches"
        told = f": {clean(', '.join(older.notes))}" if older.notes else ""
        yield f'older: {version_words(older)}, {held}, {_when(when)}, "{clean(older.title)}"{told}'


def _date(date: datetime | None) -> str | None:
    return date.isoformat() if date else None


def patch_object(patch: Patch) -> dict[str, object]:
    """A patch as --json prints it, without its diff."""
    return {
        "index": patch.index,
        "subject": patch.subject,
        "author": patch.author,
        "date": _date(patch.date),
        "message_id": patch.message_id,
        "message": patch.message,
        "files": list(patch.files),
        "functions": list(patch_functions(patch)),
        "added": patch.added,
        "removed": patch.removed,
        "trailers": [{"key": trailer.key, "value": trailer.value} for trailer in patch.trailers],
        "provenance": provenance_words(patch),
        "damage": patch.damage,
        "repairs": list(patch.repairs),
        "notes": list(patch.notes),
        "source": patch.source,
        "digest": patch.digest,
    }


def series_object(series: Series) -> dict[str, object]:
    """A series as --json prints it."""
    return {
        "name": series.name,
        "title": series.title,
        "version": series.version,
        "tags": list(series.tags),
        "lists": list(series.lists),
        "total": series.total,
        "cover": None
        if series.cover is None
        else {
            "author": series.cover_author,
            "date": _date(series.cover_date),
            "message_id": series.cover_message_id,
            "text": series.cover,
        },
        "patches": [patch_object(patch) for patch in series.patches],
        "missing": [
            {"index": index, "title": title, "message_id": mail_id} for index, title, mail_id in _missing(series)
        ],
        "prerequisites": list(series.prerequisites),
        "notes": list(series.notes),
        "older": [series_object(older) for older in series.older],
    }
