"""Proof that a toolchain's image compiles what a kernel needs, and that its tools are those its file declares."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.config.whole_file import write_whole
from harness.config.yaml_file import nearest
from harness.model.container import ContainerRequest, ContainerRunner
from harness.model.era import Image, Toolchain
from harness.model.errors import InfrastructureError, UserError
from harness.model.plain_text import clean
from harness.model.version import KernelVersion
from harness.toolchains.images import crash

# Part of what a remembered verification is keyed by: raise it when a probe asks for more.
RECIPE = 1
PROBE_SECONDS = 300.0
_MAX_OUTPUT = 256 * 1024  # bytes of all probes together
_MAX_ONE = 4000  # bytes of one probe's
_MAX_LINE = 300  # characters
_MARK = "@@harness"


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing a kernel asks of its compiler: a shell script (sh -e, in an empty folder) with $CC, $LD and $HOSTCC.

    ``$NO_PIE`` is -fno-pie where the compiler knows it: the compilers of distributions make position-independent code
    unless they are told not to.
    """

    name: str
    what: str
    script: str


_C = """cat >probe.c <<'EOF'
{}
EOF
"""
_FUNCTION = _C.format("#include <stdarg.h>\nint probe(int a) { return a + 1; }")

PROBES = {
    probe.name: probe
    for probe in (
        Probe(
            "m64",
            "64-bit code (-m64), linked as x86-64",
            _FUNCTION + "$CC -m64 -O2 $NO_PIE -c -o probe.o probe.c\n$LD -m elf_x86_64 -r -o linked.o probe.o\n"
            "test -s linked.o\n",
        ),
        Probe(
            "m32",
            "32-bit code (-m32), linked as i386",
            _FUNCTION + "$CC -m32 -O2 $NO_PIE -c -o probe.o probe.c\n$LD -m elf_i386 -r -o linked.o probe.o\n"
            "test -s linked.o\n",
        ),
        Probe(
            "native",
            "code of the compiler's own kind, linked",
            _FUNCTION + "$CC -O2 $NO_PIE -c -o probe.o probe.c\n$LD -r -o linked.o probe.o\ntest -s linked.o\n",
        ),
        Probe(
            "kernel-model",
            "the kernel's code model (-mcmodel=kernel -mno-red-zone), addresses sign-extended from 32 bits",
            _C.format("extern int object[];\nint *probe(void) { return object; }")
            + "$CC -m64 -O2 $NO_PIE -mcmodel=kernel -mno-red-zone -c -o probe.o probe.c\n"
            "readelf -r probe.o >relocations\n"
            "grep -q R_X86_64_32S relocations || { echo 'no address is sign-extended (R_X86_64_32S)'; exit 1; }\n",
        ),
        Probe(
            "inline-asm",
            "inline assembly: operands in memory and registers, an immediate, a section of its own",
            _C.format(
                'int probe(int *p, int a)\n{\n\tint old = a;\n\t__asm__ __volatile__("lock; xaddl %0,%1"'
                ' : "+r" (old), "+m" (*p) : : "memory");\n'
                '\t__asm__ __volatile__("1: addl %2,%0\\n\\t.section .probe_table,\\"a\\"\\n\\t.long 42\\n\\t.previous"'
                '\n\t\t: "=&r" (a) : "0" (a), "i" (7) : "cc");\n\treturn old + a;\n}'
            )
            + "$CC $NATIVE -O2 $NO_PIE -c -o probe.o probe.c\nreadelf -S probe.o >sections\n"
            "grep -q probe_table sections || { echo 'the section .probe_table is not there'; exit 1; }\n",
        ),
        Probe(
            "asm-goto",
            "asm goto, which static keys are made of",
            _C.format(
                'int probe(void)\n{\n\t__asm__ goto("jmp %l[out]" : : : : out);\n\treturn 1;\nout:\n\treturn 0;\n}'
            )
            + "$CC -m64 -O2 $NO_PIE -c -o probe.o probe.c\n",
        ),
        Probe(
            "segment-moves",
            "movl with a segment register, which the assembler refuses since binutils 2.16",
            _C.format('int probe(void)\n{\n\tint s;\n\t__asm__("movl %%ds,%0" : "=m" (s));\n\treturn s;\n}')
            + "$CC -m32 -O2 -c -o probe.o probe.c\n$CC -m32 -O2 -pipe -c -o probe.o probe.c\n",
        ),
        Probe(
            "fastcall-declared",
            "a function declared regparm(3) and defined without, as kernels of 2.5 do",
            _C.format("int probe(int) __attribute__((regparm(3)));\nint probe(int a) { return a; }")
            + "$CC -m32 -O2 -c -o probe.o probe.c\n",
        ),
        Probe(
            "host-program",
            "a program for the machine that builds: compiled, linked, run",
            _C.format('#include <stdio.h>\nint main(void) { puts("built and run"); return 0; }')
            + "$HOSTCC -O2 -o probe probe.c\ntest \"$(./probe)\" = 'built and run'\n",
        ),
    )
}
DEFAULT_PROBES = ("m64", "m32", "kernel-model", "inline-asm", "host-program")

