"""Which tree a series was made for, judged from trials: how each hunk fits, which blobs are there, versions, dates.

The score is a weighted mean of what there is evidence for. A blob id in an index line is proof and weighs most; then
the trial; what a header names and when a tree was made decide among trees that the trial cannot tell apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from harness.model.base import (
    BaseClues,
    BaseRanking,
    Candidate,
    HunkFit,
    KernelVersion,
    NoHunks,
    RankedTree,
    Trial,
    VersionHint,
)
from harness.model.hunk import FileChange
from harness.verdicts.hunk_places import FileLines, Fit, Place, applied, places

Read = Callable[[str], bytes | None]
"""A file of the tree by its path, None where there is none."""

BLOBS, TRIAL, VERSION, DATE = 8.0, 4.0, 1.0, 0.5
"""Weights of the four kinds of evidence."""
WORTH = {Fit.CLEAN: 1.0, Fit.OFFSET: 0.9, Fit.FUZZ: 0.6, Fit.MISSING: 0.0, Fit.NO_FILE: 0.0}
"""What a hunk adds to the trial. A damaged one with fuzz adds the share of its lines found instead, at most 0.9."""
NEAR = 0.02
"""Two trees whose scores differ by less are both open: the worth of one hunk in fifty."""
LIKELY = 0.8
"""Share of the hunks that must have a place before a tree is called likely."""


def trial(changes: Sequence[Sequence[FileChange]], read: Read) -> Trial:
    """The patches of a series, in order, against a tree: each on top of those before it where they apply, else on the
    tree's own file."""
    patched: dict[str, bytes] = {}
    hunks: list[HunkFit] = []
    blobs = found = 0
    for number, many in enumerate(changes, 1):
        for change in many:
            own = read(change.path)
            data = patched.get(change.path, own)
            if change.old_blob.strip("0"):
                blobs += 1
                found += any(_blob_id(text).startswith(change.old_blob) for text in (data, own) if text is not None)
            fits, result = _change(change, data)
            if data is not own and own is not None and result is None:
                alone, result_alone = _change(change, own)
                if _worth(alone) > _worth(fits):
                    fits, result = alone, result_alone
            if result is not None:
                patched[change.path] = result
            hunks += [
                HunkFit(number, change.path, hunk.at, hunk.start, spot.fit.value, spot.offset, spot.share)
                for hunk, spot in zip(change.hunks, fits, strict=True)
            ]
    return Trial(tuple(hunks), blobs, found)


def _change(change: FileChange, data: bytes | None) -> tuple[tuple[Place, ...], bytes | None]:
    """Where the hunks stand in a file's bytes, and the bytes with them applied (None where not all have a place)."""
    if change.created:
        fresh = data is None or not data
        spot = Place(Fit.CLEAN if fresh else Fit.MISSING, 0 if fresh else None, share=float(fresh))
        new = "".join(f"{line}\n" for hunk in change.hunks for line in hunk.new)
        return tuple(spot for _ in change.hunks), new.encode("utf-8", "surrogateescape") if fresh else None
    if data is None:
        return tuple(Place(Fit.NO_FILE, None, share=0.0) for _ in change.hunks), None
    file = FileLines.of(data)
    spots = places(file, change)
    return spots, None if change.damaged else applied(file, change.hunks, spots)


def _worth(spots: Sequence[Place]) -> float:
    return sum(WORTH[spot.fit] for spot in spots)


def _blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def fitness(seen: Trial) -> float:
    """How well the hunks fit, 0 to 1."""
    if not seen.hunks:
        return 0.0
    return sum(
        min(0.9, hunk.share) if hunk.fit == Fit.FUZZ and hunk.share < 1 else WORTH[Fit(hunk.fit)] for hunk in seen.hunks
    ) / len(seen.hunks)


def rank(
    clues: BaseClues,
    tried: Sequence[tuple[Candidate, Trial]],
    not_tried: Sequence[tuple[str, str]] = (),
) -> BaseRanking:
    """The candidates with their scores and reasons, best first. Raises NoHunks for a series that changes nothing."""
    if any(not seen.hunks for _, seen in tried):
        raise NoHunks("the series has no hunk to try", remedy="give patches, not a cover letter or a review")
    trees = sorted((_ranked(clues, *one) for one in tried), key=lambda tree: _order(clues, tree))
    confidence, sentence = _how_sure(clues, trees)
    return BaseRanking(tuple(trees), clues, confidence, sentence, tuple(not_tried))


def _order(clues: BaseClues, tree: RankedTree) -> tuple[float, float, str]:
    """Best score first; of equal ones the newest that is not too new, since series are made for what is newest."""
    time, bound = tree.candidate.time, clues.not_after
    newest = -float(time) if time is not None and (bound is None or time <= bound.timestamp()) else float(time or 0)
    return (-round(tree.score, 6), newest, tree.candidate.name)


