"""Time to repair one patch of many hunks against a whole tree, beside ``git apply --check`` of the clean patch.

Both see the whole tree as git objects: ours through TreeFiles made anew each time, git through an index of the tree
that lies ready. Medians of several rounds, the two alternating.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.repair.cases import Case
from benchmarks.repair.compare import damaged_text
from benchmarks.repair.history import ENVIRONMENT
from harness.intake.repair import repair_diff
from harness.model.errors import HarnessError
from harness.model.tree import TreeFiles
from harness.trees.git_objects import GitObjects
from harness.trees.tree_files import GitTreeFiles

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds, medians of ROUNDS."""

    case: str
    way: str
    hunks: int
    files_of_tree: int
    ours: float
    git: float
    said: str  # "repaired", or why not

    def __str__(self) -> str:
        return (
            f"{self.case} ({self.hunks} hunks) {self.way}, tree of {self.files_of_tree} files: "
            f"{self.ours:.3f} s ({self.said}); git apply --check of the clean patch {self.git:.3f} s; "
            f"ratio {self.ours / self.git:.1f}"
        )


def _tree(case: Case) -> TreeFiles:
    folder, _, revision = case.tree.rpartition("@")
    return GitTreeFiles(GitObjects(Path(folder)), revision)


def measured(case: Case, name: str, seed: int) -> Speed:
    """One case of a history. Raises ValueError where git does not take the clean patch."""
    text = damaged_text(case, name, seed)
    clean = case.text.encode("utf-8", "surrogateescape")
    folder, _, revision = case.tree.rpartition("@")
    ours, git, said = [], [], ""
    with tempfile.TemporaryDirectory(prefix="repair-") as scratch:
        environment = {**ENVIRONMENT, "GIT_INDEX_FILE": f"{scratch}/index"}
        command = ["git", "-c", "safe.directory=*", "-C", folder]
        subprocess.run([*command, "read-tree", revision], env=environment, check=True)
        for _ in range(ROUNDS):
            started = time.perf_counter()
            try:
                made = repair_diff(text, _tree(case))
                said = "refused" if made.refusal else "in part" if made.unplaced else "repaired"
            except HarnessError as error:  # takes its time, too
                said = str(error)
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            check = [*command, "apply", "--check", "--cached", "-"]
            done = subprocess.run(check, input=clean, env=environment, capture_output=True)
            git.append(time.perf_counter() - started)
            if done.returncode != 0:
                raise ValueError(f"{case.name}: git apply --check: {done.stderr.decode(errors='replace').strip()}")
    return Speed(
        case.name, name, case.hunks, len(_tree(case).paths()), statistics.median(ours), statistics.median(git), said
    )
