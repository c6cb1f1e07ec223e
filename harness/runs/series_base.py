"""Finding the tree a series was made for: candidates of every kind brought to trial, each distinct content once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.intake.file_changes import file_changes
from harness.intake.git_range import split_range
from harness.model.base import BaseClues, BaseRanking, Candidate, KernelVersion, NoHunks, Trial
from harness.model.errors import UserError
from harness.model.hunk import FileChange
from harness.model.series import Series
from harness.runs.preparation import series_for
from harness.runs.series_import import named_or_source, read_source
from harness.runs.tree_files import named_tree_files, tree_files
from harness.runs.workshop import Workshop
from harness.trees.git_objects import GitObjects, Revision
from harness.trees.tree_files import GitTreeFiles
from harness.verdicts.base_clues import clues_of, version_of_makefile
from harness.verdicts.base_score import fitness, rank, trial, version_evidence

MAX_COMMITS = 200_000  # of one range; all of Linux's history to 2011
ALL_TRIED = 3_000  # commits of a range that are all looked at; of more, evenly spread ones and every tag, then nearer
COARSE = 400

Changes = Sequence[Sequence[FileChange]]
Tried = tuple[Candidate, Trial]


def series_of(workshop: Workshop, text: str, mail: str | None) -> Series:
    """The series called ``text``: a name or folder of series/, else a source of mail; damaged patches as they are.

    Raises UserError, and InfrastructureError where its mail cannot be had.
    """
    spec = named_or_source(workshop, text)
    if spec is None:
        return read_source(workshop, [text])
    return series_for(workshop, spec, None, mail, damaged=True)


def base_of(workshop: Workshop, series: Series, candidates: Sequence[str]) -> BaseRanking:
    """The candidates ranked by how likely the series was made for them.

    ``candidates``: names of trees (fetched where they are not here), folders, DIR@REVISION, DIR@A..B; none: every
    tree that is here, the others are named as not tried. Raises UserError for what is none of these.
    """
    changes = [file_changes(patch) for patch in series.patches]
    if not any(change.hunks for many in changes for change in many):
        raise NoHunks("the series has no hunk to try", remedy="give patches, not a cover letter or a review")
    clues = clues_of(series, changes)
    names, not_tried = _named(workshop, candidates)
    tried: list[Tried] = []
    for name in names:
        wanted = split_range(name)
        if wanted is not None and name not in workshop.catalogue.tree_names() and not Path(name).exists():
            tried += _range(workshop, changes, *wanted, clues)
        else:
            tried.append(_tree(workshop, changes, name))
    if not tried:
        absent = ", ".join(name for name, _ in not_tried)
        raise UserError(
            f"no tree is here to try: {absent or 'none is configured'}",
            remedy="harness tree fetch NAME, or name some with --candidates: NAME, DIR, DIR@REVISION or DIR@A..B",
        )
    return rank(clues, tried, not_tried)


def _named(workshop: Workshop, candidates: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    if candidates:
        return list(dict.fromkeys(candidates)), []
    here, absent = [], []
    for name in workshop.catalogue.tree_names():
        if workshop.library.present(workshop.catalogue.tree(name)) is not None:
            here.append(name)
        else:
            absent.append((name, f"not here: harness tree fetch {name}, or name it with --candidates"))
    return here, absent


def _tree(workshop: Workshop, changes: Changes, name: str) -> Tried:
    known = name in workshop.catalogue.tree_names()
    files = named_tree_files(workshop, name) if known else tree_files(workshop, name)
    time = None
    if isinstance(files, GitTreeFiles):
        # A tree imported from an archive has a commit of the epoch: when it was released is not known by that.
        time = files.objects.time(files.commit) or None
    version = version_of_makefile(files.read("Makefile"))
    return Candidate(name, version, time), trial(changes, files.read)


@dataclass(frozen=True, slots=True)
class _Content:
    """Revisions of a range, in its order, that have the same files where the series changes them."""

    places: tuple[int, ...]
    seen: Trial


def _range(
    workshop: Workshop, changes: Changes, folder: Path, first: str, last: str, clues: BaseClues
) -> Iterator[Tried]:
    """One candidate for each distinct content of a range of commits, its ends included."""
    objects = GitObjects(folder)
    revisions = objects.revisions(first, last, MAX_COMMITS)
    tags = objects.tagged()
    judge = _Judge(objects, changes)
    contents = _contents(revisions, tags, judge, workshop.notice)
    bound = clues.not_after.timestamp() if clues.not_after else None
    for content in contents:
        early = [at for at in content.places if bound is None or revisions[at].time <= bound]
        versions = {at: judge.version(revisions[at].commit) for at in early or content.places[:1]}
        said = {at: version_evidence(clues.versions, version) for at, version in versions.items()}
        # Of the version that the series names, the newest that is not too new stands for all of them: people work on
        # what is newest.
        at = max(versions, key=lambda place: ((said[place] or (0.0, ""))[0], revisions[place].time, place))
        version = versions[at]
        alike = tuple(_name(folder, revisions[place], tags) for place in content.places if place != at)
        yield Candidate(_name(folder, revisions[at], tags), version, revisions[at].time, alike), content.seen


def _name(folder: Path, revision: Revision, tags: dict[str, str]) -> str:
    return f"{folder}@{tags.get(revision.commit, revision.commit[:12])}"


class _Judge:
    """Trials of revisions; one for each distinct content of the files the series changes."""

    def __init__(self, objects: GitObjects, changes: Changes) -> None:
        self.objects = objects
        self.changes = changes
        self.paths = tuple(dict.fromkeys(change.path for many in changes for change in many))
        self.known: dict[tuple[str | None, ...], Trial] = {}
        self.keys: dict[str, tuple[str | None, ...]] = {}
        self.versions: dict[str, KernelVersion | None] = {}

    def key(self, commit: str) -> tuple[str | None, ...]:
        """The blob ids of the files, None for one that is not there."""
        if commit not in self.keys:
            root = self.objects.root(commit)
            entries = (self.objects.entry(root, path) for path in self.paths)
            self.keys[commit] = tuple(e.object_id if e is not None and e.is_file else None for e in entries)
        return self.keys[commit]

    def version(self, commit: str) -> KernelVersion | None:
        """What the commit's Makefile calls itself."""
        entry = self.objects.entry(self.objects.root(commit), "Makefile")
        if entry is None or not entry.is_file:
            return None
        if entry.object_id not in self.versions:
            self.versions[entry.object_id] = version_of_makefile(self.objects.blob(entry.object_id))
        return self.versions[entry.object_id]

    def trial(self, commit: str) -> Trial:
        """The series against the commit."""
        key = self.key(commit)
        if key not in self.known:
            blobs = dict(zip(self.paths, key, strict=True))

            def read(path: str) -> bytes | None:
                blob = blobs.get(path)
                return self.objects.blob(blob) if blob is not None else None

            self.known[key] = trial(self.changes, read)
        return self.known[key]


