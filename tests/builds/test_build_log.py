"""What a build's log says."""

from __future__ import annotations

import pytest

from harness.builds.build_log import first_error, from_the_root, machine_trouble, warnings


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (
            b"  CC x.o\nmm/x.c:3:5: error: 'y' undeclared\nmake: *** [x.o] Error 1\n",
            "mm/x.c:3:5: error: 'y' undeclared",
        ),
        (b"mm/x.c: In function `f':\nmm/x.c:3: error: parse error before '}'\n", "mm/x.c:3: error: parse error"),
        (b"ld: mm/x.o: undefined reference to `z'\nmake: *** [vmlinux] Error 1\n", "undefined reference to `z'"),
        (b"Makefile:5: *** no rule\n", "*** no rule"),
        (b"nothing helpful\n", "nothing helpful"),
        (b"", "the log is empty"),
        (b"mm/x.c:1: error: \x1b[31mred\xff\n", "mm/x.c:1: error:  [31mred"),
    ],
)
def test_the_line_a_person_would_point_at(log: bytes, line: str) -> None:
    assert line in first_error(log)


def test_warnings_of_old_and_new_compilers_once_each() -> None:
    log = (
        b"mm/x.c: In function `f':\nmm/x.c:3: warning: unused variable `a'\nmm/x.c:3: warning: unused variable `a'\n"
        b"mm/y.c:7:9: warning: \x1b[1mloud\nmm/y.c:8: error: no\nld: warning: not of a source line\n"
    )
    assert warnings(log) == ("mm/x.c:3: warning: unused variable `a'", "mm/y.c:7:9: warning:  [1mloud")


def test_a_full_disk_is_not_the_trees_fault() -> None:
    assert machine_trouble(b"  CC x.o\ncc1: No space left on device\n") == "cc1: No space left on device"
    assert machine_trouble(b"mm/x.c:3: error: no\n") is None


@pytest.mark.parametrize(
    ("line", "path", "told"),
    [
        ("rmap.c:3: error: no", "mm/rmap.o", "mm/rmap.c:3: error: no"),
        ("mm/rmap.c:3: error: no", "mm/rmap.o", "mm/rmap.c:3: error: no"),
        ("/out/include/linux/mm.h:3: error: no", "mm/rmap.o", "include/linux/mm.h:3: error: no"),
        ("/source/mm/rmap.c:3: error: no", "mm/rmap.o", "mm/rmap.c:3: error: no"),
        ("rmapXc:3: error: no", "mm/rmap.o", "rmapXc:3: error: no"),
        ("make: *** [rmap.o] Error 1", "mm/rmap.o", "make: *** [rmap.o] Error 1"),
        ("top.c:3: error: no", "top.o", "top.c:3: error: no"),
    ],
)
def test_files_are_told_from_the_trees_root(line: str, path: str, told: str) -> None:
    assert from_the_root(line, path) == told
