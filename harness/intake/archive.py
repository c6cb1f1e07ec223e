"""A series from a list archive (public-inbox): the thread of a message id as a mbox, kept in a cache folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

from harness.config.whole_file import write_whole
from harness.intake.bounded import GZIP_MAGIC, MAX_MAILBOX, gunzip_bounded, read_bounded
from harness.intake.list_address import ALL_LISTS, ListAddress
from harness.intake.mailbox_text import is_mbox
from harness.intake.sources import messages_of, read_series
from harness.model.errors import InfrastructureError, UserError
from harness.model.series import Series, SeriesSpec

TIMEOUT = 30.0  # seconds without an answer
B4_TIMEOUT = 180.0  # seconds b4 may take; it looks for newer versions in several requests
MAX_DOWNLOAD = 16 * 1024 * 1024  # bytes, compressed
REMEDY = "give the mails as a mbox or folder: --mail PATH, or mail: in your configuration"

Opener = Callable[..., Any]
"""urllib.request.urlopen or a stand-in: (request, timeout=seconds) -> response, a context manager with read()."""


def thread_url(archive: str, message_id: str) -> str:
    """Address of a thread's mbox in a public-inbox archive (https://public-inbox.org/README.html, "/t.mbox.gz")."""
    return f"{archive.rstrip('/')}/{urllib.parse.quote(message_id, safe='@')}/t.mbox.gz"


def _download(url: str, opener: Opener, remedy: str = REMEDY) -> bytes | None:
    """The mbox at ``url``, decompressed; None where the archive does not have it. Raises InfrastructureError."""
    request = urllib.request.Request(url, headers={"User-Agent": "harness (kernel patch-series replay)"})
    try:
        with opener(request, timeout=TIMEOUT) as response:
            data = response.read(MAX_DOWNLOAD + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            return None
        raise InfrastructureError(f"archive answers {error.code}", where=url, remedy=remedy) from None
    except (OSError, HTTPException, ValueError) as error:  # URLError and time-outs are OSErrors
        reason = " ".join(str(getattr(error, "reason", None) or error or type(error).__name__).split())
        raise InfrastructureError(f"archive cannot be reached: {reason[:200]}", where=url, remedy=remedy) from None
    if not isinstance(data, bytes) or len(data) > MAX_DOWNLOAD:
        raise InfrastructureError(f"archive sends more than {MAX_DOWNLOAD // 2**20} MiB", where=url, remedy=remedy)
    if not data.startswith(GZIP_MAGIC):
        # a page that asks for a browser, or a captive portal
        raise InfrastructureError("archive sends something that is no mbox.gz", where=url, remedy=remedy)
    try:
        text = gunzip_bounded(data, MAX_MAILBOX, url)
    except UserError as error:
        raise InfrastructureError(error.what, where=url, remedy=remedy) from None
    if not is_mbox(text):
        raise InfrastructureError("archive sends something that is no mbox", where=url, remedy=remedy)
    return text


def _store(path: Path, data: bytes) -> None:
    """Writes ``path`` whole or not at all."""
    try:
        write_whole(path, data)
    except OSError as error:
        raise InfrastructureError(f"cannot be written: {error.strerror}", where=str(path)) from None


def _thread_by_b4(message_id: str) -> bytes | None:
    """The thread as b4 fetches it, newer versions of the series with it; None where there is no b4 or it fails.

    b4 (PyPI) knows the user's own archives and finds versions posted in other threads. It brings a dozen packages with
    it, so it is used where it is installed and is no dependency.
    """
    program = shutil.which("b4")
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="harness-b4-") as folder:
        command = [program, "-q", "mbox", "--check-newer-revisions", "-o", folder, "-n", "thread.mbox", message_id]
        try:
            subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=B4_TIMEOUT)
            found = sorted(path for path in Path(folder).iterdir() if path.name.startswith("thread"))
            data = read_bounded(found[0], MAX_MAILBOX) if found else b""
        except (OSError, subprocess.SubprocessError, UserError):
            return None
    return data if is_mbox(data) else None


def fetch_thread(
    address: ListAddress, cache_dir: Path, *, opener: Opener = urllib.request.urlopen, by_b4: bool = True
) -> Path:
    """A file below ``cache_dir`` with the thread of ``address`` as a mbox: by b4 where it is installed and the address
    names no archive of its own, else from the archive itself.

    Raises InfrastructureError where the archive cannot be reached, UserError where it has no such message.
    """
    url = thread_url(address.archive, address.message_id)
    path = cache_dir / f"{hashlib.sha256(url.encode('utf-8', 'surrogateescape')).hexdigest()}.mbox"
    text = _thread_by_b4(address.message_id) if by_b4 and address.archive == ALL_LISTS else None
    if text is None:
        text = _download(url, opener, "give the mails as a mbox or folder, or the page's text in a file")
    if text is None:
        raise UserError(f"{address.archive} has no message {address.message_id}", remedy="check the message id")
    _store(path, text)
    return path


def fetch_series(spec: SeriesSpec, cache_dir: Path, *, opener: Opener = urllib.request.urlopen) -> Series:
    """The series that ``spec`` names, from its archive, or from ``cache_dir`` where it was fetched before.

    Each thread is fetched once. Raises InfrastructureError where the archive cannot be reached, UserError where it has
    not all the patches or ``spec`` names no archive.
    """
    if not spec.archive or not spec.message_ids:
        raise UserError("no archive and message ids to fetch the mails by", where=spec.path, remedy=REMEDY)
    if urllib.parse.urlsplit(spec.archive).scheme not in ("http", "https"):
        raise UserError(f"archive {spec.archive!r} is no http or https address", where=spec.path)
    ids = [text.strip().strip("<>") for text in spec.message_ids]
    threads: list[Path] = []
    held: set[str | None] = set()
    for message_id in ids:
        if message_id in held:
            continue  # came with the thread of an earlier one
        url = thread_url(spec.archive, message_id)
        path = cache_dir / f"{hashlib.sha256(url.encode('utf-8', 'surrogateescape')).hexdigest()}.mbox"
        text = path.read_bytes() if path.is_file() else None
        is_new = text is None
        if text is None:
            text = _download(url, opener)
        if text is None:
            continue
        mails = {mail.message_id for mail in messages_of(text, str(path))}
        if message_id not in mails:
            continue
        if is_new:
            _store(path, text)
        held |= mails
        threads.append(path)
    if not threads:
        raise UserError(f"{spec.archive} has none of the series' {len(ids)} mails", where=spec.path, remedy=REMEDY)
    return read_series(spec.name, threads, expected=spec)
