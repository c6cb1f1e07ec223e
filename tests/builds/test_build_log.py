"""What a build's log says: the forms of every compiler, linker and configuration program, and hostile ones."""

from __future__ import annotations

import time
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.builds.build_log import (
    MAX_MESSAGES,
    MAX_TEXT,
    first_error,
    from_the_root,
    machine_trouble,
    parse_build_log,
)
from harness.model.build_message import BuildMessage, MessageKind


def told(text: str, target: str = "") -> list[str]:
    """The messages as people read them, with the function and target of each."""
    parsed = parse_build_log(dedent(text).encode(), target)
    return [f"{m} <{m.function}> {m.target}" for m in parsed.messages]


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (b"  CC x.o\nmm/x.c:3:5: error: 'y' undeclared\nmake: *** [x.o] Error 1\n", "mm/x.c:3:5: error: 'y' undecl"),
        (b"mm/x.c: In function `f':\nmm/x.c:3: error: parse error before '}'\n", "mm/x.c:3: error: parse error"),
        (b"mm/x.c:3: warning: no\nmm/x.c:4: `y' undeclared (first use in this function)\n", "mm/x.c:4: error: `y' und"),
        (b"ld: mm/x.o: undefined reference to `z'\nmake: *** [vmlinux] Error 1\n", "mm/x.o: error: undefined ref"),
        (b"Makefile:5: *** missing separator.  Stop.\n", "Makefile:5: error: missing separator"),
        (b"make: *** No rule to make target `x', needed by `y'.  Stop.\n", "No rule to make target"),
        (
            b"Can't use 'defined(@array)' at /source/kernel/timeconst.pl line 373.\nmake: *** [x] Error 255\n",
            "kernel/timeconst.pl:373: error: Can't use 'defined(@array)'",
        ),
        (b"nothing helpful\n\n", "nothing helpful"),
        (b"", "the log is empty"),
        (b"mm/x.c:1: error: \x1b[31mred\xff\n", "mm/x.c:1: error: red\ufffd"),
    ],
)
def test_the_line_a_person_would_point_at(log: bytes, line: str) -> None:
    assert line in first_error(log)


def test_a_full_disk_is_not_the_trees_fault() -> None:
    assert machine_trouble(b"  CC x.o\ncc1: No space left on device\n") == "cc1: No space left on device"
    assert machine_trouble(b"mm/x.c:3: error: no\n") is None


@pytest.mark.parametrize(
    "line",
    [
        b"make[2]: *** [scripts/Makefile.build:250: mm/x.o] Error 127",
        b"make: *** [init/main.o] Error 127",
        b"make: gcc-3.4: Command not found",
        b"scripts/gcc-version.sh: line 11: gcc-3.4: command not found",
    ],
)
def test_a_compiler_that_is_not_there_is_not_the_trees_fault(line: bytes) -> None:
    assert machine_trouble(b"  CC      mm/x.o\n" + line + b"\nmake: *** [bzImage] Error 2\n") == line.decode()


@pytest.mark.parametrize(
    "line",
    [
        b"make[1]: [arch/i386/boot/Makefile:9: install] Error 127 (ignored)",
        b"make: *** [init/main.o] Error 1",
        b"fs/proc.c:3: error: 'command not found' undeclared",
    ],
)
def test_what_only_looks_like_it(line: bytes) -> None:
    assert machine_trouble(line + b"\n") is None


def test_gcc_2_95_and_3_x() -> None:
    assert told(
        """\
          CC      mm/x.o
        mm/x.c: In function `f':
        mm/x.c:3: warning: unused variable `a'
        mm/x.c:3: warning: unused variable `a'
        mm/x.c:7: `b' undeclared (first use in this function)
        mm/x.c:7: (Each undeclared identifier is reported only once
        mm/x.c:7: for each function it appears in.)
        mm/x.c: At top level:
        mm/x.c:9: warning: `g' defined but not used
        mm/x.c:1: warning: previous declaration of `g'
        """
    ) == [
        "mm/x.c:3: warning: unused variable `a' <f> mm/x.o",
        "mm/x.c:7: error: `b' undeclared (first use in this function) <f> mm/x.o",
        "mm/x.c:9: warning: `g' defined but not used <> mm/x.o",
    ]


