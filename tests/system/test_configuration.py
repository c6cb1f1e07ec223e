"""Every tree at hand is configured with the usual fragments: nothing is dropped without a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.builds.kconfig import lacking
from harness.config.layout import find_layout
from harness.config.user_settings import load_settings
from harness.model.build import DropKind
from harness.runs.configuring import ConfiguredTree, configure_tree
from harness.runs.workshop import Workshop
from tests.system.conftest import PrintingListener

pytestmark = pytest.mark.system

# Every kernel: processors, the console, a root image, a swap device, a file system to fill.
ALWAYS = "SMP PCI ACPI PREEMPT SERIAL_8250 SERIAL_8250_CONSOLE MAGIC_SYSRQ BLK_DEV_INITRD BLK_DEV_RAM BINFMT_ELF " \
    "PROC_FS PROC_SYSCTL TMPFS SHMEM SWAP PRINTK BUG FUTEX DEBUG_KERNEL"  # fmt: skip
# Since when the memory management's options must be there, in kernels for x86_64.
SINCE = {
    "2.6.15": "NUMA ACPI_NUMA X86_64_ACPI_NUMA CPUSETS DEBUG_VM KALLSYMS_ALL",
    "2.6.18": "MIGRATION VM_EVENT_COUNTERS PROVE_LOCKING DEBUG_LOCK_ALLOC STACKTRACE UNWINDER_FRAME_POINTER "
    "DEBUG_ATOMIC_SLEEP SOFTLOCKUP_DETECTOR",
    "2.6.25": "CGROUPS MEMCG PROC_PAGE_MONITOR SPARSEMEM_VMEMMAP DETECT_HUNG_TASK HIGH_RES_TIMERS NO_HZ_IDLE",
    "2.6.38": "KSM COMPACTION TRANSPARENT_HUGEPAGE TRANSPARENT_HUGEPAGE_ALWAYS PROVE_RCU DEVTMPFS MEMORY_FAILURE",
}


def _trees() -> list[str]:
    layout = find_layout()
    return Workshop(PrintingListener(), layout, load_settings(layout.root)).catalogue.tree_names()


@pytest.fixture(params=_trees())
def configured(request: pytest.FixtureRequest, workshop: Workshop) -> ConfiguredTree:
    """A tree's configuration; skips where neither it nor a mirror of it is on this machine."""
    tree = workshop.catalogue.tree(request.param)
    if workshop.library.present(tree) is None and not any(Path(source.location).is_dir() for source in tree.sources):
        pytest.skip(f"no source of {tree.name} is on this machine (sources: {tree.name}: in the user's configuration)")
    return configure_tree(workshop, tree.name, workshop.catalogue.usual_fragments())


def test_every_drop_has_a_reason_and_what_matters_is_there(configured: ConfiguredTree) -> None:
    config, here = configured.config, configured.era.options
    assert [d for d in config.dropped if d.kind in (DropKind.UNEXPLAINED, DropKind.UNKNOWN, DropKind.RENAMED)] == []
    # NUMA of i386 was for machines that QEMU has not.
    mendable = {d.today for d in config.dropped if not d.kind.by_history}
    assert mendable <= ({"NUMA", "ACPI_NUMA"} if here.arch == "i386" else set())
    # What is needed beside, and what the era asks for, was obtained as well.
    got = dict(config.obtained)
    for name, value in config.requested:
        if here.table.named(name) is None or name in {need.option for need in configured.translation.added}:
            assert got.get(name, "n") == value, name
    wanted = ALWAYS.split()
    if here.arch == "x86_64":
        version = configured.tree.kernel_version
        wanted += [
            o for since, options in SINCE.items() for o in options.split() if version >= type(version).parse(since)
        ]
    assert lacking(wanted, config, here) == ()
