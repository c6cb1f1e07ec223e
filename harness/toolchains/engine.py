"""The container engine, spoken to over the Docker Engine API (Docker's own, or Podman's socket).

The only place that starts containers. How a missing engine is started is in dockerd.py.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions

from harness.model.container import ContainerRequest, ContainerResult
from harness.model.errors import EngineUnavailable, InfrastructureError
from harness.toolchains import dockerd
from harness.toolchains.process_identity import owner_is_gone, this_process

LABEL_OWNER = "harness.owner"
LABEL_FOR = "harness.for"
CALL_TIMEOUT = 60  # seconds for one call that is answered at once
LONG_CALL_TIMEOUT = 1800  # seconds for importing, committing, pulling
PIDS_LIMIT = 8192  # a -j64 kernel build has a few hundred
PULL_SILENCE = 90.0  # seconds without a word of progress; an engine tells of its own retries
# A container's death and the engine's note of it are two events; the kill is repeated and awaited this long, seconds.
KILL_GRACE = 30.0

_ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the engine can bound, from its ``/info``: cgroup controllers may be missing, above all for rootless ones.

    ``rootless``: the engine runs as an ordinary user, so that root in a container is that user outside.
    ``remapped``: root in a container is somebody else outside (dockerd --userns-remap).
    """

    cpus: int
    cpu_quota: bool = True
    memory: bool = True
    swap: bool = True
    pids: bool = True
    rootless: bool = False
    remapped: bool = False
    podman: bool = False


def capabilities(info: Mapping[str, Any], podman: bool) -> Capabilities:
    """Reads an Engine API ``/info`` answer."""
    security = " ".join(str(option) for option in info.get("SecurityOptions") or ())
    return Capabilities(
        cpus=int(info.get("NCPU") or 1),
        cpu_quota=bool(info.get("CpuCfsQuota")),
        memory=bool(info.get("MemoryLimit")),
        swap=bool(info.get("SwapLimit")),
        pids=bool(info.get("PidsLimit")),
        rootless="name=rootless" in security,
        remapped="name=userns" in security,
        podman=podman,
    )


def container_user(request: ContainerRequest, engine: Capabilities) -> str:
    """The "uid:gid" in the container that is ``request.user`` outside.

    Rootless Docker maps its own user to the container's root: with every capability dropped it is that user still.
    """
    return "0:0" if engine.rootless and not engine.podman else request.user


def host_options(request: ContainerRequest, engine: Capabilities) -> dict[str, Any]:
    """HostConfig of the Engine API: no network, nothing writable but the mounts and /tmp, no privileges, bounded.

    A bound that the engine cannot keep is left out rather than refused: bounds protect the machine, not the result.
    """
    cpus = max(1, min(request.cpus, engine.cpus))
    memory = request.memory_mib * 1024 * 1024
    options: dict[str, Any] = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        # The kernel's build runs small programs of its own in its temporary folder: exec.
        "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={max(256, request.memory_mib // 4)}m"},
        "Mounts": [
            {"Type": "bind", "Source": m.host, "Target": m.container, "ReadOnly": m.read_only} for m in request.mounts
        ],
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        "LogConfig": {"Type": "json-file" if engine.podman else "none", "Config": {}},
        "AutoRemove": False,
    }
    if engine.cpu_quota:
        options["NanoCpus"] = cpus * 1_000_000_000
    if engine.memory:
        options["Memory"] = memory
        if engine.swap:
            options["MemorySwap"] = memory  # memory and swap together: none of it may be swap
    if engine.pids:
        options["PidsLimit"] = PIDS_LIMIT
    if engine.podman and engine.rootless:
        options["UsernsMode"] = "keep-id"
    elif engine.remapped:
        options["UsernsMode"] = "host"
    return options


