"""Warnings of a kernel held against the baseline's: which are new, which patch brought them, which are gone.

A new warning is told and never judged: it makes no kernel worse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.model.build_message import NOT_KNOWN, BroughtMessage, BuildChange, BuildMessage

Warnings = Sequence[BuildMessage] | None
"""Of a kernel; None: not known."""


def new_messages(before: Sequence[BuildMessage], after: Sequence[BuildMessage]) -> tuple[BuildMessage, ...]:
    """Those of ``after`` that ``before`` has not, each once; the same is the same on another line."""
    known = {message.identity for message in before}
    found: dict[tuple[str, str, str, str], BuildMessage] = {}
    for message in after:
        if message.identity not in known:
            found.setdefault(message.identity, message)
    return tuple(found.values())


def build_changes(kernels: Mapping[int, Warnings], touched: Mapping[int, Sequence[str]]) -> dict[int, BuildChange]:
    """For each kernel (number of patches to its warnings) its change against the baseline, kernel 0.

    ``touched``: patch to the files it changes; one that is not in it may change any. The patch that brought a warning
    is looked for where it is seen without a gap up to the kernel in question: one that a patch mended and a later one
    brought again is the later one's.
    """
    base = kernels.get(0)
    changes: dict[int, BuildChange] = {}
    for patches in sorted(kernels):
        warnings = kernels[patches]
        if patches == 0:
            continue
        if base is None or warnings is None:
            changes[patches] = NOT_KNOWN
            continue
        new = tuple(_brought(message, patches, kernels, touched) for message in new_messages(base, warnings))
        changes[patches] = BuildChange(True, new, new_messages(warnings, base))
    return changes


def _brought(
    message: BuildMessage, patches: int, kernels: Mapping[int, Warnings], touched: Mapping[int, Sequence[str]]
) -> BroughtMessage:
    earliest, before = patches, 0
    for earlier in sorted((number for number in kernels if number < patches), reverse=True):
        warnings = kernels[earlier]
        if warnings is None:
            continue  # not built, or not known: it may have come with this one already
        if message.identity not in {other.identity for other in warnings}:
            before = earlier
            break
        earliest = earlier
    span = range(before + 1, earliest + 1)
    touching = tuple(number for number in span if message.file and message.file in touched.get(number, ()))
    return BroughtMessage(message, span[0], span[-1], touching, all(number in touched for number in span))
