"""harness findings: grouping, rates, filters, the page of one, hostile text; the rules of the day over old cells."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from harness.cli import findings as verb
from harness.cli.main import cli
from harness.config.layout import Layout, find_layout
from harness.config.user_settings import load_settings
from harness.model.cell import CellResult, Outcome
from harness.model.errors import UserError
from harness.model.events import Event
from harness.model.finding import Effect, Finding, Severity
from harness.results.finding_list import TitleSummary
from harness.runs.finding_list import Wanted, found_titles, one_title, whole_finding
from harness.runs.workshop import Workshop
from tests.results.made_up import BEGAN, BUG, CALLIN, DAY, OOM, WARNING, made_up_store

CELLS = 400
HOSTILE = Finding(
    "bug-message", "BUG \x1b]0;x\x07 \u202eevil <script> $(reboot)", "f\x1b[2J", Severity.ERROR, 1, 3,
    ("BUG \x1b[2J", "\x00\x07", "a\tb"), frames=("f\x1b[2J",),
)  # fmt: skip


class Deaf:
    """A listener that keeps notices."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def event(self, event: Event) -> None:
        """Keeps its text."""
        self.heard.append(getattr(event, "text", ""))


def layout_of(results: Path, configs: Path | None = None) -> Layout:
    """The repository's data over other results, with other configs where they are given."""
    own = find_layout()
    return replace(own, results=results, configs=configs or own.configs)


