"""Child processes that do not outlive the harness: a killed one must leave nothing behind that works on."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # prctl(2)


def dies_with_this_process(how: signal.Signals) -> Callable[[], None]:
    """For subprocess's ``preexec_fn``: the child gets the signal when the thread that started it ends. Between fork and
    exec it makes two system calls and takes no lock."""
    parent = os.getpid()
    library = ctypes.CDLL(None, use_errno=True)

    def in_the_child() -> None:
        library.prctl(_PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:  # it was killed before this line
            os._exit(1)

    return in_the_child
