"""Recorded and hand-written consoles: each file in cases/ says at its head what must be found in it.

Head lines, then ``# console:``, then the console's bytes as they are:
    # expect: KIND | TITLE | SEVERITY | FIRST-LAST [| corrupted]
    # expect: none
    # symbol: ADDRESS NAME     for kernels whose traces are addresses only
    # wrong today: WHY         what is expected is right, and the parser does not see it yet
Those in a folder are recorded (python -m tests.system.record TREE), with kernels that fail on purpose; those in clean/
are whole consoles of kernels that do not.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.findings import parse_console
from harness.model.finding import Finding

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(FOLDER.rglob("*.txt"))
HEAD_END = b"# console:\n"


def judged() -> list[object]:
    """The cases as parameters; one that the parser gets wrong must not turn right unseen."""
    found: list[object] = []
    for path in CASES:
        head, _, _ = path.read_bytes().partition(HEAD_END)
        wrong = [line for line in head.decode().splitlines() if line.startswith("# wrong today:")]
        marks = [pytest.mark.xfail(reason=wrong[0].removeprefix("# wrong today: "), strict=True)] if wrong else []
        found.append(pytest.param(path, marks=marks))
    return found


def case_name(path: Path) -> str:
    return str(path.relative_to(FOLDER).with_suffix(""))


def symbols_of(path: Path) -> dict[int, str]:
    head, _, _ = path.read_bytes().partition(HEAD_END)
    words = [line.split()[2:4] for line in head.decode().splitlines() if line.startswith("# symbol:")]
    return {int(address, 16): name for address, name in words}


def read_case(path: Path) -> tuple[list[str], bytes]:
    head, mark, console = path.read_bytes().partition(HEAD_END)
    assert mark, f"{path}: no line '# console:'"
    expected = [
        line.removeprefix("# expect:").strip()
        for line in head.decode().splitlines()
        if line.startswith("# expect:") and line.removeprefix("# expect:").strip() != "none"
    ]
    assert b"# expect:" in head, f"{path}: no line '# expect:'"
    return expected, console


def in_words(finding: Finding) -> str:
    words = f"{finding.kind} | {finding.title} | {finding.severity} | {finding.first_line}-{finding.last_line}"
    return words + (" | corrupted" if finding.corrupted else "")


@pytest.mark.parametrize("path", judged(), ids=case_name)
def test_case(path: Path) -> None:
    expected, console = read_case(path)
    assert [in_words(finding) for finding in parse_console(console, symbols_of(path).get)] == expected


@pytest.mark.slow
@pytest.mark.parametrize("path", CASES, ids=case_name)
def test_case_behind_a_long_clean_log_and_in_small_pieces(path: Path) -> None:
    """What lines before it, and the sizes of the pieces in which it comes, must not matter."""
    _, console = read_case(path)
    clean = b"[    1.000000] pci 0000:00:1f.0: reg 0x10: [mem 0xfebf0000-0xfebf0fff]\n" * 300
    names = symbols_of(path).get
    behind = parse_console(clean + console, names)
    alone = parse_console((console[i : i + 7] for i in range(0, len(console), 7)), names)
    whole = [finding.title for finding in parse_console(console, names)]
    assert [f.title for f in behind] == [f.title for f in alone] == whole
    assert [f.first_line - 300 for f in behind] == [f.first_line for f in alone]


def test_titles_hold_nothing_that_differs_between_two_runs() -> None:
    """The same report with other addresses, times and pids has the same title."""
    for path in CASES:
        for finding in parse_console(read_case(path)[1]):
            assert "0x" not in finding.title, path
            assert not any(word.isdigit() for word in finding.title.split()), path
            assert len(finding.lines) <= 400, path


def test_there_are_cases_of_every_era() -> None:
    names = [case_name(path) for path in CASES]
    for era in ("2.5", "2.6.9", "2.6.22", "2.6.27", "3.0", "6.1", "6.12", "clean"):
        assert any(name.startswith(era + "-") for name in names), era


def test_addresses_of_a_kernel_without_kallsyms_are_resolved() -> None:
    names = {0xC013F2A1: "page_remove_rmap", 0xC0131AB3: "zap_pte_range", 0xC0131B90: "unmap_page_range"}
    _, console = read_case(Path(__file__).parent / "cases" / "2.5-bug-address-only.txt")
    (finding,) = parse_console(console, resolve=names.get)
    assert finding.title == "BUG in page_remove_rmap"
    assert finding.frames == ("zap_pte_range", "unmap_page_range")
