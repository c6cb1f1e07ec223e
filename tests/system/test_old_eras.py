"""Kernels of 2002 to 2008 from a local mirror, with the compiler of their era: built, and compiled in part."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.builds.kernel_build import BuildRequest, KernelBuilder
from harness.runs.tree_base import tree_base
from harness.runs.workshop import Workshop
from harness.trees.worktrees import Worktree

pytestmark = pytest.mark.system

TREES = ("v2.5.31-bk", "v2.6.22-rc2", "v2.6.27-rc3")


# A file of each tree's memory management that every configuration compiles.
OBJECTS = ("mm/rmap.o", "mm/page_alloc.o")


def told(_: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(params=TREES)
def baseline_request(request: pytest.FixtureRequest, workshop: Workshop, tmp_path: Path) -> BuildRequest:
    """A tree's baseline, checked out; skips where neither it nor a mirror of it is on this machine."""
    tree = workshop.catalogue.tree(request.param)
    if workshop.library.present(tree) is None and not any(Path(source.location).is_dir() for source in tree.sources):
        pytest.skip(f"no mirror of {tree.name} is configured (sources: {tree.name}: in the user's configuration)")
    ready = tree_base(workshop, tree.name)
    store, prefix = workshop.library.store, ready.base
    return BuildRequest(
        tree=tree.name,
        tree_id=prefix.tree_id,
        patches=0,
        source=Worktree(store, tmp_path / "work").check_out(prefix),
        out=tmp_path / "out",
        era=ready.era,
        toolchain=ready.toolchain,
        image=workshop.image(ready.toolchain),
        fragments=tuple(workshop.catalogue.fragment(name) for name in ("boot", "debug", "mm")),
        jobs=workshop.settings.jobs,
        memory_mib=workshop.settings.build_memory_mib,
    )


def test_the_baseline_builds_and_a_file_with_an_error_is_named(
    baseline_request: BuildRequest, workshop: Workshop, tmp_path: Path
) -> None:
    request = baseline_request
    # A cache of its own: a kernel that was made before would prove nothing. The compiler's may help.
    builder = KernelBuilder(workshop.runner, tmp_path / "cache")
    builder.ccache = workshop.builder.ccache
    objects = builder.compile(request, OBJECTS, told).objects
    assert [(compiled.path, compiled.error) for compiled in objects] == [(path, "") for path in OBJECTS]

    kernel = builder.build(request, told)
    assert kernel.image.stat().st_size > 200_000 and kernel.vmlinux.is_file()
    assert kernel.config.has("SMP")
    assert [str(drop) for drop in kernel.config.dropped if not drop.kind.by_history] == []
    # The boot protocol's magic number (Documentation/i386/boot.txt): a kernel, not what was lying there.
    assert kernel.image.read_bytes()[0x202:0x206] == b"HdrS"

    source = request.source / "mm/rmap.c"
    source.write_bytes(source.read_bytes() + b"\nint planted(void)\n{\n\tint unused;\n\treturn no_such_thing;\n}\n")
    rmap, page_alloc = builder.compile(request, OBJECTS, told).objects
    assert "mm/rmap.c" in rmap.error and "no_such_thing" in rmap.error
    assert any("unused" in warning.message for warning in rmap.warnings)
    assert page_alloc.error == ""
