"""How well the console parser does on public collections of kernel reports: found, falsely found, rightly named.

    .venv/bin/python benchmarks/corpus.py titled FOLDER [--worst]
    .venv/bin/python benchmarks/corpus.py plain FOLDER [--clean REGEX] [--worst]

The collections are not part of this repository; FOLDER is a copy that the reader has fetched. Formats:

titled   One report a file, as pkg/report/testdata/linux/report of github.com/google/syzkaller has them: head lines
         (TITLE: what it is called; ALT: other names; CORRUPTED: Y; FRAME: function; comments), an empty line, the
         console, and perhaps a line "REPORT:" with what is to be cut out of it, which is not read here. A file
         without TITLE is clean: nothing in it is to be found.
plain    A console a file (github.com/abrt/satyr tests/kerneloopses, github.com/abrt/abrt examples,
         github.com/kernelci/logspec tests/logs): each holds a report, but those whose names match --clean.

Counted are files with a report in which something is found (recall), clean ones in which something is found (false
reports), and those in which the first finding has the function that the title ends in, one of the other names has, or
FRAME says (function). Titles are compared over the aliases of configs/findings/aliases.yaml, and files that their
collection calls corrupted have no function to be compared. --worst lists the files behind each figure that is not
whole. ``grep`` is what the usual words would have found. The figures, and by what rules the names differ, are in
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from harness.config.alias_file import default_aliases
from harness.findings import parse_console
from harness.findings.frames import bare_name

USUAL_WORDS = re.compile(rb"BUG|WARNING:|Oops|panic|INFO: (?:task|rcu|possible)|general protection|Call Trace", re.I)
_HEAD = re.compile(rb"([A-Z]{3,12}): ?(.*)")
_IN = re.compile(r" (?:in|at) ([A-Za-z_.$][\w.$]*)$")


@dataclass(frozen=True)
class Sample:
    """A console and what its collection says of it."""

    name: str
    console: bytes
    holds_report: bool
    title: str = ""
    functions: frozenset[str] = frozenset()
    corrupted: bool = False


def titled(path: Path) -> Sample:
    """Read a file of the format ``titled``."""
    lines = path.read_bytes().split(b"\n")
    head: dict[str, list[str]] = {}
    start = 0
    while start < len(lines) and (lines[start].startswith(b"#") or _HEAD.match(lines[start])):
        found = _HEAD.match(lines[start])
        start += 1
        if found is None:
            continue
        head.setdefault(found[1].decode(), []).append(found[2].decode().strip())
    end = next((n for n, line in enumerate(lines) if line.rstrip() == b"REPORT:"), len(lines))
    names = [*head.get("TITLE", []), *head.get("ALT", [])]
    functions = {found[1] for name in names if (found := _IN.search(name)) and found[1] != "corrupted"}
    functions |= {bare_name(name) for name in head.get("FRAME", [])}
    # Two functions that race are both in the title.
    functions |= {word for name in names if " / " in name for word in name.split(" in ")[-1].split(" / ")}
    corrupted = bool(head.get("CORRUPTED")) or any(" corrupted" in name for name in head.get("TITLE", []))
    title = head.get("TITLE", [""])[0]
    return Sample(path.name, b"\n".join(lines[start:end]), bool(title), title, frozenset(functions), corrupted)


def main() -> None:
    """Measure one collection."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("format", choices=("titled", "plain"))
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--leave-out", default="(?!)", help="titles that are no report of a kernel")
    arguments.add_argument("--clean", default="(?!)", help="names of files that hold no report")
    arguments.add_argument("--worst", action="store_true", help="list the files that are not right")
    given = arguments.parse_args()
    paths = sorted(path for path in given.folder.rglob("*") if path.is_file())
    samples = [
        titled(path)
        if given.format == "titled"
        else Sample(path.name, path.read_bytes(), not re.search(given.clean, path.name))
        for path in paths
    ]
    samples = [sample for sample in samples if not re.search(given.leave_out, sample.title)]
    count = dict.fromkeys("reports found clean false named right near trusted distrusted grep grep-false".split(), 0)
    aliases = default_aliases()
    for sample in samples:
        findings = parse_console(sample.console)
        grep = USUAL_WORDS.search(sample.console) is not None
        worst = ""
        if sample.holds_report:
            count["reports"] += 1
            count["found"] += bool(findings)
            count["grep"] += grep
            worst = "" if findings else "MISSED"
        else:
            count["clean"] += 1
            count["false"] += bool(findings)
            count["grep-false"] += grep
            worst = "FALSE" if findings else ""
        if findings and sample.functions and not sample.corrupted:
            count["named"] += 1
            first = findings[0]
            own = {first.function, *first.title.rpartition(" in ")[2].split(" / ")}
            right = bool(own & {name for named in sample.functions for name in (named, aliases.canonical(named))})
            count["right"] += right
            around = {aliases.canonical(bare_name(name)) for name in sample.functions}
            count["near"] += right or bool(around & set(re.split(r" < |: ", first.signature)))
            worst = worst or ("" if right else "FUNCTION")
            count["trusted"] += 1
            count["distrusted"] += first.corrupted
            if first.corrupted and not worst:
                worst = "DISTRUSTED"
        if worst and given.worst:
            print(f"{worst:10} {sample.name:28} {sample.title!r}")
            for finding in findings[:2]:
                print(f"{'':40}{finding.title!r} {finding.first_line}-{finding.last_line}")
    print(f"recall   {count['found']}/{count['reports']} (grep {count['grep']})")
    print(f"false    {count['false']}/{count['clean']} (grep {count['grep-false']})")
    if count["named"]:
        print(f"function {count['right']}/{count['named']} = {count['right'] / count['named']:.3f}")
        print(f"function, or one of the next two outwards {count['near']}/{count['named']}")
        print(f"said to be corrupted of {count['trusted']} that their collection trusts: {count['distrusted']}")


if __name__ == "__main__":
    main()
