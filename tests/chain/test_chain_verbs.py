"""The verbs that read or repeat what a run left: compare, bisect, nightly, repro, show, report, plan, doctor, clean."""

from __future__ import annotations

import fcntl
import json
import re
from pathlib import Path

import pytest

from tests.chain.conftest import Make
from tests.fake.checkout import Checkout, Ended, harmless, patch

pytestmark = pytest.mark.slow

WARN = "	guest(warn, function=demo_check);"
TITLE = "WARNING in demo_check"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with one finished run that found something; tests on it only read."""
    hostile = patch(WARN, subject="mm: <script>alert(1)</script> & more")
    checkout = Checkout(tmp_path_factory.mktemp("ran")).make([*harmless(1), hostile])
    assert checkout.harness("run", "demo").code == 1
    return checkout


def last_run(checkout: Checkout) -> str:
    """The newest run's name."""
    return checkout.store().runs()[0].id


def test_show_says_what_the_run_said(ran: Checkout) -> None:
    again = ran.harness("show")
    assert (again.code, TITLE in again.out) == (1, True)
    assert ran.harness("show", last_run(ran)[:17]).out == again.out
    runs = ran.harness("runs")
    assert (runs.code, last_run(ran) in runs.out, "exit 1" in runs.out) == (0, True, True)
    missing = ran.harness("show", "yesterday")
    assert (missing.code, len(missing.err.splitlines())) == (2, 1)
    assert last_run(ran) in missing.err


def test_report_is_one_file_and_escapes(ran: Checkout, tmp_path: Path) -> None:
    ended = ran.harness("report")
    assert ended.code == 0
    page = Path(ended.out.strip())
    text = page.read_text()
    assert TITLE in text
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
    # It opens from disk, without a network.
    assert not re.search(r"""(src|href)=["']?https?://""", text.replace("https://lore.kernel.org", ""))
    assert ran.harness("report", "last", "-o", str(tmp_path / "page.html")).code == 0
    assert (tmp_path / "page.html").read_text() == text


def test_plan_runs_nothing(make: Make) -> None:
    checkout = make(harmless(2))
    before = checkout.harness("run", "demo", "--plan")
    assert before.code == 0
    assert "to build" in before.out
    assert (checkout.containers("build"), checkout.boots()) == (0, 0)
    assert not (checkout.layout.cache / "work").exists()
    assert checkout.harness("run", "demo").code == 0
    after = checkout.harness("run", "demo", "--plan")
    assert "at hand" in after.out
    assert "2 at hand, 0 to do" in after.out
    assert (checkout.containers("build"), checkout.boots()) == (2, 2)


def test_dry_run_prints_the_command_lines(ran: Checkout) -> None:
    boots = ran.boots()
    ended = ran.harness("run", "demo", "--dry-run", "--patches", "each")
    lines = ended.out.splitlines()
    assert ended.code == 0
    assert sum(line.startswith("docker run") for line in lines) == 3
    qemu = [line for line in lines if line.startswith(str(ran.folder / "qemu"))]
    assert len(qemu) == 3
    assert all("harness.stressor=migration" in line and "-nic none" in line for line in qemu)
    assert ran.boots() == boots


def test_compare_two_runs(make: Make) -> None:
    checkout = make(harmless(1))
    assert checkout.harness("run", "demo", "--repeat", "5").code == 0
    first = last_run(checkout)
    # The same again is nothing worse; a patch that speaks in each of five boots is.
    assert checkout.harness("compare", first, first).code == 0
    checkout.write_series([patch(WARN)])
    assert checkout.harness("run", "demo", "--repeat", "5").code == 1
    ended = checkout.harness("compare", first, "last")
    assert (ended.code, TITLE in ended.out) == (1, True), ended
    assert "p = 0.004" in ended.out
    assert checkout.harness("compare", "last", first).code == 0, "the other way round it is better"
    page = checkout.harness("compare", first, "last", "--html").out.split("report: ")[1].strip()
    assert TITLE in Path(page).read_text()
    trees = checkout.harness("compare", "--trees", "demo")
    assert (trees.code, "worse than the baseline on fake" in trees.out) == (1, True)


def test_one_boot_each_decides_nothing_between_runs(make: Make) -> None:
    checkout = make(harmless(1))
    assert checkout.harness("run", "demo").code == 0
    first = last_run(checkout)
    checkout.write_series([patch(WARN)])
    assert checkout.harness("run", "demo").code == 1
    ended = checkout.harness("compare", first, "last")
    assert ended.code == 4
    assert "more runs of each kernel would decide it" in ended.out


