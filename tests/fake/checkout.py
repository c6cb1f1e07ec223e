"""A whole checkout in a folder: configuration, a series with a generated port, a fake tree, a fake QEMU.

``Checkout.harness`` is the command line in this process; ``Checkout.spawn`` is a process of its own, to be killed.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.config.layout import Layout
from harness.config.user_settings import load_settings
from harness.model.events import Event, Notice, StepFinished
from harness.results.store import Store
from harness.runs.request import RunRequest
from harness.runs.workshop import Workshop
from tests.fake.containers import LocalRunner, fake_image

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SILENCE_SECONDS = 3.0  # of a fake guest that hangs; a busy machine is no hang
STEPS = 9

_STEP = """// SPDX-License-Identifier: GPL-2.0-or-later
int {name}(void)
{{
	int state = 0;

	state++;
	return state;
}}
"""
_FILES = {
    "configs/trees/fake.yaml": 'name: fake\nversion: "6.1"\nera: fake\nsources:\n  - directory: ../../tree\n',
    "configs/trees/gone.yaml": 'name: gone\nversion: "6.1"\nera: fake\nsources:\n  - directory: ../../no-such-tree\n',
    "configs/eras/fake.yaml": (
        'name: fake\nsince: "6.0"\ntoolchain: fake\narch: x86_64\nimage: arch/x86/boot/bzImage\ncpu: max\n'
        "boot_args: [console=ttyS0]\n"
    ),
    "configs/toolchains/fake.yaml": "name: fake\nsuite: none\npackages: [gcc]\nmake_vars: {CC: gcc}\n",
    "configs/kconfig/fake.config": "CONFIG_NUMA=y\nCONFIG_DEBUG_VM=y\n",
    "configs/guests/root.yaml": (
        "sources: guest\nprograms: {x86_64: {toolchain: fake}}\nfolders: [dev, stressors]\ndevices: {console: c 5 1}\n"
    ),
    "configs/nightly.yaml": 'at: "02:15"\nruns:\n  - series: demo\n    repeat: 1\n',
    "configs/stressors/quiet.yaml": "name: quiet\narea: none\nsummary: nothing\nseconds: 1\n",
    # A stressor's program is the head of an ELF file for x86-64.
    "vm-images/guest/Makefile": (
        "all:\n\tmkdir -p $(OUT)/stressors\n\tcp init.c $(OUT)/init\n"
        "\tfor name in migration memcg; do printf '\\177ELF\\002%13s\\076\\000' '' >$(OUT)/stressors/$$name; done\n"
    ),
    "vm-images/guest/init.c": "int main(void) { return 0; }\n",
}
_STRESSOR = """name: {name}
area: fake
summary: moves the fake counter
requires: [NUMA]
proof:
  - any_of: [fake_work]
    minimum: 100
    reason: the fake path ran
