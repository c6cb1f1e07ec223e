"""Console text of kernels 2.5 to 6.12 to findings."""

from harness.findings.parser import ConsoleParser, parse_console

__all__ = ["ConsoleParser", "parse_console"]
