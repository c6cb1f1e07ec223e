"""What a diff may touch, what git makes of the same text, and which functions it changes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.intake import check_diff_paths, patch_functions
from harness.intake.diff_paths import touched_files
from harness.intake.diff_text import count_changes, diff_start, read_diff
from harness.model.errors import UserError
from harness.model.series import Patch

HUNK = "@@ -1 +1 @@\n-a\n+b\n"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("--- a/../x\n+++ b/../x\n", r'path with "\.\."'),
        ("--- a/mm/x.c\n+++ b/mm/../../x.c\n", r'path with "\.\."'),
        ('--- a/x\n+++ "b/\\056\\056/x"\n', r'path with "\.\."'),
        ("--- /etc/passwd\n+++ /etc/passwd\n", "absolute path"),
        ("--- a//etc/passwd\n+++ b//etc/passwd\n", "empty component"),
        ("--- a/.git/config\n+++ b/.git/config\n", "inside .git"),
        ("--- a/mm/.GIT /x\n+++ b/mm/.GIT /x\n", "inside .git"),
        ("--- a/git~1/x\n+++ b/git~1/x\n", "inside .git"),
        ("--- a/.g\u200cit/x\n+++ b/.g\u200cit/x\n", "inside .git"),
        ("--- a/.git::$INDEX/x\n+++ b/.git::$INDEX/x\n", "inside .git"),
        ("--- a/mm/x.c\r\n+++ b/mm/x.c\r\n", "carriage return"),
        ("--- /dev/null\r\n+++ b/mm/x.c\n", "carriage return"),
        ('--- a/x\n+++ "b/x\\ry"\n', "carriage return"),
        ("--- a/x\x1b[2J\n+++ b/x\x1b[2J\n", "control character"),
        ("--- a/x\udcff\n+++ b/x\udcff\n", "not UTF-8"),
        ("--- a/..\\x\n+++ b/..\\x\n", "backslash"),
        ("--- x.c\n+++ x.c\n", "leading directory"),
        (f"--- a/{'x' * 5000}\n+++ b/x\n", "longer than 4096"),
        ("diff --git a/x b/../x\n--- a/x\n+++ b/x\n", r'path with "\.\."'),
        ('diff --git a/x "b/\\056\\056/x"\n--- a/x\n+++ b/x\n', r'path with "\.\."'),
        ("diff --git a/x b/x\n+++ b/../x\n--- a/x\n", r'path with "\.\."'),
    ],
)
def test_hostile_paths(header: str, why: str) -> None:
    with pytest.raises(UserError, match=rf"^m\.eml:\d: patch refused: .*{why}"):
        check_diff_paths(header + HUNK, "m.eml")


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("new file mode 120000", "symbolic link"),
        ("index 0000000..1111111 120000", "symbolic link"),
        ("new file mode 160000", "submodule"),
        ("old mode 100644\nnew mode 104755", "setuid"),
        ("new file mode 102755", "setgid"),
        ("new file mode 101777", "sticky"),
        ("new file mode 040000", "no file"),
        ("new file mode 100644x", "no octal"),
        ("rename from mm/x.c\nrename to ../x.c", r"\.\."),
        ("copy from mm/x.c\ncopy to .git/hooks/post-checkout", "inside .git"),
        ('rename from x\nrename to "\\056git/x"', "inside .git"),
        ("GIT binary patch", "binary"),
        ("Binary files a/x and b/x differ", "binary"),
    ],
)
def test_hostile_headers(header: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        check_diff_paths(f"diff --git a/x b/x\n{header}\n", "m.eml")


def test_hostile_text_inside_a_hunk_is_only_text() -> None:
    check_diff_paths(
        "--- a/doc/x\n+++ b/doc/x\n@@ -1,2 +1,2 @@\n--- a/../x\n++++ b/../x\n new file mode 120000\n", "m.eml"
    )


def test_the_line_is_named() -> None:
    diff = f"--- a/x\n+++ b/x\n{HUNK}--- a/.git/x\n+++ b/.git/x\n{HUNK}"
    with pytest.raises(UserError) as caught:
        check_diff_paths(diff, "m.eml")
    assert caught.value.where == "m.eml:6"


GOOD = """\
diff --git a/mm/pond.c b/mm/pond.c
index 1234567..89abcde 100644
--- a/mm/pond.c
+++ b/mm/pond.c
@@ -1,3 +1,3 @@
 a
