"""Traces of every era in the source: entries of the text, then places in the small kernels of vmlinux/."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from harness.findings.dwarf import Budget, read_dwarf
from harness.findings.parser import parse_console
from harness.findings.source_places import CACHE, SourcePlaces, TraceEntry, relative_source, trace_entries
from harness.guests.kernel_symbols import KernelSymbols, read_symbols
from harness.model.finding import Finding, Severity, SourceFrame

FOLDER = Path(__file__).parent / "vmlinux"


def report(*lines: str) -> Finding:
    return Finding("oops", "t", None, Severity.FATAL, 1, len(lines), lines)


def line_of(file: str, text: str, nth: int = 0) -> int:
    lines = (FOLDER / file).read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if text in line][nth]


def start(name: str, kernel: str, place: int = 0) -> int:
    return read_symbols(FOLDER / kernel).starts(name)[place]


def places(kernel: str, keep: bool = False) -> SourcePlaces:
    return SourcePlaces(FOLDER / kernel, lambda: read_symbols(FOLDER / kernel), keep=keep)


def called(kernel: str, function: str, target: str, nth: int = 0, place: int = 0) -> int:
    """The address behind the nth call of ``target`` in a function: what a trace has."""
    data = (FOLDER / kernel).read_bytes()
    symbols = read_symbols(FOLDER / kernel)
    begin, to = symbols.starts(function)[place], symbols.starts(target)[0]
    with (FOLDER / kernel).open("rb") as handle:
        segment = next(
            s for s in ELFFile(handle).iter_segments()
            if s["p_type"] == "PT_LOAD" and s["p_vaddr"] <= begin < s["p_vaddr"] + s["p_filesz"]
        )  # fmt: skip
        at = begin - segment["p_vaddr"] + segment["p_offset"]
    found = []
    for index in range(200):
        if data[at + index] == 0xE8:
            back = begin + index + 5
            if (back + int.from_bytes(data[at + index + 1 : at + index + 5], "little", signed=True)) == to:
                found.append(back)
    return found[nth]


def entry(function: str, offset: int, size: int | None = None, **more: object) -> TraceEntry:
    values: dict[str, object] = {"address": None, "call": True, "trusted": True} | more
    return TraceEntry(function, offset, size, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            (
                "[    4.1] BUG: kernel NULL pointer dereference, address: 0000000000000010",
                "[    4.1] RIP: 0010:unlink_anon_vmas+0x4a/0x1b0",
                "[    4.1] Code: 00 01",
                "[    4.1] Call Trace:",
                "[    4.1]  <TASK>",
                "[    4.1]  ? exc_page_fault+0x60/0x70",
                "[    4.1]  free_pgtables+0x95/0xd0",
                "[    4.1]  ext4_sync+0x1/0x20 [ext4]",
                "[    4.1]  do_exit+0x0/0x70",
                "[    4.1]  </TASK>",
                "[    4.1] RIP: 0010:never+0x4a/0x1b0",
                "[    4.1]  RIP: 0033:0x7f1234",
            ),
            (
                entry("unlink_anon_vmas", 0x4A, 0x1B0, call=False),
                entry("exc_page_fault", 0x60, 0x70, trusted=False),
                entry("free_pgtables", 0x95, 0xD0),
                entry("do_exit", 0, 0x70, call=False, trusted=False),
            ),
            id="6.x",
        ),
        pytest.param(
            (
                "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [a:1]",
                "Call Trace:",
                " <IRQ>",
                " watchdog_timer_fn+0x10/0x20",
                " </IRQ>",
                "Call Trace:",
                " other+0x10/0x20",
            ),
            (entry("watchdog_timer_fn", 0x10, 0x20),),
            id="only the first trace",
        ),
        pytest.param(
            (
                "Unable to handle kernel NULL pointer dereference at virtual address 00000004",
                "EIP is at page_remove_rmap+0x3a/0x90",
                "Stack: c0123456 00000000",
                "Call Trace:",
                " [<c0142e70>] zap_pte_range+0x1b0/0x2a0",
                " [<c0142fa3>] zap_pmd_range+0x43/0x60",
            ),
            (
                entry("page_remove_rmap", 0x3A, 0x90, call=False),
                entry("zap_pte_range", 0x1B0, 0x2A0, address=0xC0142E70),
                entry("zap_pmd_range", 0x43, 0x60, address=0xC0142FA3),
            ),
            id="2.6 of i386",
        ),
        pytest.param(
            (
                "kernel BUG at rmap.c:409!",
                "EIP:    0010:[<c0272114>]    Not tainted",
                "Call Trace: [<c0142e70>] [<c0142fa3>]",
                "   [<c0107000>]",
            ),
            (
                entry("", 0, address=0xC0272114, call=False),
                entry("", 0, address=0xC0142E70),
                entry("", 0, address=0xC0142FA3),
                entry("", 0, address=0xC0107000),
            ),
            id="2.5 without names",
        ),
        pytest.param(
            (
                "Unable to handle kernel paging request",
                "RIP: 0010:[<ffffffff8016c1f0>] <ffffffff8016c1f0>{anon_vma_link+16}",
                "Call Trace:<ffffffff8013b2a1>{copy_mm+1137} <ffffffff8013b9c0>{copy_process+2016}",
            ),
            (
                entry("anon_vma_link", 16, address=0xFFFFFFFF8016C1F0, call=False),
                entry("copy_mm", 1137, address=0xFFFFFFFF8013B2A1),
                entry("copy_process", 2016, address=0xFFFFFFFF8013B9C0),
            ),
            id="2.6 of x86-64",
        ),
    ],
)
def test_entries_of_a_trace(lines: tuple[str, ...], expected: tuple[TraceEntry, ...]) -> None:
    assert trace_entries(report(*lines)) == expected


def test_hostile_lines_take_no_time() -> None:
    lines = [f" [<c0112233>] {'a' * 4000}" for _ in range(400)]
    began = time.thread_time()
    assert len(trace_entries(report("oops", "Call Trace:", *lines))) == 64
    assert trace_entries(report("oops", *[f"RIP: {'a.$' * 1300}"] * 400)) == ()
    assert time.thread_time() - began < 2.0


def test_every_recorded_case_gives_entries_or_none() -> None:
    """No case of the corpus is an error, and traces that the parser found give entries."""
    found = 0
    for path in sorted((Path(__file__).parent / "cases").iterdir()):
        if path.is_file():
            for finding in parse_console(path.read_bytes()):
                entries = trace_entries(finding)
                found += bool(entries)
                assert bool(entries) or not finding.frames, f"{path.name}: {finding.title}"
    assert found > 20


@pytest.mark.parametrize("kernel", ["dwarf2-i386", "dwarf4", "dwarf5", "dwarf5-i386", "dwarf5-packed", "clang"])
def test_a_call_is_where_it_is_written_and_who_was_inlined_there(kernel: str) -> None:
    begin = start("tiny_free", kernel)
    behind = called(kernel, "tiny_free", "sink")  # sink(*page) of page_count_of()
    got = places(kernel).frames(report("oops", "Call Trace:", f" tiny_free+{behind - begin:#x}/0x100"))
    old = kernel == "dwarf2-i386"  # GCC 3.4 does not say from where a copy is called
    header, source = ("", "") if old else ("include/tiny.h", "mm/tiny.c")
    assert got == (
        SourceFrame("page_count_of", "include/tiny.h", line_of("include/tiny.h", "sink(*page)"), True),
        SourceFrame("page_is_free", header, 0 if old else line_of("include/tiny.h", "= page_count_of"), True),
        SourceFrame("tiny_free", source, 0 if old else line_of("mm/tiny.c", "was = page_is_free")),
    )


@pytest.mark.parametrize("kernel", ["dwarf2-i386", "dwarf4", "clang"])
def test_addresses_without_names(kernel: str) -> None:
    behind = called(kernel, "start_kernel", "tiny_init")
    got = places(kernel).frames(report("oops", "Call Trace:", f" [<{behind:08x}>]"))
    assert got == (SourceFrame("start_kernel", "kernel/sys.c", line_of("kernel/sys.c", "return tiny_init")),)


def test_a_pointer_to_a_function_is_no_call_of_it_though_it_has_no_name() -> None:
    """2.5 prints whatever is in the kernel's text; the byte before a function is in another one."""
    begin, behind = start("tiny_free", "dwarf2-i386"), called("dwarf2-i386", "tiny_free", "shared_name")
    one, two = places("dwarf2-i386").frames(report("oops", f"Call Trace: [<{begin:08x}>] [<{behind:08x}>]"))
    assert one == SourceFrame("tiny_free", "mm/tiny.c", line_of("mm/tiny.c", "tiny_free") + 1, trusted=False)
    assert two.function == "tiny_free" and two.trusted and two.line == line_of("mm/tiny.c", "shared_name(*page)")


