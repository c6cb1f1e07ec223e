"""What has to hold whatever bytes a source has: a value or a HarnessError, and nothing unseemly in the value."""

from __future__ import annotations

import contextlib
from pathlib import Path

from harness.cli.series_log import series_lines, series_object
from harness.intake import check_diff_paths, patch_functions, read_series
from harness.intake.archive_dates import archive_date, is_date
from harness.intake.flowed import read_flowed
from harness.intake.html_text import text_of_html
from harness.intake.list_address import list_address
from harness.intake.mail import parse_mails
from harness.intake.obfuscated import hidden_address
from harness.intake.patch_text import letter_text, split_patch
from harness.intake.prerequisites import prerequisites
from harness.intake.shortlog import shortlog
from harness.intake.web_archive_text import looks_like_web_archive, read_web_archive
from harness.model.errors import HarnessError
from harness.model.series import Series

_CONTROL = {chr(c) for c in range(32) if c not in (9, 10)} | {chr(c) for c in range(127, 160)}


def check_series(series: Series) -> None:
    """That a series which was read can be shown, and that its diffs stand a second look."""
    for line in series_lines(series):
        assert "\x1b" not in line and "\n" not in line
    series_object(series)
    texts = [series.title, series.cover or "", *series.notes, *series.prerequisites, *series.missing_titles]
    for patch in series.patches:
        texts += [patch.subject, patch.author, patch.message, *patch.notes, *(t.value for t in patch.trailers)]
        patch_functions(patch)
        assert patch.diff.endswith("\n")
        if not patch.damage:
            check_diff_paths(patch.diff, "m")  # what was accepted once is accepted again
            assert patch.files
    for text in texts:
        assert not _CONTROL.intersection(text), text
    for older in series.older:
        check_series(older)


def read_any(data: bytes, path: Path) -> None:
    """Every reader on ``data``; ``path`` is a file that is written for those that read one."""
    with contextlib.suppress(HarnessError):
        for mail in parse_mails(data, "m"):
            letter_text(mail)
            with contextlib.suppress(HarnessError):
                split_patch(mail, damaged=True)
    with contextlib.suppress(HarnessError):
        looks_like_web_archive(data)
        for mail in read_web_archive(data, "m"):
            letter_text(mail)
            with contextlib.suppress(HarnessError):
                split_patch(mail, damaged=True)
    text = data.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    read_flowed(lines, delsp=bool(len(data) & 1))
    text_of_html(text)
    shortlog(lines)
    prerequisites([text], [text])
    for line in lines[:8]:
        archive_date(line)
        is_date(line)
        hidden_address(line)
        with contextlib.suppress(HarnessError):
            list_address(line)
    path.write_bytes(data)
    with contextlib.suppress(HarnessError):
        check_series(read_series("x", [path], damaged=True))
