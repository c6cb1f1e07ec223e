"""Requested against obtained: translation to the era's names, dropped options with their reasons."""

from __future__ import annotations

import pytest

from harness.builds.kconfig import allconfig_text, check, dependencies, merged, unmet_dependencies
from harness.config.kernel_files import parse_kconfig
from harness.model.build import Fragment
from harness.model.era import Era
from harness.model.errors import UserError
from harness.model.version import VersionRange


def era(**names: str) -> Era:
    """An era with these names for today's options."""
    return Era("old", VersionRange(), "gcc", "x86_64", "i", "t", "pc", "max", (), tuple(names.items()), ())


def test_today_to_the_eras_names() -> None:
    first = Fragment("a", (("TRANSPARENT_HUGEPAGE", "y"), ("SWAP", "n"), ("NEW", "y"), ("NEWER", "n")), "a")
    second = Fragment("b", (("SWAP", "y"),), "b")
    requests, absent = merged([first, second], era(TRANSPARENT_HUGEPAGE="THP", NEW="", NEWER=""))
    assert requests == {"THP": "y", "SWAP": "y"}
    assert absent == ("NEW",)
    text = allconfig_text({"A": "y", "B": "n", "C": '"x"', "D": "30"})
    assert text == 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x"\nCONFIG_D=30\n'
    assert parse_kconfig(text, "f") == (("A", "y"), ("B", "n"), ("C", '"x"'), ("D", "30"))


def test_a_wrong_line_of_a_fragment_is_named() -> None:
    with pytest.raises(UserError, match=r"^f:2: neither CONFIG_NAME=value nor a comment"):
        parse_kconfig("CONFIG_A=y\nDEBUG_VM=y\n", "f")


@pytest.mark.parametrize(
    ("wanted", "got", "kconfig", "reason"),
    [
        ("y", {}, {}, "this tree has no such option"),
        ("y", {"B": "y"}, {"A": "B && C"}, "unmet dependency: C"),
        ("y", {"B": "y", "C": "y"}, {"A": "B && C"}, "depends on B && C"),
        ("y", {}, {"A": ""}, "no reason found: choice or invisible option?"),
        ("n", {"A": "y"}, {"A": ""}, "another option selects it"),
        ("y", {"A": "m"}, {"A": "B"}, "unmet dependency: B"),
    ],
)
def test_a_dropped_option_and_why(wanted: str, got: dict[str, str], kconfig: dict[str, str], reason: str) -> None:
    (dropped,) = check({"A": wanted}, got.items(), kconfig).dropped
    assert (dropped.name, dropped.wanted, dropped.got, dropped.reason) == ("A", wanted, got.get("A", "n"), reason)


@pytest.mark.parametrize(("wanted", "got"), [("y", "y"), ("m", "y"), ("n", "n"), ('""', "n"), ('"x"', '"x"')])
def test_what_is_obtained(wanted: str, got: str) -> None:
    assert check({"A": wanted}, [("A", got)], {}).dropped == ()


@pytest.mark.parametrize(
    ("expression", "unmet"),
    [
        ("", ()),
        ("Y1", ()),
        ("Y1 && N1 && N2", ("N1", "N2")),
        ("N1 || Y1", ()),
        ("N1 || N2", ("N1 || N2",)),
        ("N1 || Y1 && N2", ("N1 || Y1 && N2",)),
        ("(N1 || Y1) && Y1", ()),
        ("(N1 || N2) && Y1", ("(N1 || N2)",)),
        ("!Y1", ("!Y1",)),
        ("!N1 && Y1", ()),
        ("!(N1 || Y1)", ("!(N1 || Y1)",)),
        ("M1", ()),
        ("Y1 = y", ()),
        ("Y1 != y", ("Y1 != y",)),
        ("N1=n", ()),
        ('S1 = "x86"', ()),
        ("((((", ("((((",)),
        ("&& ||", ("&& ||",)),
    ],
)
def test_expressions(expression: str, unmet: tuple[str, ...]) -> None:
    got = {"Y1": "y", "M1": "m", "S1": "x86"}
    assert unmet_dependencies(expression, got) == unmet


KCONFIG = """
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

menuconfig THIRD
	bool "third"
endmenu

config FOURTH
	bool
"""


def test_dependencies_of_an_option() -> None:
    assert dependencies(KCONFIG, "FIRST") == "MMU && SMP && A && (B || C)"
    assert dependencies(KCONFIG, "SECOND") == "MMU && D"
    assert dependencies(KCONFIG, "THIRD") == "MMU"
    assert dependencies(KCONFIG, "FOURTH") == ""
    assert dependencies(KCONFIG, "FIFTH") is None


def test_help_text_is_not_grammar() -> None:
    text = "config A\n\tbool\n\thelp\n\t  Say y\n\t  if you dare.\n\nconfig B\n\tbool\n\tdepends on C\n"
    assert dependencies(text, "B") == "C"
