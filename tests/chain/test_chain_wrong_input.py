"""The user's mistakes: exit code 2, one line on standard error, the nearest name, the file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.main import VERBS
from tests.fake.checkout import Checkout, Ended, harmless


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which nothing is run."""
    return Checkout(tmp_path_factory.mktemp("wrong")).make(harmless(6))


def one_line(ended: Ended) -> str:
    """The only line on standard error."""
    lines = [line for line in ended.err.splitlines() if "importing the folder" not in line]
    assert (ended.code, len(lines)) == (2, 1), ended
    assert lines[0].startswith("harness: ")
    return lines[0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "dmeo"), "unknown series 'dmeo'; did you mean demo?"),
        (("run", "demo", "--tree", "fakee"), "unknown tree 'fakee'; did you mean fake?"),
        (("run", "demo", "--stressor", "migratoin"), "unknown stressor 'migratoin'; did you mean migration?"),
        (("run", "demo", "--patches", "12"), "--patches names patch 12, the series has 6"),
        (("run", "demo", "--patches", "some"), "--patches 'some' is neither ends, each nor numbers"),
        (("run", "demo", "--image", "debain", "--ssh-command", "true"), "unknown disk image 'debain'"),
        (("run", "demo", "--image", "debian"), "--image debian alone runs nothing"),
        (("run", "demo", "--ssh-command", "true"), "--ssh-command needs guests with a server for it"),
        (("shell", "fake@demo", "--command", "true"), "'fake@demo' is neither TREE nor TREE@SERIES:K"),
        (("shell", "fakee"), "a shell needs a terminal on both sides"),
        (("compare", "a"), "two runs are compared, or --trees SERIES"),
        (("compare", "--trees", "demo"), "no results of demo yet; harness run demo"),
        (("bisect", "demo", "--title", "x"), "no run of demo has shown 'x'"),
        (("clean", "everything"), "no part 'everything' of the cache"),
    ],
)
def test_one_line_and_what_to_do(checkout: Checkout, words: tuple[str, ...], told: str) -> None:
    assert told in one_line(checkout.harness(*words))


@pytest.mark.parametrize(
    "words", [("frobnicate",), ("run",), ("run", "demo", "--repeat", "0"), ("run", "demo", "--fast")]
)
def test_a_wrong_command_line_is_one_line_too(checkout: Checkout, words: tuple[str, ...]) -> None:
    one_line(checkout.harness(*words))


def test_an_unknown_verb_names_the_nearest(checkout: Checkout) -> None:
    ended = checkout.harness("bisekt")
    assert (ended.code, "did you mean bisect?" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("series/bad/series.yaml", "title: x\nposted: [\n", "series/bad/series.yaml:3: not valid YAML"),
        ("series/bad/series.yaml", "title: x\nwhen: y\n", "series/bad/series.yaml"),
        ("series/bad/series.yaml", "- a\n", "series/bad/series.yaml:1: a mapping"),
        (
            "configs/nightly.yaml",
            "runs:\n  - series: demo\n    repeat: many\n",
            "configs/nightly.yaml:3: runs.0.repeat",
        ),
    ],
)
def test_a_wrong_file_names_its_line(checkout: Checkout, name: str, text: str, told: str) -> None:
    path = checkout.root / name
    before = path.read_text() if path.is_file() else None
    checkout.write(name, text)
    try:
        assert told in one_line(checkout.harness(*(["nightly"] if "nightly" in name else ["run", "bad"])))
    finally:
        path.unlink()
        if before:
            path.write_text(before)


def test_where_nothing_was_run(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path).make(harmless(1))
    assert "no run is called 'last'; there is none yet: harness run" in one_line(checkout.harness("show"))
    assert "no unfinished run of demo to resume" in one_line(checkout.harness("run", "demo", "--resume"))


def test_a_mistake_leaves_no_run_to_be_continued(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path).make(harmless(1))
    one_line(checkout.harness("run", "demo", "--patches", "12"))
    assert "no unfinished run of demo to resume" in one_line(checkout.harness("run", "demo", "--resume"))


def test_every_verb_has_its_help(checkout: Checkout) -> None:
    assert {verb: checkout.harness(verb, "--help").code for verb in VERBS} == dict.fromkeys(VERBS, 0)
