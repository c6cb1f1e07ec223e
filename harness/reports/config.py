"""Requested, obtained and dropped options, and an option's history, as words, rows and JSON objects. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.builds.kconfig import Translation
from harness.model.build import Config, DroppedOption, Fragment
from harness.model.option import OptionHistory, OptionNeed, OptionStep, OptionTable, Presence
from harness.model.version import VersionRange

MAX_NAMED = 8  # options that one notice names


def dropped_words(dropped: Sequence[DroppedOption]) -> str:
    """ "2 requested options dropped: CONFIG_A=y (unmet dependency: B=n), ...; 31 requested options ..."."""
    mendable = [option for option in dropped if not option.kind.by_history]
    history = len(dropped) - len(mendable)
    told = []
    if mendable:
        named = ", ".join(f"CONFIG_{o.name}={o.wanted} ({o.reason})" for o in mendable[:MAX_NAMED])
        more = f" and {len(mendable) - MAX_NAMED} more" if len(mendable) > MAX_NAMED else ""
        told.append(f"{_count(len(mendable), 'requested option')} dropped: {named}{more}")
    if history:
        told.append(f"{_count(history, 'requested option')} not offered by this kernel")
    return "; ".join(told)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def config_object(translation: Translation, config: Config, fragments: Sequence[Fragment]) -> dict[str, object]:
    """What became of every request, as the object that --json prints (docs/configuration-truth.md)."""
    got = dict(config.obtained)
    today = translation.today
    dropped = {(option.today or option.name): option for option in config.dropped}
    always = dict(translation.always)
    added = {need.option for need in translation.added}
    here = {option: name for name, option in today.items()}
    wanted: dict[str, tuple[str, str]] = {}
    for fragment in fragments:
        for option, value in fragment.options:
            wanted[option] = (value, fragment.name)
    rows: list[dict[str, str]] = []
    for option, (value, fragment_name) in wanted.items():
        row = {"option": option, "wanted": value, "fragment": fragment_name, "name": here.get(option, "")}
        if option in dropped:
            drop = dropped[option]
            rows.append(row | {"state": "dropped", "got": drop.got, "kind": drop.kind.value, "reason": drop.reason})
        elif option in always:
            rows.append(row | {"state": "always", "got": "", "kind": "", "reason": always[option]})
        elif option in here:
            rows.append(row | {"state": "obtained", "got": got.get(here[option], "n"), "kind": "", "reason": ""})
        else:  # a request not to have what the kernel has not, or one that shares its name with another
            rows.append(row | {"state": "obtained", "got": "n", "kind": "", "reason": ""})
    return {
        "requests": rows,
        "added": [_added(need, translation, dropped, got, here) for need in translation.added],
        "added_by_era": [
            {"name": name, "value": value, "got": got.get(name, "n")}
            for name, value in translation.requests.items()
            if name not in today
        ],
        "counts": dict(Counter(row["state"] for row in rows)) | {"added": len(added)},
        "obtained": got,
    }


def _added(
    need: OptionNeed,
    translation: Translation,
    dropped: Mapping[str, DroppedOption],
    got: Mapping[str, str],
    here: Mapping[str, str],
) -> dict[str, str]:
    name = here.get(need.option, need.option)
    wanted_by = ", ".join(need.wanted_by) or "any"
    drop = dropped.get(need.option)
    value = {"name": name, "value": translation.requests[name], "got": got.get(name, "n"), "wanted_by": wanted_by}
    return value | {"reason": need.reason, "dropped": drop.reason if drop else ""}


def history_rows(table: OptionTable, history: OptionHistory) -> list[tuple[str, str, str, str, str]]:
    """(architecture, versions, what it is, name, remark) of every step, oldest first."""
    rows = []
    for arch, _ in history.steps:
        for span, step in history.spans(arch or ""):
            rows.append((arch or "any", str(span), _what(step), _name(step), "; ".join(_remarks(table, span, step))))
    return rows


def _what(step: OptionStep) -> str:
    if step.presence is Presence.ALWAYS and step.value:
        return f"a constant, {step.value}"
    return {
        Presence.OPTION: "an option",
        Presence.ALWAYS: "always on",
        Presence.NOT_YET: "not yet there",
        Presence.GONE: "gone",
        Presence.OTHER_ARCH: "of other architectures",
    }[step.presence]


def _name(step: OptionStep) -> str:
    return f"CONFIG_{step.name}" if step.presence is Presence.OPTION else ""


def _remarks(table: OptionTable, span: VersionRange, step: OptionStep) -> list[str]:
    told = [step.reason] if step.reason else []
    if span.since is not None and not is_measured(table, span):
        told.append("boundary known, not measured")
    return told


def is_measured(table: OptionTable, span: VersionRange) -> bool:
    """Whether the beginning of ``span`` was read from the kernels themselves."""
    measured = table.measured
    return (
        measured is not None
        and span.since is not None
        and (measured.since is None or span.since >= measured.since)
        and (measured.until is None or span.since <= measured.until)
    )


def history_object(table: OptionTable, history: OptionHistory) -> dict[str, object]:
    """An option's history as the object that --json prints."""
    steps = [
        {
            "arch": arch,
            "since": str(span.since) if span.since else None,
            "until": str(span.until) if span.until else None,
            "is": step.presence.value,
            "name": step.name if step.presence is Presence.OPTION else None,
            "value": step.value or None,
            "reason": step.reason,
            "measured": span.since is None or is_measured(table, span),
        }
        for arch, _ in history.steps
        for span, step in history.spans(arch or "")
    ]
    return {"option": history.option, "history": steps, "needs": [_need_object(n) for n in needs_of(table, history)]}


def needs_of(table: OptionTable, history: OptionHistory) -> list[OptionNeed]:
    """What else is asked for where the option is, what every configuration gets apart."""
    return [need for need in table.needs if history.option in need.wanted_by]


def need_words(table: OptionTable, need: OptionNeed) -> str:
    """One need as a sentence."""
    own = table.by_option.get(need.option)
    names = [step.name for step in own.of(need.arch or "x86_64") if step.presence is Presence.OPTION] if own else []
    called = " or ".join(f"CONFIG_{name}" for name in dict.fromkeys(names)) or f"CONFIG_{need.option}"
    versions = "" if need.versions == VersionRange() else f", {need.versions}"
    return f"{called}={need.value} is asked for too{versions}: {need.reason}"


def _need_object(need: OptionNeed) -> dict[str, object]:
    since, until = need.versions.since, need.versions.until
    return {
        "option": need.option,
        "value": need.value,
        "since": str(since) if since else None,
        "until": str(until) if until else None,
        "reason": need.reason,
    }
