"""Fix-ups beside a series: those whose lines a patch has in a hunk are named with the patch."""

from __future__ import annotations

from harness.model.series import Patch
from harness.model.tree import Fixup, Prefix
from harness.runs.fixup_states import fixup_states

MAKEFILE = Fixup("rule", "Makefile", "\nconfig %config: FORCE", "\n%config: FORCE", "make 4")
HEADER = Fixup("limits", "scripts/mod/a.c", "#include <a.h>\n", "#include <a.h>\n#include <limits.h>\n", "libc")


def patch(index: int, path: str, hunk: str) -> Patch:
    """A patch of one file with one hunk."""
    text = f"--- a/{path}\n+++ b/{path}\n{hunk}"
    return Patch(index, "s", "A", None, None, "", text, (path,), 1, 0, f"box:{index}")


def test_patches_that_lean_on_a_fixups_lines_are_named() -> None:
    base = Prefix("old", 0, "c" * 40, "t" * 40, "baseline", fixups=(MAKEFILE, HEADER))
    patches = [
        patch(1, "Makefile", "@@ -10,3 +10,4 @@\n all:\n+more:\n less:\n end:\n"),
        patch(2, "Makefile", "@@ -90,3 +91,4 @@\n \n %config: FORCE\n+\t@echo\n \t$(MAKE)\n"),
        patch(3, "mm/a.c", "@@ -1,2 +1,3 @@\n #include <a.h>\n+#include <b.h>\n int a;\n"),
    ]
    rule, limits = fixup_states(base, patches)
    assert (rule.touched_by, rule.overlap) == ((2,), "patch 2 touches the same lines")
    assert (limits.touched_by, limits.overlap) == ((), "")
    both = fixup_states(base, [patches[1], patches[1]])[0]
    assert (both.touched_by, both.overlap) == ((1, 2), "patches 1, 2 touch the same lines")
