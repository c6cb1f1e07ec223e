"""Which patch brought a warning, whether it touches the file, and what is gone."""

from __future__ import annotations

from dataclasses import replace

from harness.model.build_message import NOT_KNOWN, BuildChange, BuildMessage, MessageKind
from harness.verdicts.build_messages import Warnings, build_changes, new_messages

OLD = BuildMessage(MessageKind.WARNING, "fs/old.c", 3, "old", function="f")
NEW = BuildMessage(MessageKind.WARNING, "mm/rmap.c", 9, "new", function="g")


def brought(
    kernels: dict[int, Warnings], touched: dict[int, tuple[str, ...]], of: int
) -> tuple[int, int, tuple[int, ...]]:
    """First, last and touching of the one new message of a kernel."""
    (one,) = build_changes(kernels, touched)[of].new
    assert one.message == NEW
    return one.first, one.last, one.touching


def test_the_patch_that_brought_it_when_every_prefix_was_built() -> None:
    kernels: dict[int, Warnings] = {0: (OLD,), 1: (OLD,), 2: (OLD, NEW), 3: (NEW,)}
    assert brought(kernels, {2: ("mm/rmap.c",)}, 2) == (2, 2, (2,))
    assert brought(kernels, {1: ("mm/rmap.c",)}, 3) == (2, 2, ())
    assert build_changes(kernels, {})[3].gone == (OLD,)
    assert build_changes(kernels, {})[1] == BuildChange(True)


def test_between_two_built_prefixes_the_one_that_touches_the_file_is_named() -> None:
    kernels: dict[int, Warnings] = {0: (), 4: (NEW,)}
    assert brought(kernels, {2: ("mm/rmap.c", "mm/swap.c")}, 4) == (1, 4, (2,))
    assert build_changes(kernels, {2: ("mm/rmap.c",)})[4].new[0].patches == (2,)
    assert build_changes(kernels, {5: ("mm/rmap.c",)})[4].new[0].patches == (1, 2, 3, 4)


def test_without_a_record_of_its_files_a_patch_is_not_said_to_touch_none() -> None:
    kernels: dict[int, Warnings] = {0: (), 2: (NEW,)}
    records: dict[bool, dict[int, tuple[str, ...]]] = {False: {1: ("mm/a.c",)}, True: {1: (), 2: ("mm/a.c",)}}
    for known, touched in records.items():
        (one,) = build_changes(kernels, touched)[2].new
        assert (one.touching, one.files_known, one.patches) == ((), known, (1, 2))


def test_a_prefix_that_does_not_build_or_is_not_known_widens_the_span() -> None:
    assert brought({0: (), 1: (), 2: None, 3: (NEW,)}, {}, 3) == (2, 3, ())
    assert build_changes({0: (), 1: None, 2: (NEW,)}, {})[1] == NOT_KNOWN
    assert build_changes({0: None, 1: (NEW,)}, {})[1] == NOT_KNOWN
    assert build_changes({1: (NEW,)}, {})[1] == NOT_KNOWN


def test_mended_and_brought_again_is_the_later_patchs() -> None:
    kernels: dict[int, Warnings] = {0: (), 1: (NEW,), 2: (), 3: (NEW,)}
    assert brought(kernels, {}, 3) == (3, 3, ())


def test_a_warning_that_only_moved_is_no_new_one() -> None:
    assert new_messages((NEW,), (replace(NEW, line=99, column=3),)) == ()
    assert new_messages((NEW,), (replace(NEW, function="h"), replace(NEW, function="h", line=1))) == (
        replace(NEW, function="h"),
    )
