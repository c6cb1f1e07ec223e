"""Building a kernel in a container: configure, check the configuration, make, keep what came out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path

from harness.builds import config_in, recipe
from harness.builds.build_cache import BuildCache, digest_of
from harness.builds.build_log import first_error, machine_trouble, parse_build_log
from harness.builds.definitions import Definitions
from harness.builds.kconfig import Translation, allconfig_text, check, translated
from harness.builds.kconfig_language import read_kconfig
from harness.builds.output_file import open_output, read_output
from harness.builds.warning_record import WarningRecord
from harness.config.kernel_files import parse_kconfig
from harness.model.build import Config, Fragment, Kernel
from harness.model.build_message import BuildMessage
from harness.model.container import ContainerRequest, ContainerResult, ContainerRunner, Mount
from harness.model.era import ConfigDialect, Era, Image, Toolchain
from harness.model.errors import HarnessError, InfrastructureError, UserError

# Part of every build key: raise it when recipe.py changes what is built.
RECIPE = 1
MAX_LOG_BYTES = 32 * 1024 * 1024
CONFIGURE_SECONDS = 900.0
MAX_CONFIG_BYTES = 4 * 1024 * 1024  # of one Kconfig file; the largest of a kernel has 100 kB
MAX_ERRORS = 10  # of a failing build that are told
# A vmlinux with debugging information has 1 GiB, the rest a hundredth of what is allowed here.
MAX_ARTEFACT_BYTES = {"image": 1 << 30, "config": 16 << 20, "vmlinux": 4 << 30, "System.map": 256 << 20}


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One kernel to be built.

    ``source`` is a working folder with the content ``tree_id``; ``out`` the output folder that the tree's prefixes
    share, so that each build is incremental to the one before.
    """

    tree: str
    tree_id: str
    patches: int
    source: Path
    out: Path
    era: Era
    toolchain: Toolchain
    image: Image
    fragments: tuple[Fragment, ...]
    jobs: int
    memory_mib: int
    timeout: float = 3 * 3600.0

    def translation(self) -> Translation:
        """The fragments in the kernel's own words, the era's own extra lines last."""
        extra = parse_kconfig("\n".join(self.era.kconfig_extra), self.era.where)
        return translated(self.fragments, self.era.options, dict(self.era.kconfig_left_out), extra)

    def requests(self) -> dict[str, str]:
        """Requested options in the kernel's own names."""
        return dict(self.translation().requests)

    def former_names(self) -> dict[str, str]:
        """Every name that an option once had, to today's."""
        histories = self.era.options.table.histories
        return {name: history.option for history in histories for name in history.names() - {history.option}}

    def make_words(self) -> str:
        """Variables on every make command line, quoted for a shell."""
        variables = {"ARCH": self.era.arch, **dict(self.toolchain.make_vars), **dict(self.era.make_vars)}
        flags = [cc.flags for cc in self.era.cc_flags if cc.fit(self.toolchain)]
        # Not by DEBUG_INFO: kernels before 2.5.45 have no such option, and the later ones ask for more than is read.
        if flags := [*flags, *self.toolchain.debug_flags.split()]:
            variables["CC"] = " ".join((variables.get("CC", self.toolchain.compiler), *flags))
        return shlex.join(f"{name}={value}" for name, value in variables.items())

    def build_script(self) -> str:
        """The shell command that makes the era's target."""
        return recipe.build(self.era, self.make_words(), self.jobs)


@dataclass(frozen=True, slots=True)
class CompiledObject:
    """One object that was asked for; ``error`` is the compiler's first, "" where it compiled."""

    path: str
    error: str
    warnings: tuple[BuildMessage, ...]


@dataclass(frozen=True, slots=True)
class CompiledObjects:
    """Some objects of a tree under its configuration. ``seconds``: wall time with configuring."""

    objects: tuple[CompiledObject, ...]
    config: Config
    log: Path
    seconds: float


# Nothing that a shell would read as anything but a name.
_OBJECT = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_+.,-]*(/[A-Za-z0-9_][A-Za-z0-9_+.,-]*)*\.o\Z")