def test_assembler_inside_of_c_has_no_lines_of_the_function_before_it() -> None:
    """Its bytes come behind the last line of a function, and seem to be that line's."""
    dwarf = read_dwarf(FOLDER / "dwarf4")
    begin = start("tiny_free", "dwarf4")
    behind = called("dwarf4", "tiny_free", "shared_name")
    inner = dwarf.places(behind, Budget(9.0), begin)
    assert inner == dwarf.places(behind, Budget(9.0)), "the function itself is told of"
    padding = next(at for at in range(behind, behind + 64) if dwarf.places(at, Budget(9.0))[0].function == "")
    assert dwarf.places(padding, Budget(9.0))[0].line > 0
    assert dwarf.places(padding, Budget(9.0), padding) == ()


@pytest.mark.parametrize(
    ("head", "line"),
    [
        ("WARNING: CPU: 2 PID: 58 at mm/tiny.c:77 tiny_loop+0x9/0x90", 77),
        ("kernel BUG at mm/tiny.c:77!", 77),
        ("kernel BUG at tiny.c:77!", 77),  # 2.5
        ("kernel BUG at /source/mm/tiny.c:77!", 77),
        ("kernel BUG at mm/other.c:77!", None),
        ("BUG: unable to handle page fault", None),
    ],
)
def test_the_kernels_own_word_on_a_trap_is_believed_before_the_compilers(head: str, line: int | None) -> None:
    first, second = "RIP: 0010:tiny_loop+0x9/0x90", " tiny_init+0x9/0x90"
    frames = places("dwarf5").frames(report(head, first, "Call Trace:", second))
    plain = places("dwarf5").frames(report("oops", first, "Call Trace:", second))
    assert frames[0] == (plain[0] if line is None else replace(plain[0], line=line))
    assert frames[1:] == plain[1:]