def _contents(
    revisions: Sequence[Revision], tags: dict[str, str], judge: _Judge, report: Callable[[str], None]
) -> list[_Content]:
    """The distinct contents of a range; of a long one those near to the best of a coarse look."""
    low, high = 0, len(revisions)
    chosen: set[int] = set()
    while high - low > ALL_TRIED:
        step = -(-(high - low) // COARSE)
        coarse = sorted({*range(low, high, step), high - 1})
        coarse = sorted({*coarse, *(at for at in range(low, high) if revisions[at].commit in tags)})
        report(f"{len(coarse)} of {high - low} commits looked at first")
        worth = [_worth(judge.trial(revisions[at].commit)) for at in coarse]
        best = max(worth)
        good = [place for place, value in enumerate(worth) if value == best]
        chosen |= {coarse[place] for place in good}
        # The longest run of equally good ones: a single one elsewhere is chosen all the same.
        runs = _runs(good)
        begin, end = max(runs, key=lambda run: run[1] - run[0])
        narrower = (coarse[max(0, begin - 1)], coarse[min(len(coarse) - 1, end + 1)] + 1)
        if narrower[1] - narrower[0] >= (high - low) * 0.9:
            chosen |= set(coarse)
            low, high = narrower[0], narrower[0]
            break
        low, high = narrower
    groups: dict[tuple[str | None, ...], list[int]] = {}
    for at in sorted(chosen | set(range(low, high))):
        groups.setdefault(judge.key(revisions[at].commit), []).append(at)
    return [_Content(tuple(places), judge.trial(revisions[places[0]].commit)) for places in groups.values()]


def _worth(seen: Trial) -> tuple[int, float]:
    return seen.blobs_found, round(fitness(seen), 9)


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """(first, last) of each run of successive numbers."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and place == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs
