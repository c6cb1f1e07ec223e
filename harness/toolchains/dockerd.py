"""Starting the machine's own Docker where that is allowed: through systemd, else as a daemon of its own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.model.errors import EngineUnavailable

START_SECONDS = 60.0  # all attempts together
POLL_SECONDS = 0.2
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
SYSTEMD = Path("/run/systemd/system")  # exists where systemd runs the machine (sd_booted(3))

# Builds use no network, so an engine without a bridge serves as well.
NO_BRIDGE = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
# fuse-overlayfs needs its program; vfs copies whole images for every container but works on any file system.
STORAGE = ("fuse-overlayfs", "vfs")

_NETWORK_FAULT = re.compile(r"iptables|nf_tables|bridge|network controller|ip_forward|nat chain", re.I)
_STORAGE_FAULT = re.compile(r"storage[ -]driver|graphdriver|overlay|snapshotter", re.I)


@dataclass(frozen=True, slots=True)
class Daemon:
    """A dockerd that was started here: its process and the options that it needed on this machine."""

    pid: int
    options: tuple[str, ...]
    log: str


def next_options(options: tuple[str, ...], log: str) -> tuple[str, ...] | None:
    """Options for the next attempt after one with ``options`` ended with ``log``; None when nothing is left to try."""
    fault = "\n".join(line for line in log.splitlines() if re.search(r"level=(fatal|error)|failed|error", line, re.I))
    storage = next((o.partition("=")[2] for o in options if o.startswith("--storage-driver=")), None)
    without_bridge = NO_BRIDGE[0] in options
    other_storage = [d for d in STORAGE if d != "fuse-overlayfs" or shutil.which("fuse-overlayfs")]
    if storage in other_storage:
        other_storage = other_storage[other_storage.index(storage) + 1 :]
    storage_fault = bool(_STORAGE_FAULT.search(fault)) and not _NETWORK_FAULT.search(last_word(log))
    if not without_bridge and not storage_fault:
        return (*NO_BRIDGE, *options)
    if other_storage and storage_fault:
        return (*(o for o in options if not o.startswith("--storage-driver=")), f"--storage-driver={other_storage[0]}")
    return None


def last_word(log: str) -> str:
    """The line of a dockerd log that says why it ended."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for line in reversed(lines):
        if re.match(r"failed to start daemon|.*level=fatal", line):
            return line[:300]
    return lines[-1][:300] if lines else "it said nothing"


def start_engine(state: Path, answers: Callable[[], bool], seconds: float = START_SECONDS) -> str:
    """Starts Docker and waits until it answers; returns a line that says how it was started.

    With systemd it is ``systemctl start docker``; without, dockerd in a session of its own, which outlives the
    harness; its log and process id are in ``state``. Raises EngineUnavailable where that is not allowed or fails.
    """
    dockerd = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}")
    if os.getuid() != 0:
        raise EngineUnavailable(
            "no container engine is running, and only root may start one",
            remedy="start it: sudo systemctl start docker, or systemctl --user start podman.socket",
        )
    if dockerd is None:
        raise EngineUnavailable("no container engine is installed", remedy="install docker.io (make setup does)")
    state.mkdir(parents=True, exist_ok=True)
    with _only_one(state / "start.lock"):
        if answers():
            return "the container engine has been started by somebody else"
        deadline = time.monotonic() + seconds
        if SYSTEMD.is_dir() and _by_systemd(answers, deadline):
            return "started the container engine with systemctl"
        daemon = _by_hand(dockerd, state, answers, deadline)
    how = f" with {' '.join(daemon.options)}" if daemon.options else ""
    return f"started dockerd{how} (process {daemon.pid}, log {daemon.log})"


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _by_systemd(answers: Callable[[], bool], deadline: float) -> bool:
    try:
        done = subprocess.run(
            ["systemctl", "start", "docker"], capture_output=True, timeout=max(1.0, deadline - time.monotonic())
        )
    except (OSError, subprocess.SubprocessError):
        return False
    while done.returncode == 0 and time.monotonic() < deadline:
        if answers():
            return True
        time.sleep(POLL_SECONDS)
    return False


def _by_hand(dockerd: str, state: Path, answers: Callable[[], bool], deadline: float) -> Daemon:
    options = _remembered(state)
    # The system's programs: a user's PATH may lack iptables, and dockerd does not start without it.
    environment = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:{_SYSTEM_PATH}"}
    log = state / "dockerd.log"
    while True:
        with log.open("wb") as output:
            process = subprocess.Popen(
                [dockerd, *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        while process.poll() is None and time.monotonic() < deadline:
            if answers():
                daemon = Daemon(process.pid, options, str(log))
                _remember(state, daemon)
                # It is meant to outlive this process: not a child to wait for.
                process.returncode = 0
                return daemon
            time.sleep(POLL_SECONDS)
        text = log.read_text("utf-8", "replace")
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            raise EngineUnavailable(f"dockerd does not answer: {last_word(text)}", where=str(log))
        if answers():  # another one holds the process file
            return Daemon(process.pid, options, str(log))
        following = next_options(options, text)
        if following is None or time.monotonic() >= deadline:
            (state / "dockerd.json").unlink(missing_ok=True)
            raise EngineUnavailable(f"dockerd does not start: {last_word(text)}", where=str(log))
        log.replace(state / "dockerd.failed.log")
        options = following


def _remembered(state: Path) -> tuple[str, ...]:
    try:
        options = json.loads((state / "dockerd.json").read_text())["options"]
        return tuple(o for o in options if o in NO_BRIDGE or o.removeprefix("--storage-driver=") in STORAGE)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _remember(state: Path, daemon: Daemon) -> None:
    path = state / "dockerd.json"
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"pid": daemon.pid, "options": daemon.options, "log": daemon.log}) + "\n")
    new.replace(path)
