"""Requested against obtained: translation to the kernel's names, dropped options with their reasons."""

from __future__ import annotations

import pytest

from harness.builds.definitions import NO_DEFINITIONS, Definition, Definitions
from harness.builds.kconfig import allconfig_text, check, lacking, translated, unmet_dependencies
from harness.builds.kconfig_language import read_kconfig
from harness.config.kernel_files import parse_kconfig
from harness.model.build import DropKind, Fragment
from harness.model.errors import UserError
from harness.model.option import OptionHistory, OptionNeed, OptionsOf, OptionStep, OptionTable, Presence
from harness.model.version import KernelVersion


def step(since: str | None, name: str = "", presence: Presence = Presence.OPTION, value: str = "") -> OptionStep:
    """One step of a history."""
    return OptionStep(KernelVersion.parse(since) if since else None, presence, name, value=value)


def history(option: str, *steps: OptionStep, arch: str | None = None) -> OptionHistory:
    """A history for one architecture, or for all."""
    return OptionHistory(option, ((arch, steps),))


TABLE = OptionTable(
    histories=(
        history("MEMCG", step(None, "MEMCG", Presence.NOT_YET), step("2.6.25-rc4", "RES_CTLR"), step("3.6", "MEMCG")),
        history("SWAP", step(None, "SWAP", Presence.ALWAYS), step("2.5.46", "SWAP")),
        history("COUNT", step(None, "COUNT", Presence.ALWAYS, "16"), step("2.6.10", "COUNT")),
        history("COUNTERS", step(None, "COUNTERS", Presence.NOT_YET), step("2.6.25", "COUNTERS"),
                step("3.19", "COUNTERS", Presence.GONE)),
        history("SPLIT", step(None, "WHOLE"), step("3.10", "SPLIT")),
        history("WHOLE", step(None, "WHOLE")),
        history("WIDE", step(None, "WIDE"), arch="x86_64"),
    ),
    needs=(
        OptionNeed("COUNTERS", "y", ("MEMCG",), "it counts"),
        OptionNeed("EVER", "y", (), "everything wants it"),
        OptionNeed("DEEPER", "y", ("COUNTERS",), "they count deeper"),
    ),
)  # fmt: skip


def kernel(version: str, arch: str = "x86_64") -> OptionsOf:
    """The options of a kernel."""
    return OptionsOf(TABLE, KernelVersion.parse(version), arch)


def fragment(**options: str) -> Fragment:
    """Requests in today's names."""
    return Fragment("f", tuple(options.items()), "f")


def test_today_to_the_kernels_names_and_what_they_need() -> None:
    old = translated([fragment(MEMCG="y", OWN="y")], kernel("2.6.27"))
    assert list(old.requests.items()) == [
        ("RES_CTLR", "y"), ("OWN", "y"), ("COUNTERS", "y"), ("EVER", "y"), ("DEEPER", "y"),
    ]  # fmt: skip
    assert [need.option for need in old.added] == ["COUNTERS", "EVER", "DEEPER"]
    assert old.today["RES_CTLR"] == "MEMCG" and not old.absent
    new = translated([fragment(MEMCG="y")], kernel("6.1"))
    assert new.requests == {"MEMCG": "y", "EVER": "y"}
    # What is no option yet needs nothing.
    assert translated([fragment(MEMCG="y")], kernel("2.6.9")).requests == {"EVER": "y"}


def test_a_fragment_has_the_last_word_over_what_is_needed_and_the_era_over_it() -> None:
    asked = translated([fragment(MEMCG="y", COUNTERS="n", A="y")], kernel("2.6.27"), {}, [("A", "n")])
    assert asked.requests["COUNTERS"] == "n" and asked.requests["A"] == "n"


def test_later_fragments_win_in_the_order_of_the_first() -> None:
    asked = translated([fragment(A="y", B="y"), fragment(C="y", A="n")], OptionsOf(OptionTable(), *where()))
    assert list(asked.requests.items()) == [("A", "n"), ("B", "y"), ("C", "y")]


def where() -> tuple[KernelVersion, str]:
    """Some kernel."""
    return KernelVersion.parse("6.1"), "x86_64"


