"""The report port: what the guest's programs say, and what a broken guest may say instead."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model.cell import ProofRule, Stressor
from harness.model.version import KernelVersion, VersionRange
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


def test_lines_that_are_no_report_are_counted() -> None:
    data = GOOD.replace(b"1..1\r\n", b"1..1\r\n\x1b[31mgarbage\r\n# counter-aft pgm\r\nok 1 another\r\n")
    report = parse_report(data, "migration")
    assert (report.foreign, report.ok, report.done) == (3, True, True)
    assert report.first_foreign.isprintable() and "garbage" in report.first_foreign
    assert parse_report(GOOD, "migration").foreign == 0


def test_the_delay_of_the_start() -> None:
    data = b"# harness: user-space seconds=2.100\n# harness: stressor seconds=2.345\n"
    assert parse_report(data, "migration").start_delay == 0.245
    assert parse_report(GOOD, "migration").start_delay is None
    assert parse_report(b"# harness: stressor seconds=nan\n", "migration").start_delay is None


def test_a_rule_is_for_its_versions() -> None:
    later = VersionRange(KernelVersion.parse("3.6-rc1"))
    rule = ProofRule(("pgmigrate_success",), 10_000, "pages were migrated", later)
    report = parse_report(GOOD, "migration")
    assert judge(stressor(rule), report, KernelVersion.parse("3.0")).satisfied
    assert not judge(stressor(rule), report, KernelVersion.parse("6.1")).satisfied
    assert not judge(stressor(rule), report).satisfied


def test_a_part_of_the_time_needs_a_part_of_the_work() -> None:
    rule = ProofRule(("digest.pages_moved",), 1400, "moved")
    report = parse_report(GOOD, "migration")
    assert not judge(stressor(rule), report, seconds=20).satisfied
    assert judge(stressor(rule), report, seconds=10).satisfied
    assert not judge(stressor(rule), report, seconds=40).satisfied


def test_samples_of_a_function_can_prove() -> None:
    rule = ProofRule(("seen.try_to_unuse",), 2, "the path ran")
    report = parse_report(GOOD, "migration")
    assert judge(stressor(rule), report, seen={"try_to_unuse": 2}).satisfied
    assert not judge(stressor(rule), report, seen={}).satisfied
    assert "has none of" in judge(stressor(rule), report).missing[0]
