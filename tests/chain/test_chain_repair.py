"""harness series repair from damaged mails to a run: what is written, shown, refused and asked."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path
from random import Random

import pytest

from benchmarks.repair.damage import damage
from harness.model.tree import Applied
from tests.chain.conftest import Make
from tests.fake.checkout import Checkout, Ended, FakePatch, harmless, patch

REPOSITORY = Path(__file__).parents[2]
STRIPPED = "leading-space+tabs-collapsed"  # as a web archive does
LOST = FakePatch(("	state += 2;",), subject="mm: lost", context="	was_never_there++;")
TWO = [patch("	state += 1;"), patch("	if (state) {", "		state += 2;", "	}")]


def damaged(checkout: Checkout, patches: list[FakePatch], way: str = STRIPPED) -> str:
    """A folder with the patches' mails after the damage."""
    folder = checkout.folder / "damaged"
    folder.mkdir()
    for number, one in enumerate(patches, 1):
        (folder / f"{number}.patch").write_text(damage(one.mail(number, len(patches)), way, Random(1)))
    return str(folder)


def repaired(checkout: Checkout, source: str, *words: str, tree: str | None = None) -> Ended:
    """What the verb did, with FILE as out.mbox."""
    tree = tree or str(checkout.root / "tree")
    return checkout.harness("series", "repair", source, "--tree", tree, "-o", str(out(checkout)), *words)


def out(checkout: Checkout) -> Path:
    return checkout.folder / "out.mbox"


def diff_lines(text: str) -> list[str]:
    """Lines of the diffs in a mbox that change something."""
    return [line for line in text.splitlines() if line.startswith(("+", "-")) and line.rstrip() not in ("--", "---")]


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, Ended]:
    """A checkout with two damaged patches repaired into out.mbox and report.json; tests on it only read."""
    checkout = Checkout(tmp_path_factory.mktemp("mended")).make(TWO)
    ended = repaired(checkout, damaged(checkout, TWO), "--json", str(checkout.folder / "report.json"))
    return checkout, ended


def test_what_is_written_is_what_was_sent(mended: tuple[Checkout, Ended]) -> None:
    checkout, ended = mended
    assert ended.code == 0, ended
    assert ended.out.splitlines()[-1] == f"written: {out(checkout)}"
    sent = "".join(one.mail(number, 2).split("-- \n")[0] for number, one in enumerate(TWO, 1))
    text = out(checkout).read_text()
    assert diff_lines(text) == diff_lines(sent)
    assert "X-Harness-Repair: least sure line guessed" in text
    assert not out(checkout).with_name("out.mbox.rej").exists()


def test_it_is_read_back_as_repaired(mended: tuple[Checkout, Ended]) -> None:
    checkout, _ = mended
    shown = checkout.harness("series", "show", str(out(checkout)))
    assert shown.code == 0, shown
    assert "1  mm: take step 1  (+1 -0, repaired)" in shown.out and "2  mm: take step 2  (+3 -0, repaired)" in shown.out
    assert "repaired: least sure line guessed" in shown.out
    assert "A Developer <developer@example.org>, 2011-08-19 07:48 UTC" in shown.out


def test_the_report_says_all_of_every_line(mended: tuple[Checkout, Ended]) -> None:
    checkout, _ = mended
    first, second = json.loads((checkout.folder / "report.json").read_text())
    assert set(first) == {
        "index", "subject", "message_id", "source", "source_digest", "tree", "grade", "confidence", "refusal",
        "notes", "files",
    }  # fmt: skip
    assert (first["index"], first["subject"], first["grade"], first["refusal"]) == (1, "mm: take step 1", "guessed", "")
    (file,) = second["files"]
    assert set(file) == {"path", "headers", "hunks", "notes"} and file["path"] == "mm/step2.c"
    (hunk,) = file["hunks"]
    assert set(hunk) == {
        "path", "number", "header", "section", "old_start", "start", "lines", "confidence", "reason", "notes",
        "nearest", "old_unended", "new_unended",
    }  # fmt: skip
    assert hunk["start"] == hunk["old_start"]
    added = [line for line in hunk["lines"] if line["mark"] == "+"]
    assert [line["text"] for line in added] == ["	if (state) {", "		state += 2;", "	}"]
    assert added[0]["given"] == " if (state) {" and added[0]["grade"] == "guessed" and added[0]["why"]
    told = (REPOSITORY / "docs" / "repair.md").read_text()
    assert all(f"`{key}`" in told for value in (first, file, hunk, added[0]) for key in value), "documented"
    assert set(added[0]) == {"mark", "text", "given", "number", "grade", "what", "why", "sure"}