def test_always_on_is_not_not_yet() -> None:
    asked = translated([fragment(SWAP="y", MEMCG="y", COUNT="2", WIDE="y")], kernel("2.5.31", "i386"))
    assert asked.always == (("SWAP", "always on"),)
    told = {option.name: (option.kind, option.reason) for option in asked.absent}
    assert told == {
        "MEMCG": (DropKind.NOT_YET, "not in this kernel before 2.6.25-rc4"),
        "COUNT": (DropKind.CONSTANT, "a constant, 16"),
        "WIDE": (DropKind.OTHER_ARCH, "not for i386"),
    }
    config = check(asked.requests, (), NO_DEFINITIONS, asked)
    assert lacking(["SWAP", "COUNT"], config, kernel("2.5.31", "i386")) == ()
    assert lacking(["MEMCG"], config, kernel("2.5.31")) == (("MEMCG", "not in this kernel before 2.6.25-rc4"),)


def test_a_request_not_to_have_what_is_not_there_is_met_and_one_not_to_have_what_always_is_is_not() -> None:
    asked = translated([fragment(SWAP="n", MEMCG="n")], kernel("2.5.31"))
    assert [(option.name, option.got, option.kind) for option in asked.absent] == [("SWAP", "y", DropKind.CONSTANT)]


def test_gone() -> None:
    (gone,) = translated([fragment(COUNTERS="y")], kernel("4.0")).absent
    assert (gone.kind, gone.reason) == (DropKind.GONE, "gone since 3.19")


def test_two_of_today_are_one_of_then() -> None:
    assert translated([fragment(SPLIT="y", WHOLE="n")], kernel("3.0")).requests["WHOLE"] == "y"
    assert translated([fragment(WHOLE="n", SPLIT="y")], kernel("3.0")).requests["WHOLE"] == "y"


def test_what_the_era_does_without_and_why() -> None:
    asked = translated([fragment(OWN="y", MEMCG="y")], kernel("2.6.9"), {"OWN": "no compiler", "MEMCG": "no compiler"})
    told = {option.name: (option.kind, option.reason) for option in asked.absent}
    assert told["OWN"] == (DropKind.LEFT_OUT, "no compiler")
    assert told["MEMCG"][0] is DropKind.NOT_YET
    config = check(asked.requests, [("EVER", "y")], NO_DEFINITIONS, asked)
    assert lacking(["OWN"], config, kernel("2.6.9")) == (("OWN", "no compiler"),)


def test_what_a_kernel_lacks_and_why() -> None:
    here = kernel("2.6.27")
    asked = translated([fragment(MEMCG="y", SWAP="y", A="y")], here)
    places = Definitions({"RES_CTLR": (Definition("RES_CTLR", depends="B", visible="B"),)}, {})
    config = check(asked.requests, [("SWAP", "y"), ("COUNTERS", "y"), ("EVER", "y"), ("N", "4")], places, asked)
    assert lacking(["MEMCG", "SWAP", "N", "C"], config, here) == (
        ("MEMCG", "dropped, unmet dependency: B=n (here RES_CTLR)"),
        ("C", "no fragment asks for it"),
    )


def test_the_text_of_requests() -> None:
    text = allconfig_text({"A": "y", "B": "n", "C": '"x"', "D": "30"})
    assert text == 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x"\nCONFIG_D=30\n'
    assert parse_kconfig(text, "f") == (("A", "y"), ("B", "n"), ("C", '"x"'), ("D", "30"))


def test_a_wrong_line_of_a_fragment_is_named() -> None:
    with pytest.raises(UserError, match=r"^f:2: neither CONFIG_NAME=value nor a comment"):
        parse_kconfig("CONFIG_A=y\nDEBUG_VM=y\n", "f")


KCONFIG = """
config ASKED
	bool "asked for" if EXPERT
	depends on B && (C || D)
config FREE
	bool "no dependencies"
config HIDDEN
	bool
	default y if B
config CHOSEN
	bool
config SELECTOR
	bool "selector"
	select CHOSEN if D
	select FORCED
config FORCED
	bool "forced"
config SHIFT
	int "shift" if B
	range 12 21
	default 17
choice
	prompt "speed"
config FAST
	bool "fast"
config SLOW
	bool "slow"
endchoice
config MEMCG
	bool "memory controller"
"""


