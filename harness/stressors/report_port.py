"""Reading what init and the stressors say on the report port (KTAP v1 with counters). Hostile input: bounded, exact."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.model.plain_text import clean

MAX_BYTES = 16 * 1024 * 1024
_COUNTER = re.compile(r"^# counter-(before|after) ([A-Za-z0-9_.]{1,64}) (-?\d{1,20})$")
_PAIR = re.compile(r"([A-Za-z0-9_.]{1,64})=(-?\d{1,20})(?=\s|$)")
_AREA = re.compile(r"([a-z][a-z0-9_-]{0,31})=([A-Za-z0-9_.-]{1,32})(?=\s|$)")
_RESULT = re.compile(r"^(not ok|ok) 1 (\S+)(?: # (.*))?$")
_STARTED = re.compile(r"^# harness: (user-space|stressor) seconds=(\d{1,9}\.\d{1,9})$")
_OTHER = re.compile(r"^(KTAP version 1|1\.\.1|# (?!counter-).*)$")


@dataclass(frozen=True, slots=True)
class StressorReport:
    """A guest's report. ``areas`` are parts of memory management and what the kernel has of them ("no", "yes", "v1").

    ``skip`` is init's or the stressor's reason why it is not possible in this kernel. ``foreign`` counts lines that are
    not of the protocol: the port lost bytes, or somebody else wrote to it. ``start_delay`` is the time from user space
    to the stressor's start in seconds of the guest's clock."""

    user_space: bool
    guest: str
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    digest: dict[str, int] = field(default_factory=dict)
    ok: bool | None = None
    skip: str | None = None
    error: str = ""
    done: bool = False
    areas: dict[str, str] = field(default_factory=dict)
    foreign: int = 0
    first_foreign: str = ""
    start_delay: float | None = None

    def moved(self, name: str) -> int | None:
        """How far a counter moved, or a "digest.KEY" value; None where the guest has no such counter."""
        if name.startswith("digest."):
            return self.digest.get(name.removeprefix("digest."))
        if name not in self.after:
            return None
        return self.after[name] - self.before.get(name, 0)


def parse_report(data: bytes, stressor: str) -> StressorReport:
    """The report in the bytes of the report port; lines that are not of the protocol are counted."""
    user_space = done = False
    guest, skip, error, first_foreign = "", None, "", ""
    foreign = 0
    began: dict[str, float] = {}
    areas: dict[str, str] = {}
    ok: bool | None = None
    counters: dict[str, dict[str, int]] = {"before": {}, "after": {}}
    digest: dict[str, int] = {}
    for raw in data[:MAX_BYTES].split(b"\n"):
        line = raw[:4000].decode("ascii", "replace").strip()
        if match := _COUNTER.match(line):
            counters[match[1]][match[2]] = int(match[3])
        elif line.startswith("# harness: user-space") or line.startswith("# harness: stressor"):
            user_space = True
            if match := _STARTED.match(line):
                began[match[1]] = float(match[2])
        elif line.startswith("# guest: "):
            guest = clean(line.removeprefix("# guest: "), 300)
        elif line.startswith("# areas: "):
            areas.update(_AREA.findall(line))
        elif line.startswith(f"# digest {stressor} "):
            digest.update({key: int(value) for key, value in _PAIR.findall(line)})
        elif line.startswith("# error "):
            error = line.removeprefix("# error ")[:300]
        elif line.startswith("# harness: done"):
            done = True
        elif (match := _RESULT.match(line)) and match[2] == stressor:
            directive = (match[3] or "").strip()
            if directive.upper().startswith("SKIP"):
                skip = directive[4:].strip()[:300] or "no reason given"
            ok = match[1] == "ok"
            if not ok:
                error = error or directive[:300]
        elif line and not _OTHER.match(line):
            foreign += 1
            first_foreign = first_foreign or clean(line, 80)
    delay = round(began["stressor"] - began["user-space"], 3) if len(began) == 2 else None
    return StressorReport(
        user_space, guest, counters["before"], counters["after"], digest, ok, skip, error, done, areas,
        foreign, first_foreign, delay,
    )  # fmt: skip