def docker_run_line(request: ContainerRequest, engine: Capabilities) -> str:
    """The ``docker run`` line that does what ``DockerEngine.run`` does."""
    options = host_options(request, engine)
    words = ["docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL"]
    words += ["--security-opt", "no-new-privileges", "--ulimit", "core=0"]
    for target, how in options["Tmpfs"].items():
        words += ["--tmpfs", f"{target}:{how}"]
    if "NanoCpus" in options:
        words += ["--cpus", str(options["NanoCpus"] // 1_000_000_000)]
    if "Memory" in options:
        words += ["--memory", f"{request.memory_mib}m"]
    if "MemorySwap" in options:
        words += ["--memory-swap", f"{request.memory_mib}m"]
    if "PidsLimit" in options:
        words += ["--pids-limit", str(options["PidsLimit"])]
    if "UsernsMode" in options:
        words += ["--userns", options["UsernsMode"]]
    words += ["--user", container_user(request, engine), "--workdir", request.workdir]
    for mount in request.mounts:
        read_only = ",readonly" if mount.read_only else ""
        words += ["--mount", f"type=bind,source={mount.host},target={mount.container}{read_only}"]
    for name, value in request.environment:
        words += ["--env", f"{name}={value}"]
    return shlex.join([*words, request.image, *request.command])


@contextlib.contextmanager
def _engine_call(what: str) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        raise InfrastructureError(f"the container engine failed to {what}: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    text = getattr(error, "explanation", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:300]


class DockerEngine:
    """A connected engine; implements ContainerRunner. Safe to use from several threads."""

    def __init__(self, url: str, client: docker.DockerClient, long_client: docker.DockerClient) -> None:
        self.url = url
        # Its stubs leave out part of what the library has.
        self._api: Any = client.api
        self._long_api: Any = long_client.api
        self._running: set[str] = set()
        self._lock = threading.Lock()
        with _engine_call("describe itself"):
            self._version: dict[str, Any] = self._api.version()
            info = self._api.info()
        self._info: dict[str, Any] = info
        podman = any("podman" in str(c.get("Name", "")).lower() for c in self._version.get("Components") or ())
        self.capabilities = capabilities(info, podman)

    @classmethod
    def connect(cls, url: str | None = None) -> DockerEngine:
        """The engine at ``url``, else the one DOCKER_HOST names, else the first local socket that answers.

        Raises EngineUnavailable saying what was tried and what to start.
        """
        tried = []
        for candidate in [url] if url else candidate_urls(os.environ):
            try:
                client = docker.DockerClient(base_url=candidate, version="auto", timeout=CALL_TIMEOUT)
                long_client = docker.DockerClient(base_url=candidate, version="auto", timeout=LONG_CALL_TIMEOUT)
                return cls(candidate, client, long_client)
            except (*_ERRORS, InfrastructureError, ValueError) as error:
                tried.append((candidate, _one_line(error)))
        raise unavailable(tried)

    def version(self) -> str:
        """Name and version, such as "Docker 20.10.24" or "Podman 4.3.1"."""
        return f"{'Podman' if self.capabilities.podman else 'Docker'} {self._version.get('Version', 'unknown')}"

    def command_line(self, request: ContainerRequest) -> str:
        """The equivalent ``docker run`` line, for people."""
        return docker_run_line(request, self.capabilities)

    def run(self, request: ContainerRequest, sink: Callable[[bytes], None]) -> ContainerResult:
        """Run the command, feeding stdout and stderr to ``sink`` (in the caller's thread) as it comes.

        The container is removed however this ends. A command that is not done after ``request.timeout`` seconds is
        killed. Raises InfrastructureError when the engine fails, never for the command's own exit code.
        """
        configuration = {
            "Image": request.image,
            "Entrypoint": [],
            "Cmd": list(request.command),
            "Env": [f"{name}={value}" for name, value in request.environment],
            "WorkingDir": request.workdir,
            "User": container_user(request, self.capabilities),
            "AttachStdout": True,
            "AttachStderr": True,
            "Labels": {LABEL_FOR: request.label or "build"},
            "HostConfig": host_options(request, self.capabilities),
        }
        with self._container(configuration) as identity:
            return self._attend(identity, request.timeout, sink)

    def run_and_commit(
        self,
        base: str,
        script: str,
        reference: str,
        changes: tuple[str, ...],
        timeout: float,
        sink: Callable[[bytes], None],
    ) -> int:
        """Run a shell script as root with network in a container of ``base``; exit code 0 makes it ``reference``.

        The only container that gets the network: it makes an image, it builds no kernel. Returns the exit code.
        """
        configuration = {
            "Image": base,
            "Entrypoint": [],
            "Cmd": ["/bin/sh", "-ec", script],
            "Env": ["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"],
            "AttachStdout": True,
            "AttachStderr": True,
            "Labels": {LABEL_FOR: reference},
            # The host's: an engine may have been started without a bridge.
            "HostConfig": {"NetworkMode": "host", "AutoRemove": False},
        }
        with self._container(configuration) as identity:
            result = self._attend(identity, timeout, sink)
            if result.timed_out:
                raise InfrastructureError(f"making {reference} took longer than {timeout:.0f} s")
            if result.exit_code == 0:
                repository, _, tag = reference.rpartition(":")
                # Labels go on to an image and from it to every container of it, a person's own too.
                changes = (*changes, f'LABEL {LABEL_OWNER}=""')
                with _engine_call(f"commit {reference}"):
                    self._long_api.commit(identity, repository=repository, tag=tag, changes="\n".join(changes))
            return result.exit_code

    @contextlib.contextmanager
    def _container(self, configuration: dict[str, Any]) -> Iterator[str]:
        name = f"harness-{uuid.uuid4().hex[:12]}"
        configuration["Labels"][LABEL_OWNER] = this_process()
        # Noted before it exists: an interrupt between its creation and the next line must not leave it behind.
        with self._lock:
            self._running.add(name)
        try:
            with _engine_call("create a container"):
                self._api.create_container_from_config(configuration, name=name)
            yield name
        finally:
            self._remove(name)
            with self._lock:
                self._running.discard(name)

    def _attend(self, name: str, timeout: float, sink: Callable[[bytes], None]) -> ContainerResult:
        started = time.monotonic()
        output = _Output()
        with _engine_call("attach to a container"):
            stream = self._long_api.attach(name, stdout=True, stderr=True, stream=True, logs=False)
        threading.Thread(target=output.read, args=(stream,), name=f"output of {name}", daemon=True).start()
        try:
            with _engine_call("start a container"):
                self._api.start(name)
            timed_out = False
            for chunk in output.chunks(started + timeout):
                if chunk is None:
                    timed_out = True
                    break
                sink(chunk)
            if not timed_out:
                # Output has ended; the command may still run.
                timed_out = not self._ended(name, max(1.0, started + timeout - time.monotonic()))
            if timed_out:
                self._kill(name)
                for chunk in output.chunks(time.monotonic() + 2.0):
                    if chunk is None:
                        break
                    sink(chunk)
                if not self._ended(name, KILL_GRACE):
                    raise InfrastructureError(
                        f"a container of the harness does not die: {name}", remedy=f"try: docker rm -f {name}"
                    )
        finally:
            output.stop()
        with _engine_call("inspect a container"):
            state = self._api.inspect_container(name)["State"]
        return ContainerResult(
            exit_code=int(state.get("ExitCode") or 0),
            seconds=round(time.monotonic() - started, 3),
            timed_out=timed_out,
            out_of_memory=bool(state.get("OOMKilled")) and not timed_out,
        )

    def _ended(self, name: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                self._api.wait(name, timeout=min(left, CALL_TIMEOUT))
                return True
            except (requests.exceptions.ReadTimeout, requests.exceptions.ConnectionError) as error:
                # A read timeout comes as either of the two, depending on where the answer stopped.
                if "timed out" not in str(error).lower():
                    raise InfrastructureError(f"the container engine went away: {_one_line(error)}") from error
            except _ERRORS as error:
                raise InfrastructureError(f"the container engine failed to wait: {_one_line(error)}") from error

    def _kill(self, name: str) -> None:
        with contextlib.suppress(*_ERRORS):
            self._api.kill(name)

    def _remove(self, name: str) -> bool:
        try:
            self._api.remove_container(name, force=True, v=True)
        except docker.errors.NotFound:
            return False
        except _ERRORS:
            return False  # its label lets the next harness find it
        return True

    def end_running(self) -> None:
        """Kills what this object is running in other threads: an interrupted harness does not wait for compilers."""
        with self._lock:
            names = tuple(self._running)
        for name in names:
            self._kill(name)

    def remove_leftovers(self) -> tuple[str, ...]:
        """Removes the containers of harnesses that were killed; returns their names."""
        removed = []
        with _engine_call("list containers"):
            containers = self._api.containers(all=True, filters={"label": LABEL_OWNER})
        for container in containers:
            owner = str((container.get("Labels") or {}).get(LABEL_OWNER, ""))
            # Whose owner cannot be judged from here (before a reboot, another machine) is given a day.
            stale = container.get("State") != "running" and float(container.get("Created") or 0) < time.time() - 86400
            if (owner_is_gone(owner) or stale) and self._remove(container["Id"]):
                names = container.get("Names") or [container["Id"][:12]]
                removed.append(str(names[0]).lstrip("/"))
        return tuple(removed)

    def image(self, reference: str) -> str | None:
        """The image id ("sha256:...") of a tag or an id that is here; None where it is not."""
        try:
            return _digest(self._api.inspect_image(reference))
        except docker.errors.ImageNotFound:
            return None
        except _ERRORS as error:
            raise InfrastructureError(
                f"the container engine failed to look up {reference}: {_one_line(error)}"
            ) from error

    def image_size(self, reference: str) -> int | None:
        """Bytes that an image that is here takes on disk; None where it is not."""
        try:
            return int(self._api.inspect_image(reference).get("Size") or 0)
        except docker.errors.ImageNotFound:
            return None
        except _ERRORS as error:
            raise InfrastructureError(
                f"the container engine failed to look up {reference}: {_one_line(error)}"
            ) from error

    def pull(self, reference: str, progress: Callable[[str], None] = lambda text: None) -> str:
        """Pulls an image from its registry and returns its id. Raises InfrastructureError."""
        repository, _, tag = reference.rpartition(":")
        if not repository or "/" in tag:
            repository, tag = reference, "latest"

        def events() -> Iterator[Any]:
            return iter(self._long_api.pull(repository, tag=tag, stream=True, decode=True))

        with _engine_call(f"pull {reference}"):
            for event in _until_silent(events, PULL_SILENCE, f"the registry of {reference} fell silent"):
                if "error" in event:
                    raise InfrastructureError(f"{reference} cannot be pulled: {' '.join(str(event['error']).split())}")
                if event.get("status") in ("Download complete", "Pull complete"):
                    progress(f"{reference}: {event.get('id', '')} {event['status'].lower()}")
        digest = self.image(reference)
        if digest is None:
            raise InfrastructureError(f"{reference} was pulled but is not here")
        return digest

    def import_tar(self, path: Path, reference: str, changes: tuple[str, ...] = ()) -> str:
        """Makes a tar of a root file system the image ``reference``; returns its id.

        ``changes`` are Dockerfile instructions (ENV, LABEL, ...).
        """
        repository, _, tag = reference.rpartition(":")
        with _engine_call(f"import {path.name}"):
            self._long_api.import_image(str(path), repository=repository, tag=tag, changes=list(changes))
        digest = self.image(reference)
        if digest is None:
            raise InfrastructureError(f"{path} was imported but {reference} is not here")
        return digest

    def registry(self, reference: str) -> tuple[str, int]:
        """(host, port) to be reached for pulling ``reference``: its registry, or the engine's own proxy."""
        proxy = str(self._info.get("HttpsProxy") or "")
        first = reference.split("/", maxsplit=1)[0]
        named = "/" in reference and ("." in first or ":" in first or first == "localhost")
        # Docker tells the address of its default registry; where an engine does not, nobody can be asked.
        address = proxy or (f"https://{first}" if named else str(self._info.get("IndexServerAddress") or ""))
        parts = urlsplit(address if "//" in address else f"https://{address}")
        return parts.hostname or "", parts.port or 443


def _until_silent(events: Callable[[], Iterator[Any]], seconds: float, what: str) -> Iterator[Any]:
    """What an engine tells of something long; InfrastructureError(``what``) where nothing comes for ``seconds``.

    An engine waits for a registry without end, and its library for the engine.
    """
    told: queue.Queue[Any] = queue.Queue()
    end = object()

    def listen() -> None:
        try:
            for event in events():
                told.put(event)
            told.put(end)
        except BaseException as error:
            told.put(error)

    threading.Thread(target=listen, name="engine events", daemon=True).start()
    while True:
        try:
            event = told.get(timeout=seconds)
        except queue.Empty:
            raise InfrastructureError(f"{what} for {seconds:.0f} s") from None
        if event is end:
            return
        if isinstance(event, BaseException):
            raise event
        yield event


def _digest(inspected: Mapping[str, Any]) -> str:
    identity = str(inspected["Id"])
    return identity if ":" in identity else f"sha256:{identity}"


class _Output:
    """Carries a container's output from the thread that reads it to the one that attends it."""

    _END = object()

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(maxsize=64)
        self._stopped = threading.Event()

    def read(self, stream: Iterator[bytes]) -> None:
        # An engine that goes away ends the stream; waiting for the container then tells what happened.
        with contextlib.suppress(*_ERRORS, OSError, ValueError):
            for chunk in stream:
                self._put(chunk)
                if self._stopped.is_set():
                    break
        self._put(self._END)

    def _put(self, item: Any) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=0.5)
                return

    def chunks(self, deadline: float) -> Iterator[bytes | None]:
        """The output until it ends; a last None where it has not by ``deadline`` (monotonic seconds)."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                yield None
                return
            with contextlib.suppress(queue.Empty):
                # Short waits, so that an interrupt is seen at once everywhere.
                item = self._queue.get(timeout=min(left, 1.0))
                if item is self._END:
                    return
                yield item

    def stop(self) -> None:
        """Lets the reading thread end."""
        self._stopped.set()


def candidate_urls(environment: Mapping[str, str]) -> list[str]:
    """Where an engine may listen: DOCKER_HOST alone where it is set, else the usual sockets that exist."""
    if environment.get("DOCKER_HOST"):
        return [environment["DOCKER_HOST"]]
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    home = environment.get("HOME") or "/root"
    sockets = [
        "/var/run/docker.sock",
        f"{runtime}/docker.sock",
        f"{home}/.docker/run/docker.sock",
        f"{runtime}/podman/podman.sock",
        "/run/podman/podman.sock",
    ]
    return [f"unix://{path}" for path in dict.fromkeys(sockets) if _is_socket(path)]


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False


def unavailable(tried: list[tuple[str, str]]) -> EngineUnavailable:
    """The error for engines that do not answer, with the one thing to do about it."""
    if not tried:
        return EngineUnavailable(
            "no container engine is running",
            remedy="start one: systemctl start docker (as root), or systemctl --user start podman.socket",
        )
    url, why = tried[0]
    if any("permission denied" in why.lower() for _, why in tried):
        return EngineUnavailable(
            f"the container engine at {url} refuses this user",
            remedy="add yourself to the group docker and log in again, or run as root",
        )
    return EngineUnavailable(
        f"no container engine answers at {', '.join(url for url, _ in tried)} ({why})",
        remedy="start it: systemctl start docker (as root)",
    )


def running_engine(url: str | None, state: Path, report: Callable[[str], None]) -> DockerEngine:
    """The connected engine; where none answers, the machine's own Docker is started if that is allowed.

    ``state`` keeps the log of a dockerd started here. What a killed harness left running is removed. Raises
    EngineUnavailable.
    """
    try:
        engine = DockerEngine.connect(url)
    except EngineUnavailable:
        if url or os.environ.get("DOCKER_HOST"):
            raise  # an engine was named: no other one will do
        report("starting the container engine")
        report(dockerd.start_engine(state, answers=_answers))
        engine = DockerEngine.connect()
    removed = engine.remove_leftovers()
    if removed:
        report(f"removed {len(removed)} container(s) that a killed harness left behind: {', '.join(removed)}")
    return engine


def _answers() -> bool:
    try:
        DockerEngine.connect()
    except EngineUnavailable:
        return False
    return True
