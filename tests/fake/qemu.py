# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU that boots the fake kernel's image: it takes the command line that harness.guests.qemu makes and leaves what a
real one leaves. Every boot adds a line to boots.log beside the script; canaries and ``--version`` do not.

Run with -ES, and modules are imported where they are used, so that it starts at once.
"""

# ruff: noqa: PTH116, PTH118, PTH120, PTH123
# (pathlib takes as long to import as the rest of a boot)
from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

COUNTER = "fake_work"


def option(words: list[str], name: str) -> str:
    """The word after ``name``."""
    return words[words.index(name) + 1]


def logfile(words: list[str], port: str) -> str:
    """The log file of the chardev ``port``."""
    for place, word in enumerate(words):
        if word == "-chardev" and f"id={port}," in words[place + 1]:
            return words[place + 1].split("logfile=")[1].split(",")[0]
    sys.exit(f"qemu-system-x86_64: no chardev {port}")


class Guest:
    """One boot of one image."""

    def __init__(self, words: list[str], console: IO[str], report: IO[str]) -> None:
        with open(option(words, "-kernel")) as image:
            self.sources, *lines = image.read().splitlines()
        self.directives = [dict(key.split("=", 1) for key in line.split()) for line in lines]
        append = option(words, "-append").split()
        self.word = dict(word.split("=", 1) for word in append if "=" in word)
        self.stressor = self.word["harness.stressor"]
        self.console, self.report = console, report
        self.time = 0.5
        self.idle = False

    def kernel_says(self, *lines: str) -> None:
        """Lines of the console, each with its time."""
        for line in lines:
            self.time += 0.001
            self.console.write(f"[{self.time:12.6f}] {line}\r\n")
        self.console.flush()

    def reports(self, *lines: str) -> None:
        """Lines of the report port."""
        self.report.write("".join(f"{line}\r\n" for line in lines))
        self.report.flush()

    def applies(self, directive: dict[str, str], boot: bool) -> bool:
        """Whether a directive's conditions hold; its chance is decided by the seed alone."""
        if (directive.get("when") == "boot") != boot or directive.get("stressor", self.stressor) != self.stressor:
            return False
        import hashlib

        text = f"{self.word['harness.seed']} {directive['verb']} {directive.get('function')}"
        thrown = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
        return thrown < float(directive.get("chance", 1))

    def trace(self, function: str) -> list[str]:
        """What stands between the head of a report and its end mark."""
        return [
            f"CPU: 0 PID: 60 Comm: {self.stressor} Not tainted 6.1.0 #1",
            "Hardware name: QEMU Standard PC (i440FX + PIIX, 1996)",
            f"RIP: 0010:{function}+0x1f/0x40",
            "RSP: 0018:ffffc900001d7c98 EFLAGS: 00010046",
            "Call Trace:",
            " <TASK>",
            f" {function}_caller+0x51/0xf0",
            " do_syscall_64+0x3a/0x90",
            " </TASK>",
        ]

    def act(self, directive: dict[str, str]) -> None:
        """Does what a directive says. Those that end the guest do not return."""
        verb = directive["verb"]
        function = directive.get("function", "fake_function")
        place = f"{directive['file']}:{directive['line']}"
        end = "---[ end trace 0000000000000000 ]---"
        if verb == "warn":
            head = f"WARNING: CPU: 0 PID: 60 at {place} {function}+0x1f/0x40"
            self.kernel_says(
                "------------[ cut here ]------------", head, "Modules linked in:", *self.trace(function), end
            )
        elif verb in ("bug", "panic"):
            self.kernel_says(
                "------------[ cut here ]------------",
                f"kernel BUG at {place}!",
                "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI",
                *self.trace(function),
                end,
                "Kernel panic - not syncing: Fatal exception",
                "Kernel Offset: disabled",
                "---[ end Kernel panic - not syncing: Fatal exception ]---",
            )
            sys.exit(0)  # panic=-1 and -no-reboot
        elif verb == "say":
            self.kernel_says(function.replace("_", " "))
        elif verb == "hang":
            if "monitor" in directive:
                monitor(mute=directive["monitor"] == "mute", memory=directive.get("memory"))
            time.sleep(60)
        elif verb == "ends":
            if "done" in directive:
                self.reports("# harness: done")
            monitor(reason=directive["reason"], memory=directive.get("memory"))
        elif verb == "die":
            sys.exit(0)
        elif verb == "flood":
            while True:
                self.kernel_says(*["flooding the console"] * 1000)
        elif verb == "skip":
            self.reports(f"ok 1 {self.stressor} # SKIP this kernel has no such thing")
            self.leave()
        elif verb == "fail":
            self.reports("# error mount: No such device", f"not ok 1 {self.stressor} # mount: No such device")
            self.leave()
        elif verb == "idle":
            self.idle = True
        elif verb == "noise":
            self.reports("\x1b[31mnoise on the port")
        elif verb == "exit":
            sys.exit("qemu-system-x86_64: cannot set up guest memory: Cannot allocate memory")
        elif verb == "kill":
            os.kill(os.getpid(), 9)

    def leave(self) -> None:
        """Powers the guest off in good order."""
        self.reports("# harness: done")
        self.kernel_says("reboot: Power down")
        sys.exit(0)

    def run(self) -> None:
        """From power-on to power-off."""
        self.console.write("SeaBIOS\r\n")
        self.kernel_says("Linux version 6.1.0 (harness@harness)", "Freeing unused kernel image memory")
        for directive in self.directives:
            if self.applies(directive, boot=True):
                self.act(directive)
        self.reports("KTAP version 1", f"# harness: user-space seconds={self.time:.3f}")
        if self.stressor == "canary":
            self.leave()
        self.reports("# guest: release=6.1.0 cpus=4 nodes=2", "1..1", f"# counter-before {COUNTER} 5")
        for directive in self.directives:
            if self.applies(directive, boot=False):
                self.act(directive)
        self.reports(f"# counter-after {COUNTER} {5 if self.idle else 1005}", f"# digest {self.stressor} rounds=7")
        self.reports(f"ok 1 {self.stressor}")
        self.leave()