# How to ask each tool for its version: the first dotted number of what it says counts.
_VERSION_COMMANDS = {
    # GCC 7 and later answer -dumpversion with the major number only; those before do not know the other word.
    "gcc": "{ $CC -dumpfullversion || $CC -dumpversion; } 2>/dev/null",
    "clang": "$CC -dumpversion",
    "lld": "ld.lld --version",
    "make": "make --version",
    "perl": "perl -e 'printf \"%vd\", $^V'",
    "binutils": "ld --version",
}


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """``detail`` is the compiler's own complaint, in one line, where it did not pass."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ToolVersion:
    """A tool's version: declared in the toolchain's file, and found in the image (None: it did not tell)."""

    tool: str
    declared: KernelVersion
    found: KernelVersion | None

    @property
    def agrees(self) -> bool:
        """True where the found version is the declared one or a point release of it."""
        return self.found is not None and self.found.numbers[: len(self.declared.numbers)] == self.declared.numbers


@dataclass(frozen=True, slots=True)
class Verification:
    """What an image was found to do."""

    image: Image
    probes: tuple[ProbeResult, ...]
    tools: tuple[ToolVersion, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """One phrase for each probe that failed."""
        return tuple(f"probe {probe.name} failed: {probe.detail}" for probe in self.probes if not probe.passed)

    @property
    def other_tools(self) -> tuple[str, ...]:
        """One phrase for each tool that is not the declared one."""
        return tuple(
            f"{tool.tool} is {tool.found or 'silent'}, declared {tool.declared}"
            for tool in self.tools
            if not tool.agrees
        )


def chosen_probes(toolchain: Toolchain) -> tuple[Probe, ...]:
    """The probes of a toolchain. Raises UserError for a name that is none."""
    names = toolchain.probes or DEFAULT_PROBES
    for name in names:
        if name not in PROBES:
            raise UserError(f"unknown probe {name!r}", where=toolchain.where, remedy=nearest(name, PROBES))
    for tool, _ in toolchain.tools:
        if tool not in _VERSION_COMMANDS:
            raise UserError(f"unknown tool {tool!r}", where=toolchain.where, remedy=nearest(tool, _VERSION_COMMANDS))
    return tuple(PROBES[name] for name in names)


def probe_script(toolchain: Toolchain) -> str:
    """The shell script that runs a toolchain's probes and asks for its tools' versions, marked in its output."""
    probes = chosen_probes(toolchain)
    # An image without 64-bit code cannot be asked for it.
    native = "-m64" if any(probe.name == "m64" for probe in probes) else ""
    lines = [
        'probes=$(mktemp -d) && cd "$probes" || exit 125',
        f"NATIVE={native}; NO_PIE=-fno-pie; export NATIVE NO_PIE",
        "echo 'int a;' >empty.c; $CC -fno-pie -c -o empty.o empty.c >/dev/null 2>&1 || NO_PIE=",
    ]
    for probe in probes:
        lines += [
            f"mkdir {probe.name}",
            f"cat >{probe.name}/run <<'END-OF-PROBE'\n{probe.script}END-OF-PROBE",
            f"(cd {probe.name} && sh -e run) >output 2>&1; code=$?",
            f'echo; echo "{_MARK} probe {probe.name} $code"; head -c {_MAX_ONE} output',
        ]
    for tool, _ in toolchain.tools:
        lines.append(f'echo; echo "{_MARK} tool {tool} 0"; ({_VERSION_COMMANDS[tool]}) 2>&1 | head -n 1')
    return "\n".join([*lines, f'echo; echo "{_MARK} end end 0"', 'cd / && rm -rf "$probes"']) + "\n"


def verify_image(runner: ContainerRunner, image: Image, toolchain: Toolchain) -> Verification:
    """Runs a toolchain's probes in its image, under the bounds of a build.

    Raises InfrastructureError where the image's programs cannot be run at all, UserError for an unknown probe's name.
    """
    output = bytearray()

    def keep(data: bytes) -> None:
        output.extend(data[: max(0, _MAX_OUTPUT - len(output))])

    host_compiler = dict(toolchain.make_vars).get("HOSTCC") or (
        "clang" if "LLVM" in dict(toolchain.make_vars) else "gcc"
    )
    request = ContainerRequest(
        image=image.digest,
        command=("/bin/sh", "-c", probe_script(toolchain)),
        mounts=(),
        environment=(
            ("CC", toolchain.compiler),
            ("LD", toolchain.linker),
            ("HOSTCC", host_compiler),
            ("HOME", "/tmp"),
            ("CCACHE_DISABLE", "1"),
            ("LC_ALL", "C"),
        ),
        workdir="/tmp",
        user="65534:65534",
        cpus=1,
        memory_mib=512,
        timeout=PROBE_SECONDS,
        label="probe",
    )
    result = runner.run(request, keep)
    text = output.decode("utf-8", "replace")
    sections = _sections(text)
    if ("end", "end") not in sections:
        why = _complaint(text) or f"exit code {result.exit_code}"
        if result.timed_out:
            why = f"not done after {PROBE_SECONDS:.0f} s"
        elif crash(result.exit_code):
            why = crash(result.exit_code)
        raise InfrastructureError(
            f"{image.reference} does not run the probes: {why}", where=toolchain.where or None, remedy=_anew(image)
        )
    return Verification(
        image,
        tuple(_probe_result(probe.name, sections.get(("probe", probe.name))) for probe in chosen_probes(toolchain)),
        tuple(
            ToolVersion(tool, declared, _found(sections.get(("tool", tool), (0, ""))[1]))
            for tool, declared in toolchain.tools
        ),
    )


def _anew(image: Image) -> str:
    return f"to make it anew: harness toolchain build --again {image.toolchain}"


def _sections(text: str) -> dict[tuple[str, str], tuple[int, str]]:
    """(kind, name) -> (exit code, output), in the order of the marks."""
    parts = re.split(rf"^{_MARK} (\S+) (\S+) (\d+)\n?", text, flags=re.MULTILINE)
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for at in range(1, len(parts), 4):
        kind, name, code, output = parts[at : at + 4]
        found.setdefault((kind, name), (int(code), output))
    return found


def _probe_result(name: str, section: tuple[int, str] | None) -> ProbeResult:
    if section is None:
        return ProbeResult(name, False, "it was not run")
    code, output = section
    return ProbeResult(name, code == 0, "" if code == 0 else _complaint(output) or f"exit code {code}")


def _complaint(output: str) -> str:
    """The line of a compiler's output that a person would point at."""
    lines = [" ".join(clean(line).split()) for line in output.splitlines()]
    lines = [line for line in lines if line and not line.startswith(_MARK)]
    told = [line for line in lines if re.search(r"\berror\b|[Ee]rror:|not found|cannot|[Uu]nrecognized", line)]
    return (told or lines[-1:] or [""])[0][:_MAX_LINE]