def test_bisect_names_the_patch(make: Make) -> None:
    checkout = make([*harmless(4), patch(WARN, subject="mm: the culprit"), *harmless(1)])
    assert checkout.harness("run", "demo").code == 1
    ended = checkout.harness("bisect", "demo", "--title", TITLE)
    assert ended.code == 0, ended
    assert "patch 5 is the first that shows it: mm: the culprit" in ended.out
    assert "mm/step5.c:7, a line of the series itself" in ended.out
    boots = checkout.boots()
    assert checkout.harness("bisect", "demo", "--title", TITLE).code == 0
    assert checkout.boots() == boots, "a second search repeats nothing"


def test_bisect_steps_around_what_does_not_build(make: Make) -> None:
    broken, mending = patch("#error unless MENDED"), "#define MENDED 1"
    checkout = make([*harmless(1), broken, patch(mending), patch(WARN)])
    ended = bisected(checkout)
    assert (ended.code, "patch 4 is the first that shows it" in ended.out) == (0, True), ended
    assert re.search(r"^2 .* not testable$", ended.out, re.M)
    # Where only such a prefix lies between, it is said that it can be one of several.
    checkout.write_series([*harmless(1), broken, patch(mending, WARN)])
    ended = bisected(checkout)
    assert (ended.code, "one of (2, 3): 2 cannot be tested" in ended.out) == (4, True), ended


def bisected(checkout: Checkout) -> Ended:
    """A run of the series and the bisection of what it found."""
    checkout.harness("run", "demo")
    return checkout.harness("bisect", "demo", "--title", TITLE)


def test_bisect_where_every_stressor_is_blocked(make: Make) -> None:
    checkout = make([*harmless(1), patch(WARN)])
    assert checkout.harness("run", "demo").code == 1
    checkout.write("configs/kconfig/fake.config", "CONFIG_DEBUG_VM=y\n")
    ended = checkout.harness("bisect", "demo", "--title", TITLE)
    assert ended.code == 4
    assert "every stressor is blocked on fake: needs CONFIG_NUMA: no fragment asks for it" in ended.out, ended


def test_bisect_of_what_the_baseline_shows_too(make: Make) -> None:
    checkout = make(harmless(2), core=[WARN])
    ended = bisected(checkout)
    assert ended.code == 4
    assert "the baseline shows it too" in ended.out


def test_bisect_of_an_unknown_title_names_the_nearest(ran: Checkout) -> None:
    ended = ran.harness("bisect", "demo", "--title", "WARNING in demo_chek")
    assert (ended.code, len(ended.err.splitlines())) == (2, 1)
    assert f"did you mean {TITLE}?" in ended.err


