"""Why an option of the old configuration language was dropped."""

from __future__ import annotations

import pytest

from harness.builds.config_in import dependencies
from harness.builds.kconfig import check

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
    assert dependencies(CONFIG_IN, option) == expression


@pytest.mark.parametrize(
    ("got", "reason"),
    [
        ({}, "unmet dependency: (SMP = y || PREEMPT = y), NEW != n, A, B"),
        ({"SMP": "y", "NEW": "y", "A": "y"}, "unmet dependency: B"),
        ({"PREEMPT": "y", "A": "y", "B": "y"}, "unmet dependency: NEW != n"),
    ],
)
def test_the_reason_for_a_dropped_option(got: dict[str, str], reason: str) -> None:
    expression = dependencies(CONFIG_IN, "INNER")
    assert expression is not None
    (dropped,) = check({"INNER": "y"}, got.items(), {"INNER": expression}).dropped
    assert dropped.reason == reason


@pytest.mark.parametrize("text", ["", "if", "if [", "else\nfi\nfi\n", "bool\nchoice\ndefine_bool\n", "bool 'X\n" * 3])
def test_a_broken_file_defines_nothing(text: str) -> None:
    assert dependencies(text, "X") is None
