"""A review copied from an archive's page: four commits quoted, a long thread index below, no diff."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.intake import read_series
from harness.intake.archive_dates import NO_ZONE
from harness.intake.patch_text import letter_text
from harness.intake.web_archive_text import read_web_archive
from harness.model.errors import UserError
from tests.intake.seeds import seed


def test_a_reply_without_a_patch_is_named_as_one() -> None:
    path = seed("001")
    with pytest.raises(UserError) as caught:
        read_series("x", [path], damaged=True)
    assert str(caught.value) == (
        f"{path}: a reply without a patch (to patch 1 of 12): "
        '"Core of mmu notifiers", Hugh Dickins, 2008-04-29 03:49 UTC; '
        'it quotes the messages of 4 commits: "rmaplock: PageAnon in mapping", "rmaplock: kill page_map_lock", '
        '"rmaplock: SLAB_DESTROY_BY_RCU", "rmaplock: mm lock ordering"; '
        "give the patches themselves, or where they were merged the commits of a git tree: DIR@A..B"
    )


def test_the_mail_without_the_page_around_it() -> None:
    path = seed("001")
    (mail,) = read_web_archive(path.read_bytes(), str(path))
    assert mail.subject.is_reply and (mail.subject.index, mail.subject.total) == (1, 12)
    assert (mail.author, mail.date) == ("Hugh Dickins", datetime(2008, 4, 29, 3, 49, tzinfo=UTC))
    assert NO_ZONE in mail.notes
    text = letter_text(mail)
    assert text.startswith("On Tue, 29 Apr 2008, Andrea Arcangeli wrote:") and text.endswith("\n\nHugh")
    assert "Messages in current thread" not in text and "Jack Steiner" not in text and "[thread]" not in text
