"""Which stressors a series calls for."""

from __future__ import annotations

from pathlib import Path

from harness.config.kernel_files import load_stressor
from harness.model.cell import Stressor
from harness.stressors.choice import choose

CONFIGS = Path(__file__).resolve().parents[2] / "configs/stressors"


def named(name: str, files: tuple[str, ...] = (), functions: tuple[str, ...] = ()) -> Stressor:
    """A stressor that is chosen for these."""
    return Stressor(name, "", "", (), (), (), files=files, functions=functions)


MIGRATION = named("migration", ("mm/migrate*.c",), ("*migrat*",))
MEMCG = named("memcg", ("mm/memcontrol.c",), ("mem_cgroup_*",))
MIX = named("mix")
QUIET = named("quiet")


def test_what_is_touched_speaks_for_a_stressor() -> None:
    (choice,) = choose([MIGRATION, MEMCG, MIX], {"mm/migrate_device.c": (2,)}, {"unmap_and_move": (2,)})
    assert (choice.stressor, choice.why, choice.weight) == (MIGRATION, "touches mm/migrate_device.c", 1)


def test_the_weightiest_is_first_and_functions_weigh_more() -> None:
    files = {"mm/migrate.c": (1,), "mm/migrate_device.c": (1,)}
    chosen = choose([MIGRATION, MEMCG], files, {"mem_cgroup_charge": (1,)})
    assert [choice.stressor.name for choice in chosen] == ["memcg", "migration"]


def test_a_pattern_is_no_regular_expression() -> None:
    assert choose([named("a", ("mm/x.c",)), MIX], {"mm/xxc": (1,)}, {})[0].stressor == MIX
    assert choose([named("a", (), ("f(*",)), MIX], {}, {"f(x": (1,)})[0].stressor.name == "a"


def test_nothing_touched_runs_the_mix_or_at_least_a_boot() -> None:
    assert [choice.stressor for choice in choose([MIGRATION, MIX, QUIET], {"drivers/x.c": (1,)}, {})] == [MIX]
    assert [choice.stressor for choice in choose([MIGRATION, QUIET], {}, {})] == [QUIET]
    assert [choice.stressor for choice in choose([MIGRATION], {}, {})] == [MIGRATION]
    assert choose([], {}, {}) == ()


def test_many_names_are_not_all_told() -> None:
    functions = {f"migrate_{letter}": (1,) for letter in "abcdef"}
    (choice,) = choose([MIGRATION], {}, functions)
    assert choice.why == "touches migrate_a, migrate_b, migrate_c, migrate_d and 2 more"


def test_the_files_of_the_seeds_call_for_their_areas() -> None:
    stressors = [load_stressor(path) for path in sorted(CONFIGS.glob("*.yaml"))]

    def chosen(*files: str) -> set[str]:
        return {choice.stressor.name for choice in choose(stressors, dict.fromkeys(files, (1,)), {})}

    assert "migration" in chosen("mm/migrate.c")
    assert "migration" in chosen("mm/compaction.c")
    assert "memcg" in chosen("mm/memcontrol.c")
    assert "thpsplit" in chosen("mm/huge_memory.c")
    assert "swapoff" in chosen("mm/swapfile.c")
