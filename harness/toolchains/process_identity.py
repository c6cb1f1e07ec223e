"""Who owns a container: a process, told apart from later ones with the same number."""

from __future__ import annotations

import os
from pathlib import Path


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "unknown"


def _start(pid: int) -> str | None:
    """Start time of a living process in clock ticks since boot (proc(5), stat field 22); None where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name is in parentheses and may hold anything.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def this_process() -> str:
    """This process as "boot:namespace:pid:start"."""
    return f"{_boot()}:{_namespace()}:{os.getpid()}:{_start(os.getpid())}"


def owner_is_gone(owner: str) -> bool:
    """True where ``owner`` was a process of this machine and is no more; False where that cannot be known."""
    parts = owner.split(":")
    if len(parts) != 4 or not parts[2].isdigit() or parts[0] != _boot() or parts[1] != _namespace():
        # Another machine on the same engine, another container, or before a reboot.
        return False
    return _start(int(parts[2])) != parts[3]