def workshop_of(layout: Layout) -> Workshop:
    """A workshop without a user's configuration."""
    return Workshop(Deaf(), layout, load_settings(layout.root, {"HOME": "/nowhere"}))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of some hundred cells; tests on it only read."""
    folder = tmp_path_factory.mktemp("results")
    made_up_store(folder, CELLS, per_run=100, found=(HOSTILE, CALLIN))
    return folder


def titled(summaries: tuple[TitleSummary, ...], finding: Finding) -> TitleSummary:
    """The summary of a finding."""
    return next(summary for summary in summaries if summary.title == finding.title)


def test_the_list_counts_distinct_cells_of_the_same_trees_and_stressors(results: Path) -> None:
    found = found_titles(workshop_of(layout_of(results)))
    severities = [list(Severity).index(summary.severity) for summary in found]
    assert severities == sorted(severities), "the gravest first"
    bug = titled(found, BUG)
    # Each tenth cell, of which half are patched; each fifth of them is torn; all on one tree.
    assert (bug.hits, bug.cells, bug.corrupted, bug.trees) == (CELLS // 20, CELLS // 2, CELLS // 100, ("linux-6.1",))
    assert (bug.side(patched=False), bug.side(patched=True)) == ((0, CELLS // 4), (CELLS // 20, CELLS // 4))
    assert (bug.first.run, bug.last.run) == ("run0000-demo-0000", "run0003-demo-0003")
    assert bug.first.time < bug.last.time
    assert bug.runs == tuple((f"run{n:04d}-demo-{n:04x}", 5) for n in (3, 2, 1, 0)), "the newest first"
    assert bug.reports == bug.hits
    assert bug.signatures == ((BUG.signature, CELLS // 20),)
    assert (bug.effect, bug.kind, bug.function) == (Effect.FAIL, "bug", "__split_huge_page")
    oom = titled(found, OOM)
    assert (oom.effect, oom.hits) == (Effect.SHOW, CELLS // 10)
    (hit,) = [kernel for kernel in titled(found, CALLIN).kernels if kernel.hits]
    assert (hit.tree, hit.series, hit.patches, hit.stressor, hit.hits, hit.cells) == (
        "v3.0", "", 0, "migration", 1, CELLS // 8,
    )  # fmt: skip


def test_the_best_sample_is_whole_then_longest_then_newest(results: Path) -> None:
    shop = workshop_of(layout_of(results))
    best = titled(found_titles(shop), BUG).best
    assert (best.corrupted, best.finding.frames, best.finding.lines) == (False, BUG.frames, ())
    sample = whole_finding(shop, best)
    assert sample.lines == BUG.lines
    others = [s for s in range(CELLS) if s % 10 == 3 and s % 50 != 3 and s // 2 % 2 and s % 3 == 2]
    assert best.use.finished == pytest.approx(BEGAN + max(others) // 100 * DAY + max(others) % 100 * 30)


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        (Wanted(kinds=("oom-kill",)), {OOM.title}),
        (Wanted(severity=Severity.WARNING), {HOSTILE.title, BUG.title, WARNING.title, CALLIN.title}),
        (Wanted(severity=Severity.FATAL), {BUG.title, CALLIN.title}),
        (Wanted(trees=("v3.0",)), {HOSTILE.title, WARNING.title, CALLIN.title}),
        (Wanted(title="SPLIT_huge"), {BUG.title}),
        (Wanted(title="BUG in *_page"), {BUG.title}),
        (Wanted(title="in *_page*get"), {WARNING.title} - {WARNING.title}),
        (Wanted(title="*in *_get"), {WARNING.title}),
        (Wanted(since=BEGAN + DAY), {BUG.title, WARNING.title, OOM.title}),
        (Wanted(since=BEGAN + 99 * DAY), set()),
    ],
)
def test_filters(results: Path, wanted: Wanted, titles: set[str]) -> None:
    found = found_titles(workshop_of(layout_of(results)), wanted)
    assert {summary.title for summary in found} == titles


def test_what_nobody_has_seen_is_named(results: Path) -> None:
    shop = workshop_of(layout_of(results))
    with pytest.raises(UserError, match="no tree 'v3\\.O' in the results; did you mean v3\\.0\\?"):
        found_titles(shop, Wanted(trees=("v3.O",)))
    with pytest.raises(UserError, match="no kind 'oomkill' in the results; did you mean oom-kill"):
        found_titles(shop, Wanted(kinds=("oomkill",)))


def test_one_title_by_a_part_of_it(results: Path) -> None:
    found = found_titles(workshop_of(layout_of(results)))
    for name in (BUG.title, "bug in __SPLIT_huge_page", "BUG in __s", "split_huge"):
        assert one_title(found, name).title == BUG.title
    with pytest.raises(UserError) as error:
        one_title(found, "BUG in")
    assert "'BUG in' fits 2 findings; one of: 'BUG in __split_huge_page', 'BUG in smp_callin'" in str(error.value)
    with pytest.raises(UserError, match="no finding 'BUG in __split_hug_pge'; did you mean BUG in __split_huge_page"):
        one_title(found, "BUG in __split_hug_pge")
    with pytest.raises(UserError, match="harness findings lists them"):
        one_title(found, "qqqq")
    with pytest.raises(UserError, match="the results have none; harness run"):
        one_title((), "BUG")


# The verb

Call = Callable[..., str]


@pytest.fixture
def call(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The verb on the made-up results; returns what it printed."""

    def called(*words: str, layout: Layout | None = None, columns: int = 80) -> str:
        monkeypatch.setattr(verb, "Workshop", lambda _: workshop_of(layout or layout_of(results)))
        monkeypatch.setenv("COLUMNS", str(columns))
        with cli.make_context("harness", ["findings", *words]) as context:
            assert cli.invoke(context) == 0
        return capsys.readouterr().out

    return called


def test_the_table_fits_80_columns_and_hides_nothing(call: Call) -> None:
    out = call()
    assert max(map(len, out.splitlines())) <= 80
    flat = " ".join(out.split())
    assert f"{CELLS // 20}/{CELLS // 2}" in flat and f"{CELLS // 100} corrupted" in flat
    assert "OOM kill" in flat and "shown only" in flat
    assert "\x1b" not in out and "\u202e" not in out and "\x07" not in out