def test_what_was_inlined_into_a_call_that_is_over_is_left_out() -> None:
    behind = called("dwarf5", "tiny_free", "sink") - start("tiny_free", "dwarf5")
    entry = f"tiny_free+{behind:#x}/0x100"
    frames = places("dwarf5").frames(report("oops", "Call Trace:", f" ? {entry}", f" {entry}"))
    assert [(frame.function, frame.trusted) for frame in frames] == [
        ("tiny_free", False), ("page_count_of", True), ("page_is_free", True), ("tiny_free", True),
    ]  # fmt: skip


def test_a_name_of_two_functions_is_told_apart_by_its_size_or_not_at_all() -> None:
    symbols = read_symbols(FOLDER / "dwarf2-i386")
    one, two = symbols.starts("shared_name")
    sizes = [next(size for size in range(1, 500) if symbols.starts("shared_name", size) == (at,)) for at in (one, two)]
    source = places("dwarf2-i386")
    files = [
        source.frames(report("oops", "Call Trace:", f" shared_name+0x9/{size:#x}"))[0].file for size in sizes
    ]  # fmt: skip
    assert files == ["mm/tiny.c", "kernel/sys.c"]
    unknown = report("oops", "Call Trace:", " shared_name+0x9/0x1f3", f" tiny_init+0x5/{0x40:#x}")
    first, *rest = source.frames(unknown)
    assert first == SourceFrame("shared_name", "", 0) and rest[0].file == "mm/tiny.c"


