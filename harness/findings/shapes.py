"""The shapes in which one bug can be reported: what decides between them is chance or configuration, not the bug."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shapes:
    """Titles without their function: in one and the same function each of them can be the same bug."""

    heads: tuple[str, ...]
    reason: str


SHAPES: tuple[Shapes, ...] = (
    Shapes(
        (
            "NULL pointer dereference",
            "bad page fault",
            "general protection fault",
            "KASAN: null-ptr-deref",
            "KASAN: wild-memory-access",
            "KASAN: user-memory-access",
        ),
        "a wrong pointer: only its value decides, and whether KASAN looks first",
    ),
    Shapes(
        (
            "KASAN: use-after-free",
            "KASAN: slab-use-after-free",
            "KFENCE: use-after-free read",
            "KFENCE: use-after-free write",
            "general protection fault",
            "bad page fault",
            "NULL pointer dereference",
        ),
        "a freed object is used: without KASAN (slab- since 6.4) or KFENCE what the freed memory holds decides",
    ),
    Shapes(
        ("refcount error", "KASAN: use-after-free", "KASAN: slab-use-after-free"),
        "one reference too few: refcount_t sees it count, KASAN sees what comes of it",
    ),
    Shapes(
        (
            "list corruption",
            "BUG",
            "WARNING",
            "NULL pointer dereference",
            "bad page fault",
            "general protection fault",
        ),
        "a broken list: DEBUG_LIST names it, by BUG() or WARN() as the kernel's age has it; without it the bad pointer "
        "is followed",
    ),
    Shapes(("BUG", "WARNING"), "VM_BUG_ON became VM_WARN_ON in many places, and BUG_ON WARN_ON"),
    Shapes(("Bad page state", "BUG"), "DEBUG_VM's VM_BUG_ON_PAGE() stands before what bad_page() would have told"),
    Shapes(
        ("page_mapcount went negative", "Bad page map", "BUG"),
        "page_remove_rmap() itself complained up to 2.6.28, its callers print the page table's entry since",
    ),
    Shapes(
        ("soft lockup", "RCU stall", "hard lockup", "INFO: task hung", "spinlock lockup"),
        "a CPU that does not come on: which watchdog speaks first is a matter of their limits",
    ),
    Shapes(
        ("scheduling while atomic", "sleeping function called from invalid context", "invalid wait context"),
        "sleeps where it must not: seen by the check before, by lockdep, or by the scheduler when it really slept",
    ),
    Shapes(
        ("stack overflow", "double fault", "stack corruption"), "the end of the stack: guarded, not mapped, or filled"
    ),
    Shapes(
        ("slab corruption", "KASAN: double-free", "KASAN: invalid-free", "KFENCE: invalid free"),
        "freed twice, or freed what never was allocated",
    ),
    Shapes(
        ("slab corruption", "KASAN: slab-out-of-bounds", "KFENCE: out-of-bounds read", "KFENCE: out-of-bounds write"),
        "an object's end was passed: red zones see it when it is freed",
    ),
    Shapes(
        ("KFENCE: out-of-bounds read", "KFENCE: out-of-bounds write", "KASAN: slab-out-of-bounds"),
        "KFENCE sees a few objects, KASAN all",
    ),
    Shapes(("UBSAN: division-overflow", "divide error"), "UBSAN tells of it, then the processor traps"),
    Shapes(
        ("UBSAN: array-index-out-of-bounds", "KASAN: slab-out-of-bounds", "KASAN: stack-out-of-bounds"),
        "the index is seen by UBSAN, the access by KASAN",
    ),
    Shapes(
        ("UBSAN: null-ptr-deref", "UBSAN: misaligned-access", "UBSAN: undefined-behaviour"),
        "4.5 to 5.9 called most of UBSAN's reports undefined behaviour",
    ),
)


def also_seen_as(head: str, function: str | None) -> tuple[str, ...]:
    """Return the other titles that a bug reported as ``head`` in ``function`` (its name in titles) can have, sorted.

    Without a function there is nothing that two shapes would have in common.
    """
    if function is None:
        return ()
    heads = {other for shapes in SHAPES if head in shapes.heads for other in shapes.heads if other != head}
    return tuple(f"{other} in {function}" for other in sorted(heads))
