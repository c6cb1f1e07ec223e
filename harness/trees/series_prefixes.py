"""Applying a series to a tree, patch by patch, in the object store; no working folder is needed for it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import git

from harness.config.whole_file import write_whole
from harness.model.errors import PatchConflict, UserError
from harness.model.series import Patch, Provenance
from harness.model.tree import Applied, Fixup, Prefix, TreeContent
from harness.trees.object_store import ObjectStore, git_reason
from harness.trees.turned_diff import turned_round


def baseline(store: ObjectStore, content: TreeContent, fixups: Sequence[Fixup]) -> Prefix:
    """The tree with its era's fix-ups: patch 0 of every series.

    Raises UserError when a fix-up's text is not in the tree as often as it says.
    """
    tree_id = content.tree_id
    done: list[Fixup] = []
    if fixups:
        with TemporaryDirectory(prefix="harness-index-") as folder:
            index = Path(folder) / "index"
            store.git("read-tree", content.commit, index=index)
            done = [fixup for fixup in fixups if _apply_fixup(store, index, content, fixup)]
            tree_id = store.git("write-tree", index=index).strip()
    names = ", ".join(fixup.name for fixup in done)
    subject = f"{content.name} with fix-ups: {names}" if done else content.name
    commit = store.commit_tree(tree_id, subject, content.commit)
    told = "baseline" + (f" (fix-ups: {names})" if done else "")
    return Prefix(content.name, 0, commit, tree_id, told, fixups=tuple(done))


def _apply_fixup(store: ObjectStore, index: Path, content: TreeContent, fixup: Fixup) -> bool:
    """Whether the tree needed it. Raises UserError where it has neither text of the fix-up."""
    where = f"{content.name}:{fixup.file}"
    try:
        entry = store.git("ls-files", "--stage", "--", fixup.file, index=index).split()
        text = store.git("cat-file", "blob", entry[1])
    except (git.GitCommandError, IndexError):
        raise UserError(
            f"fix-up {fixup.name}: no such file in the tree",
            where=where,
            remedy=f"mend its versions or its file in {fixup.where or 'configs/fixups'}",
        ) from None
    found = text.count(fixup.find)
    if found == 0 and fixup.unless is not None and fixup.unless in text:
        return False
    if found != fixup.count:
        raise UserError(
            f"fix-up {fixup.name}: its text stands {found} times, {fixup.count} expected",
            where=where,
            remedy=f"is it for {content.name}? mend its versions or its text in {fixup.where or 'configs/fixups'}",
        )
    # GitPython strips the last newline of output.
    changed = text.replace(fixup.find, fixup.replace) + "\n"
    blob = store.git("hash-object", "-w", "--stdin", stdin=changed).strip()
    store.git("update-index", "--cacheinfo", f"{entry[0]},{blob},{fixup.file}", index=index)
    return True


def prefixes(
    store: ObjectStore, base: Prefix, patches: Sequence[Patch], keep_going: bool = False
) -> tuple[Prefix, ...]:
    """The baseline and every prefix of the series, in order; each says how its last patch went in.

    With ``keep_going`` a patch that does not apply is left out and the next one is tried. Without it, raises
    SeriesConflict naming the first patch and hunk that does not apply; the prefixes before it are in its ``applied``
    attribute.
    """
    record = _record_path(store, base, patches)
    known = _recorded(store, record, base)
    if known is not None and (keep_going or not known[-1].left_out):
        return known
    done = [base]
    with TemporaryDirectory(prefix="harness-index-") as folder:
        index = Path(folder) / "index"
        store.git("read-tree", base.commit, index=index)
        for patch in patches:
            before = done[-1]
            diff = Path(folder) / "patch"
            diff.write_bytes(patch.diff.encode("utf-8", "surrogateescape"))
            try:
                how, detail = _apply(store, index, diff, patch, before.tree_id)
            except _DoesNotApply as refused:
                if not keep_going:
                    raise SeriesConflict(patch, base.tree, str(refused), tuple(done)) from refused.__cause__
                detail = str(refused) + _because_left_out(patch, patches, before.left_out)
                gone = (*before.left_out, len(done))
                done.append(
                    Prefix(base.tree, len(done), before.commit, before.tree_id, patch.subject, Applied.CONFLICT, detail,
                           gone)
                )  # fmt: skip
                continue
            tree_id = store.git("write-tree", index=index).strip()
            commit = store.commit_tree(tree_id, patch.subject or f"patch {patch.index}", before.commit)
            done.append(Prefix(base.tree, len(done), commit, tree_id, patch.subject, how, detail, before.left_out))
    write_whole(record, json.dumps([_row(prefix) for prefix in done]))
    return tuple(done)


class _DoesNotApply(Exception):
    """The text says which hunks."""


def _apply(store: ObjectStore, index: Path, diff: Path, patch: Patch, tree_id: str) -> tuple[Applied, str]:
    """Applies one patch to the index in the mildest way that works: as it stands, not at all because its result is
    there, in reverse where its headers say that it is turned round, and by a three-way merge without conflict.

    ``tree_id`` is the index's tree before. Raises _DoesNotApply; the index is as it was then.
    """
    if patch.damage:
        raise _DoesNotApply(f"its diff is damaged ({patch.damage}) and needs harness series repair")
    try:
        return _as_told(store.apply_to_index(diff, index), patch)
    except git.GitCommandError as error:
        failed = error
    if _applies(store, diff, index, "--reverse"):
        turned = turned_round(patch.diff)
        if not turned:
            return Applied.PRESENT, "its reverse applies: nothing was changed"
        store.apply_to_index(diff, index, "--reverse")
        return Applied.REVERSED, turned
    # A merge that fails leaves its conflict in the index: it gets a copy.
    merged = index.with_name("index.merged")
    shutil.copyfile(index, merged)
    if re.search(r"^index [0-9a-f]+\.\.", patch.diff, re.MULTILINE) and _applies(store, diff, merged, "--3way"):
        try:
            same = store.git("write-tree", index=merged).strip() == tree_id
        except git.GitCommandError:
            raise _DoesNotApply(_conflict(failed)) from failed
        if same:
            return Applied.PRESENT, "a three-way merge with it changes nothing"
        merged.replace(index)
        return Applied.THREE_WAY, "merged with the file it was made from"
    raise _DoesNotApply(_conflict(failed)) from failed


def _applies(store: ObjectStore, diff: Path, index: Path, *options: str) -> bool:
    """Whether git takes the diff with these options; only --3way changes the index by it."""
    check = [] if "--3way" in options else ["--check"]
    try:
        store.apply_to_index(diff, index, *check, *options)
    except git.GitCommandError:
        return False
    return True


def _as_told(told: str, patch: Patch) -> tuple[Applied, str]:
    """The state and its detail, from what ``git apply --verbose`` says of each hunk that is not at its line."""
    offsets = [abs(int(count)) for count in re.findall(r"succeeded at \d+ \(offset (-?\d+) lines?\)", told)]
    moved = ""
    if offsets:
        hunks = len(re.findall(r"^@@ -", patch.diff, re.MULTILINE))
        most = max(offsets)
        moved = f"{len(offsets)} of {hunks} hunks, by up to {most} line{'s' if most > 1 else ''}"
    if patch.provenance is Provenance.REPAIRED:
        mended = patch.repairs[0] if patch.repairs else "not said how"  # the summary stands first
        return Applied.REPAIRED, f"{mended}; with offset: {moved}" if moved else mended
    return (Applied.OFFSET, moved) if moved else (Applied.CLEAN, "")


def _because_left_out(patch: Patch, patches: Sequence[Patch], left_out: Sequence[int]) -> str:
    """Which patches left out before change a file of this one."""
    shared = [str(number) for number in left_out if set(patches[number - 1].files) & set(patch.files)]
    return f"; patch {', '.join(shared)}, left out before it, changes the same file" if shared else ""


def _record_path(store: ObjectStore, base: Prefix, patches: Sequence[Patch]) -> Path:
    """Applying equal patches to an equal base gives equal commits: it is done once."""
    told = (f"{patch.digest} {patch.provenance} {patch.repairs[:1]} {patch.subject}" for patch in patches)
    parts = ["2", base.tree, base.commit, base.subject, *told]  # 2: since prefixes have a detail
    return store.folder / "prefixes" / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}.json"


def _recorded(store: ObjectStore, record: Path, base: Prefix) -> tuple[Prefix, ...] | None:
    try:
        rows = json.loads(record.read_text())
        known = (base, *(_prefix(row) for row in rows[1:]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return known if all(store.has_commit(prefix.commit) for prefix in (known[0], known[-1])) else None


def _row(prefix: Prefix) -> dict[str, Any]:
    row = asdict(prefix)
    del row["fixups"]  # the base's, who asks has it
    return row


def _prefix(row: dict[str, Any]) -> Prefix:
    applied = Applied(row["applied"]) if row["applied"] else None
    return Prefix(**row | {"applied": applied, "left_out": tuple(row["left_out"])})


class SeriesConflict(PatchConflict):
    """A patch does not apply; ``applied`` holds the prefixes that do."""

    def __init__(self, patch: Patch, tree: str, hunks: str, applied: tuple[Prefix, ...]) -> None:
        super().__init__(
            f"patch {patch.index} ({patch.subject!r}) does not apply to {tree}: {hunks}",
            where=patch.source,
            remedy=f"patches 1 to {len(applied) - 1} do: --patches 0,{len(applied) - 1} runs those, --keep-going all "
            "that apply"
            if len(applied) > 1
            else "is this the tree the series was made for? harness series base tells",
        )
        self.patch = patch
        self.hunks = hunks
        self.applied = applied


def _conflict(error: git.GitCommandError) -> str:
    said = str(error.stderr)
    hunks = re.findall(r"patch failed: (\S+:\d+)", said)
    absent = re.findall(r"error: (\S+): does not exist in index", said)
    present = re.findall(r"error: (\S+): already exists in index", said)
    parts = [f"hunks at {', '.join(hunks)}"] if hunks else []
    parts += [f"the tree has no {', '.join(absent)}"] if absent else []
    parts += [f"the tree has {', '.join(present)} already"] if present else []
    return "; ".join(parts) or git_reason(error)


def prefix_diff(store: ObjectStore, before: Prefix, after: Prefix) -> str:
    """What changed from one prefix to another, as git's diff without context; "" where that is nothing, or the objects
    are gone."""
    if before.tree_id == after.tree_id:
        return ""
    try:
        return store.git(
            "diff-tree", "-p", "-r", "-U0", "-M", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/",
            "--dst-prefix=b/", before.tree_id, after.tree_id,
        )  # fmt: skip
    except git.GitCommandError:
        return ""


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
    went_in = (prefix for prefix in applied[1:] if prefix.applied is not Applied.CONFLICT)
    return next((prefix.patches for prefix in went_in if prefix.commit == origin), None)
