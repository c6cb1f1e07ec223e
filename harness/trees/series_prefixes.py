"""Applying a series to a tree, patch by patch, in the object store; no working folder is needed for it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import git

from harness.model.errors import PatchConflict, UserError
from harness.model.series import Patch
from harness.model.tree import Applied, Fixup, Prefix, TreeContent
from harness.trees.object_store import ObjectStore, git_reason


def baseline(store: ObjectStore, content: TreeContent, fixups: Sequence[Fixup]) -> Prefix:
    """The tree with its era's fix-ups: patch 0 of every series.

    Raises UserError when a fix-up's text is not in the tree as often as it says.
    """
    tree_id = content.tree_id
    if fixups:
        with TemporaryDirectory(prefix="harness-index-") as folder:
            index = Path(folder) / "index"
            store.git("read-tree", content.commit, index=index)
            for fixup in fixups:
                _apply_fixup(store, index, content, fixup)
            tree_id = store.git("write-tree", index=index).strip()
    names = ", ".join(fixup.name for fixup in fixups)
    subject = f"{content.name} with fix-ups: {names}" if fixups else content.name
    commit = store.commit_tree(tree_id, subject, content.commit)
    return Prefix(content.name, 0, commit, tree_id, "baseline" + (f" (fix-ups: {names})" if fixups else ""))


def _apply_fixup(store: ObjectStore, index: Path, content: TreeContent, fixup: Fixup) -> None:
    where = f"{content.name}:{fixup.file}"
    try:
        entry = store.git("ls-files", "--stage", "--", fixup.file, index=index).split()
        text = store.git("cat-file", "blob", entry[1])
    except (git.GitCommandError, IndexError):
        raise UserError(f"fix-up {fixup.name}: no such file in the tree", where=where) from None
    found = text.count(fixup.find)
    if found != fixup.count:
        raise UserError(
            f"fix-up {fixup.name}: its text stands {found} times, {fixup.count} expected",
            where=where,
            remedy="the fix-up is for another version: mend the era's file",
        )
    # GitPython strips the last newline of output.
    changed = text.replace(fixup.find, fixup.replace) + "\n"
    blob = store.git("hash-object", "-w", "--stdin", stdin=changed).strip()
    store.git("update-index", "--cacheinfo", f"{entry[0]},{blob},{fixup.file}", index=index)


def prefixes(store: ObjectStore, base: Prefix, patches: Sequence[Patch]) -> tuple[Prefix, ...]:
    """The baseline and every prefix of the series, in order.

    Raises PatchConflict naming the first patch and hunk that does not apply; the prefixes before it are in its
    ``applied`` attribute.
    """
    record = _record_path(store, base, patches)
    known = _recorded(store, record)
    if known is not None:
        return known
    done = [base]
    with TemporaryDirectory(prefix="harness-index-") as folder:
        index = Path(folder) / "index"
        store.git("read-tree", base.commit, index=index)
        for patch in patches:
            diff = Path(folder) / "patch"
            diff.write_bytes(patch.diff.encode("utf-8", "surrogateescape"))
            try:
                told = store.apply_to_index(diff, index)
            except git.GitCommandError as error:
                raise SeriesConflict(patch, base.tree, _conflict(error), tuple(done)) from error
            tree_id = store.git("write-tree", index=index).strip()
            commit = store.commit_tree(tree_id, patch.subject or f"patch {patch.index}", done[-1].commit)
            how = Applied.OFFSET if re.search(r"succeeded at .*offset", told) else Applied.CLEAN
            done.append(Prefix(base.tree, len(done), commit, tree_id, patch.subject, how))
    record.parent.mkdir(parents=True, exist_ok=True)
    new = record.with_suffix(f".{os.getpid()}.new")
    new.write_text(json.dumps([asdict(prefix) for prefix in done]))
    new.rename(record)
    return tuple(done)


def _record_path(store: ObjectStore, base: Prefix, patches: Sequence[Patch]) -> Path:
    """Applying equal patches to an equal base gives equal commits: it is done once."""
    parts = [base.tree, base.commit, base.subject, *(f"{patch.digest} {patch.subject}" for patch in patches)]
    return store.folder / "prefixes" / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}.json"


def _recorded(store: ObjectStore, record: Path) -> tuple[Prefix, ...] | None:
    try:
        rows = json.loads(record.read_text())
        known = tuple(Prefix(**row | {"applied": Applied(row["applied"]) if row["applied"] else None}) for row in rows)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return known if known and all(store.has_commit(prefix.commit) for prefix in (known[0], known[-1])) else None


class SeriesConflict(PatchConflict):
    """A patch does not apply; ``applied`` holds the prefixes that do."""

    def __init__(self, patch: Patch, tree: str, hunks: str, applied: tuple[Prefix, ...]) -> None:
        super().__init__(
            f"patch {patch.index} ({patch.subject!r}) does not apply to {tree}: {hunks}",
            where=patch.source,
            remedy=f"patches 1 to {len(applied) - 1} do: --patches 0,{len(applied) - 1} runs those"
            if len(applied) > 1
            else "is this the tree the series was made for?",
        )
        self.applied = applied


def _conflict(error: git.GitCommandError) -> str:
    failed = re.findall(r"patch failed: (\S+:\d+)", str(error.stderr))
    return f"hunks at {', '.join(failed)}" if failed else git_reason(error)


def line_origin(store: ObjectStore, applied: Sequence[Prefix], patches: int, file: str, line: int) -> int | None:
    """The number of the patch that added a source line of the prefix with ``patches`` patches.

    ``applied`` starts with the baseline. None for a line of the tree itself, of a fix-up, or that does not exist.
    """
    if line < 1 or patches < 1 or file.startswith(("-", "/")):
        return None
    commit = applied[patches].commit
    try:
        told = store.git("blame", "-w", "-M", "-C", "--porcelain", "-L", f"{line},{line}", commit, "--", file)
    except git.GitCommandError:
        return None
    origin = told.split(" ", 1)[0]
    return next((prefix.patches for prefix in applied[1:] if prefix.commit == origin), None)
