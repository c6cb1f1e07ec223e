"""One night: every series of configs/nightly.yaml, each compared with its last night."""

from __future__ import annotations

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.config.nightly_file import NightlySchema
from harness.model.errors import HarnessError, InfrastructureError
from harness.results.comparison import Comparison
from harness.results.summary import RunSummary
from harness.runs.comparison import compare_runs
from harness.runs.execute import Run
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop


@dataclass(frozen=True, slots=True)
class NightResult:
    """One series' night: its run, the comparison with the last night, or the error that ended it."""

    series: str
    summary: RunSummary | None
    against: Comparison | None
    error: HarnessError | None = None

    @property
    def exit_code(self) -> int:
        """An error's own code, else the worse of the run's and of the comparison's."""
        if self.error is not None:
            return self.error.exit_code
        codes = [self.summary.exit_code if self.summary else 3]
        codes += [self.against.exit_code] if self.against is not None else []
        return worst_code(codes)


@contextmanager
def only_night(results: Path) -> Iterator[None]:
    """Holds the night's lock. Raises InfrastructureError when another night is running."""
    results.mkdir(parents=True, exist_ok=True)
    with (results / "nightly.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InfrastructureError("another night is still running", where=str(results / "nightly.lock")) from None
        yield


def run_night(workshop: Workshop, plan: NightlySchema) -> list[NightResult]:
    """Runs every entry with fresh repeats; an entry that fails does not stop the others. An interrupted night is
    continued by the next call."""
    done = []
    with only_night(workshop.layout.results):
        for entry in plan.runs:
            request = RunRequest(
                series=entry.series, trees=tuple(entry.trees), patches=entry.patches, stressors=tuple(entry.stressors),
                repeat=entry.repeat, duration=entry.duration, again=True,
            )  # fmt: skip
            try:
                done.append(_one(workshop, request))
            except HarnessError as error:
                workshop.notice(f"{entry.series}: {error}")
                done.append(NightResult(entry.series, None, None, error))
    return done


def _one(workshop: Workshop, request: RunRequest) -> NightResult:
    name = workshop.catalogue.series(request.series).name
    nights = [r for r in workshop.store.runs(name) if r.kind == "nightly" and r.plan == request.digest]
    last = next((r for r in nights if r.finished is not None), None)
    unfinished = next((r for r in nights if r.finished is None), None)
    summary = Run(workshop, request, unfinished, kind="nightly").execute()
    against = compare_runs(workshop.store, last, summary.run) if last is not None else None
    return NightResult(name, summary, against)


def worst_code(codes: Iterable[int]) -> int:
    """The exit code that says most of several: worse, failed, mistaken, undecided, good."""
    found = set(codes)
    return next((code for code in (1, 3, 2, 4) if code in found), 0)


def timer_units(command: str, folder: Path, at: str) -> str:
    """A systemd service and timer, and the cron line that does the same, as text to be put in place by hand."""
    hour, minute = at.split(":")
    return f"""# /etc/systemd/system/harness-nightly.service
[Unit]
Description=Nightly kernel series replay
After=docker.service

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={command} nightly

# /etc/systemd/system/harness-nightly.timer
[Unit]
Description=Nightly kernel series replay

[Timer]
OnCalendar=*-*-* {at}:00
Persistent=true

[Install]
WantedBy=timers.target

# or, in crontab -e:
{int(minute)} {int(hour)} * * * cd {folder} && {command} nightly
"""
