"""Deaths that no line of a console tells of: what the places of the CPUs say of a guest that hung or reset itself."""

from __future__ import annotations

from collections.abc import Sequence

from harness.findings.frames import is_idle, is_plumbing, is_shared_helper, key_function
from harness.model.finding import KERNEL_LOG, Finding, Severity
from harness.model.guest import CpuPlace, GuestEnd

EARLY_DEATH = "early-death"
SILENT_DEATH = "silent-death"
KINDS = frozenset({EARLY_DEATH, SILENT_DEATH})
"""Before user space was reached, and after."""

_HOW = {GuestEnd.RESET: "guest reset itself", GuestEnd.POWER_OFF: "guest switched itself off"}
MAX_FRAMES = 32


def silent_death(end: GuestEnd, user_space: bool, cpus: Sequence[CpuPlace], detail: str) -> Finding:
    """The finding for a guest that died, or hangs, without a report. ``detail`` is what is known of its end, in words.

    The title is how it ended and, where it hangs, the function that keeps a CPU busy; CPUs that wait for a lock come
    after one that does not, since they wait for it. What lies on a stack is a guess, so that a function found there
    names the death only where every busy CPU waits. Of a guest that reset itself nobody knows which CPU did it, unless
    only one was at work.
    """
    how = _HOW.get(end, "guest hung")
    early = " before user space" if not user_space else ""
    busy = [cpu for cpu in cpus if cpu.function is not None and not is_idle(cpu.function)]
    at_work = [cpu for cpu in busy if not _waits(cpu.function or "")]
    chosen = next(iter(at_work or busy), None)
    function = None
    told = end is not GuestEnd.RESET or len(busy) == 1
    if told and chosen is not None and chosen.function is not None:
        function = key_function((chosen.function, *chosen.stack))
    where = f" in {function}" if function else ""
    if not busy and cpus and end not in _HOW:
        idle = all(cpu.function is not None for cpu in cpus)
        where = ", every CPU idle" if idle else ", its CPUs in user space"
    guesses = chosen.stack if chosen is not None else ()
    return Finding(
        kind=SILENT_DEATH if user_space else EARLY_DEATH,
        title=f"{how}{early}{where}",
        function=function,
        severity=Severity.FATAL,
        first_line=0,
        last_line=0,
        lines=tuple(filter(None, detail.split("; "))),
        frames=(chosen.function,) if chosen is not None and chosen.function is not None else (),
        guesses=guesses[:MAX_FRAMES],
        artefact=KERNEL_LOG,
    )


def _waits(function: str) -> bool:
    return is_plumbing(function) or is_shared_helper(function)
