"""One bug has one title: over runs, compilers and kernels; two have two."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from dataclasses import dataclass

import pytest

from harness.config.alias_file import default_aliases
from harness.findings import parse_console
from harness.findings.grouping import group_findings, same_bug
from harness.findings.shapes import SHAPES, also_seen_as
from harness.findings.signature import signature_of, signatures_agree
from harness.model.finding import Finding
from tests.findings.test_console_cases import CASES, case_name, read_case, symbols_of

_STAMP = re.compile(rb"\[( *\d+)\.(\d{6})\]")
_KERNEL_ADDRESS = re.compile(rb"\bf{6}[0-9a-f]{10}\b")
_OFFSET = re.compile(rb"\+0x([0-9a-f]+)/0x([0-9a-f]+)")
_PID = re.compile(rb"\b(P[Ii][Dd]: )(\d+)\b")
_CPU = re.compile(rb"\b(CPU: {1,4}|CPU#|cpu )(\d)\b")
_NAMED = re.compile(rb"\b([a-z_]{4,}[a-z0-9_]*)(\+0x[0-9a-f]+/0x)")


def another_run(console: bytes, chance: random.Random) -> bytes:
    """The same report from another run: other times, addresses, pids, CPUs and offsets, one for one."""
    shift, slide, more = chance.randrange(1, 500), 0x10 * chance.randrange(1, 64), chance.randrange(1, 9)
    console = _STAMP.sub(lambda m: b"[%5d.%s]" % (int(m[1]) + shift, m[2]), console)
    console = _KERNEL_ADDRESS.sub(lambda m: b"%016x" % (int(m[0], 16) ^ slide), console)
    console = _OFFSET.sub(lambda m: b"+0x%x/0x%x" % (int(m[1], 16) + (more if int(m[1], 16) else 0), 0x2000), console)
    console = _PID.sub(lambda m: m[1] + b"%d" % (int(m[2]) + 100 * more), console)
    return _CPU.sub(lambda m: m[1] + b"%d" % (int(m[2]) + 1), console)


def another_compiler(console: bytes, chance: random.Random) -> bytes:
    """The same report of a kernel whose compiler cloned and split functions."""
    endings = (b"", b".isra.0", b".constprop.1", b".part.2", b".cold", b".llvm.123456789", b".isra.0.part.4.cold")
    chosen: dict[bytes, bytes] = {}
    return _NAMED.sub(lambda m: m[1] + chosen.setdefault(m[1], chance.choice(endings)) + m[2], console)


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in CASES if not symbols_of(path)], ids=case_name)
def test_another_run_and_another_compiler_have_the_same_names(path) -> None:  # type: ignore[no-untyped-def]
    _, console = read_case(path)
    chance = random.Random(case_name(path))
    told = [(f.title, f.signature, f.also, f.corrupted) for f in parse_console(console)]
    for changed in (another_run(console, chance), another_compiler(console, chance)):
        assert [(f.title, f.signature, f.also, f.corrupted) for f in parse_console(changed)] == told


def _planted() -> dict[str, dict[str, set[str]]]:
    """Kind of failure -> kernel -> title of its recorded console, of those that are in a folder of their kernel. What
    follows a death (a task that holds a lock exits) is not what was planted."""
    found: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for path in CASES:
        kernel, slash, kind = case_name(path).partition("/")
        if slash:
            expected, _ = read_case(path)
            found[kind][kernel] = {line.split(" | ")[1] for line in expected[:1]}
    return found


def test_a_planted_failure_has_one_title_on_kernels_of_all_ages() -> None:
    """In the parser of boot words 2.5 has no handlers yet: there the trap itself is what can be seen."""
    for kind in ("bug", "boot-bug", "null-call", "null-read", "wild-write", "divide", "warn", "panic", "sleep"):
        kernels = _planted()[kind]
        assert len(kernels) >= 5, kind
        assert len(set.union(*kernels.values())) == 1, (kind, kernels)


def test_different_planted_failures_have_different_titles() -> None:
    """The same act in another context (a timer, a worker, early, with another CPU at it) is the same failure; its
    function says so. Titles without the function that was planted tell failures apart by themselves."""
    by_title: dict[str, set[str]] = defaultdict(set)
    for kind, kernels in _planted().items():
        for titles in kernels.values():
            for title in titles:
                by_title[title].add(re.sub(r"^(?:setup|early|boot|slab|timer|work|atomic)-", "", kind))
    early = "exception before traps are set up"
    shared = {title: kinds for title, kinds in by_title.items() if len(kinds) > 1 and not title.startswith(early)}
    assert {title: kinds for title, kinds in shared.items() if " in planted_" not in title} == {}
    assert len(by_title) > 30


def test_titles_have_names_that_stand_for_all() -> None:
    aliases = default_aliases()
    for path in CASES:
        _, console = read_case(path)
        for finding in parse_console(console, symbols_of(path).get):
            if finding.function is not None:
                assert aliases.canonical(finding.function) in finding.title.rpartition(" in ")[2].split(" / ")


# --- signatures ------------------------------------------------------------------------------------------------------


def test_a_signature_is_the_kind_and_the_first_frames() -> None:
    aliases = default_aliases()
    trace = ["page_remove_rmap", "zap_pte_range", "unmap_page_range", "exit_mmap"]
    one = signature_of("bug", "page_remove_rmap", trace, "", aliases)
    assert one == "bug: page_remove_rmap < zap_pte_range < unmap_page_range"
    new = ["folio_remove_rmap_ptes", "zap_pte_range", "_raw_spin_unlock", "unmap_page_range", "exit_mmap"]
    assert signature_of("bug", "folio_remove_rmap_ptes", new, "", aliases) == one
    assert signature_of("bug", "page_remove_rmap", trace[1:], "", aliases) == one, "RIP names it, the trace its caller"
    wrapped = ["charge_memcg", "__mem_cgroup_charge", "do_anonymous_page", "__x64_sys_brk", "do_syscall_64"]
    assert signature_of("warning", wrapped[0], wrapped, "", aliases) == (
        "warning: mem_cgroup_charge < do_anonymous_page < sys_brk"
    )
    assert signature_of("oom-kill", None, trace, "OOM kill", aliases) == "OOM kill"


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("bug: f < g < h", "bug: f < g < h", True),
        ("bug: f < g < h", "bug: f < h < i", True),  # g was inlined
        ("bug: f < g < h", "bug: f < x < y", False),
        ("bug: f < g < h", "bug: g < h < i", False),  # another function names it
        ("bug: f < g < h", "warning: f < g < h", False),
        ("bug: f < g", "bug: f < h", False),  # too short to tell
        ("bug: f < g < h", "bug: f < h < g", False),
    ],
)
def test_signatures_of_compilers_that_inline_differently(one: str, other: str, agree: bool) -> None:
    assert signatures_agree(one, other) is agree
    assert signatures_agree(other, one) is agree


# --- shapes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    title: str
    also: tuple[str, ...] = ()
    corrupted: bool = False


def row(head: str, function: str = "f", corrupted: bool = False) -> Row:
    return Row(f"{head} in {function}", also_seen_as(head, function), corrupted)


def test_shapes_are_seen_from_both_sides() -> None:
    for shapes in SHAPES:
        assert len(shapes.heads) == len(set(shapes.heads)) >= 2
        for one in shapes.heads:
            assert f"{one} in f" not in also_seen_as(one, "f")
            for other in shapes.heads:
                assert same_bug(row(one), row(other))
                assert not same_bug(row(one), row(other, "g"))
    assert also_seen_as("BUG", None) == ()
    assert also_seen_as("OOM kill", None) == ()


def test_every_shape_is_a_title_that_can_be() -> None:
    """A typing error in the table would join nothing, and nobody would see it."""
    from harness.findings.splats import SPLATS

    for head in {head for shapes in SHAPES for head in shapes.heads}:
        patterns = [re.escape(splat.title).replace(re.escape("{what}"), ".+") for splat in SPLATS]
        assert any(re.fullmatch(pattern, head) for pattern in patterns), head


def test_bugs_in_different_functions_stay_apart() -> None:
    groups = group_findings([row("BUG"), row("WARNING", "g"), row("BUG", "g"), row("BUG")])
    assert [(group.title, len(group.findings)) for group in groups] == [("BUG in f", 2), ("BUG in g", 2)]
    assert groups[1].titles == ("BUG in g", "WARNING in g")


def test_groups_join_over_what_was_seen_only() -> None:
    """NULL and BUG are each a shape of list corruption; without one there is nothing between them."""
    null, bug, broken = row("NULL pointer dereference"), row("BUG"), row("list corruption")
    assert len(group_findings([null, bug, broken])) == 1
    stall, sleep = row("RCU stall"), row("scheduling while atomic")
    assert len(group_findings([stall, sleep, bug])) == 3


def test_corrupted_findings_join_nothing() -> None:
    uaf, stall = row("KASAN: use-after-free"), row("general protection fault")
    torn = Row("general protection fault in f", stall.also, corrupted=True)
    assert len(group_findings([uaf, torn])) == 2
    assert not same_bug(uaf, torn)
    assert same_bug(stall, torn)
    (group,) = group_findings([torn, stall, uaf])
    assert group.titles == ("KASAN: use-after-free in f", "general protection fault in f")
    assert group_findings([]) == []


def test_findings_of_consoles_can_be_grouped() -> None:
    findings: list[Finding] = []
    for path in CASES:
        if case_name(path).endswith("/bug"):
            findings += parse_console(read_case(path)[1], symbols_of(path).get)
    assert [group.title for group in group_findings(findings)] == ["BUG in planted_bug"]
