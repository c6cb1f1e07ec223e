"""harness shell: a look around in a guest with a distribution's user space."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.guests.ssh_keys import Login
from harness.guests.ssh_visit import CommandVisit
from harness.guests.terminal import ShellVisit, Terminal
from harness.model.command import OUTPUT, Visit
from harness.model.errors import UserError
from harness.model.plain_text import clean
from harness.reports.terminal import listener_for
from harness.runs.command_ending import how_it_ended
from harness.runs.guest_shell import LONGEST_SECONDS, ShellEnd, ShellGuest, shell_guest, visit_guest
from harness.runs.image_checks import command_stressor
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop

NO_STATUS = 255  # ssh(1)'s own word for it
DIED = 1


@click.command("shell")
@click.argument("target", metavar="TREE[@SERIES:K]")
@click.option("--command", "command", metavar="COMMAND", help="Run this instead of a shell, and exit with its status.")
@click.option("--image", default="debian", show_default=True, metavar="NAME", help="The guest's disk image.")
@click.option("--timeout", type=click.IntRange(1, int(LONGEST_SECONDS)), metavar="SECONDS",
              help="End the command, and the guest, after this time.")  # fmt: skip
@click.option("--cpus", type=click.IntRange(1, 255), help="Processors of the guest.")
@click.option("--memory", "memory_mib", type=click.IntRange(64, 1 << 20), metavar="MIB", help="Memory of the guest.")
@click.option("--numa", "nodes", type=click.IntRange(1, 64), metavar="NODES", help="NUMA nodes of the guest.")
@click.option("--append", "append", multiple=True, metavar="WORD", help="One more word of the kernel command line.")
@click.option("--accelerator", type=click.Choice(["auto", "kvm", "tcg"]), default="auto", show_default=True,
              help="auto: KVM only where a canary guest has booted under it.")  # fmt: skip
def shell_command(
    target: str, command: str | None, image: str, timeout: int | None, cpus: int | None, memory_mib: int | None,
    nodes: int | None, append: tuple[str, ...], accelerator: str,
) -> int:  # fmt: skip
    """Boot TREE, or TREE with the first K patches of SERIES, with Debian and open a shell in it.

    The guest's disk is thrown away when the shell ends, and the guest reaches no network. Exit codes: of the command
    its own, 255 where it has none (the guest died, it took too long); of a shell 0, 1 where the guest died.
    """
    if command is not None:
        command_stressor(image, command)
    elif not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError("a shell needs a terminal on both sides", remedy="--command runs one command without")
    elif timeout is not None:
        raise UserError("--timeout is for --command")
    request = RunRequest(
        "", cpus=cpus, memory_mib=memory_mib, nodes=nodes, append=append, accelerator=accelerator, image=image
    )
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        guest = shell_guest(workshop, target, request)
    click.echo(f"booting {clean(guest.name)} ...", err=True)
    if command is not None:
        return _command(workshop, guest, command, float(timeout or LONGEST_SECONDS))
    terminal = Terminal(sys.stdin.fileno(), sys.stdout.fileno())
    _, end = visit_guest(workshop, guest, lambda login, folder: ShellVisit(login, terminal), lambda line: None)
    _tell(end)
    return DIED if end.died else 0


def _command(workshop: Workshop, guest: ShellGuest, command: str, seconds: float) -> int:
    printer = _Printer()

    def visit_of(login: Login, folder: Path) -> CommandVisit:
        return CommandVisit(login, command, seconds, folder / OUTPUT, printer.feed)

    visit, end = visit_guest(workshop, guest, visit_of, lambda line: None)
    printer.close()
    result = visit.result()
    _tell(end)
    if result.visit is Visit.ENDED and result.status is not None:
        return result.status
    if not end.died:
        click.echo(f"harness: {clean(how_it_ended(result))}", err=True)
    return NO_STATUS


def _tell(end: ShellEnd) -> None:
    if end.died:
        click.echo(f"harness: the guest died: {clean(end.died)}; its console: {end.kept}", err=True)


class _Printer:
    """Standard output for what a command says: its bytes for a file or a pipe, harmless lines for a terminal."""

    def __init__(self) -> None:
        self._plain = not sys.stdout.isatty()
        self._partial = b""

    def feed(self, data: bytes) -> None:
        """Takes the next bytes."""
        if self._plain:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            click.echo(clean(line.decode("utf-8", "replace").rstrip("\r")))
        if len(self._partial) > 4096:
            self.close()

    def close(self) -> None:
        """Shows a last line without an end."""
        if self._partial:
            click.echo(clean(self._partial.decode("utf-8", "replace")))
        self._partial = b""
