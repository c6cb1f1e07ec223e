"""A series that is commits of a history: found by content or subject, kept, and proved to be what is applied."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.chain.conftest import Make
from tests.fake.checkout import Checkout, harmless

pytestmark = pytest.mark.slow

WHO = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A Developer"), ("EMAIL", "developer@example.org"), ("DATE", "2004-08-23T21:24:00Z"))
}


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    environment = {**os.environ, **WHO, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class History:
    """The fake tree as a git history: tag first, three commits of a series, one commit behind them, tag last."""

    def __init__(self, checkout: Checkout) -> None:
        self.folder = checkout.folder / "history"
        shutil.copytree(checkout.root / "tree", self.folder)
        git(self.folder, "init", "-q", "-b", "master")
        self.commit("a release")
        git(self.folder, "tag", "first")
        (self.folder / "mm" / "core.c").write_text((self.folder / "mm" / "core.c").read_text() + "/* before */\n")
        self.parent = self.commit("[PATCH] before the series")
        self.trees = []
        for number in (1, 2, 3):
            path = self.folder / "mm" / f"step{number}.c"
            path.write_text(path.read_text().replace("	state++;", f"	state++;\n	state += {number};"))
            self.trees.append(self.commit(f"[PATCH] step {number}"))
        (self.folder / "mm" / "step9.c").write_text("/* after */\n")
        self.commit("[PATCH] after the series")
        git(self.folder, "tag", "last")

    def commit(self, subject: str) -> str:
        """Commits everything; the git tree id."""
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-q", "-m", subject)
        return git(self.folder, "rev-parse", "HEAD^{tree}")


@pytest.fixture
def checkout(make: Make) -> Checkout:
    """With the tree at the commit before the series."""
    return make(harmless(1))


@pytest.fixture
def history(checkout: Checkout) -> History:
    """Its history, named by the tree "old" and the series "steps"."""
    made = History(checkout)
    checkout.write(
        "configs/trees/old.yaml",
        'name: old\nversion: "6.1"\nera: fake\nsources:\n  - git: ../../no-such-mirror\n    revision: first..last\n'
        f"    pins: [{{tree: {made.parent}}}]\n  - git: {made.folder}\n    revision: first..last\n"
        f"    pins: [{{tree: {made.parent}}}]\n",
    )
    series(checkout, made, [f"{{tree: {tree}, subject: step {n}}}" for n, tree in enumerate(made.trees, 1)])
    return made


def series(checkout: Checkout, history: History, commits: list[str], parent: str = "") -> None:
    """Writes series/steps."""
    listed = "".join(f"    - {commit}\n" for commit in commits)
    checkout.write(
        "series/steps/series.yaml",
        f"title: Steps\nposted: '2004-08-23'\npatches: {len(commits)}\ncommits:\n  of: old\n"
        f"  parent: {parent or history.parent}\n  list:\n{listed}trees: [{{tree: old}}]\nkconfig: [fake]\n"
        "stressors: [migration]\n",
    )


def test_every_prefix_has_its_commits_content(checkout: Checkout, history: History) -> None:
    ended = checkout.harness("run", "steps", "--patches", "each")
    assert ended.code == 0, ended
    assert "each of the 3 prefixes has its commit's own content" in ended.out
    store = checkout.store()
    subjects = [kernel.subject for kernel in store.kernels(store.runs()[0].id)]
    assert subjects == ["baseline", "step 1", "step 2", "step 3"]
    # Found once and kept: the history is not needed a second time.
    shutil.rmtree(history.folder)
    assert checkout.harness("run", "steps", "--patches", "each").code == 0


def test_a_history_behind_a_url_is_fetched_without_what_was_before_it(checkout: Checkout, history: History) -> None:
    path = checkout.root / "configs/trees/old.yaml"
    path.write_text(path.read_text().replace(f"git: {history.folder}", f"git: file://{history.folder}"))
    ended = checkout.harness("run", "steps", "--patches", "each")
    assert ended.code == 0, ended
    assert "each of the 3 prefixes has its commit's own content" in ended.out
    store = checkout.workshop()[0].library.store
    (ref,) = store.git("for-each-ref", "--format=%(refname)", "refs/harness/histories").split()
    assert store.git("log", "--format=%s", ref).splitlines()[-1] == "[PATCH] before the series"


def test_a_fetched_history_is_fetched_again_where_it_lacks_the_commits(checkout: Checkout, history: History) -> None:
    path = checkout.root / "configs/trees/old.yaml"
    text = path.read_text().replace(f"git: {history.folder}", f"git: file://{history.folder}")
    path.write_text(text.replace("first..last", "first..master"))
    assert checkout.harness("series", "show", "steps").code == 0
    step = history.folder / "mm" / "step4.c"
    step.write_text(step.read_text().replace("state++;", "state += 4;"))
    parent = git(history.folder, "rev-parse", "HEAD^{tree}")
    later = history.commit("[PATCH] step 4")
    series(checkout, history, [f"{{tree: {later}, subject: step 4}}"], parent)
    ended = checkout.harness("series", "show", "steps")
    assert (ended.code, "step 4" in ended.out) == (0, True), ended
    # Another range is another history, which leaves the first alone.
    path.write_text(text)
    series(checkout, history, ["{subject: step 1}"])
    assert checkout.harness("series", "show", "steps").code == 0
    refs = checkout.workshop()[0].library.store.git("for-each-ref", "refs/harness/histories")
    assert len(refs.splitlines()) == 2


def test_commits_are_found_by_their_subjects_too(checkout: Checkout, history: History) -> None:
    series(checkout, history, ["{subject: step 1}", '{subject: "[PATCH] step 2"}'])
    ended = checkout.harness("series", "show", "steps")
    assert (ended.code, "2 patches" in ended.out, "step 2" in ended.out) == (0, True, True)


@pytest.mark.parametrize(
    ("commits", "said"),
    [
        (["{subject: step 1}", "{subject: no such step}"], "no commit with the content 'no such step'"),
        (["{tree: '%s', subject: step 3}" % ("0" * 40)], "'step 3' is there with the content"),
        (["{subject: step 1}", "{subject: step 3}"], "commit 1, 'step 1', is not what comes before commit 2"),
        (["{subject: step 2}"], "the series' parent has the content"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    checkout: Checkout, history: History, commits: list[str], said: str
) -> None:
    series(checkout, history, commits)
    ended = checkout.harness("run", "steps")
    assert ended.code == 3
    told = [line for line in ended.err.splitlines() if said in line]
    assert told and "no-such-mirror" in told[0] and "sources: old" in told[0]


def test_patches_that_are_not_the_commits_are_refused(checkout: Checkout, history: History) -> None:
    assert checkout.harness("run", "steps").code == 0
    (kept,) = (checkout.layout.cache / "mail").glob("steps-*")
    path = kept / "0002.patch"
    path.write_text(path.read_text().replace("state += 2", "state += 7"))
    ended = checkout.harness("run", "steps")
    assert ended.code == 2
    assert "old + 2 is " in ended.err and "without fix-ups" in ended.err


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("message_ids: [a@b]\n", "commits, or mail"),
        ("", "a commit is known by"),
    ],
)
def test_a_series_file_that_cannot_be_meant(checkout: Checkout, history: History, key: str, said: str) -> None:
    series(checkout, history, ["{subject: step 1}"] if key else ["{}"])
    path = checkout.root / "series/steps/series.yaml"
    path.write_text(key + path.read_text())
    ended = checkout.harness("run", "steps")
    assert (ended.code, said in ended.err) == (2, True), ended.err
