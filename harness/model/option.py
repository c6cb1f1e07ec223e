"""The history of configuration options: what one of today was called, and when it came and went."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property

from harness.model.version import ALL_VERSIONS, KernelVersion, VersionRange


class Presence(enum.StrEnum):
    """What a kernel does about an option of today."""

    OPTION = "option"  # it can be asked for, under some name
    ALWAYS = "always"  # what it stands for is there without an option, or is a constant
    NOT_YET = "not-yet"
    GONE = "gone"
    OTHER_ARCH = "other-arch"  # other architectures have it


@dataclass(frozen=True, slots=True)
class OptionStep:
    """From ``since`` on (None: from the beginning) an option is ``presence``, called ``name`` where it is one.

    ``value`` is the constant that stands in the option's place (Presence.ALWAYS; "" where there is none to tell).
    """

    since: KernelVersion | None
    presence: Presence
    name: str
    reason: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class OptionHistory:
    """An option by today's name. ``steps``: (architecture, or None for all others; its steps, oldest first)."""

    option: str
    steps: tuple[tuple[str | None, tuple[OptionStep, ...]], ...]
    where: str = ""

    def of(self, arch: str) -> tuple[OptionStep, ...]:
        """The steps of one architecture."""
        by_arch = dict(self.steps)
        return by_arch.get(arch) or by_arch.get(None) or (OptionStep(None, Presence.OTHER_ARCH, self.option),)

    def at(self, version: KernelVersion, arch: str) -> OptionStep:
        """What the option is in a kernel."""
        return next(s for s in reversed(self.of(arch)) if s.since is None or version >= s.since)

    def spans(self, arch: str) -> tuple[tuple[VersionRange, OptionStep], ...]:
        """Every step with the versions it lasts."""
        steps = self.of(arch)
        ends = [step.since for step in steps[1:]] + [None]
        return tuple((VersionRange(step.since, end), step) for step, end in zip(steps, ends, strict=True))

    def names(self) -> frozenset[str]:
        """Every name that the option ever had."""
        return frozenset(step.name for _, steps in self.steps for step in steps) | {self.option}

    def told(self, version: KernelVersion, arch: str) -> str:
        """Why there is nothing to ask for in a kernel, in a few words; "" where there is."""
        span, step = next((s, t) for s, t in self.spans(arch) if version in s)
        if step.presence is Presence.OPTION:
            return ""
        told = {
            Presence.ALWAYS: f"a constant, {step.value}" if step.value else "always on",
            Presence.NOT_YET: f"not in this kernel before {span.until}" if span.until else "in no kernel",
            Presence.GONE: f"gone since {span.since}",
            Presence.OTHER_ARCH: f"not for {arch}",
        }[step.presence]
        return f"{told}: {step.reason}" if step.reason else told


@dataclass(frozen=True, slots=True)
class OptionNeed:
    """What must be asked for as well where one of ``wanted_by`` (today's names; empty: always) is requested.

    ``option`` has a history of its own, and is asked for only while that makes it one.
    """

    option: str
    value: str
    wanted_by: tuple[str, ...]
    reason: str
    versions: VersionRange = ALL_VERSIONS
    arch: str | None = None


@dataclass(frozen=True)
class OptionTable:
    """All histories and needs. ``measured`` are the versions of which every release was looked at."""

    histories: tuple[OptionHistory, ...] = ()
    needs: tuple[OptionNeed, ...] = ()
    measured: VersionRange | None = None

    @cached_property
    def by_option(self) -> dict[str, OptionHistory]:
        """Histories by today's name."""
        return {history.option: history for history in self.histories}

    def named(self, name: str) -> OptionHistory | None:
        """The history of an option by any name it ever had, today's first."""
        own = self.by_option.get(name)
        return own or next((history for history in self.histories if name in history.names()), None)

    def names(self) -> frozenset[str]:
        """Every name of every option."""
        return frozenset(name for history in self.histories for name in history.names())


@dataclass(frozen=True)
class OptionsOf:
    """The options of one kernel: ``table`` at its version and architecture."""

    table: OptionTable
    version: KernelVersion
    arch: str

    def step(self, option: str) -> OptionStep:
        """What today's ``option`` is here; one without a history is taken to be called the same."""
        history = self.table.by_option.get(option)
        return history.at(self.version, self.arch) if history else OptionStep(None, Presence.OPTION, option)

    def told(self, option: str) -> str:
        """Why today's ``option`` cannot be asked for here, "" where it can."""
        history = self.table.by_option.get(option)
        return history.told(self.version, self.arch) if history else ""

    def needed(self, requested: frozenset[str]) -> tuple[OptionNeed, ...]:
        """What must be asked for beside ``requested`` (today's names), and beside what that brings."""
        found: list[OptionNeed] = []
        asked = {option for option in requested if self.step(option).presence is Presence.OPTION}
        for _ in range(len(self.table.needs) + 1):
            new = [
                need
                for need in self.table.needs
                if need not in found
                and self.version in need.versions
                and need.arch in (None, self.arch)
                and (not need.wanted_by or asked.intersection(need.wanted_by))
                and self.step(need.option).presence is Presence.OPTION
            ]
            if not new:
                break
            found += new
            asked |= {need.option for need in new}
        return tuple(found)
