"""A series from a list archive (public-inbox): the thread of a message id as a mbox, kept in a cache folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

from harness.intake.bounded import GZIP_MAGIC, MAX_MAILBOX, gunzip_bounded
from harness.intake.mailbox_text import is_mbox
from harness.intake.sources import messages_of, read_series
from harness.model.errors import InfrastructureError, UserError
from harness.model.series import Series, SeriesSpec

TIMEOUT = 30.0  # seconds without an answer
MAX_DOWNLOAD = 16 * 1024 * 1024  # bytes, compressed
REMEDY = "give the mails as a mbox or folder: --mail PATH, or mail: in your configuration"

Opener = Callable[..., Any]
"""urllib.request.urlopen or a stand-in: (request, timeout=seconds) -> response, a context manager with read()."""


def thread_url(archive: str, message_id: str) -> str:
    """Address of a thread's mbox in a public-inbox archive (https://public-inbox.org/README.html, "/t.mbox.gz")."""
    return f"{archive.rstrip('/')}/{urllib.parse.quote(message_id, safe='@')}/t.mbox.gz"


def _download(url: str, opener: Opener) -> bytes | None:
    """The mbox at ``url``, decompressed; None where the archive does not have it. Raises InfrastructureError."""
    request = urllib.request.Request(url, headers={"User-Agent": "harness (kernel patch-series replay)"})
    try:
        with opener(request, timeout=TIMEOUT) as response:
            data = response.read(MAX_DOWNLOAD + 1)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            return None
        raise InfrastructureError(f"archive answers {error.code}", where=url, remedy=REMEDY) from None
    except (OSError, HTTPException, ValueError) as error:  # URLError and time-outs are OSErrors
        reason = " ".join(str(getattr(error, "reason", None) or error or type(error).__name__).split())
        raise InfrastructureError(f"archive cannot be reached: {reason[:200]}", where=url, remedy=REMEDY) from None
    if not isinstance(data, bytes) or len(data) > MAX_DOWNLOAD:
        raise InfrastructureError(f"archive sends more than {MAX_DOWNLOAD // 2**20} MiB", where=url, remedy=REMEDY)
    if not data.startswith(GZIP_MAGIC):
        # a page that asks for a browser, or a captive portal
        raise InfrastructureError("archive sends something that is no mbox.gz", where=url, remedy=REMEDY)
    try:
        text = gunzip_bounded(data, MAX_MAILBOX, url)
    except UserError as error:
        raise InfrastructureError(error.what, where=url, remedy=REMEDY) from None
    if not is_mbox(text):
        raise InfrastructureError("archive sends something that is no mbox", where=url, remedy=REMEDY)
    return text


def _store(path: Path, data: bytes) -> None:
    """Writes ``path`` whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".thread-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InfrastructureError(f"cannot be written: {error.strerror}", where=str(path)) from None


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
