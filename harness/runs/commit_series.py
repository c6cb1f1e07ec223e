"""A series that is commits of a tree's history: found there, kept in the cache, and proved to be what was applied."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from harness.config.whole_file import write_whole
from harness.intake.git_range import commits_of_range, find_series, mails_of_range
from harness.intake.mailbox_text import split_mbox
from harness.intake.sources import QUILT_SERIES, read_series
from harness.model.errors import InfrastructureError, TreeUnavailable, UserError
from harness.model.series import Series, SeriesCommits, SeriesSpec
from harness.model.tree import Source, SourceKind, TreeContent
from harness.runs.workshop import Workshop
from harness.trees.object_store import ObjectStore
from harness.trees.series_prefixes import baseline, prefixes


def series_of_commits(workshop: Workshop, spec: SeriesSpec, commits: SeriesCommits) -> Series:
    """The series' patches as git format-patch writes the commits, from the first source of the tree that has them.

    Raises InfrastructureError with every source's reason on one line.
    """
    folder = _folder(workshop, spec.name, commits)
    if not (folder / QUILT_SERIES).is_file():
        reasons = []
        for source in workshop.catalogue.tree(commits.tree).sources:
            if source.kind is not SourceKind.GIT:
                continue
            try:
                _keep(folder, _mails(workshop, source, commits))
            except (UserError, TreeUnavailable) as error:
                reasons.append(f"{source.location}: {error.what}")
            else:
                break
        else:
            raise InfrastructureError(
                "; ".join(reasons) or f"{commits.tree} has no git source to find commits in",
                where=spec.path,
                remedy=f"name a git directory that has them under sources: {commits.tree}: in your configuration",
            )
    series = read_series(spec.name, [folder])
    if len(series.patches) != len(commits.commits):
        raise UserError(f"{len(series.patches)} patches for {len(commits.commits)} commits", where=str(folder))
    return replace(series, title=spec.title)


def prove_commits(workshop: Workshop, commits: SeriesCommits, series: Series, content: TreeContent) -> str:
    """Says that the tree with k patches is the content of commit k, for each k; "" where that cannot be told.

    The era's fix-ups are left out of it: they are no part of the history. Raises UserError naming the first patch
    whose result is another.
    """
    if content.tree_id != commits.parent or not all(commit.tree_id for commit in commits.commits):
        return ""
    store = workshop.library.store
    applied = prefixes(store, baseline(store, content, ()), series.patches)
    for prefix, commit in zip(applied[1:], commits.commits, strict=True):
        if prefix.tree_id != commit.tree_id:
            raise UserError(
                f"{content.name} + {prefix.patches} is {prefix.tree_id} without fix-ups, the commit's content is "
                f"{commit.tree_id}",
                remedy="the patches are not those of the commits: --mail, or mail: in your configuration, names others",
            )
    return f"each of the {len(applied) - 1} prefixes has its commit's own content"


def _folder(workshop: Workshop, name: str, commits: SeriesCommits) -> Path:
    digest = hashlib.sha256(json.dumps(asdict(commits)).encode()).hexdigest()
    return workshop.layout.cache / "mail" / f"{name}-{digest[:12]}"


def _mails(workshop: Workshop, source: Source, commits: SeriesCommits) -> bytes:
    revisions = commits.revisions or str(source.revision)
    first, dots, last = revisions.partition("..")
    if not dots:
        raise UserError(f"{revisions} is no range to look in", remedy="name one with revisions: under commits:")
    if Path(source.location).is_absolute():
        history = Path(source.location)
        parent, newest = find_series(commits_of_range(history, first, last), commits, source.location)
        return mails_of_range(history, parent, newest)
    store, name = workshop.library.store, _history_name(commits.tree, source.location, revisions)
    ref = f"refs/harness/histories/{name}"
    with store.lock(f"history-{name}"):
        fetched = store.ref(ref)
        if fetched is not None:
            try:
                return _mails_of_history(store, fetched, commits, source)
            except UserError:
                pass  # a branch may have gone on since: it is fetched again, once
        workshop.notice(f"fetching {revisions} from {source.location}")
        return _mails_of_history(store, store.fetch_range(source.location, revisions, ref), commits, source)


def _history_name(tree: str, location: str, revisions: str) -> str:
    """Another place, or another range of it, is another history."""
    return f"{tree}-{hashlib.sha256(json.dumps([location, revisions]).encode()).hexdigest()[:12]}"


def _mails_of_history(store: ObjectStore, newest: str, commits: SeriesCommits, source: Source) -> bytes:
    listed = commits_of_range(store.path, "", newest)
    return mails_of_range(store.path, *find_series(listed, commits, source.location))


def _keep(folder: Path, mbox: bytes) -> None:
    """Writes the commits' mails as a quilt folder, whose order is its own, whole or not at all."""
    new = folder.with_name(f"{folder.name}.{os.getpid()}.new")
    shutil.rmtree(new, ignore_errors=True)
    names = []
    for number, (_, mail) in enumerate(split_mbox(mbox), 1):
        names.append(f"{number:04d}.patch")
        write_whole(new / names[-1], mail)
    write_whole(new / QUILT_SERIES, "".join(f"{name}\n" for name in names))
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
