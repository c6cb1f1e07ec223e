"""configs/kconfig/history.yaml against what every kernel's own configuration files define."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.kernel_files import load_fragment, load_stressor
from harness.config.option_file import load_option_table
from harness.model.errors import UserError
from harness.model.option import OptionsOf, OptionTable, Presence
from harness.model.version import KernelVersion
from harness.reports.config import history_rows

REPOSITORY = Path(__file__).resolve().parents[2]
HISTORY = REPOSITORY / "configs/kconfig/history.yaml"
ARCHES = ("i386", "x86_64")

# Files name these for an architecture that can never choose them.
NEVER_CHOSEN = {("i386", "64BIT"), ("i386", "X86_64_ACPI_NUMA"), ("i386", "DEBUG_BUGVERBOSE"),
                ("x86_64", "DEBUG_BUGVERBOSE"), ("i386", "MEMORY_HOTREMOVE"),
                ("x86_64", "MEMORY_HOTREMOVE")}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> OptionTable:
    """The history as it is shipped."""
    return load_option_table([HISTORY])


@pytest.fixture(scope="module")
def measured() -> dict[tuple[str, str], dict[str, bool]]:
    """(architecture, kernel) to its options: whether each has a prompt."""
    lines = (Path(__file__).parent / "measured_options.txt").read_text().splitlines()
    kernels = next(line.split()[1:] for line in lines if line.startswith("kernels "))
    found: dict[tuple[str, str], dict[str, bool]] = {(arch, kernel): {} for arch in ARCHES for kernel in kernels}
    for line in lines:
        words = line.split()
        if not words or words[0] in ("#", "kernels"):
            continue
        name, arch, *ranges = words
        for text in ranges:
            first, _, last = text.removeprefix("+").partition("..")
            for kernel in kernels[kernels.index(first) : kernels.index(last) + 1]:
                found[arch, kernel][name] = text.startswith("+")
    return found


def test_every_kernel_has_what_the_history_says(
    table: OptionTable, measured: dict[tuple[str, str], dict[str, bool]]
) -> None:
    wrong = []
    for (arch, kernel), defined in measured.items():
        here = OptionsOf(table, KernelVersion.parse(kernel), arch)
        for history in table.histories:
            step = here.step(history.option)
            if step.presence is Presence.OPTION:
                if step.name not in defined:
                    wrong.append(f"{kernel} {arch}: {history.option} should be {step.name}")
            elif (arch, history.option) not in NEVER_CHOSEN and defined.get(history.option):
                wrong.append(f"{kernel} {arch}: {history.option} is {step.presence}, but there is such an option")
    assert not wrong, "\n".join(wrong[:20])


def test_the_measured_kernels_are_those_that_the_history_names(
    table: OptionTable, measured: dict[tuple[str, str], dict[str, bool]]
) -> None:
    kernels = sorted({KernelVersion.parse(kernel) for _, kernel in measured})
    assert table.measured is not None
    assert kernels[0] == table.measured.since and table.measured.until in kernels
    assert len(kernels) > 200


def test_whatever_the_fragments_and_the_stressors_name_has_a_history(table: OptionTable) -> None:
    named = {option for path in HISTORY.parent.glob("*.config") for option, _ in load_fragment(path).options}
    stressors = [load_stressor(path) for path in (REPOSITORY / "configs/stressors").glob("*.yaml")]
    named |= {one.option for stressor in stressors for one in stressor.requires}
    assert sorted(named - set(table.by_option)) == []


def test_a_name_belongs_to_one_time(table: OptionTable) -> None:
    """Two options of today may have had one name, but none has a name that is another's of today at the same time."""
    for history in table.histories:
        for arch, _ in history.steps:
            for span, step in history.spans(arch or "x86_64"):
                other = table.by_option.get(step.name)
                if step.presence is not Presence.OPTION or step.name == history.option or other is None:
                    continue
                version = span.since or KernelVersion.parse("2.5.31")
                assert other.at(version, arch or "x86_64").name != history.option


def test_needs_are_of_options_with_a_history(table: OptionTable) -> None:
    for need in table.needs:
        assert need.option in table.by_option
        assert set(need.wanted_by) <= set(table.by_option)


def test_today_no_more_is_asked_for_than_the_fragments_do(table: OptionTable) -> None:
    """Else every kernel of today would be built anew."""
    fragments = [load_fragment(path) for path in sorted(HISTORY.parent.glob("*.config"))]
    asked = frozenset(option for fragment in fragments for option, _ in fragment.options)
    for version in ("6.1.192", "6.12"):
        here = OptionsOf(table, KernelVersion.parse(version), "x86_64")
        assert {need.option for need in here.needed(asked)} <= asked
        assert all(here.step(option).name == option for option in asked)


def test_rows_of_a_history(table: OptionTable) -> None:
    rows = history_rows(table, table.by_option["MEMCG"])
    assert [(versions, what, name) for _, versions, what, name, _ in rows] == [
        ("before 2.6.25-rc1", "not yet there", ""),
        ("from 2.6.25-rc1 until 2.6.25-rc4", "an option", "CONFIG_CGROUP_MEM_CONT"),
        ("from 2.6.25-rc4 until 3.6-rc1", "an option", "CONFIG_CGROUP_MEM_RES_CTLR"),
        ("from 3.6-rc1", "an option", "CONFIG_MEMCG"),
    ]
    assert [("not measured" in remark) for *_, remark in rows] == [False, False, False, True]
    numa = history_rows(table, table.by_option["NUMA"])
    assert [row[0] for row in numa] == ["i386", "i386", "x86_64", "x86_64"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("options: {A: []}", "A: the first step is the beginning and has no since"),
        ('options: {A: [{since: "2.6"}]}', "A: the first step is the beginning and has no since"),
        ("options: {A: [{}, {}]}", "A: every later step has a since, later than the one before"),
        ('options: {A: [{}, {since: "3.0"}, {since: "2.6"}]}', "A: every later step has a since"),
        ("options: {A: [{since: 3.10}]}", "a version is written as text"),
        ("options: {A: [{is: never}]}", "Input should be 'option'"),
        ("needs: [{option: A, wanted_by: B, why: so}]", "needs: A: wanted_by is a list of options, or any"),
    ],
)
def test_a_wrong_history(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "history.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"history\.yaml") as error:
        load_option_table([path])
    assert told in str(error.value)


def test_an_option_told_twice(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("options: {A: [{}]}")
    with pytest.raises(UserError, match="A has a history already"):
        load_option_table(sorted(tmp_path.glob("*.yaml")))
