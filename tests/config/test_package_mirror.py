"""The machine's own mirror: what apt says of it, and the same mirror's entries for another release."""

from __future__ import annotations

from harness.config.package_mirror import MirrorEntry, for_suite, parse_index_targets

TARGETS = """Debian|http://mirror.example/debian/|bookworm|main
Debian|http://mirror.example/debian/|bookworm|contrib
Debian|http://mirror.example/debian/|bookworm|main
Debian|http://mirror.example/debian/|bookworm-updates|main
Debian|http://security.example/|bookworm-security|main
Debian|http://mirror.example/debian/|bookworm-backports|main
Other|http://other.example/|bookworm|main
a line of something else
Debian|too|few
"""


def test_entries_of_the_distribution() -> None:
    entries = parse_index_targets(TARGETS, ["Debian"])
    assert entries == (
        MirrorEntry("Debian", "http://mirror.example/debian/", "bookworm", ("main", "contrib")),
        MirrorEntry("Debian", "http://mirror.example/debian/", "bookworm-updates", ("main",)),
        MirrorEntry("Debian", "http://security.example/", "bookworm-security", ("main",)),
        MirrorEntry("Debian", "http://mirror.example/debian/", "bookworm-backports", ("main",)),
    )
    assert parse_index_targets("", ["Debian"]) == ()


def test_entries_for_another_release() -> None:
    entries = parse_index_targets(TARGETS, ["Debian"])
    assert [entry.codename for entry in for_suite(entries, "bullseye", "bookworm")] == [
        "bullseye", "bullseye-updates", "bullseye-security",
    ]  # fmt: skip
    assert for_suite(entries, "bullseye", "trixie") == ()


def test_as_a_line_of_sources_list() -> None:
    entry = MirrorEntry("NoSuchDistribution", "http://mirror.example/d", "one", ("main", "contrib"))
    assert entry.line() == "deb http://mirror.example/d one main contrib"
    assert entry.line("deb-src").startswith("deb-src http://")
