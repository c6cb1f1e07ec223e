"""The four tools, each given a damaged text and the files of its tree: the files it makes, or why it made none."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from benchmarks.repair.cases import applied, outside, read_files, write_files
from harness.intake.repair import Repair, repair_diff
from harness.model.errors import HarnessError
from harness.model.tree import TreeFiles

SECONDS = 20.0  # of processor time that ours has for one patch
WAIT = 60.0  # seconds that the others have; wiggle compares words and can be slow
_TOUCHED = re.compile(r"^\+\+\+ b/([^\t\n]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Attempt:
    """``files`` is None where the tool gave up or failed, and ``reason`` says why.

    ``repair`` and ``refused`` are of ours only. Ours has refused where it says so and where it names a hunk that it
    leaves out.
    """

    files: dict[str, bytes] | None
    reason: str = ""
    repair: Repair | None = None
    refused: bool = False

    @property
    def grade(self) -> str:
        return str(self.repair.grade) if self.repair is not None else ""

    @property
    def confidence(self) -> float:
        return self.repair.confidence if self.repair is not None else 0.0


Tool = Callable[[str, dict[str, bytes], TreeFiles], Attempt]


def _by_command(*command: str) -> Tool:
    """A tool that reads the text from its standard input, in a folder of the touched files; its exit status tells."""

    def attempt(text: str, before: dict[str, bytes], tree: TreeFiles) -> Attempt:
        with tempfile.TemporaryDirectory(prefix="repair-") as name:
            folder = Path(name)
            write_files(folder, before)
            try:
                done = subprocess.run(
                    command,
                    cwd=folder,
                    input=text.encode("utf-8", "surrogateescape"),
                    capture_output=True,
                    env=outside(name),
                    timeout=WAIT,
                )
            except subprocess.TimeoutExpired:
                return Attempt(None, f"no answer within {WAIT:.0f} s")
            if done.returncode != 0:
                said = (done.stderr or done.stdout).decode(errors="replace").splitlines()
                errors = [line for line in said if line.startswith("error")] or said
                return Attempt(None, errors[0] if errors else f"exit status {done.returncode}")
            found = read_files(folder)
            after = {path: found.get(path, b"") for path in before}
            return Attempt(after) if after != before else Attempt(None, "success, and nothing changed")

    return attempt


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Ends what runs inside with TimeoutError after so much processor time: the machine may be busy with others."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {seconds:.0f} s of processor time")

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def harness(text: str, before: dict[str, bytes], tree: TreeFiles) -> Attempt:
    """Ours, and ``git apply`` with no option for what it gives. Files that its diff names wrongly count as changed."""
    try:
        with _at_most(SECONDS):
            made = repair_diff(text, tree)
    except HarnessError as error:
        return Attempt(None, str(error), refused=True)
    except Exception as error:  # anything else is a fault of ours, which the table must show
        return Attempt(None, f"raised {type(error).__name__}: {error}")
    left_out = "".join(f"; left out: {hunk.path} hunk {hunk.number}: {hunk.reason}" for hunk in made.unplaced)
    if made.refusal or left_out or not made.diff:
        reason = (made.refusal or "in part") + left_out
        return Attempt(None, reason, made, refused=True)
    files = dict(before)
    for path in _TOUCHED.findall(made.diff):
        data = tree.read(path) if path not in files else None
        if data is not None:
            files[path] = data
    result = applied(files, made.diff.encode("utf-8", "surrogateescape"))
    reason = "" if result is not None else "git apply refuses the repaired patch"
    return Attempt(result, reason, made)


OURS = "harness"
TOOLS: dict[str, Tool] = {
    "git apply": _by_command("git", "apply", "--ignore-whitespace", "--recount", "-"),
    "patch": _by_command("patch", "-l", "-F3", "-p1", "-f", "-s", "--no-backup-if-mismatch", "-r", "-"),
    "wiggle": _by_command("sh", "-c", "cat > ,damaged && exec wiggle --merge -p1 --replace ,damaged"),
    OURS: harness,
}
