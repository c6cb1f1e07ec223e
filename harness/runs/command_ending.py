"""What a cell says whose stressor is a command in a guest: its proof, and its ending. Pure."""

from __future__ import annotations

from harness.model.cell import Ending, Outcome, Proof
from harness.model.command import CommandResult, Visit
from harness.model.guest import GuestEnd, GuestResult
from harness.stressors.stress_ng import bogo_operations


def command_proof(command: CommandResult, output: str) -> Proof:
    """That the command did its work: each stressor that stress-ng tells the operations of did some; of any other
    command its exit status is all there is."""
    counters = bogo_operations(output)
    idle = [name for name, operations in counters.items() if operations == 0]
    missing = [f"{name} +0: stress-ng did no operation of it" for name in idle]
    if command.status != 0:
        missing.insert(0, how_it_ended(command))
    told = ", ".join(f"{name} +{operations}" for name, operations in counters.items())
    return Proof(tuple(sorted(counters.items())), not missing, tuple(missing), told or "the command exited with 0")


def how_it_ended(command: CommandResult) -> str:
    """The command's end in one line."""
    if command.visit is not Visit.ENDED:
        words = {
            Visit.OUTSIDE: "the command was not started: no ssh login",
            Visit.REFUSED: "no ssh login",
            Visit.RUNNING: "the command did not end",
            Visit.LOST: "the ssh session was lost",
        }[command.visit]
        return f"{words}: {command.detail}" if command.detail else words
    if command.status is None:
        return "the command was killed by a signal"
    said = f": {command.last_line}" if command.last_line and command.status else ""
    return f"the command exited with {command.status}{said}"


def command_ending(result: GuestResult, command: CommandResult, proof: Proof) -> Ending | None:
    """How a guest that ended in good order, or was ended by its visitor, counts; None where the guest's own end says
    it, as of any guest: a hang and a death are the kernel's, whatever became of the connection."""
    if result.end is GuestEnd.QEMU_FAILED:
        return None
    if command.visit is Visit.REFUSED and result.end in (GuestEnd.WALL_LIMIT, GuestEnd.POWER_OFF):
        return Ending(Outcome.HARNESS_FAILURE, how_it_ended(command))
    if result.end is GuestEnd.WALL_LIMIT and result.user_space is not None:
        if command.visit is Visit.RUNNING:
            return Ending(Outcome.TIMED_OUT, result.detail)
        if command.visit is Visit.ENDED:
            return Ending(Outcome.TIMED_OUT, f"{how_it_ended(command)}, but the guest was {result.detail}")
        return Ending(Outcome.DID_NOT_EXERCISE, f"{how_it_ended(command)}; the kernel went on")
    if result.end is not GuestEnd.POWER_OFF:
        return None
    if command.visit is not Visit.ENDED:
        return Ending(Outcome.DID_NOT_EXERCISE, "the guest was switched off before the command ended")
    if not proof.satisfied:
        return Ending(Outcome.DID_NOT_EXERCISE, "; ".join(proof.missing))
    return Ending(Outcome.PASS, proof.summary)
