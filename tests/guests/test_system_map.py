"""System.map: which function an address is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.guests.system_map import MAX_REACH, read_system_map

MAP = """\
00000000 A phys_base
c0100000 T _text
c0100000 T startup_32
c0100100 t frog_leap
c0100200 T frog_jump
c0100200 t frog_jump_alias
c0100300 W frog_weak
c0100400 T _etext
c0100500 D frogs
c0200000 T _sinittext
c0200000 t frog_init
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "System.map"
    found.write_text(MAP)
    return found


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xC0100000, "startup_32"),
        (0xC01000FF, "startup_32"),
        (0xC0100100, "frog_leap"),
        (0xC01001FF, "frog_leap"),
        (0xC0100234, "frog_jump_alias"),
        (0xC0100301, "frog_weak"),
        (0xC0100401, None),  # behind the code
        (0xC0100501, None),  # data
        (0xC0200010, "frog_init"),
        (0xC0200000 + MAX_REACH + 1, None),
        (0x10, None),
        (0, None),
    ],
)
def test_the_function_that_an_address_is_in(address: int, name: str | None, path: Path) -> None:
    assert read_system_map(path).function_at(address) == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("c0100000 T a\nno map\n", "line 2"),
        ("c0100000 T\n", "line 1"),
        ("c0100000 TT a\n", "line 1"),
        ("xyz T a\n", "line 1"),
        ("c0100000 D a\n", "no functions"),
        ("", "no functions"),
    ],
)
def test_what_is_no_map_is_told_with_its_line(text: str, told: str, path: Path) -> None:
    path.write_text(text)
    with pytest.raises(ValueError, match=told):
        read_system_map(path)