def test_the_table_names_file_place_and_how_sure(mended: tuple[Checkout, Ended]) -> None:
    _, ended = mended
    assert "1 of 2  mm: take step 1: guessed" in ended.out
    assert "note: indentation lost: that of added lines is guessed" in ended.out
    assert "mm/step2.c  @@ -4,5 +4,8 @@  line 4" in ended.out
    assert ended.err == ""


def test_a_run_with_it_says_so(make: Make) -> None:
    checkout = make(TWO)
    assert repaired(checkout, damaged(checkout, TWO)).code == 0
    mails = out(checkout).read_text().split("From 0000")
    for number, mail in enumerate(mails[1:], 1):
        (checkout.series_folder / "port" / f"{number:04d}-step.patch").write_text(f"From 0000{mail}")
    ended = checkout.harness("run", "demo")
    assert ended.code == 0, ended
    store = checkout.store()
    states = store.patches(store.runs()[0].id)
    assert [(state.patch, state.applied) for state in states] == [(1, Applied.REPAIRED), (2, Applied.REPAIRED)]
    assert "! patch 1 (mm: take step 1)  repaired: least sure line guessed" in ended.out


def test_an_intact_series_comes_out_as_it_is(make: Make) -> None:
    checkout = make(TWO)
    port = checkout.series_folder / "port"
    ended = repaired(checkout, str(port), "--json", str(checkout.folder / "report.json"))
    assert ended.code == 0, ended
    sent = "".join(path.read_text().split("-- \n")[0] for path in sorted(port.glob("*.patch")))
    written = out(checkout).read_text()
    assert diff_lines(written) == diff_lines(sent)
    for one in json.loads((checkout.folder / "report.json").read_text()):
        assert (one["grade"] in ("given", "implied"), one["confidence"], one["refusal"]) == (True, 1.0, "")


def one_line(ended: Ended, code: int) -> str:
    lines = ended.err.splitlines()
    assert (ended.code, len(lines)) == (code, 1), ended
    assert lines[0].startswith("harness: ")
    return lines[0]


def test_no_place_is_refused_and_nothing_written(make: Make) -> None:
    checkout = make(TWO)
    ended = repaired(checkout, damaged(checkout, [*harmless(1), LOST]), "--json", str(checkout.folder / "report.json"))
    told = one_line(ended, 2)
    assert "damaged/2.patch" in told and "patch 2 of 2 is not repaired: no hunk has a place in this tree" in told
    assert not out(checkout).exists() and not out(checkout).with_name("out.mbox.rej").exists()
    # The hunk beside the tree, and the report, say why.
    assert "was_never_there++;" in ended.out and "nearest in the tree, from line" in ended.out
    assert json.loads((checkout.folder / "report.json").read_text())[1]["refusal"] == "no hunk has a place in this tree"


def test_what_has_no_place_is_left_out_when_asked(make: Make) -> None:
    checkout = make(TWO)
    source = Path(damaged(checkout, [*harmless(1)]))
    text = (source / "1.patch").read_text()
    more = "@@ -20,3 +21,4 @@\nwas_never_there++;\nnor_was_this++;\n+ state += 7;\nor_that++;\n"
    (source / "1.patch").write_text(text.replace("-- \n", f"{more}-- \n"))
    told = one_line(repaired(checkout, str(source)), 2)
    assert "1 of 2 hunks have no place; --partial writes the others, and these to FILE.rej" in told
    assert not out(checkout).exists()
    ended = repaired(checkout, str(source), "--partial")
    assert ended.code == 0, ended
    left = out(checkout).with_name("out.mbox.rej")
    assert ended.out.splitlines()[-1] == f"without a place: {left}"
    assert "state += 7;" in left.read_text() and "was_never_there++;" in left.read_text()
    written = out(checkout).read_text()
    assert "+	state += 1;" in written and "state += 7;" not in written
    assert "X-Harness-Repair: left out: hunk @@ -20,3 +21,4 @@ of mm/step1.c: " in written


