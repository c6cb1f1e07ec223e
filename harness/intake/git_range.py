"""Commits of a git repository, DIR@A..B, as the mailbox that git format-patch makes of them."""

from __future__ import annotations

import re
from pathlib import Path

from harness.intake.bounded import MAX_MAILBOX
from harness.model.errors import UserError

MAX_COMMITS = 4096
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


def mails_of_range(folder: Path, first: str, last: str) -> bytes:
    """The commits after ``first`` up to ``last``, merges left out, as a mbox.

    Raises UserError for what is no repository, an unknown revision, an empty range or one beyond the bounds.
    """
    import git  # slow to load, and seldom needed

    where = f"{folder}@{first}..{last}"
    try:
        with git.Repo(folder, expand_vars=False) as repository:
            span = f"{first}..{last}"
            # a bare repository without a config file is taken for one with a work tree by GitPython
            start = ["git", *_SETTINGS, f"--git-dir={repository.git_dir}"]
            listing = [*start, "rev-list", "--count", "--no-merges", "--end-of-options", span]
            count = int(str(repository.git.execute(listing)))
            if not 0 < count <= MAX_COMMITS:
                raise UserError(f"{count} commits in the range, 1 to {MAX_COMMITS} can be read", where=where)
            data = repository.git.execute(
                [*start, "format-patch", *_OPTIONS, "--end-of-options", span],
                stdout_as_string=False,
                kill_after_timeout=120,
            )
    except (git.exc.InvalidGitRepositoryError, git.exc.NoSuchPathError):
        raise UserError("not a git repository", where=where) from None
    except git.exc.GitCommandError as error:
        reason = str(error.stderr).strip().splitlines()
        text = reason[-1].strip(" '") if reason else "git failed"
        raise UserError(f"no such range: {text[:200]}", where=where) from None
    raw = data if isinstance(data, bytes) else bytes(str(data), "utf-8")
    if len(raw) > MAX_MAILBOX:
        raise UserError(f"patches larger than {MAX_MAILBOX // 2**20} MiB", where=where)
    return raw + b"\n"
