"""The nine mails of "Use RCU to stabilize page counts", where they lie beside the checkout."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.intake import patch_functions, read_series
from harness.model.series import Series

MAILS = Path(__file__).resolve().parents[2].parent / "shared" / "mail" / "rcu-page-counts"
FILES = [
    {"mm/migrate.c"},
    {"mm/memcontrol.c"},
    {"mm/ksm.c", "mm/swap.c"},
    {"mm/swap.c"},
    {"arch/x86/kvm/mmu.c"},
    {
        "include/linux/mm.h",
        "include/linux/pagemap.h",
        "mm/hwpoison-inject.c",
        "mm/memory-failure.c",
        "mm/memory_hotplug.c",
        "mm/vmscan.c",
    },
    {"include/linux/rcupdate.h"},
    {"include/linux/mm.h", "include/linux/mm_types.h", "mm/page_alloc.c"},
    {"mm/huge_memory.c"},
]


@pytest.fixture(scope="module")
def series() -> Series:
    if not MAILS.is_dir():
        pytest.skip("the mails of rcu-page-counts do not lie beside this checkout")
    return read_series("rcu-page-counts", [MAILS])


def test_order_cover_and_ids(series: Series) -> None:
    assert [p.index for p in series.patches] == list(range(1, 10)) and series.missing == ()
    ids = [series.cover_message_id, *(p.message_id for p in series.patches)]
    assert ids == [f"1313740111-27446-{n}-git-send-email-walken@google.com" for n in range(1, 11)]
    assert series.title == "Use RCU to stabilize page counts" and series.version == 1
    assert series.cover is not None and series.cover.startswith("include/linux/pagemap.h describes")
    assert "unsubscribe" not in series.cover


def test_dates_and_author(series: Series) -> None:
    assert [p.date for p in series.patches] == [datetime(2011, 8, 19, 7, 48, 22 + n, tzinfo=UTC) for n in range(1, 10)]
    assert {p.author for p in series.patches} == {"Michel Lespinasse <walken@google.com>"}


def test_files_and_messages(series: Series) -> None:
    assert [set(p.files) for p in series.patches] == FILES
    assert all(p.message.endswith("Signed-off-by: Michel Lespinasse <walken@google.com>") for p in series.patches)
    assert not any("unsubscribe" in p.diff or "1.7.3.1" in p.diff for p in series.patches)
    assert "migration_entry_wait" in patch_functions(series.patches[0])
    # the cover letter's own diffstat
    assert (sum(p.added for p in series.patches), sum(p.removed for p in series.patches)) == (151, 32)


def test_diff_is_the_mails_own_bytes_and_git_counts_the_same(series: Series, tmp_path: Path) -> None:
    for number, patch in enumerate(series.patches, 1):
        assert patch.diff.encode() in (MAILS / f"{number:04}.eml").read_bytes()
        git = ["git", "apply", "--numstat", "-"]
        out = subprocess.run(git, input=patch.diff, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
        rows = [line.split("\t") for line in out.splitlines()]
        assert tuple(row[2] for row in rows) == patch.files
        assert (sum(int(r[0]) for r in rows), sum(int(r[1]) for r in rows)) == (patch.added, patch.removed)
