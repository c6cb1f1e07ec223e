"""Dates as web archives write them, to UTC, and what is uncertain about each."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_WORD = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
    r"|\d{1,4}(?:st|nd|rd|th)?|\d{1,2}:\d\d(?::\d\d)?|[ap]\.?m\.?|[+-]\d{4}|at|on|(?-i:[A-Z]{1,5})"
    r"|\((?-i:[A-Z]{1,5})\)|(?:19|20)\d\d-\d\d?-\d\d?|[-,.@]",
    re.IGNORECASE,
)
_ISO = re.compile(r"((?:19|20)\d\d)-(\d\d?)-(\d\d?)")
_TIME = re.compile(r"(?<!\d)(\d{1,2}):(\d\d)(?::(\d\d))?(?:\s*([ap])\.?m\b\.?)?", re.IGNORECASE)
_YEAR = re.compile(r"(?<![\d:+-])((?:19|20)\d\d)(?![\d:])")
_MONTH = re.compile(r"\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b", re.IGNORECASE)
_DAY = re.compile(r"(?<![\d:+-])(\d{1,2})(?:st|nd|rd|th)?(?![\d:])")
_OFFSET = re.compile(r"(?<![\w-])([+-])(\d\d):?(\d\d)(?!\d)")
_ZONE = re.compile(r"\b([A-Z]{1,5})\b")

# Hours east of UTC. RFC 5322, 4.3, for the American ones; the others as mail programs have used them.
_ZONES = {
    "UTC": 0.0, "GMT": 0.0, "UT": 0.0, "Z": 0.0, "WET": 0.0, "WEST": 1.0, "CET": 1.0, "MET": 1.0, "CEST": 2.0,
    "MEST": 2.0, "MEZ": 1.0, "MESZ": 2.0, "EET": 2.0, "EEST": 3.0, "MSK": 3.0, "MSD": 4.0, "JST": 9.0, "KST": 9.0,
    "AEST": 10.0, "AEDT": 11.0, "NZST": 12.0, "NZDT": 13.0, "EDT": -4.0, "CDT": -5.0, "MDT": -6.0, "PDT": -7.0,
    "EST": -5.0, "CST": -6.0, "MST": -7.0, "PST": -8.0, "BST": 1.0, "IST": 5.5, "HST": -10.0,
}  # fmt: skip
_AMBIGUOUS = {
    "CST": "also China's and Cuba's",
    "IST": "also Ireland's and Israel's",
    "BST": "also Bangladesh's",
    "AST": "Atlantic or Arabia",
}
# hypermail writes "Fri Aug 19 2011 - 03:49:19 EST" with the standard zone's name in summer too. The archive at Indiana
# is the one that matters: a mail of 07:48:22 UTC stands there with that date, so its wall clock is what it shows.
_HYPERMAIL = re.compile(r"\d{4} - \d\d:\d\d:\d\d\b")
_WALL_CLOCKS = {"EST": "America/Indiana/Indianapolis"}

NO_ZONE = "the archive names no time zone: the time may be off by up to 14 hours"
DAY_ONLY = "only the day is known"


def _zone(text: str, rest: str, local: datetime) -> tuple[timedelta, str]:
    """(offset from UTC, note) named in ``rest``, what of ``text`` is no date."""
    if match := _OFFSET.search(rest):
        minutes = int(match[2]) * 60 + int(match[3])
        return timedelta(minutes=min(minutes, 24 * 60 - 1) * (-1 if match[1] == "-" else 1)), ""
    for match in _ZONE.finditer(rest):
        name = match[1]
        if name in _WALL_CLOCKS and _HYPERMAIL.search(text):
            try:
                offset = local.replace(tzinfo=ZoneInfo(_WALL_CLOCKS[name])).utcoffset()
            except (ZoneInfoNotFoundError, OSError, ValueError):
                offset = None
            if offset is not None:
                hours = offset.total_seconds() / 3600
                if hours == _ZONES[name]:
                    return offset, ""
                return offset, f"the archive writes {name} in summer too: taken as UTC{hours:+03.0f}:00"
        if name in _ZONES:
            note = f"time zone {name} is {_AMBIGUOUS[name]}" if name in _AMBIGUOUS else ""
            return timedelta(hours=_ZONES[name]), note
        if name in _AMBIGUOUS:
            return timedelta(), f"time zone {name} is {_AMBIGUOUS[name]}: not converted"
    return timedelta(), NO_ZONE


def archive_date(text: str) -> tuple[datetime | None, str]:
    """(date in UTC, what is uncertain about it) of a date in words; (None, "") for what is none. Never raises."""
    text = text[:200]
    rest = text
    if iso := _ISO.search(rest):
        year, month, day = int(iso[1]), int(iso[2]), int(iso[3])
        rest = rest.replace(iso[0], " ", 1)
    else:
        found_year, found_month = _YEAR.search(rest), _MONTH.search(rest)
        if not found_year or not found_month:
            return None, ""
        year, month = int(found_year[1]), _MONTHS.index(found_month[1].lower()) + 1
        without_year = rest[: found_year.start()] + " " * len(found_year[0]) + rest[found_year.end() :]
        found_day = _DAY.search(_TIME.sub(" ", _OFFSET.sub(" ", without_year)))
        if not found_day:
            return None, ""
        day = int(found_day[1])
        rest = without_year.replace(found_month[0], " ", 1)
    time = _TIME.search(rest)
    hour = minute = second = 0
    if time:
        hour, minute, second = int(time[1]), int(time[2]), int(time[3] or 0)
        if time[4]:
            hour = hour % 12 + (12 if time[4].lower() == "p" else 0)
        rest = rest.replace(time[0], " ", 1)
    try:
        local = datetime(year, month, day, hour, minute, min(second, 59))
        if not time:
            return local.replace(tzinfo=UTC), DAY_ONLY
        offset, note = _zone(text, rest, local)
        return local.replace(tzinfo=timezone(offset)).astimezone(UTC), note
    except (ValueError, OverflowError):
        return None, ""


def is_date(text: str) -> bool:
    """Whether ``text`` is a date and nothing else."""
    text = text.strip()
    if not 10 <= len(text) <= 80:
        return False
    return all(_WORD.fullmatch(word) for word in text.replace(",", " ").split()) and archive_date(text)[0] is not None
