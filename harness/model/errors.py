"""The two families of errors; neither is ever a verdict on a kernel."""

from __future__ import annotations


class HarnessError(Exception):
    """A one-line error: what is wrong, where, and what to do.

    ``exit_code`` is the process exit status documented in docs/exit-codes.md.
    """

    exit_code = 3

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line}; {self.remedy}" if self.remedy else line


class UserError(HarnessError):
    """Something the user can mend: wrong name, wrong file, a patch that does not apply. Exit code 2."""

    exit_code = 2


class InfrastructureError(HarnessError):
    """The harness or the machine failed: engine, QEMU, disk, network. Exit code 3."""

    exit_code = 3


class TreeUnavailable(InfrastructureError):
    """A tree's sources cannot be reached, or do not match the pin. The text is the reason, on one line."""


class EngineUnavailable(InfrastructureError):
    """No container engine answers and none may be started."""


class PatchConflict(UserError):
    """A patch of the series does not apply to a tree."""
