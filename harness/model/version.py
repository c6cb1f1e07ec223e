"""Kernel versions and their order, as far as "since" and "until" of data about kernels need it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_VERSION = re.compile(
    r"^v?(\d{1,4}(?:\.\d{1,6}){0,3})(?:-(rc|pre|test)(\d{1,4}))?(?P<rest>(?!-(?:rc|pre|test)$)[-+~][\w.+~-]*)?$",
    re.ASCII,
)


@functools.total_ordering
@dataclass(frozen=True, slots=True)
class KernelVersion:
    """A version as kernels are named: "2.5.31-bk", "2.6.22-rc2", "6.1.192".

    ``numbers`` are up to four; ``candidate`` the number of a release candidate (None: a release), ``after`` True for
    what came after it: a snapshot (-bk7, -git3) or somebody's patches (-mm1) on top.
    """

    numbers: tuple[int, ...]
    candidate: int | None = None
    after: bool = False

    @classmethod
    def parse(cls, text: str) -> KernelVersion:
        """The version that ``text`` names; anything after the number counts as later than it. Raises ValueError."""
        match = _VERSION.match(text.strip())
        if match is None:
            raise ValueError(f"{text[:80]!r} is no kernel version like 2.5.31, 2.6.22-rc2 or 6.1.192")
        numbers = tuple(int(part) for part in match[1].split("."))
        return cls(numbers, int(match[3]) if match[2] else None, bool(match["rest"]))

    @property
    def _key(self) -> tuple[object, ...]:
        padded = (*self.numbers, 0, 0, 0, 0)[:4]
        return (*padded, self.candidate is None, self.candidate or 0, self.after)

    def __lt__(self, other: KernelVersion) -> bool:
        return self._key < other._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KernelVersion) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        text = ".".join(map(str, self.numbers))
        word = "test" if self.numbers == (2, 6, 0) else "rc"  # what its candidates were called
        return text + (f"-{word}{self.candidate}" if self.candidate is not None else "") + ("+" if self.after else "")


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Versions from ``since`` on (None: the first) and before ``until`` (None: no end). Candidates of ``until`` are
    before it: a range that a merge window ends says so by "-rc1"."""

    since: KernelVersion | None = None
    until: KernelVersion | None = None

    def __contains__(self, version: KernelVersion) -> bool:
        return (self.since is None or version >= self.since) and (self.until is None or version < self.until)

    def __str__(self) -> str:
        if self.since is None:
            return "all" if self.until is None else f"before {self.until}"
        return f"from {self.since}" + (f" until {self.until}" if self.until else "")


ALL_VERSIONS = VersionRange()