def test_gcc_12_with_columns_options_notes_and_inlined_functions() -> None:
    assert told(
        """\
          CC      mm/x.o
        In file included from ./include/linux/mm.h:3,
                         from ../mm/x.c:5:
        ./include/linux/y.h: In function 'y':
        ./include/linux/y.h:40:9: warning: this 'if' clause does not guard... [-Wmisleading-indentation]
           40 |         if (a)
              |         ^~
        ../mm/x.c: In function 'f.isra.0':
        ../mm/x.c:12:3: warning: 'a' may be used uninitialized [-Wmaybe-uninitialized]
        ../mm/x.c:10:3: note: 'a' declared here
        In function 'copy',
            inlined from 'g' at /source/mm/x.c:20:5:
        /source/mm/x.c:30:2: error: array subscript 4 is above array bounds [-Werror=array-bounds]
        cc1: all warnings being treated as errors
        """
    ) == [
        "include/linux/y.h:40:9: warning: this 'if' clause does not guard... [-Wmisleading-indentation] <y> mm/x.o",
        "mm/x.c:12:3: warning: 'a' may be used uninitialized [-Wmaybe-uninitialized] <f.isra.0> mm/x.o",
        "mm/x.c:30:2: error: array subscript 4 is above array bounds [-Werror=array-bounds] <copy> mm/x.o",
    ]


def test_clang() -> None:
    assert told(
        """\
          CC      mm/x.o
        In file included from /source/mm/x.c:1:
        In file included from /source/include/linux/mm.h:2:
        /source/include/linux/z.h:7:6: warning: unused variable 'v' [-Wunused-variable]
                int v;
                    ^
        1 warning generated.
        /source/mm/x.c:9:2: error: implicit declaration [-Werror,-Wimplicit-function-declaration]
        ld.lld: error: undefined symbol: nothing
        >>> referenced by x.c:12 (/source/mm/x.c:12)
        """
    ) == [
        "include/linux/z.h:7:6: warning: unused variable 'v' [-Wunused-variable] <> mm/x.o",
        "mm/x.c:9:2: error: implicit declaration [-Wimplicit-function-declaration] <> mm/x.o",
        "mm/x.c:12: error: undefined symbol: nothing <> mm/x.o",
    ]


def test_a_compiler_called_in_the_sources_own_folder() -> None:
    assert told(
        """\
          CC     kernel/sched.o
          Generating /out/include/linux/compile.h  CC     drivers/acpi/utils.o
        In file included from acpi_drivers.h:29,
                         from utils.c:31:
        ../pci/pci.h:93: warning: `packed' attribute ignored
        acpi_drivers.h:3: warning: no newline at end of file
        utils.c: In function `f':
        utils.c:20: warning: unused variable `u'
        In file included from /out/include/linux/unistd.h:9,
                         from sched.c:17:
        /out/include/asm/unistd.h:372: warning: conflicting types
        """
    ) == [
        "drivers/pci/pci.h:93: warning: `packed' attribute ignored <> drivers/acpi/utils.o",
        "drivers/acpi/acpi_drivers.h:3: warning: no newline at end of file <> drivers/acpi/utils.o",
        "drivers/acpi/utils.c:20: warning: unused variable `u' <f> drivers/acpi/utils.o",
        # Of a command that ran beside it, and was announced before.
        "include/asm/unistd.h:372: warning: conflicting types <> kernel/sched.o",
    ]


