"""What a user asks a run to do, and its identity: the same request continues the run it began."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass

from harness.model.errors import UserError


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Options of ``harness run``; None means "the series', the stressor's or the machine's own default".

    ``patches``: "ends", "each" or numbers as "1,3,6". ``jobs``: guests at a time. ``again``: new repeats even where
    results are at hand. ``keep_going``: patches that do not apply are left out. ``toolchain``: instead of the era's.
    ``thp``: mode of transparent huge pages; ``swap_mib``: of each swap area.
    ``image``: a disk image for the guests, in which ``ssh_command`` is the only stressor.
    """

    series: str
    trees: tuple[str, ...] = ()
    patches: str = "ends"
    stressors: tuple[str, ...] = ()
    repeat: int = 1
    duration: int | None = None
    seed: int = 1
    cpus: int | None = None
    memory_mib: int | None = None
    nodes: int | None = None
    append: tuple[str, ...] = ()
    accelerator: str = "auto"
    jobs: int | None = None
    mail: str | None = None
    again: bool = False
    keep_going: bool = False
    toolchain: str | None = None
    thp: str | None = None
    swap_mib: int | None = None
    image: str | None = None
    ssh_command: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what decides the result; how many guests at a time does not."""
        asked = asdict(self) | {"jobs": None}
        for name in ("keep_going", "toolchain", "thp", "swap_mib", "image", "ssh_command"):
            if not asked[name]:
                del asked[name]  # runs of before it was an option go on
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def chosen_prefixes(patches: str, total: int) -> tuple[int, ...]:
    """Numbers of patches to apply, ascending, the baseline 0 always among them.

    Raises UserError for a word or a number the series does not have.
    """
    if patches == "ends":
        return (0, total) if total else (0,)
    if patches == "each":
        return tuple(range(total + 1))
    if not re.fullmatch(r"\s*\d+(-\d+)?(\s*,\s*\d+(-\d+)?)*\s*", patches):
        raise UserError(f"--patches {patches!r} is neither ends, each nor numbers such as 1,3,6 or 1-4")
    chosen = {0}
    for part in patches.split(","):
        first, _, last = part.strip().partition("-")
        low, high = int(first), int(last or first)
        if high > total:
            raise UserError(f"--patches names patch {max(low, total + 1)}, the series has {total}")
        if low > high:
            raise UserError(f"--patches {part.strip()}: the range is empty", remedy=f"did you mean {high}-{low}?")
        chosen.update(range(low, high + 1))
    return tuple(sorted(chosen))