def test_places_are_kept_beside_the_vmlinux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vmlinux = tmp_path / "vmlinux"
    shutil.copy(FOLDER / "dwarf5", vmlinux)
    finding = report("oops", "Call Trace:", " tiny_init+0x5/0x30", " no_such_function+0x5/0x30")
    first = SourcePlaces(vmlinux, lambda: read_symbols(vmlinux)).frames(finding)
    assert first[0].file == "mm/tiny.c"

    def nothing(_: Path) -> KernelSymbols:
        raise AssertionError("it is known already")

    monkeypatch.setattr("harness.findings.source_places.read_dwarf", nothing)
    assert SourcePlaces(vmlinux, lambda: nothing(vmlinux)).frames(finding) == first
    # What was kept is of this file, and is believed as little as any file.
    monkeypatch.undo()
    kept = json.loads((tmp_path / CACHE).read_text())
    for wrong in ({**kept, "vmlinux": [1, 2]}, {"vmlinux": kept["vmlinux"]}, {**kept, "places": [1]}, 7, "x"):
        (tmp_path / CACHE).write_text(json.dumps(wrong))
        assert SourcePlaces(vmlinux, lambda: read_symbols(vmlinux)).frames(finding) == first


def test_a_kernel_that_tells_nothing_gives_nothing(tmp_path: Path) -> None:
    finding = report("oops", "Call Trace:", " tiny_init+0x5/0x30")
    vmlinux = tmp_path / "vmlinux"
    for content in (None, b"", b"\x7fELF", (FOLDER / "dwarf4").read_bytes()[:3000]):
        if content is not None:
            vmlinux.write_bytes(content)
        assert SourcePlaces(vmlinux, lambda: read_symbols(vmlinux)).frames(finding) == ()
    assert places("dwarf4").frames(report("oops", "no trace")) == ()


@pytest.mark.parametrize(
    ("banner", "folder"),
    [
        ("Linux version 2.5.31 (harness", "include/asm-i386"),
        ("Linux version 2.6.23-rc1 (", "include/asm-i386"),
        ("Linux version 2.6.25 (", "include/asm-x86"),
        ("Linux version 3.0.1 (", "arch/x86/include/asm"),
        ("", "arch/x86/include/asm"),
    ],
)
def test_headers_behind_the_link_of_a_build_are_the_trees_own(banner: str, folder: str, tmp_path: Path) -> None:
    vmlinux = tmp_path / "vmlinux"
    data = (FOLDER / "dwarf2-i386").read_bytes()
    assert data.count(b"/include\0") and data.count(b"tiny.h\0")
    # The same length: "/source/include" and "tiny.h" to "include/asm/.." names that a build's link makes.
    data = data.replace(b"/source/include\0", b"/out/include/./\0").replace(b"tiny.h\0", b"asm/t.\0")
    vmlinux.write_bytes(data + banner.encode())
    begin, behind = start("tiny_free", "dwarf2-i386"), called("dwarf2-i386", "tiny_free", "sink")
    finding = report("oops", "Call Trace:", f" tiny_free+{behind - begin:#x}/0x100")
    assert SourcePlaces(vmlinux, lambda: read_symbols(vmlinux)).frames(finding)[0].file == f"{folder}/t."


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/source/mm/rmap.c", "mm/rmap.c"),
        ("/out/./include/linux/mm.h", "include/linux/mm.h"),
        ("/source/mm/../kernel/sys.c", "kernel/sys.c"),
        ("./arch/x86/include/asm/bug.h", "arch/x86/include/asm/bug.h"),
        ("/usr/src/linux-2.5.31/mm/rmap.c", "mm/rmap.c"),
        ("/etc/passwd", ""),
        ("/source/../etc/passwd", ""),
        ("../../etc/passwd", ""),
        ("/source/", ""),
        ("", ""),
        ("a\0b", ""),
    ],
)
def test_paths_are_below_the_trees_root(path: str, expected: str) -> None:
    assert relative_source(path) == expected
