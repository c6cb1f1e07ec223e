"""Commits of a git repository, DIR@A..B, as the mailbox that git format-patch makes of them; a series found there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.intake.bounded import MAX_MAILBOX
from harness.model.errors import UserError
from harness.model.series import SeriesCommit, SeriesCommits

MAX_COMMITS = 4096  # of a series
MAX_LISTED = 200_000  # of a range that a series is looked for in; all of Linux's history to 2011
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./~^+-]*")
# neither the user's nor the repository's configuration may change the text or run a program; the folder is the one that
# was named, whoever owns it
_SETTINGS = tuple(
    word
    for setting in (
        "safe.directory=*",
        "diff.noprefix=false",
        "diff.mnemonicPrefix=false",
        "core.fsmonitor=false",
        "protocol.allow=never",  # objects that a partial clone lacks are not fetched
    )
    for word in ("-c", setting)
)
_OPTIONS = (
    "--stdout",
    "--numbered",
    "--no-cover-letter",
    "--no-attach",
    "--no-thread",
    "--no-signature",
    "--no-renames",
    "--full-index",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-base",
    "--no-notes",
    "--subject-prefix=PATCH",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--no-add-header",
    "--no-to",
    "--no-cc",
    "--no-from",
)


def split_range(text: str) -> tuple[Path, str, str] | None:
    """(folder, A, B) of "DIR@A..B", None for anything else."""
    folder, at, span = text.rpartition("@")
    first, dots, last = span.partition("..")
    if not (at and dots and folder and _REVISION.fullmatch(first) and _REVISION.fullmatch(last)):
        return None
    return Path(folder), first, last


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit with the tree id of its content. ``subject`` is without the "[PATCH]" that mail left in it."""

    commit: str
    tree_id: str
    parent: str
    subject: str


def commits_of_range(folder: Path, first: str, last: str) -> tuple[Commit, ...]:
    """The commits after ``first`` ("": all that are there) up to ``last``, newest first; ``parent`` is the first of
    several.

    Raises UserError as ``mails_of_range`` does.
    """
    listing = ("log", f"--max-count={MAX_LISTED + 1}", "--no-show-signature", "--format=%H %T %P%x09%s")
    span = f"{first}..{last}" if first else last
    text = _git(folder, first, last, *listing, "--end-of-options", span).decode("utf-8", "replace")
    lines = text.split("\n")
    if len(lines) > MAX_LISTED:
        raise UserError(f"more than {MAX_LISTED} commits", where=f"{folder}@{first}..{last}")
    found = []
    for line in lines:
        ids, tab, subject = line.partition("\t")
        if tab:
            commit, tree_id, *parents = ids.split(" ")
            found.append(Commit(commit, tree_id, parents[0] if parents else "", _without_prefix(subject)))
    return tuple(found)


def find_series(commits: Sequence[Commit], wanted: SeriesCommits, where: str) -> tuple[str, str]:
    """(Commit before the first, last commit) of the series among ``commits``.

    Raises UserError naming the commit that is not there, or the one that does not follow on the one before it.
    """
    by_id = {commit.commit: commit for commit in commits}
    last = wanted.commits[-1]
    found = [commit for commit in commits if _is(commit, last)]
    if not found:
        title = _without_prefix(last.subject)
        alike = [commit.tree_id for commit in commits if title and commit.subject == title]
        known = f"; {last.subject!r} is there with the content {alike[0]}" if alike else ""
        raise UserError(f"no commit with the content {last.tree_id or repr(last.subject)}{known}", where=where)
    if len(found) > 1:
        raise UserError(f"{len(found)} commits are called {last.subject!r}", where=where, remedy="name its tree id")
    at = found[0].commit
    for number, one in reversed([*enumerate(wanted.commits, 1)]):
        commit = by_id.get(at)
        if commit is None or not _is(commit, one):
            name = one.subject or one.tree_id
            raise UserError(f"commit {number}, {name!r}, is not what comes before commit {number + 1}", where=where)
        at = commit.parent
    if not at:
        raise UserError("the series has no commit before it", where=where)
    parent = by_id.get(at)
    if parent is not None and wanted.parent and parent.tree_id != wanted.parent:
        raise UserError(f"the series' parent has the content {parent.tree_id}, not {wanted.parent}", where=where)
    return at, found[0].commit


def _is(commit: Commit, wanted: SeriesCommit) -> bool:
    if wanted.tree_id:
        return commit.tree_id == wanted.tree_id
    return commit.subject == _without_prefix(wanted.subject)


def _without_prefix(subject: str) -> str:
    return re.sub(r"^(?:\[[^\]]{0,80}\] *)+", "", subject).strip()


def mails_of_range(folder: Path, first: str, last: str) -> bytes:
    """The commits after ``first`` up to ``last``, merges left out, as a mbox.

    Raises UserError for what is no repository, an unknown revision, an empty range or one beyond the bounds.
    """
    where, span = f"{folder}@{first}..{last}", f"{first}..{last}"
    count = int(_git(folder, first, last, "rev-list", "--count", "--no-merges", "--end-of-options", span))
    if not 0 < count <= MAX_COMMITS:
        raise UserError(f"{count} commits in the range, 1 to {MAX_COMMITS} can be read", where=where)
    raw = _git(folder, first, last, "format-patch", *_OPTIONS, "--end-of-options", span)
    if len(raw) > MAX_MAILBOX:
        raise UserError(f"patches larger than {MAX_MAILBOX // 2**20} MiB", where=where)
    return raw + b"\n"


def _git(folder: Path, first: str, last: str, *words: str) -> bytes:
    import git  # slow to load, and seldom needed

    where = f"{folder}@{first}..{last}"
    try:
        with git.Repo(folder, expand_vars=False) as repository:
            # a bare repository without a config file is taken for one with a work tree by GitPython
            start = ["git", *_SETTINGS, f"--git-dir={repository.git_dir}"]
            data = repository.git.execute([*start, *words], stdout_as_string=False, kill_after_timeout=120)
    except (git.exc.InvalidGitRepositoryError, git.exc.NoSuchPathError):
        raise UserError("not a git repository", where=where) from None
    except git.exc.GitCommandError as error:
        reason = str(error.stderr).strip().splitlines()
        text = reason[-1].strip(" '") if reason else "git failed"
        raise UserError(f"no such range: {text[:200]}", where=where) from None
    return data if isinstance(data, bytes) else bytes(str(data), "utf-8")