def _ranked(clues: BaseClues, candidate: Candidate, seen: Trial) -> RankedTree:
    reasons = []
    evidence = [(TRIAL, fitness(seen))]
    if seen.blobs:
        evidence.append((BLOBS, seen.blobs_found / seen.blobs))
        what = "every file is" if seen.blobs_found == seen.blobs else f"{seen.blobs_found} of {seen.blobs} files are"
        reasons.append(f"{what}, byte for byte, what the index lines name")
    reasons.append(_trial_words(seen))
    version = version_evidence(clues.versions, candidate.version)
    if version is not None:
        share, words = version
        evidence.append((VERSION, share))
        reasons.append(words)
    if clues.not_after is not None and candidate.time is not None:
        made = datetime.fromtimestamp(candidate.time, UTC)
        early = made <= clues.not_after
        evidence.append((DATE, float(early)))
        reasons.append(f"made {made:%Y-%m-%d %H:%M} UTC{'' if early else ', too late'}: {clues.not_after_why}")
    score = sum(weight * value for weight, value in evidence) / sum(weight for weight, _ in evidence)
    return RankedTree(candidate, seen, score, tuple(reasons))


def _trial_words(seen: Trial) -> str:
    total = len(seen.hunks)
    placed = seen.count(Fit.CLEAN, Fit.OFFSET, Fit.FUZZ)
    if seen.count(Fit.CLEAN) == total:
        return f"all {total} hunks stand at their lines" if total > 1 else "its hunk stands at its line"
    words = [f"{placed} of {total} hunks have a place"]
    for fit, told in ((Fit.OFFSET, "at other lines"), (Fit.FUZZ, "with fuzz")):
        if count := seen.count(fit):
            words.append(f"{count} {told}")
    if absent := sorted({hunk.path for hunk in seen.hunks if hunk.fit == Fit.NO_FILE}):
        words.append(f"no {', '.join(absent[:3])}{' and more' if len(absent) > 3 else ''}")
    return ", ".join(words)


def version_evidence(hints: Sequence[VersionHint], version: KernelVersion | None) -> tuple[float, str] | None:
    """(0 to 1, words) of the hint that speaks best for the candidate's version; None without hint or version."""
    if version is None or not hints:
        return None
    best: tuple[float, str] | None = None
    for hint in hints:
        named, own = hint.version, version
        weight = 1.0 if hint.sure else 0.6
        told = f"{hint.where} names {named}"
        if named == own:
            found = (weight, told)
        elif named.release == own.release:
            found = (weight * 0.9, f"{told}, which is built on {own.release}" if named.suffix else f"{told}")
        elif named.numbers == own.numbers:
            found = (weight * 0.5, f"{told}, this is {own}")
        elif named.numbers[:2] == own.numbers[:2]:
            found = (0.2 * weight, f"{told}, this is {own}")
        else:
            found = (0.0, f"{told}, this is {own}")
        if best is None or found[0] > best[0]:
            best = found
    return best


def _how_sure(clues: BaseClues, trees: Sequence[RankedTree]) -> tuple[str, str]:
    if not trees:
        return "none", "no candidate was tried"
    best = trees[0]
    name = best.candidate.name
    total = len(best.trial.hunks)
    missing = best.trial.count(Fit.MISSING, Fit.NO_FILE)
    rivals = [t for t in trees[1:] if _same_trial(t.trial, best.trial)]
    named = next((hint.version for hint in clues.versions if hint.sure and hint.version.suffix), None)
    more = f"; it was made for {named}, which is {named.release} with more on top" if named else ""
    if best.trial.blobs and best.trial.blobs_found == best.trial.blobs:
        if not rivals:
            return (
                "certain",
                f"certain: the files it changes are those of {name}, byte for byte, and of no other tree here",
            )
        also = _listed([tree.candidate.name for tree in rivals])
        return "certain", f"certain as far as its files go: {name} and {also} have the very same ones"
    if missing == total:
        return "none", f"none of these trees: not one of {total} hunks has a place"
    if 1 - missing / total < LIKELY:
        return "none", (
            f"probably none of these trees: {name} comes nearest, but {missing} of {total} hunks have no place{more}"
        )
    near = [tree for tree in rivals if best.score - tree.score < NEAR]
    if near:
        also = _listed([tree.candidate.name for tree in near])
        return "open", f"open between {name} and {also}: the hunks fit all of them alike"
    if rivals:
        also = _listed([tree.candidate.name for tree in rivals])
        return "likely", f"likely {name}: the hunks fit {also} as well, but what is said of version or date does not"
    second = trees[1] if len(trees) > 1 else None
    gap = fitness(best.trial) - fitness(second.trial) if second else None
    if gap is not None and gap < NEAR:
        assert second is not None
        return "open", f"open: {name} is ahead of {second.candidate.name} by less than the worth of one hunk in fifty"
    if best.trial.blobs_found:
        share = f"{best.trial.blobs_found} of {best.trial.blobs} files are the very ones, and {total - missing}"
        return "likely", f"likely {name} or something near to it: {share} of {total} hunks have a place"
    if missing:
        return "likely", f"likely {name} or something near to it: {missing} of {total} hunks have no place{more}"
    moved = more if best.trial.count(Fit.CLEAN) < total else ""
    return "likely", f"likely {name}" + ("" if second else ", the only tree that was tried") + moved


def _same_trial(one: Trial, other: Trial) -> bool:
    return one.blobs_found == other.blobs_found and abs(fitness(one) - fitness(other)) < 1e-9


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
