"""Files from the web, for trees: bounded in size and time, errors on one line."""

from __future__ import annotations

import http.client
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from harness.model.errors import TreeUnavailable

READ_SECONDS = 30.0  # without a byte
TOTAL_SECONDS = 3600.0
_CHUNK = 1 << 18


def download(
    url: str, path: Path, limit: int, report: Callable[[str], None] = lambda text: None, seconds: float = READ_SECONDS
) -> Path:
    """Writes what ``url`` (http or https) answers to ``path``, at most ``limit`` bytes; returns ``path``.

    Raises TreeUnavailable naming host and reason.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TreeUnavailable(f"{url[:200]!r} is neither a path nor an http or https address")
    deadline = time.monotonic() + TOTAL_SECONDS
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    report(f"downloading {url}")
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "kernel-harness"})
        with urllib.request.urlopen(request, timeout=seconds) as answer, new.open("wb") as out:
            expected = answer.headers.get("Content-Length", "")
            if expected.isdecimal() and int(expected) > limit:
                raise TreeUnavailable(f"{url} is of {expected} bytes, the limit is {limit}")
            total = 0
            # What is there, not a full chunk: a server that gives a byte now and then would never meet the deadline.
            while chunk := answer.read1(_CHUNK):
                total += len(chunk)
                if total > limit:
                    raise TreeUnavailable(f"{url} is larger than {limit} bytes")
                if time.monotonic() > deadline:
                    raise TreeUnavailable(f"{url} is not here after {TOTAL_SECONDS:.0f} s")
                out.write(chunk)
            if expected.isdecimal() and total < int(expected):
                raise TreeUnavailable(f"{parts.hostname} ended after {total} of {expected} bytes of {url}")
        new.replace(path)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TreeUnavailable(f"{url} cannot be had: {_reason(error)}") from error
    finally:
        new.unlink(missing_ok=True)
    return path


def _reason(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:200] or type(error).__name__


def local_file(location: str, folder: Path, limit: int, report: Callable[[str], None]) -> tuple[Path, bool]:
    """(the file at a path or URL, whether it was downloaded into ``folder`` and is to be removed there)."""
    if "://" not in location:
        path = Path(location)
        if not path.is_file():
            raise TreeUnavailable("no such file", where=location)
        return path, False
    name = urlsplit(location).path.rsplit("/", 1)[-1] or "file"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return download(location, folder / name, limit, report), True
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