-b
+--{blank}

@@ -10 +10,2 @@ int f(void)
-c
\\ No newline at end of file
+d
+e
diff --git a/mm/old.c b/mm/new.c
similarity index 100%
rename from mm/old.c
rename to mm/new.c
diff --git a/scripts/run b/scripts/run
old mode 100644
new mode 100755
diff --git a/mm/empty.c b/mm/empty.c
new file mode 100644
index 0000000..e69de29
diff --git a/mm/gone.c b/mm/gone.c
deleted file mode 100644
index 1234567..0000000
--- a/mm/gone.c
+++ /dev/null
@@ -1 +0,0 @@
-x
Index: linux/mm/bare.c
===================================================================
--- linux.orig/mm/bare.c\t2002-08-26 12:00:00.000000000 -0700
+++ linux/mm/bare.c\t2002-08-26 12:01:00.000000000 -0700
@@ -1 +1 @@
-a
+b
""".replace("{blank}", " ")


def test_git_reads_the_same(tmp_path: Path) -> None:
    lines = GOOD.split("\n")[:-1]
    check_diff_paths(GOOD, "m")
    diff = read_diff([*lines, "-- ", "1.7.3.1"], 0, lambda index: f"m:{index + 1}")
    assert (diff.start, diff.end) == (0, len(lines))
    files = ("mm/pond.c", "mm/old.c", "mm/new.c", "scripts/run", "mm/empty.c", "mm/gone.c", "mm/bare.c")
    assert touched_files(diff.files) == files
    out = subprocess.run(
        ["git", "apply", "--numstat", "-"], input=GOOD, capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    assert {row[2] for row in rows} == set(files) - {"mm/old.c"}
    counted = count_changes(lines, 0, lambda index: f"m:{index + 1}")
    assert counted == (sum(int(row[0]) for row in rows), sum(int(row[1]) for row in rows)) == (4, 4)


def test_prose_that_looks_like_a_header_starts_no_diff() -> None:
    assert diff_start(["see diff --git above", "--- ", "+++ ", "diff --git a/x b/x", "", "--- a/x", "text"]) is None


def test_hunk_count_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.intake.diff_text.MAX_HUNKS", 3)
    lines = ["--- a/x", "+++ b/x", *["@@ -1 +1 @@", "-a", "+b"] * 4]
    with pytest.raises(UserError, match="more than 3 hunks"):
        read_diff(lines, 0, lambda index: f"m:{index + 1}")


def _patch(diff: str) -> Patch:
    return Patch(1, "s", "a", None, None, "", diff, (), 0, 0, "m")


@pytest.mark.parametrize(
    ("section", "body", "names"),
    [
        ("static int frog_jump(struct frog *frog)", " a\n-b\n+c\n d\n", ("frog_jump",)),
        ("SYSCALL_DEFINE2(frog, int, a, int, b)", " a\n-b\n+c\n d\n", ("sys_frog",)),
        ("out:", " a\n-b\n+c\n d\n", ()),
        ("EXPORT_SYMBOL(frog_jump);", " a\n-b\n+c\n d\n", ()),
        ("struct frog {", " a\n-b\n+c\n d\n", ()),
        ("int before(void)", " }\n static void __init after(void)\n-\tb\n+\tc\n", ("after",)),
        ("int before(void)", " \tif (x)\n-\t\tcall(1);\n+\t\tcall(2);\n }\n", ("before",)),
        ("int before(void)", " }\n-/* b */\n+/* c */\n \n", ()),
        ("static struct page *get(int (*fn)(void),", " a\n-b\n+c\n d\n", ("get",)),
    ],
)
def test_functions(section: str, body: str, names: tuple[str, ...]) -> None:
    diff = f"--- a/mm/x.c\n+++ b/mm/x.c\n@@ -1,3 +1,3 @@ {section}\n{body}"
    assert patch_functions(_patch(diff)) == names


def test_functions_only_of_c() -> None:
    assert patch_functions(_patch("--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@ frog(x)\n-a\n+b\n")) == ()
    assert patch_functions(_patch("")) == ()
