"""Where a series' mails lie on this machine, recognised by content: mbox, maildir, folder, quilt, single file, a web
archive's page, git."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.intake.bounded import MAX_MAILBOX, read_bounded, unpack_bounded
from harness.intake.git_range import mails_of_range, split_range
from harness.intake.html_text import is_html, text_of_html
from harness.intake.mail import Mail, looks_like_mail, parse_mails
from harness.intake.mail_body import MAX_MAIL
from harness.intake.mailbox_text import is_mbox, split_mbox
from harness.intake.ordering import check_complete, expected_posting, listed_posting, posting_of, without_patch
from harness.intake.posted_series import series_from
from harness.intake.web_archive_text import looks_like_web_archive, read_web_archive
from harness.model.errors import UserError
from harness.model.series import Provenance, Series, SeriesSpec

MAX_FILES = 4096  # files of one folder
MAX_MESSAGES = 16_384  # messages of one mbox
MAX_SOURCE = 256 * 1024 * 1024  # bytes of a source's files together
QUILT_SERIES = "series"

_MAIL_SUFFIXES = (".eml", ".mbox", ".mbx", ".patch", ".diff", ".msg", ".gz", ".bz2", ".xz", ".zip")
_NOT_MAIL = (".yaml", ".yml", ".md", ".rst", ".json", ".html")


@dataclass(frozen=True, slots=True)
class Found:
    """Mails of one source. ``listed``: a series file gave their order. ``by_thread``: their files give none."""

    mails: tuple[Mail, ...]
    listed: bool = False
    by_thread: bool = False


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorts "2-x" before "10-x"."""
    parts = re.findall(r"(\d+)|(\D+)", path.name)
    return [(0, int(digits[:18]), "") if digits else (1, 0, text) for digits, text in parts]


def _entries(folder: Path) -> list[Path]:
    """Files of a folder in natural order, hidden ones left out. Raises UserError beyond MAX_FILES."""
    entries: list[Path] = []
    try:
        for count, entry in enumerate(folder.iterdir(), 1):
            if count > MAX_FILES:
                raise UserError(f"more than {MAX_FILES} files", where=str(folder), remedy="give a smaller folder")
            if not entry.name.startswith(".") and entry.is_file():
                entries.append(entry)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(folder)) from None
    return sorted(entries, key=_natural)


def messages_of(data: bytes, path: str) -> Iterator[Mail]:
    """The messages of a file's bytes: those of a mbox, of a web archive's page, or one mail or patch with what is
    attached to it. Raises UserError beyond the bounds."""
    if not is_mbox(data):
        if len(data) > MAX_MAIL:
            raise UserError(f"message larger than {MAX_MAIL // 2**20} MiB", where=path)
        found = read_web_archive(data, path) if looks_like_web_archive(data) else []
        yield from found or parse_mails(data, path)
        return
    for count, (line, message) in enumerate(split_mbox(data), 1):
        if count > MAX_MESSAGES:
            raise UserError(f"more than {MAX_MESSAGES} messages", where=path)
        yield from parse_mails(message, path, line)