def test_the_list_as_json(call: Call) -> None:
    listed = json.loads(call("--json", "--kind", "bug", "--title", "split"))
    (bug,) = listed["findings"]
    assert listed["suppressed"] == 0
    assert {key: bug[key] for key in ("title", "kind", "severity", "effect", "hits", "cells", "corrupted")} == {
        "title": BUG.title, "kind": "bug", "severity": "fatal", "effect": "fail", "hits": CELLS // 20,
        "cells": CELLS // 2, "corrupted": CELLS // 100,
    }  # fmt: skip
    assert bug["baseline"] == {"hits": 0, "cells": CELLS // 4}
    assert bug["first_seen"]["run"] == "run0000-demo-0000"
    assert datetime.fromisoformat(bug["last_seen"]["time"]).timestamp() > BEGAN + 3 * DAY


def test_the_page_of_a_bug(call: Call) -> None:
    out = call("show", "split_huge")
    flat = " ".join(out.split())
    assert f"on patched kernels only: 0 of {CELLS // 4} cells of the same trees' baselines show it" in flat
    assert "kernel BUG at mm/huge_memory.c:1242!" in out and " add_to_swap" in out
    assert "harness bisect demo --title 'BUG in __split_huge_page'" in out
    page = json.loads(call("show", "--json", BUG.title))
    assert f"repeat it: harness repro {page['sample']['cell'][:16]}" in out
    assert page["repro"] == f"harness repro {page['sample']['cell'][:16]}"
    assert page["sample"]["lines"][0] == BUG.lines[0]
    assert "\x1b" not in out and "\x1b" not in "".join(page["sample"]["lines"])
    assert [kernel["hits"] for kernel in page["kernels"] if kernel["patches"] == 0] == [0, 0]


def test_what_a_baseline_shows_is_no_series_fault(call: Call) -> None:
    out = call("show", "smp_callin")
    assert "seen on the baseline of v3.0: no series brought it there" in out
    assert "bisect" not in out


def test_a_hostile_title(call: Call) -> None:
    out = call("show", "evil <script>")
    assert not any(character in out for character in "\x1b\x07\u202e\x00")
    assert "<script> $(reboot)" in out
    page = json.loads(call("show", "--json", "$(reboot)"))
    assert page["title"] == HOSTILE.title, "programs get what was seen"


def test_options_before_show_choose_among_the_cells(call: Call) -> None:
    page = json.loads(call("--since", "1d", "--json"))
    assert page == {"findings": [], "suppressed": 0}
    page = json.loads(call("--tree", "v3.0", "show", "--json", "folio_try_get"))
    assert page["trees"] == ["v3.0"]
    with pytest.raises(UserError, match="the results have none"):
        call("--since", "1d", "show", "BUG")
    with pytest.raises(UserError, match="neither a day such as 2026-11-21 nor days such as 30d"):
        call("--since", "yesterday")


def test_an_empty_store(call: Call, tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    assert call(layout=layout).strip() == "no finding"
    assert json.loads(call("--json", layout=layout)) == {"findings": [], "suppressed": 0}


# The rules of the day


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """A copy of the repository's configuration, to be changed."""
    shutil.copytree(find_layout().configs, tmp_path / "configs")
    return tmp_path / "configs"


NOISE = """\
denylist:
  - {name: quick, title: WARNING in folio_try_get, trees: [v3.0], added: 2026-01-01, expires: %s, reason: it is noise}
allowlist:
  - {name: splits, title: BUG in __split_huge_page, since: "6.0", added: 2026-01-01, expires: %s, reason: it is known}
"""


def test_known_noise_is_hidden_and_counted(call: Call, results: Path, configs: Path) -> None:
    (configs / "findings" / "noise.yaml").write_text(NOISE % ("2027-12-31", "2027-12-31"))
    layout = layout_of(results, configs)
    out = call(layout=layout)
    assert WARNING.title not in out
    assert f"{CELLS // 10} suppressed: quick {CELLS // 10} (--suppressed lists them)" in out
    whole = CELLS // 20 - CELLS // 100  # a torn report of a death has no name to be known by
    assert f"known of the tree: splits {whole}" in " ".join(out.split())
    (hidden,) = json.loads(call("--suppressed", "--json", layout=layout))["findings"]
    assert (hidden["title"], hidden["suppressed"], hidden["noise"]) == (
        WARNING.title, CELLS // 10, [{"name": "quick", "cells": CELLS // 10}],
    )  # fmt: skip
    page = json.loads(call("show", "--json", "folio_try_get", layout=layout))
    (entry,) = page["noise"]
    assert (entry["name"], entry["list"], entry["reason"]) == ("quick", "denylist", "it is noise")
    out = call("show", "split_huge", layout=layout)
    assert "known of the tree splits" in out and "it is known (until 2027-12-31" in " ".join(out.split())


def test_an_expired_entry_suppresses_nothing_and_is_told(call: Call, results: Path, configs: Path) -> None:
    (configs / "findings" / "noise.yaml").write_text(NOISE % ("2026-02-01", "2027-12-31"))
    layout = layout_of(results, configs)
    assert WARNING.title in call(layout=layout)
    told = workshop_of(layout).interpretation.expired()
    where = configs / "findings" / "noise.yaml"
    assert told == f"expired, so that they suppress nothing any more: noise quick since 2026-02-01 ({where}:2)"


def kinds(result: CellResult) -> set[str]:
    """The kinds of a cell's findings."""
    return {finding.kind for finding in result.findings}


def test_another_policy_says_something_else_of_the_same_cells(results: Path, configs: Path) -> None:
    before = workshop_of(layout_of(results)).store.run_cells("run0001-demo-0001")
    outcomes = {cell.outcome for cell in before if cell.result and "warning" in kinds(cell.result)}
    assert outcomes == {Outcome.FINDING}
    path = configs / "findings" / "policy.yaml"
    path.write_text(path.read_text() + "  - {kind: warning, effect: count, reason: we live with them}\n")
    shop = workshop_of(layout_of(results, configs))
    after = shop.store.run_cells("run0001-demo-0001")
    warned = [cell for cell in after if cell.result and "warning" in kinds(cell.result)]
    assert len(warned) == 10
    assert {cell.outcome for cell in warned} == {Outcome.PASS}
    assert warned[0].reason == "work +9; not failing: WARNING in folio_try_get"
    assert shop.store.find_cell(warned[0].cell[:16]).outcome is Outcome.PASS
    # What died is a finding whatever the policy says.
    dead = [cell for cell in after if cell.result and "bug" in kinds(cell.result)]
    assert {cell.outcome for cell in dead} == {Outcome.FINDING}


def test_a_series_that_is_gone_has_no_rules_and_a_broken_one_is_told_once(results: Path) -> None:
    shop = workshop_of(layout_of(results))
    assert shop.interpretation.rules("no-such-series") == shop.interpretation.rules()


@pytest.mark.slow
def test_ten_thousand_cells_are_answered_at_once(tmp_path: Path) -> None:
    made_up_store(tmp_path, 10_000)
    shop = workshop_of(layout_of(tmp_path))
    shop.interpretation.rules()
    assert shop.store.runs()
    began = time.process_time()
    found = found_titles(shop)
    took = time.process_time() - began
    assert titled(found, BUG).hits == 500
    assert took < 1.5, f"{took:.2f} s of processor time"


def test_days(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 21, 12)
    assert verb.moment("2026-11-21") == datetime(2026, 11, 21).timestamp()
    assert verb.moment("2d", now) == datetime(2026, 11, 19, 12).timestamp()
    for text in ("2026-13-01", "d", "-1d", "99999d\n"):
        with pytest.raises(UserError):
            verb.moment(text, now)