@pytest.mark.parametrize(
    ("option", "wanted", "got", "kind", "reason"),
    [
        ("FREEE", "y", "", DropKind.UNKNOWN, "this tree has no such option; did you mean FREE?"),
        ("ZZZ", "y", "", DropKind.UNKNOWN, "this tree has no such option"),
        ("OLD_MEMCG", "y", "", DropKind.RENAMED,
         "this tree has no such option: MEMCG is its name of today, which fragments are written in"),
        ("ASKED", "y", "EXPERT=y B=y", DropKind.UNMET, "unmet dependency: (C || D) (all n)"),
        ("ASKED", "y", "EXPERT=y D=m", DropKind.UNMET, "unmet dependency: B=n"),
        ("ASKED", "y", "B=y D=y", DropKind.UNMET, "unmet dependency: EXPERT=n"),
        ("HIDDEN", "y", "", DropKind.NO_PROMPT, "has no prompt, follows B=n"),
        ("CHOSEN", "y", "", DropKind.NO_PROMPT, "has no prompt, is selected by SELECTOR=n"),
        ("FORCED", "n", "SELECTOR=y FORCED=y", DropKind.SELECTED, "selected by SELECTOR"),
        ("SHIFT", "30", "B=y SHIFT=17", DropKind.RANGE, "outside 12 to 21"),
        ("SHIFT", "many", "B=y SHIFT=17", DropKind.RANGE, "many is no number"),
        ("FAST", "y", "SLOW=y", DropKind.CHOICE, "SLOW was taken of its choice"),
        ("FREE", "y", "", DropKind.UNEXPLAINED, "no reason found"),
    ],
)  # fmt: skip
def test_a_dropped_option_and_why(option: str, wanted: str, got: str, kind: DropKind, reason: str) -> None:
    definitions = read_kconfig({"Kconfig": KCONFIG}.get, "x86_64")
    values = dict(word.split("=") for word in got.split())
    (dropped,) = check({option: wanted}, values.items(), definitions, renamed={"OLD_MEMCG": "MEMCG"}).dropped
    assert (dropped.name, dropped.wanted, dropped.got) == (option, wanted, values.get(option, "n"))
    assert (dropped.kind, dropped.reason) == (kind, reason)


@pytest.mark.parametrize(("wanted", "got"), [("y", "y"), ("m", "y"), ("n", "n"), ('""', "n"), ('"x"', '"x"')])
def test_what_is_obtained(wanted: str, got: str) -> None:
    assert check({"A": wanted}, [("A", got)]).dropped == ()


@pytest.mark.parametrize(
    ("expression", "unmet"),
    [
        ("", ()),
        ("Y1", ()),
        ("Y1 && N1 && N2", ("N1=n", "N2=n")),
        ("N1 || Y1", ()),
        ("N1 || N2", ("N1 || N2 (all n)",)),
        ("N1 || Y1 && N2", ("N1 || Y1 && N2 (N1=n, Y1=y, N2=n)",)),
        ("(N1 || Y1) && Y1", ()),
        ("(N1 || N2) && Y1", ("(N1 || N2) (all n)",)),
        ("!Y1", ("!Y1 (Y1=y)",)),
        ("!N1 && Y1", ()),
        ("!(N1 || Y1)", ("!(N1 || Y1) (N1=n, Y1=y)",)),
        ("M1", ()),
        ("Y1 = y", ()),
        ("Y1 != y", ("Y1 != y (Y1=y)",)),
        ("N1=n", ()),
        ('S1 = "x86"', ()),
        ("V1 >= 30400", ()),
        ("V1 < 30400", ("V1 < 30400 (V1=110000)",)),
        ("$(cc-option,-fno-x) && N1", ("N1=n",)),
        ("(Y1 && N1 && (N2 || N1))", ("N1=n", "(N2 || N1) (all n)")),
        ("(N1) || (N2)", ("(N1) || (N2) (all n)",)),
        ("((((", ("((((",)),
        ("&& ||", ("&& ||",)),
    ],
)
def test_expressions(expression: str, unmet: tuple[str, ...]) -> None:
    got = {"Y1": "y", "M1": "m", "S1": "x86", "V1": "110000"}
    assert unmet_dependencies(expression, got) == unmet
