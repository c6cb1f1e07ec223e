"""Kconfig files of every age, read for what an option depends on."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.builds.definitions import Definition, conjunction
from harness.builds.kconfig import check
from harness.builds.kconfig_language import read_kconfig

MEMORY = """
menu "Memory"
	depends on MMU

if SMP
config FIRST
	bool "first"
	depends on A
	depends on B || C
	help
		Say y. Long text
		about it.

endif

config SECOND
	tristate "second" if EXPERT
	depends on \\
		D
	select OTHER if D

menuconfig THIRD
	bool "third"
	---help---
		config NOT_AN_OPTION

		if you dare.
endmenu

config FOURTH
	bool
	default y if A
"""


def only(text: str, option: str, arch: str = "x86_64") -> Definition | None:
    """The one definition of an option in a tree of one file."""
    places = read_kconfig({"Kconfig": text}.get, arch).of(option)
    assert len(places) < 2
    return places[0] if places else None


@pytest.mark.parametrize(
    ("option", "depends", "visible"),
    [
        ("FIRST", "MMU && SMP && A && (B || C)", "MMU && SMP && A && (B || C)"),
        ("SECOND", "MMU && D", "MMU && D && EXPERT"),
        ("THIRD", "MMU", "MMU"),
        ("FOURTH", "", None),
    ],
)
def test_what_an_option_depends_on(option: str, depends: str, visible: str | None) -> None:
    found = only(MEMORY, option)
    assert found is not None
    assert (found.depends, found.visible) == (depends, visible)


def test_what_is_no_option() -> None:
    definitions = read_kconfig({"Kconfig": MEMORY}.get, "x86_64")
    assert set(definitions.options) == {"FIRST", "SECOND", "THIRD", "FOURTH"}
    assert definitions.selected_by == {"OTHER": (("SECOND", "D"),)}


def test_where_it_stands() -> None:
    found = only(MEMORY, "FIRST")
    assert found is not None and found.where == "Kconfig:6" and found.kind == "bool"


@pytest.mark.parametrize(
    "text",
    [
        "config A\n\tbool\n\thelp\n\t  Say y\n\t  if you dare.\n\nconfig B\n\tbool\n\tdepends on C\n",
        # The help text ends where the indentation does, however the word itself stands.
        "config A\n\tbool\n\t\thelp\n\t  Say y\n\n\t  config B\n\tdepends on D\nconfig B\n\tbool\n\tdepends on C\n",
        # 2.5.45: "depends" and "requires" without "on", comments behind a statement.
        "config B\n\tbool 'b' # not yet\n\tdepends C # for the time being\n",
        'config B\n\trequires C\n\tboolean "b (don\'t)"\n',
        # Macros of scripts/Kconfig.include are no statements.
        "if-success = $(shell,{ $(1); } >/dev/null)\nconfig B\n\tdef_bool $(if-success,true)\n\tdepends on C\n",
    ],
)
def test_spellings(text: str) -> None:
    found = only(text, "B")
    assert found is not None and found.depends == "C"


def test_files_that_are_included_and_what_surrounds_them() -> None:
    files = {
        "Kconfig": 'source "arch/$SRCARCH/Kconfig"\nsource "arch/$(SRCARCH)/Kconfig.debug"\n',
        "arch/x86/Kconfig": 'menu "Drivers"\nvisible if PCI\ndepends on BUS\nsource drivers/Kconfig\nendmenu\n',
        "arch/x86/Kconfig.debug": 'config OWN\n\tbool "own"\n',
        "drivers/Kconfig": 'source "drivers/Kconfig"\nif USB\nconfig DEEP\n\tbool "deep"\nendif\nsource "none"\n',
    }
    definitions = read_kconfig(files.get, "x86_64")
    (deep, *again) = definitions.of("DEEP")
    assert (deep.depends, deep.visible) == ("BUS && USB", "BUS && USB && PCI")
    assert all(place.depends == deep.depends for place in again), "a file that includes itself ends"
    assert definitions.of("OWN")


@pytest.mark.parametrize(
    ("arch", "files", "seen"),
    [
        ("i386", ("arch/i386/Kconfig", "arch/x86_64/Kconfig"), "arch/i386/Kconfig"),
        ("x86_64", ("arch/i386/Kconfig", "arch/x86_64/Kconfig"), "arch/x86_64/Kconfig"),
        ("i386", ("arch/x86/Kconfig.i386", "arch/x86/Kconfig.x86_64"), "arch/x86/Kconfig.i386"),
        ("x86_64", ("arch/x86/Kconfig",), "arch/x86/Kconfig"),
        ("arm", ("arch/arm/Kconfig", "arch/x86/Kconfig"), "arch/arm/Kconfig"),
    ],
)
def test_the_root_of_an_architecture(arch: str, files: tuple[str, ...], seen: str) -> None:
    tree = dict.fromkeys(files, "config HERE\n\tbool\n")
    assert [place.where for place in read_kconfig(tree.get, arch).of("HERE")] == [f"{seen}:1"]


def test_choices_ranges_and_defaults() -> None:
    text = (
        'choice\n\tprompt "HZ" if EXPERT\n\tdefault HZ_250\nconfig HZ_100\n\tbool "100"\nconfig HZ_250\n\tbool "250"\n'
        'endchoice\nconfig SHIFT\n\tint "shift"\n\trange 12 21 if BIG\n\tdefault 19 if BIG\n\tdefault 17\n'
    )
    definitions = read_kconfig({"Kconfig": text}.get, "x86_64")
    (hz,) = definitions.of("HZ_100")
    assert hz.choice is not None and hz.visible == "EXPERT"
    assert definitions.members(hz.choice) == ("HZ_100", "HZ_250")
    (shift,) = definitions.of("SHIFT")
    assert shift.ranges == (("12", "21", "BIG"),)
    assert shift.defaults == (("19", "BIG"), ("17", ""))
    assert shift.choice is None


def test_conjunctions() -> None:
    assert conjunction("", "A || B") == "A || B"
    assert conjunction("A || B", "C") == "(A || B) && C"
    assert conjunction("(A || B)", "!(C || D)", "(E) || (F)") == "(A || B) && !(C || D) && ((E) || (F))"


@pytest.mark.parametrize(
    "text",
    [
        "if A\n" * 20_000 + "config X\n\tbool 'x'\n" * 2_000,
        "menu m\n" + "depends on A\n" * 20_000 + "config X\n\tbool 'x'\n" * 1_000,
        "config X\n\tbool 'x'" + " " * 1_000_000 + "y\n",
        "config X\n\tbool 'x'\n\tdepends on " + "(" * 2_000 + "A" + ")" * 2_000 + "\n",
        "config X\n\tbool 'x'\n\tdepends on " + "!" * 4_000 + "A\n",
        "config X\n\tbool 'x'\n\tdepends on " + "A && \\\n" * 50_000 + "B\n",
        "source x\n" * 5_000,
    ],
    ids=["ifs", "depends", "spaces", "parentheses", "negations", "continued", "sources"],
)
def test_what_nobody_writes_ends_soon(text: str) -> None:
    definitions = read_kconfig({"Kconfig": text, "x": "config X\n"}.get, "x86_64")
    begun = time.monotonic()
    check({"X": "y"}, [], definitions)
    assert time.monotonic() - begun < 5
    assert sum(len(place.depends) for place in definitions.of("X")) < 100_000_000


@pytest.mark.parametrize(
    ("files", "reads"),
    [
        ({"Kconfig": "source Kconfig\n" * 5_000 + "config X\n"}, 1),
        ({"Kconfig": "source mm/../x\n" * 3 + "config X\n", "mm/../x": "source ./Kconfig\nsource x\n"}, 4),
        ({"Kconfig": "source none\n" * 21_000}, 20_000),
        ({"Kconfig": "source x\n" * 20_000, "x": "#" * (1 << 20) + "\n"}, 17),
    ],
    ids=["itself", "detour", "missing", "large"],
)
def test_the_same_is_not_read_again_and_again(files: dict[str, str], reads: int) -> None:
    read: list[str] = []

    def counted(path: str) -> str | None:
        read.append(path)
        return files.get(path)

    definitions = read_kconfig(counted, "x86_64")
    # Three more look for the root.
    assert len(read) <= reads + 3
    assert len(definitions.of("X")) == ("config X" in files["Kconfig"])


@given(st.lists(st.sampled_from([*MEMORY.splitlines(), "if", "choice", "endchoice", "endif", "\\", "help", "source x",
                                 "range 1", "select", 'bool "', "config", "default y if"])))  # fmt: skip
def test_a_broken_file_is_read_to_its_end(lines: list[str]) -> None:
    files = {"Kconfig": "\n".join(lines), "x": "config X\n"}
    read_kconfig(files.get, "x86_64")
