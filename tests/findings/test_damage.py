"""The recorded cases, damaged, with what is still true of them.

Rates over all the cases (``python -m tests.findings.test_damage`` measures them anew; seed 1):

| damage | right | corrupted | wrong title, not marked |
|---|--:|--:|--:|
| cut behind any line | 2715 | 1472 | 0 |
| cut before any line | 2303 | 634 | 5 |
| two reports, line by line, with caller ids | 702 | 19 | 0 |
| two reports, line by line, without | 367 | 398 | 17 |
| torn by another CPU's line | 319 | 6 | 0 |
| other programs' lines between | 447 | 6 | 0 |
| lines twice | 441 | 15 | 0 |
| wrapped at 80 columns | 148 | 3 | 0 |
| up to 400 bytes lost at one place | 345 | 48 | 14 |
| one byte of 500 lost | 394 | 22 | 24 |
| one byte of 500 another | 374 | 18 | 35 |

A name with a letter lost is a name; the last three rows are measured, and bounded, but not promised.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.findings import parse_console
from harness.findings.frames import Resolve
from harness.model.finding import Finding, Severity
from tests.findings import damage
from tests.findings.test_console_cases import CASES, case_name, read_case, symbols_of

MAX_BYTES = 20_000
ENOUGH = 40


@dataclass(frozen=True)
class Case:
    name: str
    console: bytes
    symbols: dict[int, str]
    titles: tuple[str, ...]

    @property
    def resolve(self) -> Resolve:
        return self.symbols.get


@dataclass
class Count:
    """What was found in damaged consoles: titles that are true, findings marked corrupted, and neither."""

    right: int = 0
    corrupted: int = 0
    wrong: int = 0
    missed: int = 0
    """Consoles in which a title is not to be found."""
    nothing: int = 0
    """Consoles with findings, in which none has a true title."""

    def add(self, found: Iterable[Finding], truth: set[str]) -> None:
        titles = set()
        dead = False
        for finding in found:
            titles.add(finding.title)
            if dead and finding.title not in truth:
                continue  # a consequence of a death, where what tells so is cut off
            dead = dead or (finding.severity is Severity.FATAL and finding.title in truth)
            if finding.corrupted:
                self.corrupted += 1
            elif finding.title in truth:
                self.right += 1
            else:
                self.wrong += 1
        self.missed += not truth <= titles
        self.nothing += bool(truth) and not truth & titles


def _case(path: Path) -> Case:
    _, console = read_case(path)
    symbols = symbols_of(path)
    return Case(case_name(path), console, symbols, tuple(f.title for f in parse_console(console, symbols.get)))


def cases(most: int | None = ENOUGH) -> list[Case]:
    """All the cases that are not too long, or ``most`` of them, always the same."""
    paths = [path for path in CASES if path.stat().st_size <= MAX_BYTES]
    return [_case(path) for path in (paths if most is None else random.Random(1).sample(paths, min(most, len(paths))))]


@pytest.fixture(scope="module")
def some() -> list[Case]:
    return cases()


# A recorder's prefix within the console is not also behind another one.
RECORDED = "2.6.18-warning-and-wrapped-syslog"
# Lines of others stand in the middle of its reports, and would get the reports' callers.
NOISY = "6.1-noise-escapes-crlf"


def _unlike_itself(case: Case, change: Callable[[bytes], bytes]) -> str:
    found = [finding.title for finding in parse_console(change(case.console), case.resolve)]
    return "" if found == list(case.titles) else f"{case.name}: {list(case.titles)} became {found}"


@pytest.mark.parametrize("name", damage.HARMLESS)
def test_what_says_the_same_is_read_the_same(name: str, some: list[Case]) -> None:
    told = [_unlike_itself(case, damage.HARMLESS[name]) for case in some if case.name != RECORDED]
    assert not any(told), "\n".join(filter(None, told))


@pytest.mark.slow
@pytest.mark.parametrize("name", damage.HARMLESS)
def test_what_says_the_same_is_read_the_same_in_every_case(name: str) -> None:
    told = [_unlike_itself(case, damage.HARMLESS[name]) for case in cases(None) if case.name not in (RECORDED, NOISY)]
    assert not any(told), "\n".join(filter(None, told))


def cut(of: list[Case], front: bool, step: int = 1) -> Count:
    """Each console cut behind, or before, every line, or every ``step``-th."""
    count = Count()
    for case in of:
        lines = damage.lines_of(case.console)
        for at in range(1, len(lines), step):
            rest = b"".join(lines[at:] if front else lines[:at])
            count.add(parse_console(rest, case.resolve), set(case.titles))
    return count


def test_a_console_that_ends_early_has_no_wrong_title(some: list[Case]) -> None:
    assert cut(some, front=False, step=7).wrong == 0


@pytest.mark.slow
def test_hardly_any_console_has_a_wrong_title_wherever_it_ends() -> None:
    """A trace that is cut behind a function which only seems to be the one that is meant."""
    count = cut(cases(None), front=False)
    assert count.wrong <= 0.003 * count.right


@pytest.mark.slow
def test_hardly_any_console_has_a_wrong_title_wherever_it_begins() -> None:
    """A message that said more than the BUG below it may be all that is missing."""
    count = cut(cases(None), front=True)
    assert count.wrong <= 0.003 * count.right


def _pairs(of: list[Case], number: int, chance: random.Random) -> Iterator[tuple[Case, Case]]:
    # A kernel's start, and what a key of SysRq or the harness adds to a console, concern all that is on it.
    fit = [case for case in of if case.titles and not any(word in case.console for word in _ENDS_ALL)]
    fit = [case for case in fit if case.name != RECORDED and b"\x1b" not in case.console]
    for _ in range(number):
        first, second = chance.sample(fit, 2)
        yield first, second


_ENDS_ALL = (b"post-mortem", b"SysRq :", b"sysrq:", b"Linux version")


def interleaved(of: list[Case], number: int, with_callers: bool) -> Count:
    """Pairs of consoles, line by line."""
    count, chance = Count(), random.Random(1)
    for first, second in _pairs(of, number, chance):
        one, other = first.console, second.console
        if with_callers:
            one, other = damage.with_caller(one, b"T1"), damage.with_caller(other, b"C2")
        found = parse_console(damage.interleaved(one, other, chance), (first.symbols | second.symbols).get)
        count.add(found, {*first.titles, *second.titles})
    return count


def test_caller_ids_keep_the_reports_of_two_cpus_apart(some: list[Case]) -> None:
    count = interleaved(some, 60, with_callers=True)
    assert count.wrong == 0
    assert count.missed <= 1  # a panic with a caller that is not its cause's


def test_without_caller_ids_mixed_reports_are_hardly_ever_believed(some: list[Case]) -> None:
    count = interleaved(some, 60, with_callers=False)
    assert count.wrong <= 4
    assert count.nothing <= 15


@pytest.mark.slow
def test_many_mixed_reports() -> None:
    with_ids, without = interleaved(cases(None), 300, True), interleaved(cases(None), 300, False)
    assert (with_ids.wrong, with_ids.missed <= 3) == (0, True)
    assert without.wrong <= 25
    assert without.nothing <= 60


@dataclass(frozen=True)
class Bound:
    """``damaged`` makes one console of a case; at most ``wrong`` and ``missed`` per hundred consoles."""

    damaged: Callable[[bytes, random.Random], bytes]
    wrong: float
    missed: float


OTHER_CPU = b"usb 1-1: new high-speed USB device number 2 using xhci_hcd"
BOUNDS = {
    "noise between": Bound(damage.noise_between, 0, 0),
    "lines twice": Bound(damage.lines_repeated, 0, 3),
    "wrapped": Bound(lambda console, _: damage.wrapped(console), 0, 3),
    "torn": Bound(lambda console, chance: damage.glued(console, OTHER_CPU, chance), 1, 3),
    "bytes lost": Bound(lambda console, chance: damage.bytes_lost(console, chance, 0.002), 12, 20),
    "bytes changed": Bound(lambda console, chance: damage.bytes_changed(console, chance, 0.002), 15, 25),
    "run lost": Bound(damage.run_lost, 10, 30),
}


def at_random(name: str, of: list[Case], rounds: int) -> tuple[Count, int]:
    """(what was found, consoles) for one of BOUNDS."""
    count, chance, number = Count(), random.Random(1), 0
    for case in of:
        if case.name == RECORDED or (name == "torn" and not damage.is_stamped(case.console)):
            continue
        for _ in range(rounds):
            found = parse_console(BOUNDS[name].damaged(case.console, chance), case.resolve)
            count.add(found, set(case.titles))
            number += 1
    return count, number


@pytest.mark.parametrize("name", BOUNDS)
def test_damage_at_random(name: str, some: list[Case]) -> None:
    count, number = at_random(name, some, 1)
    assert count.wrong <= BOUNDS[name].wrong * number / 100 + 1
    assert count.missed <= BOUNDS[name].missed * number / 100 + 2


@pytest.mark.slow
@pytest.mark.parametrize("name", BOUNDS)
def test_much_damage_at_random(name: str) -> None:
    count, number = at_random(name, cases(None), 3)
    assert count.wrong <= BOUNDS[name].wrong * number / 100
    assert count.missed <= BOUNDS[name].missed * number / 100


@pytest.mark.parametrize("mark", [b"> ", b"> > ", b">> ", b"| ", b"    ", b"\t"])
def test_a_quoted_report_is_none_of_this_guest(mark: bytes, some: list[Case]) -> None:
    for case in some:
        found = parse_console(damage.quoted(case.console.replace(b"\r", b""), mark), case.resolve)
        assert found == (), case.name


def test_a_report_torn_by_itself_is_put_together() -> None:
    console = (
        b"[    5.000000] WARNING: CPU: 0 PID: 7 at mm/frog.c:12 frog_le[    5.000010] clocksource: Switched to tsc\n"
        b"ap+0x12/0x34\n[    5.000020] Call Trace:\n[    5.000030]  frog_leap+0x12/0x34\n"
        b"[    5.000040] ---[ end trace 0000000000000000 ]---\n"
    )
    (finding,) = parse_console(console)
    assert (finding.title, finding.corrupted) == ("WARNING in frog_leap", False)


def test_a_report_behind_a_programs_endless_line_is_found() -> None:
    oops = (
        b"Unable to handle kernel NULL pointer dereference at virtual address 00000010\n"
        b" printing eip:\nc0123456\nOops: 0000 [#1]\nEIP is at frog_leap+0x1/0x2\nCall Trace:\n"
        b" [<c0123456>] frog_jump+0x1/0x2\n"
    )
    for before in (b"." * 70_000, b"pond login: ", b"~ # ", b"ok 1 - leaping"):
        (finding,) = parse_console(before + oops)
        assert finding.title == "NULL pointer dereference in frog_leap"


def test_words_that_a_program_says_are_no_report() -> None:
    for said in (
        b"harness: waiting for 'Kernel panic - not syncing: ' on the console\n",
        b"tests: this must not print Unable to handle kernel paging request\n",
        b"echo kernel BUG at mm/frog.c:12!\n",
        b" kernel:[  100.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [frog:7]\n",
        b"[    0.000000] printk: console [ttyS0] enabled\n",
    ):
        assert parse_console(said) == (), said


def measure() -> None:
    """Print the table at the top of this file."""
    everything = cases(None)
    rows = {
        "cut behind any line": cut(everything, front=False),
        "cut before any line": cut(everything, front=True),
        "two reports, line by line, with caller ids": interleaved(everything, 300, True),
        "two reports, line by line, without": interleaved(everything, 300, False),
    } | {name: at_random(name, everything, 3)[0] for name in BOUNDS}
    print(f"{len(everything)} cases")
    for name, count in rows.items():
        print(f"| {name} | {count.right} | {count.corrupted} | {count.wrong} |  missed {count.missed}, {count.nothing}")


if __name__ == "__main__":
    measure()
