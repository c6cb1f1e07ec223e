# SPDX-License-Identifier: GPL-2.0-or-later
"""The fake kernel's configuration program and compiler.

The "image" is text: a checksum of all sources, then the directives of mm/*.c in order of file and line. A directive is
a line of its own,

    guest(VERB, key=value, ...);

and the fake QEMU does what it says: warn, bug, panic, hang, die, flood, skip, fail, idle, exit, kill, say. Keys are
function, chance (0 to 1, decided by the seed), stressor (only under it), when=boot (before user space), monitor=yes
or mute (the QEMU of a hung guest still answers, or listens only). ``#error`` does not compile, ``#warning`` is told;
``#error unless MENDED`` does where another line says ``#define MENDED``.
"""

# ruff: noqa: PTH123, PTH208
# (pathlib takes longer to import than everything else here)
import os
import sys
import zlib


def read(path: str) -> str:
    """A file's text."""
    with open(path) as handle:
        return handle.read()


def write(path: str, text: str) -> None:
    """Makes a file with its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "w") as handle:
        handle.write(text)


def configure(out: str, requests: str) -> int:
    """Writes .config: what is requested, defined and whose dependencies hold."""
    depends: dict[str, list[str]] = {}
    option = ""
    for line in read("Kconfig").splitlines():
        words = line.split()
        if words[:1] == ["config"]:
            option = words[1]
            depends[option] = []
        elif words[:2] == ["depends", "on"]:
            depends[option] += [word for word in words[2:] if word != "&&"]
    lines = [line for line in read(requests).splitlines() if line.startswith("CONFIG_")]
    wanted = dict(line.removeprefix("CONFIG_").split("=", 1) for line in lines)
    got: dict[str, str] = {}
    for option, needs in depends.items():
        if option in wanted and all((n.lstrip("!") in got) != n.startswith("!") for n in needs):
            got[option] = wanted[option]
    lines = [f"CONFIG_{o}={got[o]}" if o in got else f"# CONFIG_{o} is not set" for o in depends]
    write(f"{out}/.config", "\n".join(["# Automatically generated file; DO NOT EDIT.", *lines, ""]))
    print("#\n# configuration written to .config\n#")
    return 0


def build(out: str) -> int:
    """Writes the image, vmlinux and System.map, or says where the source does not compile."""
    sources = {f"mm/{name}": read(f"mm/{name}") for name in sorted(os.listdir("mm")) if name.endswith(".c")}
    mended = any("#define MENDED" in text for text in sources.values())
    image = [f"{zlib.crc32(repr(sources).encode()):08x}"]
    for path, text in sources.items():
        print(f"  CC      {path[:-1]}o")
        for number, line in enumerate(map(str.strip, text.splitlines()), 1):
            if line.startswith("#error") and not ("unless MENDED" in line and mended):
                print(f"{path}:{number}:2: error: {line}")
                return 1
            if line.startswith("#warning "):
                print(f"{path}:{number}:2: warning: {line} [-Wcpp]")
            if line.startswith("guest(") and line.endswith(");"):
                verb, *keys = line[len("guest(") : -len(");")].replace(" ", "").split(",")
                image.append(" ".join([f"verb={verb}", f"file={path}", f"line={number}", *keys]))
    write(f"{out}/arch/x86/boot/bzImage", "\n".join(image))
    print("  LD      vmlinux")
    write(f"{out}/vmlinux", "a linked kernel\n")
    write(f"{out}/System.map", "ffffffff81000000 T _text\n")
    print("Kernel: arch/x86/boot/bzImage is ready")
    return 0


sys.exit(configure(sys.argv[2], sys.argv[3]) if sys.argv[1] == "configure" else build(sys.argv[2]))