def monitor(mute: bool = False, reason: str | None = None, memory: str | None = None) -> None:
    """A guest that hangs or, with a ``reason``, has ended: its QEMU still answers QMP, unless mute, and shows a key
    after a serial break on the console. ``memory`` is a file with the guest's RAM."""
    import contextlib
    import json
    import socket

    with socket.socket(socket.AF_UNIX) as qmp, socket.socket(socket.AF_UNIX) as serial:
        for sock, path in ((qmp, "qmp.sock"), (serial, "console.sock")):
            sock.bind(path)
            sock.listen(1)
        qmp.settimeout(60)
        peer, _ = qmp.accept()
        if mute:
            time.sleep(60)
        with peer, contextlib.suppress(OSError):
            peer.sendall(b'{"QMP": {"version": {}, "capabilities": []}}\r\n')
            state = {"status": "running"}
            text = ""
            while data := peer.recv(4096):
                text += data.decode()
                with contextlib.suppress(ValueError):
                    while text.strip():
                        # One object after the other, with or without line ends.
                        command, end = json.JSONDecoder().raw_decode(text.lstrip())
                        text = text.lstrip()[end:]
                        verb, arguments = command["execute"], command.get("arguments", {})
                        told: object = {}
                        if verb == "query-status":
                            told = state
                        elif verb == "human-monitor-command":
                            told = "\r\nCPU#0\r\nEAX=00000000 ESP=c0300ff0\r\nEIP=c0101004 EFL=00000246\r\n"
                        elif verb == "query-memory-size-summary":
                            told = {"base-memory": os.stat(memory).st_size if memory else 0}
                        elif verb == "pmemsave" and memory:
                            with open(memory, "rb") as ram, open(arguments["filename"], "wb") as part:
                                ram.seek(arguments["val"])
                                part.write(ram.read(arguments["size"]))
                        answer = {"return": told} | ({"id": command["id"]} if "id" in command else {})
                        peer.sendall(json.dumps(answer).encode() + b"\r\n")
                        if verb == "qmp_capabilities" and reason:
                            time.sleep(0.2)
                            state = {"status": "shutdown"}
                            event = {"event": "SHUTDOWN", "data": {"guest": True, "reason": reason}}
                            event["timestamp"] = {"seconds": 1, "microseconds": 0}
                            peer.sendall(json.dumps(event).encode() + b"\r\n")
                        if verb == "chardev-send-break":
                            with open("console", "a") as console:
                                console.write("[   99.000000] sysrq: Show Blocked State\r\n")
                                console.write("task:fake state:D\r\n" * 20)
    time.sleep(60)


def main() -> None:
    """Entry point."""
    words = sys.argv[1:]
    if "--version" in words:
        print("QEMU emulator version 0.0.0 (fake)")
        return
    with open(logfile(words, "console"), "w") as console, open(logfile(words, "report"), "w") as report:
        guest = Guest(words, console, report)
        if guest.stressor != "canary":
            line = f"{guest.sources} {guest.stressor} {guest.word['harness.seed']}\n"
            descriptor = os.open(
                os.path.join(os.path.dirname(__file__), "boots.log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644
            )
            os.write(descriptor, line.encode())
            os.close(descriptor)
        guest.run()


if __name__ == "__main__":
    main()
