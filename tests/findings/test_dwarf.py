"""Places in the source against those of binutils and LLVM, on small kernels of real compilers (vmlinux/), and on
damage."""

from __future__ import annotations

import gzip
import io
import posixpath
import random
from pathlib import Path

import pytest

from harness.findings.dwarf import Budget, Dwarf, Place, parse_dwarf, read_dwarf
from harness.guests.kernel_symbols import read_symbols

FOLDER = Path(__file__).parent / "vmlinux"
KERNELS = ("dwarf2-i386", "dwarf4", "dwarf5", "dwarf5-i386", "dwarf5-packed", "clang")


def places(dwarf: Dwarf, address: int) -> tuple[Place, ...]:
    return dwarf.places(address, Budget(30.0))


def told(name: str) -> dict[int, list[tuple[str, str, int]]]:
    """What addr2line -i or llvm-symbolizer says: (function, path, line) by address, innermost first."""
    found: dict[int, list[tuple[str, str, int]]] = {}
    lines = gzip.decompress((FOLDER / f"{name}.places.gz").read_bytes()).decode().splitlines()
    pairs: list[tuple[str, str, int]] = []
    rest = iter(lines)
    for line in rest:
        if line.startswith("0x"):
            pairs = found[int(line, 16)] = []
            continue
        path, _, number = next(rest).rpartition(":")
        pairs.append((line, posixpath.normpath(path), int(number) if number.isdigit() else 0))
    return found


@pytest.mark.parametrize("name", KERNELS)
def test_every_instruction_is_where_other_readers_say(name: str) -> None:
    dwarf = read_dwarf(FOLDER / name)
    symbols = read_symbols(FOLDER / name)
    # Between functions is padding, which nobody is in.
    expected = {address: frames for address, frames in told(name).items() if symbols.place_of(address)}
    assert len(expected) > 70
    depths = set()
    for address, frames in expected.items():
        found = places(dwarf, address)
        name_of = symbols.place_of(address) or ("", 0)
        depths.add(len(found))
        assert [place.inlined for place in found] == [True] * (len(found) - 1) + [False], hex(address)
        for place, (function, path, line) in zip(found, frames, strict=True):
            # Nothing is told of assembler's functions, and by -g1 of clang's that have nothing inlined.
            assert (place.function or name_of[0]) == function, hex(address)
            assert (posixpath.normpath(place.path or "??"), place.line) == (path, line), hex(address)
    assert depths >= {1, 2, 3}


@pytest.mark.parametrize("name", KERNELS)
def test_an_address_outside_of_the_code_has_no_place(name: str) -> None:
    dwarf = read_dwarf(FOLDER / name)
    for address in (0, 1, 0xC00FFFFF, 0xC0300000, (1 << 64) - 1, 1 << 70):
        assert places(dwarf, address) == ()


def test_a_file_without_debugging_information_says_so(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_bytes(b"not an ELF file")
    with pytest.raises(ValueError, match=f"{path}: Magic"):
        read_dwarf(path)
    data = (FOLDER / "dwarf4").read_bytes().replace(b".debug_info", b".other_info")
    with pytest.raises(ValueError, match="no debugging information"):
        parse_dwarf(io.BytesIO(data))


def damaged(data: bytes, seed: int) -> bytes:
    """The file with some bytes changed, most of them in its debugging information, or cut."""
    chance = random.Random(seed)
    new = bytearray(data)
    for _ in range(chance.choice((1, 3, 20))):
        at = chance.randrange(64, len(new))
        new[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    return bytes(new[: chance.randrange(len(new))]) if chance.random() < 0.05 else bytes(new)


@pytest.mark.parametrize("name", KERNELS)
def test_damage_gives_an_answer_or_a_value_error(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    addresses = list(told(name))[::37]
    refused = 0
    for seed in range(20):
        try:
            dwarf = parse_dwarf(io.BytesIO(damaged(data, seed)))
        except ValueError:
            refused += 1
            continue
        for address in addresses:
            try:
                places(dwarf, address)
            except ValueError:
                refused += 1
    assert refused, "no damage was seen"


@pytest.mark.slow
@pytest.mark.parametrize("name", KERNELS)
def test_much_damage_gives_an_answer_or_a_value_error(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    addresses = list(told(name))[::11]
    for seed in range(250):
        try:
            dwarf = parse_dwarf(io.BytesIO(damaged(data, seed)))
            for address in addresses:
                places(dwarf, address)
        except ValueError:
            pass


def test_a_packed_section_that_would_fill_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.findings.dwarf.MAX_SECTION", 500)
    with pytest.raises(ValueError, match="section"):
        read_dwarf(FOLDER / "dwarf5-packed")


def test_time_is_bounded() -> None:
    budget = Budget(-1.0)
    with pytest.raises(ValueError, match="too long"):
        budget.spend()
