"""The watch over a console while its guest runs: when the kernel has said its last words."""

from __future__ import annotations

import time
from collections.abc import Callable

from harness.findings.parser import ConsoleParser

QUIET = 5.0
"""Seconds without a byte after which a fatal report that is not at its end is taken for one that is. Kernels before
2.6.27 print no end mark, and one that dies in its dump prints none either."""


class ReportWatch:
    """Reads a console as it comes. ``clock`` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._parser = ConsoleParser()
        self._clock = clock
        self._last_byte = clock()

    def feed(self, data: bytes) -> bool:
        """Take the next bytes, or none where the console is silent; True once a fatal report is complete."""
        now = self._clock()
        if data:
            self._last_byte = now
            self._parser.feed(data)
        return self._parser.fatal_report_complete or (
            self._parser.fatal_report_begun and now - self._last_byte >= QUIET
        )

    def close(self) -> bool:
        """Take the end of the console; True if a fatal report is on it."""
        self._parser.close()
        return self._parser.fatal_report_complete