def object_of(path: str) -> str | None:
    """The object made of a source file ("mm/rmap.c" to "mm/rmap.o"); None for a header and what is not compiled."""
    stem, dot, suffix = path.rpartition(".")
    name = f"{stem}.o"
    return name if dot and suffix in ("c", "S") and _OBJECT.match(name) else None


class BuildFailed(HarnessError):
    """The tree does not build: said of the kernel, with the first error line and ``messages``, the first errors with
    their places. Never raised for a failing engine."""

    exit_code = 1

    def __init__(self, what: str, log: Path, error: str, messages: tuple[BuildMessage, ...] = ()) -> None:
        super().__init__(f"{what}: {error}", where=str(log))
        self.log = log
        self.error = error
        self.messages = messages


class KernelBuilder:
    """Builds kernels with a container runner; equal requests are built once."""

    def __init__(self, runner: ContainerRunner, cache: Path) -> None:
        self.runner = runner
        self.cache = BuildCache(cache / "builds")
        self.ccache = cache / "ccache"
        self.failures = cache / "failed-builds"

    def key(self, request: BuildRequest) -> str:
        """SHA-256 (hex) over everything that decides what is built; paths and job counts do not."""
        parts = [
            RECIPE,
            request.tree_id,
            request.era.arch,
            request.era.target,
            request.era.image,
            request.make_words(),
            allconfig_text(request.requests()),
            request.image.digest,
            *_recipe_of(request.era),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def out_name(self, request: BuildRequest) -> str:
        """Name of the output folder: equal for all prefixes of a tree under one configuration and compiler."""
        parts = [
            request.make_words(),
            allconfig_text(request.requests()),
            request.image.digest,
            *_recipe_of(request.era),
        ]
        return "out-" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    def cached(self, request: BuildRequest) -> Kernel | None:
        """The kernel where it was built before, perhaps for other fragments that come to the same in it."""
        kernel = self.cache.get(self.key(request))
        if kernel is None:
            return None
        dropped = (option for option in kernel.config.dropped if not option.kind.by_history)
        config = replace(kernel.config, dropped=(*dropped, *request.translation().absent))
        return replace(kernel, config=config)

    def known_failure(self, request: BuildRequest) -> BuildFailed | None:
        """The failure of an equal request before: a tree that does not build is not built again either."""
        log = self.failures / f"{self.key(request)}.log"
        return _failure(request, log) if log.is_file() else None

    def build(self, request: BuildRequest, report: Callable[[str], None]) -> Kernel:
        """The finished kernel.

        ``report`` gets a word on progress now and then. An option that was dropped is told in the kernel's ``config``.
        Raises BuildFailed when the compiler refuses the tree, InfrastructureError when the container failed.
        """
        kernel = self.cached(request)
        if kernel is not None:
            return kernel
        incremental = (request.out / "vmlinux").is_file()
        with self._begin(request) as attempt, ExitStack() as opened:
            sink = _Sink(attempt.write, report)
            config, config_seconds = self._configure(attempt, sink)
            built = self._container(attempt, request.build_script(), sink, request.timeout)
            if built.exit_code != 0:
                raise self._failed(attempt, "does not build")
            warnings = attempt.recorded()
            attempt.marker.unlink(missing_ok=True)
            files = _artefacts(attempt, opened)
            kernel = Kernel(
                key=self.key(request),
                directory=request.out,
                digest=digest_of(files["image"]),
                tree=request.tree,
                tree_id=request.tree_id,
                patches=request.patches,
                image_digest=request.image.digest,
                config=config,
                seconds=round(config_seconds + built.seconds, 2),
                incremental=incremental,
                cached=False,
                warnings=warnings,
            )
            return self.cache.put(kernel, {"log": attempt.file, **files})

    def compile(self, request: BuildRequest, objects: Sequence[str], report: Callable[[str], None]) -> CompiledObjects:
        """Configures the tree and compiles only some objects ("mm/rmap.o", see ``object_of``), each anew and by itself.

        For a tree that would not link, or a patch of which only some hunks apply. An object that does not compile is
        told in the result; BuildFailed where the tree cannot be configured or prepared. Nothing is kept but the
        objects in the output folder. Otherwise raises as ``build`` does.
        """
        for path in objects:
            if not _OBJECT.match(path) or ".." in path.split("/"):
                raise UserError(f"{path!r} is not an object below the tree's root", remedy="like mm/rmap.o")
        words, era = request.make_words(), request.era
        compiled: list[CompiledObject] = []
        with self._begin(request) as attempt:
            log = attempt.log
            sink = _Sink(attempt.write, report)
            config, seconds = self._configure(attempt, sink)
            prepared = self._container(attempt, recipe.prepare(era, words), sink, request.timeout)
            if prepared.exit_code != 0:
                raise self._failed(attempt, "cannot be prepared")
            seconds += prepared.seconds
            for path in objects:
                told = _Sink(attempt.write, report, keep=True)
                done = self._container(attempt, recipe.compile_object(era, words, path), told, request.timeout)
                seconds += done.seconds
                error = ""
                if done.exit_code != 0:
                    if trouble := machine_trouble(told.kept()):
                        raise InfrastructureError(
                            f"{request.tree} + {request.patches}, {path}: {trouble}", where=str(log)
                        )
                    error = first_error(told.kept(), path)
                elif not (request.out / path).is_file():
                    error = "make succeeded but left no such object"
                compiled.append(CompiledObject(path, error, parse_build_log(told.kept(), path).warnings))
            attempt.recorded()
            attempt.marker.unlink(missing_ok=True)
        return CompiledObjects(tuple(compiled), config, log, round(seconds, 2))

    def configure(self, request: BuildRequest, report: Callable[[str], None]) -> Config:
        """Configures the tree in its output folder, and builds nothing. Raises as ``build`` does."""
        with self._begin(request) as attempt:
            config, _ = self._configure(attempt, _Sink(attempt.write, report))
            attempt.recorded()
            attempt.marker.unlink(missing_ok=True)
        return config

    def _begin(self, request: BuildRequest) -> _Attempt:
        """Makes the output folder ready."""
        request.out.mkdir(parents=True, exist_ok=True)
        self.ccache.mkdir(parents=True, exist_ok=True)
        marker, log, requests = (request.out / f"harness.{name}" for name in ("building", "log", "config"))
        remove_half_made(request.out, marker)
        record = WarningRecord(request.out, request.source)
        head = record.begin(log)
        for path in (marker, log, requests):
            # Made anew: a build may have left a link there, and this process has more rights than the container.
            path.unlink(missing_ok=True)
        marker.touch()
        attempt = _Attempt(request, log, marker, record, head)
        requests.write_text(allconfig_text(request.requests()))
        requests.chmod(0o644)
        return attempt

    def _configure(self, attempt: _Attempt, sink: _Sink) -> tuple[Config, float]:
        """(What was obtained, seconds). Raises BuildFailed."""
        request = attempt.request
        script = recipe.configure(request.era, request.make_words())
        done = self._container(attempt, script, sink, CONFIGURE_SECONDS)
        if done.exit_code != 0:
            raise self._failed(attempt, "configuration failed")
        return obtained_config(request), done.seconds

    def _container(self, attempt: _Attempt, script: str, sink: _Sink, timeout: float) -> ContainerResult:
        """Runs one step; one that was ended from outside says nothing of the tree (InfrastructureError)."""
        request, log = attempt.request, attempt.log
        result = self.runner.run(self.container_request(request, script, timeout), sink)
        name = f"building {request.tree} + {request.patches}"
        if result.timed_out:
            raise InfrastructureError(f"{name} took longer than {timeout:.0f} s", where=str(log))
        if result.out_of_memory:
            raise InfrastructureError(
                f"{name} ran out of its {request.memory_mib} MiB",
                where=str(log),
                remedy="raise build_memory_mib in your configuration or lower its jobs",
            )
        if result.exit_code in (126, 127):  # the shell's words for a command that cannot be run
            raise InfrastructureError(f"{name}: the image has no working make", where=str(log))
        if result.exit_code >= 128:  # the shell's word for a signal
            raise InfrastructureError(
                f"{name}: the container was killed by signal {result.exit_code - 128}", where=str(log)
            )
        return result

    def container_request(
        self, request: BuildRequest, script: str | None = None, timeout: float | None = None
    ) -> ContainerRequest:
        """The container that runs ``script``: source read-only, output writable, no network, the caller's user."""
        environment = {
            # Fixed, so that equal sources give an equal image.
            "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
            "KBUILD_BUILD_USER": "harness",
            "KBUILD_BUILD_HOST": "harness",
            "KBUILD_BUILD_VERSION": "1",
            "CCACHE_DIR": "/ccache",
            "CCACHE_MAXSIZE": "5G",
            "HOME": "/tmp",
            "LC_ALL": "C",
        }
        user = os.getuid() or 65534
        group = os.getgid() or 65534
        if os.getuid() == 0:
            for folder in (request.out, self.ccache):
                if folder.is_dir():
                    _hand_over(folder, user, group)
        return ContainerRequest(
            image=request.image.digest,
            command=("/bin/sh", "-c", script or request.build_script()),
            mounts=(
                Mount(str(request.source), "/source", True),
                Mount(str(request.out), "/out", False),
                Mount(str(self.ccache), "/ccache", False),
            ),
            environment=tuple(environment.items()),
            workdir="/out",
            user=f"{user}:{group}",
            cpus=request.jobs,
            memory_mib=request.memory_mib,
            timeout=timeout or request.timeout,
            label=f"{request.tree}+{request.patches}",
        )

    def _failed(self, attempt: _Attempt, what: str) -> HarnessError:
        request, text = attempt.request, attempt.read()
        # A build that fails has compiled something too: the next one will not say it again.
        attempt.recorded()
        trouble = machine_trouble(text)
        if trouble:
            return InfrastructureError(f"{request.tree} + {request.patches} {what}: {trouble}", where=str(attempt.log))
        # make removes what it was making when a command fails, so nothing half-made is left.
        attempt.marker.unlink(missing_ok=True)
        self.failures.mkdir(parents=True, exist_ok=True)
        kept = self.failures / f"{self.key(request)}.log"
        new = kept.with_suffix(".new")
        new.write_bytes(text)
        new.rename(kept)
        return _failure(request, kept, what)


def _recipe_of(era: Era) -> list[str]:
    """How recipe.py makes a kernel of the era, as far as it is not today's way: keys of today's kernels have no such
    part."""
    return ([era.dialect.value] if era.dialect is not ConfigDialect.ALLCONFIG else []) + ["in tree"] * era.in_tree


def _failure(request: BuildRequest, log: Path, what: str = "does not build") -> BuildFailed:
    text = log.read_bytes()
    # One header's error comes with every file that includes it.
    errors = tuple({str(error): error for error in parse_build_log(text).errors}.values())[:MAX_ERRORS]
    return BuildFailed(f"{request.tree} + {request.patches} {what}", log, first_error(text), errors)


def _hand_over(folder: Path, user: int, group: int) -> None:
    # Only the top: what is below was made by the container's own user already.
    if folder.stat().st_uid != user:
        os.chown(folder, user, group)
        for path in folder.iterdir():
            os.chown(path, user, group, follow_symlinks=False)


class _Attempt:
    """One build under way, open between ``with``. ``marker`` stays where it is killed, ``record`` are the warnings so
    far.

    The log is written and read through the descriptor that was there before the container: its name may be anything
    once that has run.
    """

    def __init__(self, request: BuildRequest, log: Path, marker: Path, record: WarningRecord, head: bytes) -> None:
        self.request = request
        self.log = log
        self.marker = marker
        self.record = record
        self.file = log.open("x+b")
        self.left = MAX_LOG_BYTES
        self.write(head)

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        """Adds to the log as much as fits."""
        if self.left > 0:
            self.file.write(data[: self.left])
            self.file.flush()  # somebody may be reading along
            self.left -= len(data)

    def read(self) -> bytes:
        """The log so far."""
        self.file.seek(0)
        text = self.file.read(MAX_LOG_BYTES)
        self.file.seek(0, os.SEEK_END)
        return text

    def recorded(self) -> tuple[BuildMessage, ...] | None:
        """Takes the log into the record; the warnings of everything in the output folder, None where they are not all
        known."""
        told = parse_build_log(self.read())
        return self.record.finish(told if self.left > 0 else replace(told, left_out=told.left_out + 1))


def _artefacts(attempt: _Attempt, opened: ExitStack) -> dict[str, BufferedReader]:
    """What a build left for the cache, open until ``opened`` ends. Raises InfrastructureError."""
    image = attempt.request.era.image
    names = {"image": image, "config": ".config", "vmlinux": "vmlinux", "System.map": "System.map"}
    files: dict[str, BufferedReader] = {}
    for kept, name in names.items():
        try:
            files[kept] = opened.enter_context(open_output(attempt.request.out, name, MAX_ARTEFACT_BYTES[kept]))
        except FileNotFoundError:
            if name in (image, ".config"):
                raise InfrastructureError(f"make succeeded but left no {name}", where=str(attempt.log)) from None
    return files


class _Sink:
    """Writes the log and tells the reporter which file is being compiled; ``keep``: remembers what came."""

    def __init__(self, write: Callable[[bytes], None], report: Callable[[str], None], keep: bool = False) -> None:
        self.write = write
        self.report = report
        self.left = MAX_LOG_BYTES
        self._kept: list[bytes] | None = [] if keep else None

    def kept(self) -> bytes:
        """The output so far, as much of it as a log takes."""
        return b"".join(self._kept or ())

    def __call__(self, data: bytes) -> None:
        self.write(data)
        if self._kept is not None and self.left > 0:
            self._kept.append(data[: self.left])
            self.left -= len(data)
        lines = data.decode("utf-8", "replace").splitlines()
        made = [line.split() for line in lines if re.match(r"^\s+[A-Z]{2,8}\s+\S+$", line)]
        if made:
            self.report(" ".join(made[-1]))


def remove_half_made(out: Path, marker: Path) -> None:
    """Removes the objects that a killed build left newer than ``marker``: one of them may be cut short, and make
    would take it for finished."""
    try:
        began = marker.stat().st_mtime
    except FileNotFoundError:
        return
    for path in out.rglob("*"):
        made = path.suffix in (".o", ".a", ".cmd") or path.name.startswith("vmlinux")
        if made and path.is_file() and not path.is_symlink() and path.stat().st_mtime >= began:
            path.unlink()


def obtained_config(request: BuildRequest) -> Config:
    """Requested against obtained, with reasons looked up in the tree's own files where something was dropped."""
    path = request.out / ".config"
    try:
        text = read_output(request.out, ".config", MAX_ARTEFACT_BYTES["config"]).decode("utf-8", "replace")
    except FileNotFoundError:
        raise InfrastructureError("the configuration step left no .config", where=str(path)) from None
    obtained = parse_kconfig("\n".join(line for line in text.splitlines() if "CONFIG_" in line), str(path))
    translation = request.translation()
    first = check(translation.requests, obtained, translation=translation)
    if all(dropped.kind.by_history for dropped in first.dropped):
        return first
    return check(translation.requests, obtained, tree_definitions(request), translation, request.former_names())


def tree_definitions(request: BuildRequest) -> Definitions:
    """What the tree's configuration files define for the era's architecture. Takes a second or two."""

    def read(name: str) -> str | None:
        path = request.source / name
        try:
            # A patch can make a link of a file: nothing outside the tree is read.
            if path.is_file() and path.resolve().is_relative_to(request.source.resolve()):
                with path.open("rb") as handle:
                    return handle.read(MAX_CONFIG_BYTES).decode("utf-8", "replace")
        except OSError:
            pass
        return None

    language = config_in.read_config_in if request.era.dialect is ConfigDialect.CONFIGURE else read_kconfig
    return language(read, request.era.arch)
