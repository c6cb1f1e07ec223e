#!/usr/bin/env python3
"""Time of reading a series, beside what git takes for the same mails in the same run.

    .venv/bin/python benchmarks/intake.py [SOURCE...] [--patches 30] [--rounds 5]

Without SOURCE a series is made up: 30 patches of 40 hunks each, and one of them again as text of a web archive. A row
per source: our time (median of the rounds, in this process, everything read: headers, trailers, functions, diffstat),
`git mailinfo` for each mail and `git apply --numstat` for each diff (processes, since that is how git is used), and the
ratios. The goal is a series of 30 patches in under a second.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness.intake import patch_functions, read_series
from harness.model.series import Series

GOAL = 1.0  # seconds for 30 patches


def made_up_series(folder: Path, patches: int, hunks: int = 40) -> Path:
    """A mbox of ``patches`` mails with ``hunks`` hunks each; the same at every call."""
    chance = random.Random(1)
    words = "frog pond lake newt toad leap hold drain fill count".split()
    mails: list[str] = []
    for number in range(patches + 1):
        body = "Frogs.\n"
        if number:
            lines = []
            for hunk in range(hunks):
                at = hunk * 40 + 1
                lines.append(f"@@ -{at},7 +{at},8 @@ static int {chance.choice(words)}_{hunk}(struct frog *frog)\n")
                lines += [f" \tint {chance.choice(words)} = {line};\n" for line in range(3)]
                lines += [f"-\t{chance.choice(words)}(frog);\n", f"+\t{chance.choice(words)}(frog, {hunk});\n", "+\n"]
                lines += [f" \treturn {chance.choice(words)};\n" for _ in range(3)]
            stat = (
                f" mm/{number}.c | {3 * hunks} +++\n 1 file changed, {2 * hunks} insertions(+), {hunks} deletions(-)\n"
            )
            file = f"mm/{number}.c"
            diff = f"diff --git a/{file} b/{file}\n--- a/{file}\n+++ b/{file}\n{''.join(lines)}"
            body = f"Hold it.\n\nSigned-off-by: A Frog <frog@pond.example>\n---\n{stat}\n{diff}"
        mails.append(
            "From frog@pond.example Fri Aug 19 07:48:52 2011\nFrom: A Frog <frog@pond.example>\n"
            f"Subject: [PATCH {number:02}/{patches}] pond: part {number}\nDate: Fri, 19 Aug 2011 00:48:22 -0700\n"
            f"Message-Id: <20110819004822.1-{number + 1}-frog@pond.example>\n\n{body}-- \n2.39.2\n\n"
        )
    path = folder / "series.mbox"
    path.write_text("".join(mails))
    return path


def web_archive_page(folder: Path, series: Series) -> Path:
    """The series' last patch as a page that stripped and collapsed its whitespace."""
    patch = series.patches[-1]
    text = f"{patch.message}\n---\n{patch.diff}"
    flat = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    path = folder / "page.txt"
    path.write_text(f"[PATCH] {patch.subject}\n\nFrom: A Frog\nDate: Fri Aug 19 2011 - 03:49:19 EST\n\n{flat}\n")
    return path


def median(rounds: int, work: Callable[[], object]) -> float:
    """Median of the seconds that ``work`` takes."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def read(source: Path) -> Series:
    """The series with all that is told of it."""
    series = read_series("benchmark", [source], damaged=True)
    for patch in series.patches:
        patch_functions(patch)
    return series


def git_mailinfo(mails: list[bytes], folder: Path) -> None:
    """What `git am` does first with each mail."""
    for mail in mails:
        subprocess.run(["git", "mailinfo", "message", "patch"], input=mail, cwd=folder, capture_output=True, check=True)


def git_apply(diffs: list[bytes], folder: Path) -> None:
    """git's own reading of each diff."""
    for diff in diffs:
        subprocess.run(["git", "apply", "--numstat", "-"], input=diff, cwd=folder, capture_output=True)


def main() -> int:
    """Prints the table; exit code 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", type=Path)
    parser.add_argument("--patches", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = list(arguments.sources)
        if not sources:
            sources = [made_up_series(folder, arguments.patches)]
            sources.append(web_archive_page(folder, read(sources[0])))
        print(
            "| source | patches | diff lines | ours | per patch | git mailinfo | ratio | git apply --numstat | ratio |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for source in sources:
            series = read(source)
            ours = median(arguments.rounds, lambda source=source: read(source))  # type: ignore[misc]
            diffs = [patch.diff.encode("utf-8", "surrogateescape") for patch in series.patches]
            head = b"From: A Frog <frog@pond.example>\nSubject: [PATCH] x\n\n"
            mails = [
                head + patch.message.encode() + b"\n---\n" + diff
                for patch, diff in zip(series.patches, diffs, strict=True)
            ]
            info = median(arguments.rounds, lambda mails=mails: git_mailinfo(mails, folder))  # type: ignore[misc]
            apply = median(arguments.rounds, lambda diffs=diffs: git_apply(diffs, folder))  # type: ignore[misc]
            count, lines = len(diffs), sum(diff.count(b"\n") for diff in diffs)
            refused = any(patch.damage for patch in series.patches)
            applied = "refuses | -" if refused else f"{apply * 1000:.0f} ms | {ours / apply:.2f}"
            print(
                f"| {source.name} | {count} | {lines} | {ours * 1000:.0f} ms | {ours / max(1, count) * 1000:.1f} ms "
                f"| {info * 1000:.0f} ms | {ours / info:.2f} | {applied} |"
            )
            missed |= count > 0 and ours / count * 30 > GOAL
    print(f"\n30 patches in under {GOAL:.0f} s: {'missed' if missed else 'met'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
