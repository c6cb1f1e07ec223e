"""Why an option of the old configuration language was dropped."""

from __future__ import annotations

import pytest

from harness.builds.config_in import read_config_in
from harness.builds.definitions import Definitions
from harness.builds.kconfig import check
from harness.model.build import DropKind

CONFIG_IN = """
# A comment with CONFIG_PLAIN in it; it's no statement
mainmenu_option next_comment
comment 'Processor'
bool 'Plain' CONFIG_PLAIN
choice 'Family' \\
   "Old CONFIG_OLD \\
    New CONFIG_NEW" New
if [ "$CONFIG_SMP" = "y" -o "$CONFIG_PREEMPT" = "y" ]; then
   if [ "$CONFIG_NEW" != "n" ]; then
      dep_bool '  Inner "quoted"' CONFIG_INNER $CONFIG_A $CONFIG_B
   else
      define_bool CONFIG_OTHER $CONFIG_A
   fi
   define_bool CONFIG_SHARED y
else
   bool 'Alone' CONFIG_ALONE
fi
if [ "$CONFIG_EMPTY" = "" ] ; then
   int 'Count (0-9)' CONFIG_COUNT 4
fi
define_bool CONFIG_TWICE $CONFIG_A
dep_tristate 'Twice' CONFIG_TWICE $CONFIG_B m
unfinished 'quote
bool 'Last' CONFIG_LAST
"""


def read(text: str, **files: str) -> Definitions:
    """The definitions of a tree with this arch/i386/config.in."""
    return read_config_in({"arch/i386/config.in": text, **files}.get, "i386")


@pytest.mark.parametrize(
    ("option", "expression"),
    [
        ("PLAIN", ""),
        ("OLD", ""),
        ("NEW", ""),
        ("INNER", "(SMP = y || PREEMPT = y) && NEW != n && A && B"),
        ("OTHER", "(SMP = y || PREEMPT = y) && !(NEW != n) && A"),
        ("SHARED", "SMP = y || PREEMPT = y"),
        ("ALONE", "!(SMP = y || PREEMPT = y)"),
        ("COUNT", "EMPTY = n"),
        ("TWICE", "B && m"),
        ("LAST", ""),
        ("NOWHERE", None),
    ],
)
def test_what_an_option_depends_on(option: str, expression: str | None) -> None:
    places = read(CONFIG_IN).of(option)
    # A statement with a prompt says more than one that defines the option from others.
    prompted = [place for place in places if place.visible is not None] or list(places)
    assert (prompted[0].depends if prompted else None) == expression


@pytest.mark.parametrize(
    ("got", "reason"),
    [
        ({}, "unmet dependency: (SMP = y || PREEMPT = y) (all n), NEW != n (NEW=n), A=n, B=n"),
        ({"SMP": "y", "NEW": "y", "A": "y"}, "unmet dependency: B=n"),
        ({"PREEMPT": "y", "A": "y", "B": "y"}, "unmet dependency: NEW != n (NEW=n)"),
    ],
)
def test_the_reason_for_a_dropped_option(got: dict[str, str], reason: str) -> None:
    (dropped,) = check({"INNER": "y"}, got.items(), read(CONFIG_IN)).dropped
    assert (dropped.kind, dropped.reason) == (DropKind.UNMET, reason)


def test_another_of_its_choice_and_an_option_without_a_prompt() -> None:
    (dropped,) = check({"OLD": "y"}, [("NEW", "y")], read(CONFIG_IN)).dropped
    assert (dropped.kind, dropped.reason) == (DropKind.CHOICE, "NEW was taken of its choice")
    (dropped,) = check({"SHARED": "y"}, [("SMP", "y")], read("define_bool CONFIG_SHARED n\n")).dropped
    assert dropped.kind is DropKind.NO_PROMPT


def test_files_that_are_included_and_what_surrounds_them() -> None:
    inner = "bool 'Inside' CONFIG_INSIDE\nfi\nsource drivers/Config.in\n"
    outer = 'if [ "$CONFIG_PCI" = "y" ]; then\n source drivers/Config.in\nfi\nbool \'After\' CONFIG_AFTER\n'
    definitions = read(outer, **{"drivers/Config.in": inner})
    assert definitions.of("INSIDE")[0].depends == "PCI = y"
    assert definitions.of("AFTER")[0].depends == ""


def test_a_file_that_includes_itself_is_read_once() -> None:
    read: list[str] = []

    def counted(path: str) -> str:
        read.append(path)
        return "source arch/i386/../i386/config.in\n" * 100 + "bool 'X' CONFIG_X\n"

    assert len(read_config_in(counted, "i386").of("X")) == len(read) == 1


@pytest.mark.parametrize("text", ["", "if", "if [", "else\nfi\nfi\n", "bool\nchoice\ndefine_bool\n", "bool 'X\n" * 3])
def test_a_broken_file_defines_nothing(text: str) -> None:
    assert not read(text).of("X")