def test_make_in_the_sources_own_folder_and_whole_commands() -> None:
    assert told(
        """\
        make[1]: Entering directory `/out/drivers/char'
        vt.c:3: warning: unused variable `a'
        make[2]: Entering directory `/out/drivers/char/agp'
        agp.c:3: warning: unused variable `b'
        make[2]: Leaving directory `/out/drivers/char/agp'
        mem.c:3: warning: unused variable `c'
        make[1]: Leaving directory `/out/drivers/char'
        gcc -D__KERNEL__ -I/out/include -c -o fs/x.o fs/x.c
        fs/x.c:3: warning: unused variable `d'
        """
    ) == [
        "drivers/char/vt.c:3: warning: unused variable `a' <> ",
        "drivers/char/agp/agp.c:3: warning: unused variable `b' <> ",
        "drivers/char/mem.c:3: warning: unused variable `c' <> ",
        "fs/x.c:3: warning: unused variable `d' <> fs/x.o",
    ]


def test_the_assembler() -> None:
    assert told(
        """\
          AS      arch/x86/kernel/entry_64.o
        /source/arch/x86/kernel/entry_64.S: Assembler messages:
        /source/arch/x86/kernel/entry_64.S:63: Warning: no instruction mnemonic suffix given
        /source/arch/x86/kernel/entry_64.S:556:  Info: macro invoked from here
          CC      arch/x86/kernel/../../i386/kernel/i8237.o
        /tmp/ccJ1.s: Assembler messages:
        /tmp/ccJ1.s:3972: Error: suffix or operands invalid for `mov'
        {standard input}:12: Warning: loud
        """
    ) == [
        "arch/x86/kernel/entry_64.S:63: warning: no instruction mnemonic suffix given <> arch/x86/kernel/entry_64.o",
        "arch/i386/kernel/i8237.c: error: suffix or operands invalid for `mov' <> arch/i386/kernel/i8237.o",
    ]


def test_the_linker_modpost_and_objtool() -> None:
    assert told(
        """\
          LD      vmlinux
        mm/built-in.o: In function `f':
        /source/mm/x.c:12: undefined reference to `nothing'
        x.c:(.text+0x4): undefined reference to `nobody'
        ld: mm/x.o: in function `g':
        mm/x.o(.text+0x5): undefined reference to `none'
        ld: mm/y.o:/source/mm/y.c:3: multiple definition of `y'; mm/x.o:/source/mm/x.c:2: first defined here
        ld: warning: mm/x.o: missing .note.GNU-stack section implies executable stack
        ld: NOTE: This behaviour is deprecated
        ld: cannot find -lnothing
        collect2: error: ld returned 1 exit status
          MODPOST vmlinux.o
        WARNING: vmlinux.o(.text+0x1a2): Section mismatch in reference from the function a() to b()
        WARNING: modpost: vmlinux.o: section mismatch in reference: c+0x12 (section: .text) -> d (section: .init.text)
        ERROR: modpost: "none" [fs/x.ko] undefined!
        mm/x.o: warning: objtool: h()+0x12: unreachable instruction
        """
    ) == [
        "mm/x.c:12: error: undefined reference to `nothing' <f> vmlinux",
        "x.c: error: undefined reference to `nobody' <f> vmlinux",
        "mm/x.o: error: undefined reference to `none' <g> vmlinux",
        "mm/y.c:3: error: multiple definition of `y'; mm/x.o:/source/mm/x.c:2: first defined here <g> vmlinux",
        "mm/x.o: warning: missing .note.GNU-stack section implies executable stack <> vmlinux",
        "vmlinux: error: cannot find -lnothing <> vmlinux",
        "vmlinux.o: warning: vmlinux.o(.text+0x1a2): Section mismatch in reference from the function a() to b() "
        "<a> vmlinux.o",
        "vmlinux.o: warning: vmlinux.o: section mismatch in reference: c+0x12 (section: .text) -> d (section: "
        ".init.text) <c> vmlinux.o",
        'fs/x.ko: error: "none" [fs/x.ko] undefined! <> vmlinux.o',
        "mm/x.o: warning: objtool: h()+0x12: unreachable instruction <h> vmlinux.o",
    ]


