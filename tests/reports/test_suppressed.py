"""Suppressed findings are counted wherever findings are shown, with the entry's name; hostile names do no harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from harness.model.cell import Outcome
from harness.model.finding import Effect
from harness.model.noise import NoiseEntry, NoiseList
from harness.reports import tables
from harness.reports.folding import fold, suppressed_words
from harness.reports.html import ReportContext, run_page
from harness.reports.run_json import cell_object, run_object
from harness.results.summary import KernelSummary, RunSummary, TreeSummary
from tests.reports.sample import OOM, OOPS, RUN, WARNING, cell, excerpt, kernel, large_run, result

NOISY = replace(WARNING, noise="topology-sane", effect=Effect.SHOW)
KNOWN = replace(WARNING, noise="splits", effect=Effect.COUNT)
ENTRIES = {
    name: NoiseEntry(name, which, f"because of {name}", date(2026, 1, 1), date(2027, 1, 1), title="x", where="n:3")
    for name, which in (("topology-sane", NoiseList.DENY), ("splits", NoiseList.ALLOW))
}


def noisy_run() -> RunSummary:
    """A run with two cells of which noise took something."""
    cells = (
        cell(0, "memcg", Outcome.PASS, (replace(NOISY, repeats=2), KNOWN)),
        cell(0, "memcg", Outcome.FINDING, (NOISY, OOPS), repeat=1),
    )
    tree = TreeSummary(large_run().trees[0].row, (KernelSummary(kernel(0), cells, ()),))
    return RunSummary(RUN, (tree,), 0, "fine")


def test_a_fold_counts_what_it_leaves_out() -> None:
    (folded,) = fold(noisy_run().trees[0].kernels[0].cells)
    assert folded.suppressed == (("topology-sane", 3),)
    assert folded.suppressed_words == "3 suppressed: topology-sane 3"
    assert dict(folded.titles) == {WARNING.title: 1, OOPS.title: 1}, "what is only known is a title"
    assert suppressed_words(()) == ""
    assert suppressed_words((("a", 1), ("b", 2))) == "3 suppressed: a 1, b 2"


def test_the_table_and_the_page_of_a_run() -> None:
    summary = noisy_run()
    assert "3 suppressed: topology-sane 3" in " ".join(tables.rendered(tables.run_result(summary)).split())
    page = run_page(summary, ReportContext(excerpt=excerpt))
    assert page.count("3 suppressed: topology-sane 3") == 2, "beside the outcomes and beside the finding"
    (_, second) = run_object(summary)["trees"][0]["kernels"][0]["cells"]
    assert [one["suppressed"] for one in second["findings"]] == [True, False]
    assert [one["effect"] for one in second["findings"]] == ["show", "fail"]


def test_a_cell_names_the_entry_and_its_reason() -> None:
    found = cell_object(result("k", Outcome.PASS, "", (NOISY, KNOWN, OOM)), ENTRIES)
    assert found["suppressed"] == 1
    noisy, known, plain = (one["noise"] for one in found["findings"])
    assert (noisy["list"], noisy["reason"], noisy["expires"]) == ("denylist", "because of topology-sane", "2027-01-01")
    assert known["list"] == "allowlist"
    assert plain is None
    # An entry that was removed since.
    gone = cell_object(result("k", Outcome.PASS, "", (NOISY,)), {})["findings"][0]["noise"]
    assert gone == {"name": "topology-sane", "list": None, "reason": None, "expires": None}


def test_the_findings_of_a_cell() -> None:
    findings = (NOISY, KNOWN, OOPS, replace(OOM, effect=Effect.SHOW))
    out = tables.rendered(tables.findings_table(findings), width=200)
    for words in ("(suppressed: topology-sane)", "(known of the tree: splits; counts, fails no cell)", "(shown only)"):
        assert words in out
    assert tables.effect_words(OOPS) == ""
    assert tables.suppressed_lines((NOISY, KNOWN, OOPS), ENTRIES) == [
        "1 suppressed: topology-sane 1",
        "  splits: because of splits (until 2027-01-01, n:3)",
        "  topology-sane: because of topology-sane (until 2027-01-01, n:3)",
    ]
    assert tables.suppressed_lines((OOPS,), ENTRIES) == []


def test_a_hostile_name() -> None:
    hostile = replace(NOISY, noise="\x1b[2J<script>\u202e")
    cells = (cell(0, "memcg", Outcome.PASS, (hostile,)),)
    tree = TreeSummary(large_run().trees[0].row, (KernelSummary(kernel(0), cells, ()),))
    summary = RunSummary(RUN, (tree,), 0, "fine")
    page = run_page(summary, ReportContext(excerpt=excerpt))
    text = tables.rendered(tables.run_result(summary), tables.findings_table((hostile,)))
    for shown in (page, text, "".join(tables.suppressed_lines((hostile,), {}))):
        assert "\x1b" not in shown and "\u202e" not in shown
    assert "<script>\ufffd" not in page
