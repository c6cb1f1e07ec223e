"""A cover letter copied from an archive's page: nine patches, none of them here."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.cli.series_log import missing_words
from harness.intake import read_series
from tests.intake.seeds import seed


def test_cover_of_nine_with_nine_missing() -> None:
    series = read_series("x", [seed("000")])
    assert (series.title, series.version, series.total) == ("Use RCU to stabilize page counts", 1, 9)
    assert series.patches == () and series.missing == tuple(range(1, 10))
    assert series.missing_ids == ("",) * 9
    assert missing_words(series) == "cover of 9; patches 1 to 9 not here; message ids unknown"
    assert (series.cover_author, series.cover_message_id) == ("Michel Lespinasse", None)
    # the mail itself was sent at 07:48:22 UTC
    assert series.cover_date == datetime(2011, 8, 19, 7, 49, 19, tzinfo=UTC)
    assert series.notes == (
        "address hidden by the archive",
        "the archive writes EST in summer too: taken as UTC-04:00",
    )
    assert series.prerequisites == () and series.older == ()


def test_titles_are_the_shortlogs_wrapped_one_too() -> None:
    series = read_series("x", [seed("000")])
    assert series.missing_titles == (
        "mm: rcu read lock for getting reference on pages in migration_entry_wait()",
        "mm: avoid calling get_page_unless_zero() when charging cgroups",
        "mm: rcu read lock when getting from tail to head page",
        "mm: use get_page in deactivate_page()",
        "kvm: use get_page instead of get_page_unless_zero",
        "mm: assert that get_page_unless_zero() callers hold the rcu lock",
        "rcu: rcu_get_gp_cookie() / rcu_gp_cookie_elapsed() stand-ins",
        "mm: add API for setting a grace period cookie on compound pages",
        "mm: make sure tail page counts are stable before splitting THP pages",
    )


def test_letter_without_the_page_around_it() -> None:
    cover = read_series("x", [seed("000")]).cover
    assert cover is not None
    assert cover.startswith("include/linux/pagemap.h describes the protocol")
    assert cover.endswith("15 files changed, 151 insertions(+), 32 deletions(-)")
    assert "unsubscribe" not in cover and "1.7.3.1" not in cover