def test_the_configuration_is_its_own_target_whatever_was_made_before() -> None:
    assert told(
        """\
          HOSTLD  scripts/kconfig/conf
        scripts/kconfig/conf -n arch/x86_64/Kconfig
        drivers/net/Kconfig:2283:warning: 'select' used by config symbol 'A' refers to nothing
        .config:12:warning: trying to assign nonexistent symbol C
        warning: (D) selects E which has unmet direct dependencies (F)
        WARNING: unmet direct dependencies detected for G
        """
    ) == [
        "drivers/net/Kconfig:2283: warning: 'select' used by config symbol 'A' refers to nothing <> Kconfig",
        ".config:12: warning: trying to assign nonexistent symbol C <> Kconfig",
        "Kconfig: warning: (D) selects E which has unmet direct dependencies (F) <> Kconfig",
        "Kconfig: warning: unmet direct dependencies detected for G <> Kconfig",
    ]


def test_what_was_made() -> None:
    log = b"  CC      init/main.o\n  CC [M]  fs/x.o\n  LD      vmlinux\nKernel: arch/x86/boot/bzImage is ready  (#1)\n"
    assert parse_build_log(log).made == ("init/main.o", "fs/x.o", "vmlinux")


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("/source/mm/rmap.c", "mm/rmap.c"),
        ("/out/include/linux/mm.h", "include/linux/mm.h"),
        ("../../mm/rmap.c", "mm/rmap.c"),
        ("./include/linux/mm.h", "include/linux/mm.h"),
        ("arch/x86/kernel/../mm/y.c", "arch/x86/mm/y.c"),
        ("/usr/include/stdio.h", "/usr/include/stdio.h"),
        ("/source/../etc/passwd", "etc/passwd"),
    ],
)
def test_files_are_told_from_the_trees_root(path: str, root: str) -> None:
    assert from_the_root(path) == root


def warning(message: str, line: int = 1, function: str = "f", file: str = "mm/x.c") -> BuildMessage:
    """A warning."""
    return BuildMessage(MessageKind.WARNING, file, line, message, function=function)


def test_the_same_complaint_on_another_line_or_offset_is_the_same() -> None:
    assert warning("unused variable `a'").identity == warning("unused variable ‘a’", line=9).identity
    assert warning("x.o(.text+0x12): mismatch").identity == warning("x.o(.text+0x1f2): mismatch").identity
    assert warning("'f.isra.3' is large").identity == warning("'f.isra.7' is large").identity
    assert len({warning("a", function=name).identity for name in "fg"}) == 2
    assert len({warning("a", file=name).identity for name in ("mm/x.c", "mm/y.c")}) == 2


def test_a_hostile_log_is_bounded_and_cleaned() -> None:
    flood = b"".join(b"mm/x.c:%d: warning: %d\n" % (n, n) for n in range(1, MAX_MESSAGES + 11))
    parsed = parse_build_log(flood)
    assert (len(parsed.messages), parsed.left_out) == (MAX_MESSAGES, 10)
    (one,) = parse_build_log(b"mm/x.c:1: warning: \x1b[2J\x07\xe2\x80\xae" + b"z" * 10_000_000).messages
    assert len(one.message) <= MAX_TEXT and one.message.isprintable()
    assert parse_build_log(b"a:1: warning: same\n" * 5000).left_out == 0
    began = time.process_time()
    for hostile in (
        b"a" * 3000,
        b": " * 1500,
        b"(" * 3000,
        b"x.c:1: " * 400,
        b"ld: " * 700,
        b"  CC " * 500,
        b"In file " * 300,
    ):
        parse_build_log((hostile + b"\n") * 300)
    assert time.process_time() - began < 5, "no pattern takes its time with any line"


@given(st.binary(max_size=400))
def test_no_bytes_are_too_much(log: bytes) -> None:
    parsed = parse_build_log(log)
    assert all(message.message.isprintable() or not message.message for message in parsed.messages)
    assert first_error(log)
