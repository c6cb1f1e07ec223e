"""harness parse: what it reads, what it prints, and how it ends."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.model.finding import Finding
from tests.findings.test_console_cases import FOLDER, read_case

WARNING = (
    b"[    5.000000] WARNING: CPU: 0 PID: 7 at mm/frog.c:12 frog_leap+0x12/0x34\n[    5.000020] Call Trace:\n"
    b"[    5.000030]  frog_jump+0x12/0x34\n[    5.000040] ---[ end trace 0000000000000000 ]---\n"
)
CLEAN = b"[    0.000000] Linux version 6.1.0\n[    1.000000] Run /init as init process\n"


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """(exit code, output, errors)"""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr("sys.argv", ["harness", "parse", *map(str, words)])
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "console.log"
    path.write_bytes(CLEAN + WARNING)
    return path


def test_a_table_and_exit_code_1(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, log)
    assert (code, err) == (1, "")
    assert f"{log}: 1 finding(s) in 6 lines" in out
    assert "WARNING in frog_leap" in out
    assert "Call Trace" not in out


def test_clean_and_empty_files_are_no_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean, empty = tmp_path / "clean", tmp_path / "empty"
    clean.write_bytes(CLEAN.removesuffix(b"\n"))
    empty.touch()
    code, out, _ = run(capsys, clean, empty)
    assert code == 0
    assert out == f"{clean}: 0 finding(s) in 2 lines\n{empty}: 0 finding(s) in 0 lines\n"


def test_all_fields_as_json_one_object_a_file(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--json", log, log)
    first, second = map(json.loads, out.splitlines())
    assert first == second
    assert (first["file"], first["lines"]) == (str(log), 6)
    (finding,) = first["findings"]
    assert finding.keys() == {field.name for field in fields(Finding)}
    assert (finding["title"], finding["severity"], finding["repeats"]) == ("WARNING in frog_leap", "warning", 1)
    assert finding["frames"] == ["frog_jump"]


def test_the_lines_of_each_report(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--lines", log)
    assert f"{log}:3: WARNING in frog_leap\n    [    5.000000] WARNING: CPU: 0" in out
    assert "    [    5.000040] ---[ end trace" in out


def test_repeats_are_one_row_or_every_one(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_bytes(CLEAN + WARNING * 3)
    assert "WARNING in frog_leap (3 times)" in run(capsys, log)[1]
    assert run(capsys, "--every", log)[1].count("WARNING in frog_leap") == 3


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_logs_are_unpacked(pack: object, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.write_bytes(pack(log.read_bytes()))  # type: ignore[operator]
    code, out, _ = run(capsys, log)
    assert code == 1
    assert "WARNING in frog_leap" in out


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (WARNING, gzip.compress(WARNING)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
        code, out, _ = run(capsys, "-")
        assert code == 1
        assert out.startswith("-: 1 finding(s) in 4 lines")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(200), "an ELF file"),
        (bytes(range(256)) * 20, "a binary file"),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "packed by zstd"),
        (gzip.compress(WARNING * 50)[:-20], "packed, and damaged"),
        (gzip.compress(WARNING)[:4] + b"\xff" * 60, "packed, and damaged"),
    ],
)
def test_what_is_no_console_is_told_in_one_line(
    content: bytes, told: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_bytes(content)
    code, _, err = run(capsys, log)
    assert code == 2
    assert err.count("\n") == 1
    assert f"{log}: {told}" in err


def test_a_wrong_name_is_told_before_the_work(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, told in ((log.parent, "a directory"), (log.parent / "missing", "no such file")):
        code, out, err = run(capsys, log, name)
        assert (code, out) == (2, "")
        assert f"{name}: {told}" in err
        assert err.count("\n") == 1


SYSTEM_MAP = """\
00100000 A phys_startup_32
c0100000 T _text
c0100000 T startup_32
c013f290 T page_add_rmap
c013f2a0 T page_remove_rmap
c0131a00 t zap_pte_range
c0131b80 T unmap_page_range
c013ffff T _etext
c0200000 D jiffies
"""


def test_a_system_map_names_the_addresses_of_old_traces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, symbols = tmp_path / "console", tmp_path / "System.map"
    log.write_bytes(read_case(FOLDER / "2.5-bug-address-only.txt")[1])
    symbols.write_text(SYSTEM_MAP)
    assert "BUG at rmap.c" in run(capsys, log)[1]
    assert "BUG in page_remove_rmap" in run(capsys, "--system-map", symbols, log)[1]


def test_wrong_symbols_are_told_in_one_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (
        (("--system-map", log), "no System.map: line 1 is not"),
        (("--vmlinux", log), "not a readable vmlinux"),
        (("--vmlinux", log.parent / "missing"), "cannot be read: No such file"),
        (("--vmlinux", log, "--system-map", log), "both given"),
    ):
        code, _, err = run(capsys, *words, log)
        assert code == 2
        assert told in err
        assert err.count("\n") == 1


_MEASURE = """
import resource, subprocess, sys
command = [sys.executable, "-m", "harness.cli.main", "parse", sys.argv[1]]
code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
def test_a_log_of_repeated_warnings_does_not_fill_memory(tmp_path: Path) -> None:
    """20,000 warnings, of which one is kept."""
    log = tmp_path / "log"
    log.write_bytes(WARNING * 20_000)
    # Between the two stands a small process: a child is charged with the memory of the one that it was forked from.
    ended = subprocess.run([sys.executable, "-c", _MEASURE, str(log)], capture_output=True, text=True, check=True)
    code, kib = map(int, ended.stdout.split())
    assert code == 1
    assert kib < 100 * 1024
