"""How well the whitespace of added C lines is predicted, with the commits of a git history as the truth.

    python -m benchmarks.layout GIT-DIR [PATH ...] [--commits N] [--since DATE] [--until DATE]

Every line that a commit adds to a .c or .h file is flattened (blanks at its ends lost, runs of blanks one space; only
whether it was indented is kept, unless --unknown) and guessed from the lines before it: the old file's, and the new
ones as they were guessed, so that an error has its consequences. Trailing blanks cannot be had back and do not count.
Prints the share of lines, changes and commits that come back exactly, and per reason how often it was right.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from harness.intake.repair.c_layout import Layout, Style, squeeze

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
Change = tuple[int, list[str], list[str]]  # first line from 0, removed, added


def git(directory: Path, *arguments: str) -> str:
    """What git prints, each byte one character."""
    command = ["git", "-c", "safe.directory=*", f"--git-dir={directory}", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("latin-1")


def changed_files(directory: Path, commit: str) -> Iterator[tuple[list[str], list[Change]]]:
    """The old lines of each C file that ``commit`` changes, and its changes."""
    text = git(directory, "show", "--no-renames", "-U0", "--format=", commit)
    for part in ("\n" + text).split("\ndiff --git ")[1:]:
        lines = part.split("\n")
        name = re.match(r"a/(\S+) b/\1$", lines[0].rstrip())
        if name is None or not name[1].endswith((".c", ".h")) or any(x.startswith("new file") for x in lines[:4]):
            continue
        changes: list[Change] = []
        for line in lines:
            if match := _HUNK.match(line):
                start, count = int(match[1]), int(match[2] or 1)
                changes.append((start - 1 if count else start, [], []))
            elif changes and line[:1] == "-":
                changes[-1][1].append(line[1:])
            elif changes and line[:1] == "+":
                changes[-1][2].append(line[1:])
        if any(added for _, _, added in changes):
            yield git(directory, "show", f"{commit}^:{name[1]}").split("\n"), changes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("paths", nargs="*", default=["mm"])
    parser.add_argument("--commits", type=int, default=300)
    parser.add_argument("--since", default="2002-01-01")
    parser.add_argument("--until", default="2008-10-09")
    parser.add_argument("--unknown", action="store_true", help="not even known: whether a line was indented")
    options = parser.parse_args()
    span = (f"--since={options.since}", f"--until={options.until}")
    ids = git(options.directory, "log", "--no-merges", "--format=%H", *span, "HEAD", "--", *options.paths).split()
    step = max(1, len(ids) // options.commits)
    counts: Counter[str] = Counter()
    reasons: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    said: dict[float, list[int]] = defaultdict(lambda: [0, 0])
    for commit in ids[::step][: options.commits]:
        whole, size = True, 0
        for old, changes in changed_files(options.directory, commit):
            layout, done = Layout.begin(Style.of(old)), 0
            for start, removed, added in changes:
                for line in old[done:start]:
                    layout = layout.feed(line)
                done = start + len(removed)
                right = True
                for number, line in enumerate(added):
                    text = squeeze(line)
                    guess = layout.guess(
                        text,
                        indented=None if options.unknown or not text else line[0] in " \t",
                        removed=removed,
                        after=old[done : done + 12],
                        ahead=[squeeze(more) for more in added[number + 1 : number + 13]],
                    )
                    hit = guess.line == line.rstrip()
                    right = right and hit
                    for tally in (reasons[guess.why], said[round(guess.sure, 1)]):
                        tally[0] += hit
                        tally[1] += 1
                    counts["lines"] += 1
                    counts["lines right"] += hit
                    layout = layout.feed(guess.line)
                size += len(added)
                counts["changes"] += bool(added)
                counts["changes right"] += bool(added) and right
                whole = whole and right
        if size:
            for kind in ("commits", *(f"commits of at most {most} lines" for most in (10, 30) if size <= most)):
                counts[kind] += 1
                counts[kind + " right"] += whole
    print("| | all | right | share |\n|---|---|---|---|")
    for kind in ("lines", "changes", "commits", "commits of at most 30 lines", "commits of at most 10 lines"):
        if total := counts[kind]:
            print(f"| {kind} | {total} | {counts[kind + ' right']} | {counts[kind + ' right'] / total:.1%} |")
    print("\n| reason | lines | right |\n|---|---|---|")
    for why, (hits, seen) in sorted(reasons.items(), key=lambda item: -item[1][1])[:30]:
        print(f"| {why} | {seen} | {hits / seen:.1%} |")
    print("\n| sure | lines | right |\n|---|---|---|")
    for sure, (hits, seen) in sorted(said.items()):
        print(f"| {sure:.1f} | {seen} | {hits / seen:.1%} |")


if __name__ == "__main__":
    main()