def test_nights_are_compared(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.write("configs/nightly.yaml", 'at: "02:15"\nruns:\n  - series: demo\n    repeat: 5\n')
    first = checkout.harness("nightly")
    assert first.code == 0, first
    assert "no last night to compare with" in first.out
    boots = checkout.boots()
    second = checkout.harness("nightly")
    assert (second.code, checkout.boots()) == (0, 2 * boots), "a night boots anew"
    assert "against the last night" in second.out
    checkout.write_series([patch(WARN)])
    third = checkout.harness("nightly")
    assert third.code == 1
    assert "worse than the first run" in third.out
    assert [run.kind for run in checkout.store().runs()] == ["nightly"] * 3


def test_only_one_night_at_a_time(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.layout.results.mkdir()
    with (checkout.layout.results / "nightly.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        ended = checkout.harness("nightly")
    assert (ended.code, checkout.boots()) == (3, 0)
    assert "another night is still running" in ended.err


def test_a_night_that_fails_does_not_stop_the_others(make: Make) -> None:
    checkout = make(harmless(1))
    checkout.write("configs/nightly.yaml", "runs:\n  - series: demmo\n  - series: demo\n")
    ended = checkout.harness("nightly")
    assert ended.code == 2
    assert "did you mean demo?" in ended.out
    assert checkout.boots() == 2


def test_nightly_install_prints_a_timer(ran: Checkout) -> None:
    ended = ran.harness("nightly", "--install")
    assert ended.code == 0
    assert "OnCalendar=*-*-* 02:15:00" in ended.out
    assert re.search(r"^15 2 \* \* \* cd .* nightly$", ended.out, re.M)


def test_repro_repeats_a_cell(ran: Checkout) -> None:
    store = ran.store()
    cell = next(c for c in store.run_cells(last_run(ran)) if c.patches)
    boots = ran.boots()
    printed = ran.harness("repro", cell.cell[:12], "--print")
    assert (printed.code, ran.boots()) == (0, boots)
    assert "-kernel" in printed.out
    ended = ran.harness("repro", cell.cell[:12], "--times", "2")
    assert (ended.code, ran.boots()) == (0, boots + 2)
    assert "reproduced 2 of 2" in ended.out
    assert ran.harness("repro", "ffffffffffff").code == 2


def test_show_of_a_cell_names_its_files(ran: Checkout) -> None:
    store = ran.store()
    cell = next(c for c in store.run_cells(last_run(ran)) if c.result and c.result.findings)
    folder = store.cell_folder(cell.cell)
    shown = ran.harness("show", cell.cell[:12])
    assert shown.code == 1 and TITLE in shown.out and f"cell {cell.cell}" in shown.out
    flat = "".join(shown.out.split())
    assert f"{folder}/console" in flat and "kernel-log" not in flat
    # A kernel that died left its log, too.
    (folder / "kernel-log").write_bytes(b"kernel BUG\n")
    flat = "".join(ran.harness("show", cell.cell[:12]).out.split())
    (folder / "kernel-log").unlink()
    assert "kernel-log(fromguestRAM)" in flat and f"{folder}/kernel-log" in flat
    good = next(c for c in store.run_cells(last_run(ran)) if c.result and not c.result.findings)
    assert ran.harness("show", good.cell[:12]).code == 0
    missing = ran.harness("show", "ffffffffffff")
    assert missing.code == 2 and "no cell begins with" in missing.err


def test_parse_prints_one_object_per_file(ran: Checkout, tmp_path: Path) -> None:
    store = ran.store()
    cells = {cell.patches: cell.cell for cell in store.run_cells(last_run(ran))}
    bad, good = (str(store.cell_folder(cells[k]) / "console") for k in (2, 0))
    ended = ran.harness("parse", "--json", bad, good)
    assert ended.code == 1
    first, second = (json.loads(line) for line in ended.out.splitlines())
    assert (second["file"], second["findings"]) == (good, [])
    assert set(first) == set(second) == {"file", "lines", "findings"}
    (finding,) = first["findings"]
    first_line = finding.pop("first_line")
    assert finding.pop("last_line") - first_line >= 5
    wanted = {"kind": "warning", "title": TITLE, "function": "demo_check", "severity": "warning"}
    assert {key: finding[key] for key in wanted} == wanted
    assert ran.harness("parse", good).code == 0
    missing = ran.harness("parse", str(tmp_path / "none"))
    assert (missing.code, len(missing.err.splitlines())) == (2, 1)


def test_parse_objects_have_the_documented_keys(ran: Checkout) -> None:
    cell = next(c for c in ran.store().run_cells(last_run(ran)) if c.patches)
    ended = ran.harness("parse", "--json", str(ran.store().cell_folder(cell.cell) / "console"))
    (finding,) = json.loads(ended.out)["findings"]
    assert {"kind", "title", "function", "severity", "first_line", "last_line", "corrupted", "effect"} <= set(finding)


def test_doctor_names_what_is_missing_and_the_remedy(ran: Checkout) -> None:
    ended = ran.harness("doctor")
    lines = {line[9:].split(":")[0]: line for line in ended.out.splitlines()}
    assert ended.code == 3
    assert lines["QEMU"].startswith("ok       QEMU: QEMU emulator version 0.0.0 (fake)")
    assert lines["container engine"].startswith("MISSING")
    assert "start it: systemctl start docker" in lines["container engine"]
    assert "a canary guest reached user space" in lines["TCG"], "the kernel that the run built was booted"
    assert {"git", "memory", "disk (cache)", "disk (results)", "KVM"} <= set(lines)


def test_an_accelerator_is_chosen_by_its_canary(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = make(harmless(1))
    checkout.kvm = True
    monkeypatch.setattr("harness.guests.accelerators.kvm_obstacle", lambda: None)
    ended = checkout.harness("run", "demo")
    assert ended.code == 0
    assert "accelerator KVM: a canary guest reached user space" in ended.err
    kept = json.loads((checkout.layout.cache / "accelerators.json").read_text())
    assert [entry["works"] for entry in kept.values()] == [True]


def test_clean_lists_and_removes(make: Make) -> None:
    checkout = make(harmless(1))
    assert checkout.harness("run", "demo").code == 0
    listed = checkout.harness("clean", "--list")
    assert listed.code == 0
    assert {"work", "builds", "trees"} <= {line.split()[0] for line in listed.out.splitlines() if line.strip()}
    assert checkout.harness("clean").code == 0
    assert not (checkout.layout.cache / "work").exists()
    assert checkout.harness("clean", "--all").code == 0
    assert checkout.harness("show").code == 0, "results are never removed"
    ended = checkout.harness("clean", "bilds")
    assert (ended.code, "did you mean builds" in ended.err) == (2, True)
    assert checkout.harness("run", "demo").code == 0, "what is gone is made again"


def test_series_and_trees(ran: Checkout) -> None:
    assert "demo" in ran.harness("series", "list").out
    shown = ran.harness("series", "show", "demo")
    assert (shown.code, "mm/step2.c" in shown.out) == (0, True)
    assert "fake" in ran.harness("tree", "list").out
    good = ran.harness("tree", "verify", "fake")
    assert (good.code, "fake: good, tree" in good.out) == (0, True)
    assert ran.harness("tree", "fetch", "gone").code == 3