def _found(output: str) -> KernelVersion | None:
    # binutils of 2002 had five numbers; four of them tell.
    match = re.search(r"\b(\d+(?:\.\d+){1,3})", output)
    return KernelVersion.parse(match[1]) if match else None


# --- once for each image


def sound_image(
    runner: ContainerRunner, image: Image, toolchain: Toolchain, memory: Path, report: Callable[[str], None]
) -> Image:
    """``image``, once its probes have passed; a digest that passed is remembered in the folder ``memory``.

    A tool that is another version than declared is only reported: fix-ups are chosen by what is declared, but
    the image of another distribution's release may well build the tree. Raises InfrastructureError where a probe fails.
    """
    parts = [RECIPE, image.digest, toolchain.probes, toolchain.compiler, toolchain.linker, str(toolchain.tools)]
    mark = memory / f"verified-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]}"
    if mark.is_file():
        return image
    found = verify_image(runner, image, toolchain)
    if found.failures:
        more = f" (and {len(found.failures) - 1} more)" if len(found.failures) > 1 else ""
        raise InfrastructureError(
            f"{image.reference} cannot build kernels: {found.failures[0]}{more}",
            where=toolchain.where or None,
            remedy=f"harness toolchain verify {toolchain.name} tells all; {_anew(image)}",
        )
    if found.other_tools:
        report(f"{image.reference}: {'; '.join(found.other_tools)} in {toolchain.where or toolchain.name}")
    write_whole(mark, f"{image.reference} {image.digest}\n")
    return image
