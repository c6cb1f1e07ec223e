"""The warnings of everything in an output folder, kept from one incremental build to the next.

A build that compiles three files says nothing of the others, whose warnings are the kernel's all the same.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from harness.builds.build_log import CONFIGURATION, MAX_MESSAGES, BuildLog
from harness.builds.output_file import open_output, read_output
from harness.model.build_message import BuildMessage, message_from
from harness.model.errors import InfrastructureError

RECORD = "harness.warnings"
MAX_RECORD = 16 << 20  # bytes
MAX_LOG = 1 << 40  # bytes; of a log only the first line is read
_MARK = "# harness build "


class WarningRecord:
    """The record in one output folder. ``known``: what was there before is complete.

    The record names the build that it was last written by, whose log begins with the same mark: a build that somebody
    made without it since then, by hand or with an older harness, makes it void.
    """

    def __init__(self, out: Path, source: Path) -> None:
        self.out = out
        self.source = source
        self.known = True
        self.messages: tuple[BuildMessage, ...] = ()
        self._mark = f"{_MARK}{uuid.uuid4().hex}"

    def begin(self, log: Path) -> bytes:
        """Reads the record of the build before, whose ``log`` is still there; returns the new log's first line.

        Written back with the new mark: a build that is killed leaves it true, for the objects it made are made again.
        """
        if not (self.out / ".config").exists():
            self.known = True  # nothing was ever built here
        else:
            self.known = self._read(log)
        self._write()
        return f"{self._mark}\n".encode()

    def finish(self, log: BuildLog) -> tuple[BuildMessage, ...] | None:
        """Takes a build's log in and returns the warnings of the whole output folder, each once; None: not known."""
        self.messages = merged(self.messages, log, self._exists)
        self.known = self.known and not log.left_out and len(self.messages) <= MAX_MESSAGES
        self._write()
        return unique(self.messages) if self.known else None

    def _exists(self, file: str) -> bool:
        # What a link makes and removes again says nothing of the tree.
        is_source = file.endswith((".c", ".S", ".h")) and not file.startswith("/")
        return not is_source or (self.source / file).exists() or (self.out / file).exists()

    def _read(self, log: Path) -> bool:
        try:
            data = json.loads(read_output(self.out, RECORD, MAX_RECORD))
            with open_output(log.parent, log.name, MAX_LOG) as file:
                mark = file.read(len(self._mark)).decode("utf-8", "replace")
            self.messages = tuple(message_from(row) for row in data["messages"][: MAX_MESSAGES + 1])
            return bool(data["known"]) and data["mark"] == mark
        except (InfrastructureError, OSError, ValueError, KeyError, TypeError):
            self.messages = ()
            return False

    def _write(self) -> None:
        rows = [asdict(message) for message in self.messages]
        new = self.out / f"{RECORD}.new"
        new.unlink(missing_ok=True)
        new.write_text(json.dumps({"mark": self._mark, "known": self.known, "messages": rows}))
        new.replace(self.out / RECORD)


def merged(before: Sequence[BuildMessage], log: BuildLog, exists: Callable[[str], bool]) -> tuple[BuildMessage, ...]:
    """The warnings after a build: those of ``before`` whose target was not made anew and whose file is still there, and
    the log's own. Messages without a target, and the configuration's, are told by every build."""
    made = {*log.made, CONFIGURATION, ""}
    kept = [m for m in before if m.target not in made and (not m.file or exists(m.file))]
    return (*kept, *log.warnings)


def unique(messages: Iterable[BuildMessage]) -> tuple[BuildMessage, ...]:
    """Each complaint once, by file and line: a header's is told with every file that includes it."""
    first: dict[tuple[str, ...], BuildMessage] = {}
    for message in messages:
        first.setdefault(message.identity, message)
    return tuple(sorted(first.values(), key=lambda m: (m.file, m.line, m.message)))
