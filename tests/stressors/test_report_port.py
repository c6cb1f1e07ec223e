"""The report port: what the guest's programs say, and what a broken guest may say instead."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model.cell import ProofRule, Stressor
from harness.stressors.proof import judge
from harness.stressors.report_port import StressorReport, parse_report

GOOD = b"""KTAP version 1\r
# harness: user-space seconds=0.8\r
# guest: release=6.1.0 cpus=4\r
1..1\r
# counter-before pgmigrate_success 10\r
# digest migration pages_moved=700 touches=9\r
# counter-after pgmigrate_success 900\r
ok 1 migration\r
# harness: done\r
"""


def stressor(*rules: ProofRule) -> Stressor:
    """A stressor with these rules of proof."""
    return Stressor("migration", "", "", (), (), rules)


def test_a_good_report() -> None:
    report = parse_report(GOOD, "migration")
    assert (report.user_space, report.ok, report.done, report.skip, report.error) == (True, True, True, None, "")
    assert report.guest == "release=6.1.0 cpus=4"
    assert report.moved("pgmigrate_success") == 890
    assert report.moved("digest.pages_moved") == 700
    assert report.moved("nr_dirty") is None
    assert report.moved("digest.none") is None


def test_cut_at_any_byte_it_is_no_pass() -> None:
    for end in range(len(GOOD) - 2):
        assert not parse_report(GOOD[:end], "migration").done


def test_skip_and_failure() -> None:
    report = parse_report(b"ok 1 migration # SKIP no NUMA\n# harness: done\n", "migration")
    assert (report.skip, report.done) == ("no NUMA", True)
    report = parse_report(b"# error mount: EPERM\nnot ok 1 migration # mount: EPERM\n", "migration")
    assert (report.ok, report.error) == (False, "mount: EPERM")
    assert parse_report(b"not ok 1 migration\n", "migration").ok is False


def test_escapes_do_not_get_through() -> None:
    data = b"# guest: \x1b]0;evil\x07\x1b[2J6.1\n# digest other a=1\n# digest migration x=1 z=2y y=\xff\n"
    report = parse_report(data, "migration")
    assert report.guest.isprintable()
    assert report.digest == {"x": 1}


WORDS = st.sampled_from(
    [b"# counter-before ", b"# counter-after ", b"x ", b"-", b"99999999999999999999999", b"# digest migration ", b"a=1",
     b"ok 1 ", b"not ok 1 ", b"# SKIP", b"# harness: done", b"# error ", b"# guest: ", b"\n", b"\r", b"\0", b"\xff"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.lists(WORDS, max_size=30).map(b"".join)))
def test_no_bytes_raise(data: bytes) -> None:
    report = parse_report(data, "migration")
    rule = ProofRule(("x", "digest.a"), 1, "why")
    assert isinstance(judge(stressor(rule), report).satisfied, bool)
    assert len(report.error) <= 300
    assert len(report.guest) <= 300


def test_every_rule_needs_one_of_its_counters() -> None:
    moved = ProofRule(("pgmigrate_success", "compact_pages_moved"), 500, "pages were migrated")
    touched = ProofRule(("digest.touches",), 10, "in use")
    absent = ProofRule(("nothing",), 1, "who knows")
    report = parse_report(GOOD, "migration")
    assert judge(stressor(moved), report).satisfied
    assert judge(stressor(moved), report).summary == "pgmigrate_success +890"
    proof = judge(stressor(moved, touched, absent), report)
    assert not proof.satisfied
    assert proof.missing == ("digest.touches +9: less than 10 (in use)", "this kernel has none of nothing (who knows)")
    assert judge(stressor(), StressorReport(True, "")).satisfied, "a control has nothing to prove"