def test_less_sure_than_the_threshold_is_refused(make: Make) -> None:
    checkout = make(TWO)
    source = damaged(
        checkout, [patch("	if (state) {", "		state += 2;", "		state += 4;", "	}")], "brace-comment"
    )
    told = one_line(repaired(checkout, source, "--threshold", "1"), 2)
    assert "hunk @@ -4,5 +4,9 @@ of mm/step1.c" in told and told.endswith("% sure, 100% is wanted")
    assert not out(checkout).exists()


def test_what_cannot_be_written_or_read(make: Make) -> None:
    checkout = make(TWO)
    source = damaged(checkout, harmless(1))
    tree = str(checkout.root / "tree")
    (checkout.folder / "file").write_text("")
    below = checkout.folder / "file" / "out.mbox"
    for bad, why in (
        (str(below), "not a file in a folder that is there"),
        (str(checkout.folder / "none" / "x"), "not a file in a folder that is there"),
        ("-", "not a file in a folder that is there"),
        ("/dev/full", "no regular file"),
    ):
        told = one_line(checkout.harness("series", "repair", source, "--tree", tree, "-o", bad), 2)
        assert f"{bad}: {why}" in told
    own = str(next(Path(source).iterdir()))
    told = one_line(checkout.harness("series", "repair", own, "--tree", tree, "-o", own), 2)
    assert f"{own}: would be written over the source" in told
    both = str(checkout.folder / "both")
    told = one_line(checkout.harness("series", "repair", source, "--tree", tree, "-o", both, "--json", both), 2)
    assert "another output" in told
    assert "no tree, folder or git revision 'fakee'" in one_line(repaired(checkout, source, tree="fakee"), 2)
    assert "did you mean fake?" in one_line(repaired(checkout, source, tree="fakee"), 2)
    letter = checkout.folder / "letter.eml"
    letter.write_text("From: a <a@example.org>\nSubject: hello\n\nNo patch here.\n")
    assert f"{letter}: a mail without a patch" in one_line(repaired(checkout, str(letter)), 2)
    assert "--interactive needs a terminal" in one_line(repaired(checkout, source, "--interactive"), 2)
    assert not out(checkout).exists()


# --- asked -----------------------------------------------------------------------------------------------------------


def asked(checkout: Checkout, source: str, answers: str) -> Ended:
    """The verb with --interactive on a terminal at which somebody has typed ``answers``."""
    master, slave = pty.openpty()
    try:
        os.write(master, answers.encode())
        with pytest.MonkeyPatch.context() as patching, os.fdopen(slave, "r") as terminal:
            patching.setattr("sys.stdin", terminal)
            return repaired(checkout, source, "--interactive", "--json", str(checkout.folder / "report.json"))
    finally:
        os.close(master)


def test_every_guess_is_asked_about(make: Make) -> None:
    checkout = make(TWO)
    ended = asked(checkout, damaged(checkout, TWO[1:]), "y\ny\na\n")
    assert ended.code == 0, ended
    assert ended.out.count("mm/step1.c @@ -4,5 +4,8 @@: whitespace: ") == 3
    assert "> +→       if (state) {" in ended.out
    (one,) = json.loads((checkout.folder / "report.json").read_text())
    guessed = [line for line in one["files"][0]["hunks"][0]["lines"] if line["grade"] == "guessed"]
    assert len(guessed) == 3 and all(line["why"].endswith("accepted by a reader") for line in guessed)


def test_accept_all_asks_no_more(make: Make) -> None:
    checkout = make(TWO)
    ended = asked(checkout, damaged(checkout, TWO[1:]), "a\n")
    assert ended.code == 0, ended
    assert ended.out.count("whitespace: ") == 1 and out(checkout).exists()


def test_a_reader_writes_the_line(make: Make) -> None:
    checkout = make(TWO)
    ended = asked(checkout, damaged(checkout, TWO[1:]), "e\n\\tif (state > 0) {\na\n")
    assert ended.code == 0, ended
    assert "+	if (state > 0) {\n" in out(checkout).read_text()
    (one,) = json.loads((checkout.folder / "report.json").read_text())
    assert [line["why"] for line in one["files"][0]["hunks"][0]["lines"] if "state > 0" in line["text"]] == [
        "written by a reader"
    ]


def test_a_refused_guess_writes_nothing(make: Make) -> None:
    checkout = make(TWO)
    ended = asked(checkout, damaged(checkout, TWO[1:]), "y\nn\n")
    assert ended.code == 2
    assert "a guess was refused; nothing is written (patch 1)" in ended.err.splitlines()[-1]
    assert not out(checkout).exists() and not (checkout.folder / "report.json").exists()