seconds: 1
"""


@dataclass(frozen=True)
class FakePatch:
    """Patch k adds ``lines`` to mm/stepK.c; one with ``context`` of its own does not apply."""

    lines: tuple[str, ...]
    subject: str = ""
    context: str = "	state++;"

    def mail(self, number: int, total: int) -> str:
        """The patch as git format-patch writes it."""
        name = f"step{number}"
        old = _STEP.format(name=name).replace("	state++;", self.context)
        new = old.replace(self.context, "\n".join([self.context, *self.lines]))
        path = f"mm/{name}.c"
        diff = "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"a/{path}", f"b/{path}"))
        subject = self.subject or f"mm: take step {number}"
        return (
            f"From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\n"
            f"From: A Developer <developer@example.org>\nDate: Fri, 19 Aug 2011 00:48:{number:02d} -0700\n"
            f"Subject: [PATCH {number}/{total}] {subject}\n\nBecause.\n\n"
            f"Signed-off-by: A Developer <developer@example.org>\n---\n {path} | {len(self.lines)} +\n"
            f" 1 file changed, {len(self.lines)} insertions(+)\n\n"
            f"diff --git a/{path} b/{path}\n{diff}-- \n2.39.2\n"
        )


def patch(*lines: str, subject: str = "") -> FakePatch:
    """A patch that adds ``lines``."""
    return FakePatch(lines, subject)


def harmless(count: int) -> list[FakePatch]:
    """Patches that change nothing one can see."""
    return [patch(f"	state += {number};") for number in range(1, count + 1)]


@dataclass
class Ended:
    """A finished command: exit code and what it wrote."""

    code: int
    out: str
    err: str


class Recorder:
    """A listener that keeps everything."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        """Keeps it."""
        self.events.append(event)

    def notices(self) -> str:
        """All notices, a line each."""
        return "\n".join(event.text for event in self.events if isinstance(event, Notice))

    def finished(self) -> list[str]:
        """What finished steps said, in order."""
        return [event.text for event in self.events if isinstance(event, StepFinished)]


@dataclass
class Checkout:
    """See the module. ``log`` counts what containers ran, ``boots`` what QEMU did."""

    folder: Path
    fault: str = ""
    kvm: bool = False

    @property
    def root(self) -> Path:
        """Where configs/ and series/ are."""
        return self.folder / "root"

    @property
    def series_folder(self) -> Path:
        """Of the series demo."""
        return self.root / "series" / "demo"

    @property
    def layout(self) -> Layout:
        """Folders of this checkout."""
        root = self.root
        cache, results = self.folder / "cache", self.folder / "results"
        return Layout(root, root / "series", root / "configs", root / "vm-images", results, cache)

    @property
    def environment(self) -> dict[str, str]:
        """What names them to a process."""
        return {
            "HARNESS_ROOT": str(self.root),
            "HARNESS_RESULTS": str(self.layout.results),
            "HARNESS_CACHE": str(self.layout.cache),
            "HARNESS_CONFIG": str(self.root / "harness.local.yaml"),
        }

    # Making it

    def make(
        self,
        patches: Sequence[FakePatch],
        core: Sequence[str] = (),
        stressors: Sequence[str] = ("migration",),
        trees: Sequence[str] = ("fake",),
    ) -> Checkout:
        """Writes everything. ``core`` are lines that the baseline has in mm/core.c."""
        for name, text in _FILES.items():
            self.write(name, text)
        for name in ("migration", "memcg"):
            self.write(f"configs/stressors/{name}.yaml", _STRESSOR.format(name=name))
        tree = self.folder / "root" / "tree"
        shutil.copytree(HERE / "kernel", tree, dirs_exist_ok=True)
        for number in range(1, STEPS + 1):
            (tree / "mm" / f"step{number}.c").write_text(_STEP.format(name=f"step{number}"))
        source = (tree / "mm" / "core.c").read_text()
        (tree / "mm" / "core.c").write_text(source.replace("	state++;", "\n".join(["	state++;", *core])))
        self.write_series(patches, stressors, trees)
        settings = {"qemu": str(self._qemu()), "engine": f"unix://{self.folder}/no-engine.sock", "jobs": 8}
        self.write("harness.local.yaml", json.dumps(settings))
        return self

    def write(self, name: str, text: str) -> Path:
        """A file below the root."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def write_series(
        self, patches: Sequence[FakePatch], stressors: Sequence[str] = ("migration",), trees: Sequence[str] = ("fake",)
    ) -> None:
        """series/demo with its port, in place of what is there."""
        shutil.rmtree(self.series_folder, ignore_errors=True)
        listed = "".join(f"  - {{tree: {tree}, port: port}}\n" for tree in trees)
        self.write(
            "series/demo/series.yaml",
            f"title: A demonstration\nposted: '2011-08-19'\nlists: [linux-mm]\npatches: {len(patches)}\n"
            f"trees:\n{listed}kconfig: [fake]\n"
            "requires:\n  - {option: DEBUG_VM, reason: the assertion needs it}\n"
            f"stressors: [{', '.join(stressors)}]\n",
        )
        for number, one in enumerate(patches, 1):
            self.write(f"series/demo/port/{number:04d}-step.patch", one.mail(number, len(patches)))

    def _qemu(self) -> Path:
        path = self.folder / "qemu"
        # The shell answers what is asked before every run.
        path.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "QEMU emulator version 0.0.0 (fake)" && exit\n'
            f'exec {sys.executable} -ES "$0.py" "$@"\n'
        )
        shutil.copyfile(HERE / "qemu.py", path.with_name("qemu.py"))
        path.chmod(0o755)
        return path

    # Counting

    @property
    def log(self) -> Path:
        """One line per container command."""
        return self.folder / "containers.log"

    def containers(self, step: str = "build") -> int:
        """How many commands of a step (configure, build, programs) containers ran."""
        return sum(line.endswith(f" {step}") for line in _lines(self.log))

    def boots(self) -> int:
        """How many guests were booted, canaries apart."""
        return len(_lines(self.folder / "boots.log"))

    # Using it

    def runner(self) -> LocalRunner:
        """The fake container engine with this checkout's fault."""
        return LocalRunner(self.log, self.fault)

    def workshop(self) -> tuple[Workshop, Recorder]:
        """A workshop of its own, with the listener that records."""
        recorder = Recorder()
        settings = load_settings(self.root, self.environment)
        return Workshop(recorder, self.layout, settings, self.runner(), fake_image), recorder

    def store(self) -> Store:
        """The results, opened anew."""
        return Store(self.layout.store_url, self.layout.results)

    def request(self, **words: object) -> RunRequest:
        """A request for the series demo."""
        return replace(RunRequest("demo"), **words)  # type: ignore[arg-type]

    def harness(self, *words: str) -> Ended:
        """``harness WORDS`` in this process, with the fakes."""
        out, err = io.StringIO(), io.StringIO()
        code: object = None
        with pytest.MonkeyPatch.context() as patching, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name, value in self.environment.items():
                patching.setenv(name, value)
            patching.setenv("COLUMNS", "200")
            patching.setattr(sys, "argv", ["harness", *words])
            fakes = functools.partialmethod(Workshop.__init__, runner=self.runner(), images=fake_image)
            patching.setattr(Workshop, "__init__", fakes)
            patching.setattr("harness.runs.cell_run.SILENCE_SECONDS", SILENCE_SECONDS)
            patching.setattr("harness.guests.qemu.POLL_SECONDS", 0.02)
            if not self.kvm:
                patching.setattr("harness.guests.accelerators.kvm_obstacle", lambda: "the fake machine has none")
            try:
                main()
            except SystemExit as ended:
                code = ended.code
        assert isinstance(code, int)
        return Ended(code, out.getvalue(), err.getvalue())

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        """``harness WORDS`` in a process of its own, with the fakes."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.fake.checkout", str(self.folder), *words],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def fork(self, *words: str) -> int:
        """As ``spawn``, from this process with all its libraries loaded, so that it starts at once; its pid."""
        pid = os.fork()
        if pid:
            return pid
        code = 3
        try:
            code = self.harness(*words).code
        finally:
            os._exit(code)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.is_file() else []


if __name__ == "__main__":
    ended = Checkout(Path(sys.argv[1])).harness(*sys.argv[2:])
    sys.stdout.write(ended.out)
    sys.stderr.write(ended.err)
    sys.exit(ended.code)