def _text_of(path: Path) -> bytes:
    """A file's text: unpacked, from UTF-16 to UTF-8, from HTML to what it shows."""
    data = unpack_bounded(read_bounded(path, MAX_MAILBOX), MAX_MAILBOX, str(path))
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and len(data) <= MAX_MAIL:
        data = data.decode("utf-16", "replace").encode()
    if is_html(data) and len(data) <= MAX_MAIL:
        data = text_of_html(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return data


def _mails_of_file(path: Path) -> list[Mail]:
    mails = list(messages_of(_text_of(path), str(path)))
    kept = [mail for mail in mails if mail.has_headers or mail.has_fragment]
    if not kept:
        raise UserError("neither a mail nor a patch", where=str(path), remedy="give a mbox, mails or patches")
    return kept


def _is_mail(path: Path) -> bool:
    """Whether a folder's file is one of its mails; notes lying beside them are not."""
    if path.suffix.lower() in _MAIL_SUFFIXES:
        return True
    if path.suffix.lower() in _NOT_MAIL or path.name.lower().startswith("readme"):
        return False
    data = _text_of(path)
    return is_mbox(data) or looks_like_mail(data) or looks_like_web_archive(data)


def _quilt_patches(folder: Path) -> list[tuple[str, Path]]:
    """(name as listed, path) of each patch of the folder's ``series`` file, in order."""
    listing = folder / QUILT_SERIES
    patches: list[tuple[str, Path]] = []
    for number, line in enumerate(read_bounded(listing, MAX_MAIL).decode("utf-8", "replace").split("\n"), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where = f"{listing}:{number}"
        name = PurePosixPath(words[0])
        if len(patches) >= MAX_FILES:
            raise UserError(f"more than {MAX_FILES} patches", where=where)
        if name.is_absolute() or ".." in name.parts or "\0" in words[0]:
            raise UserError("patch outside the folder", where=where)
        if any(word not in ("-p1", "-pab") for word in words[1:]):
            raise UserError("only patches of -p1 can be read", where=where, remedy="refresh the patch with quilt -p1")
        path = folder / name
        if not path.is_file():
            raise UserError(f"no such patch: {path.name!r}", where=where)
        patches.append((str(name), path))
    return patches


def _quilt(folder: Path) -> Found:
    """Patches in the order of the folder's ``series`` file."""
    mails: list[Mail] = []
    for _, path in _quilt_patches(folder):
        found = _mails_of_file(path)
        if len(found) != 1:
            raise UserError(f"{len(found)} messages in a file that should be one patch", where=str(path))
        mails.append(found[0])
    return Found(tuple(mails), listed=True)


def _quilt_folder(path: Path) -> Path | None:
    return next((folder for folder in (path, path / "patches") if (folder / QUILT_SERIES).is_file()), None)


def _is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


def find_mails(path: Path) -> Found:
    """The mails at ``path``, which may also be a git range, DIR@A..B. Raises UserError where there are none."""
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError):
        raise UserError("no such file or folder", where=str(path)[:200]) from None
    if not exists:
        if wanted := split_range(str(path)):
            # commits are one series in their order, whoever wrote them
            return Found(tuple(messages_of(mails_of_range(*wanted), str(path))), listed=True)
        raise UserError("no such file or folder", where=str(path), remedy="give a mbox, a folder of mails or DIR@A..B")
    if not is_folder:
        return Found(tuple(_mails_of_file(path)), by_thread=True)
    if quilt := _quilt_folder(path):
        return _quilt(quilt)
    if _is_maildir(path):
        files = _entries(path / "cur") + _entries(path / "new")
        return Found(tuple(mail for file in files for mail in _mails_of_file(file)), by_thread=True)
    if (path / ".git").exists():
        raise UserError("a git repository", where=str(path), remedy=f"give a range of it: {path}@A..B")
    mails = [mail for file in _entries(path) if _is_mail(file) for mail in _mails_of_file(file)]
    if not mails:
        raise UserError("no mail and no patch in this folder", where=str(path), remedy="give a mbox, mails or patches")
    return Found(tuple(mails))


def source_files(path: Path) -> tuple[tuple[str, bytes], ...]:
    """(name, bytes) of the files that find_mails reads at ``path``: what to keep of a source so that it reads the same.

    A name has a folder in front where the order depends on it (maildir, quilt); a git range is one mbox. Raises
    UserError as find_mails does, and beyond MAX_SOURCE bytes together.
    """
    if not path.exists() and (wanted := split_range(str(path))):
        return (("range.mbox", mails_of_range(*wanted)),)
    if not path.is_dir():
        return ((path.name, read_bounded(path, MAX_MAILBOX)),)
    if quilt := _quilt_folder(path):
        listed = [(QUILT_SERIES, quilt / QUILT_SERIES), *_quilt_patches(quilt)]
    elif _is_maildir(path):
        listed = [(f"{part}/{file.name}", file) for part in ("cur", "new") for file in _entries(path / part)]
    else:
        listed = [(file.name, file) for file in _entries(path) if _is_mail(file)]
    found: list[tuple[str, bytes]] = []
    size = 0
    for name, file in dict(listed).items():
        found.append((name, read_bounded(file, MAX_MAILBOX)))
        size += len(found[-1][1])
        if size > MAX_SOURCE:
            raise UserError(
                f"mails of more than {MAX_SOURCE // 2**20} MiB", where=str(path), remedy="give fewer of them"
            )
    return tuple(found)


def read_series(
    name: str,
    paths: Sequence[Path],
    *,
    provenance: Provenance = Provenance.CLEAN,
    expected: SeriesSpec | None = None,
    damaged: bool = False,
) -> Series:
    """The series whose mails lie at ``paths``, taken together: patches in order, newest version, cover letter.

    ``expected`` selects the mails by its message ids and makes a missing patch an error; without it missing ones are
    listed in Series.missing. ``damaged`` gives patches whose diff cannot be read with Patch.damage set; without it they
    are errors. Raises UserError naming file and line for whatever cannot be read as such.
    """
    if not paths:
        raise UserError("no mail given", remedy="give a mbox or folder with --mail PATH")
    where = ", ".join(map(str, paths))
    found = [find_mails(path) for path in paths]
    mails = [mail for source in found for mail in source.mails]
    posting = expected_posting(mails, expected, where) if expected else None
    if posting is None:
        if all(source.listed for source in found):
            posting = listed_posting(mails)
        else:
            posting = posting_of(mails, where, by_thread=any(source.by_thread for source in found))
        if posting is None:
            raise without_patch(mails, where)
        if expected:
            check_complete(posting, expected, where)
    return series_from(name, posting, provenance, expected.title if expected else None, damaged=damaged)
