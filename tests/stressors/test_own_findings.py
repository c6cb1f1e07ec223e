"""A stressor that saw memory corrupted is a finding, whatever the console says."""

from __future__ import annotations

from harness.stressors.own_findings import own_findings
from harness.stressors.report_port import parse_report

REPORT = b"""# harness: user-space
# error memory corrupted in swapoff: worker=1 address=0x7f expected=01 found=00
# digest swapoff rounds=4 died=0 killed=3 stuck=0 corruptions=2
not ok 1 swapoff # failed
# harness: done
"""


def test_corruption_has_a_title_and_killed_workers_have_none() -> None:
    (found,) = own_findings("swapoff", parse_report(REPORT, "swapoff"))
    assert found.title == "memory corrupted under swapoff"
    assert "corruptions=2" in found.lines and "address=0x7f" in found.lines[1]


def test_a_clean_digest_has_none() -> None:
    clean = REPORT.replace(b"corruptions=2", b"corruptions=0")
    assert own_findings("swapoff", parse_report(clean, "swapoff")) == ()
