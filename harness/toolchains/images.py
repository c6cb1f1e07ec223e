"""Toolchain images: found, pulled and completed, or made from the distribution's packages on the machine's mirror."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.config.child_process import dies_with_this_process
from harness.config.package_mirror import MirrorEntry, host_release, machine_mirror
from harness.model.era import Image, Toolchain
from harness.model.errors import InfrastructureError
from harness.toolchains.engine import DockerEngine

# Part of every image's tag: raise it when the way of making an image changes what is in it.
RECIPE = 1
REGISTRY_SECONDS = 3.0  # name lookup and connection together
MAKE_SECONDS = 3600.0
Report = Callable[[str], None]

# ccache's folder first: its links of the compilers' names make every kernel build use it.
_PATH = "/usr/lib/ccache:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# What the making leaves in a root file system and no build reads.
_LEFTOVERS = (
    "/var/lib/apt/lists/*", "/var/cache/apt/*", "/var/log/*", "/tmp/*", "/usr/share/doc/*", "/usr/share/man/*",
    "/usr/share/info/*", "/usr/share/locale/*", "/etc/apt/apt.conf.d/99mmdebstrap", "/etc/dpkg/dpkg.cfg.d/99mmdebstrap",
)  # fmt: skip
_REMOVE_LEFTOVERS = "rm -rf " + " ".join(_LEFTOVERS)


def definition_hash(toolchain: Toolchain) -> str:
    """SHA-256 (hex) over what an image is made from. Summary and make variables do not count: they do not change it."""
    parts: list[object] = [RECIPE, toolchain.suite, sorted(toolchain.packages), toolchain.script, toolchain.pull]
    if toolchain.pull_only or toolchain.apt_options:
        parts += [toolchain.pull_only, toolchain.apt_options]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def image_reference(toolchain: Toolchain) -> str:
    """The tag of a toolchain's image: a changed definition is another tag."""
    return f"harness/{toolchain.name}:{definition_hash(toolchain)[:12]}"


def image_changes(toolchain: Toolchain) -> tuple[str, ...]:
    """Dockerfile instructions of a made image."""
    return (f"ENV PATH={_PATH}", f"LABEL harness.toolchain={toolchain.name}", 'CMD ["/bin/sh"]')


def needs_sources(toolchain: Toolchain) -> bool:
    """True where the script fetches source packages, so that the mirror's deb-src entries are needed."""
    return re.search(r"\bapt-get\b.*\bsource\b", toolchain.script) is not None


@dataclass(frozen=True, slots=True)
class PackageSource:
    """The mirror entries to make an image from; ``note`` says where they differ from the definition."""

    suite: str
    entries: tuple[MirrorEntry, ...]
    note: str = ""

    def lines(self, sources: bool) -> tuple[str, ...]:
        """Entries of a sources.list."""
        binary = tuple(entry.line() for entry in self.entries)
        return (*binary, *(entry.line("deb-src") for entry in self.entries)) if sources else binary

    def encrypted(self) -> bool:
        """True where a program in the new root needs certificates to reach the mirror."""
        return any(entry.uri.startswith("https") for entry in self.entries)


def package_source(
    toolchain: Toolchain,
    mirror: Callable[[str | None], tuple[MirrorEntry, ...]] = machine_mirror,
    release: Callable[[], tuple[str, str]] = host_release,
) -> PackageSource:
    """Where the packages come from: the suite the toolchain names, on the machine's own mirror.

    On a distribution whose mirror does not have that suite it is the machine's own. Raises InfrastructureError where
    the machine has no Debian or Ubuntu mirror.
    """
    distribution, codename = release()
    if distribution != "debian" and toolchain.suite != codename:
        own = mirror(None)
        note = f"{toolchain.name}: this machine's mirror has no {toolchain.suite}; made from {distribution} {codename}"
        return PackageSource(codename, own, f"{note}, whose compiler may be another version")
    return PackageSource(toolchain.suite, mirror(toolchain.suite))


def ensure_image(
    engine: DockerEngine,
    toolchain: Toolchain,
    cache_dir: Path,
    report: Report,
    registry: str | None = None,
    again: bool = False,
) -> Image:
    """The toolchain's image, pinned by digest: the one that is here, else pulled and completed, else made.

    ``registry`` (HOST[:PORT][/PATH]) is asked for base images in place of the engine's default one. ``again`` makes an
    image that is here anew; the old one keeps its digest. One harness makes it, others wait. Raises InfrastructureError
    when no way leads to it.
    """
    reference = image_reference(toolchain)
    digest = None if again else engine.image(reference)
    if digest is None:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with locked(cache_dir / f"{toolchain.name}.lock", lambda: report(f"{reference}: waiting for another harness")):
            digest = None if again else engine.image(reference)
            digest = digest or _obtain(engine, toolchain, reference, cache_dir, report, registry)
    return Image(toolchain.name, reference, digest)


def _obtain(
    engine: DockerEngine, toolchain: Toolchain, reference: str, cache_dir: Path, report: Report, registry: str | None
) -> str:
    _remove_half_made(cache_dir, toolchain)
    try:
        return _pulled(engine, toolchain, reference, report, registry)
    except InfrastructureError as error:
        if toolchain.pull_only:
            base = pull_reference(toolchain, registry)
            raise InfrastructureError(
                f"{toolchain.name} is made from the image {base} only: {error.what}",
                where=toolchain.where or None,
                remedy=f"name a registry that has it (registry: HOST in your configuration), or docker load {base}",
            ) from None
        if toolchain.pull is not None:
            report(f"{reference}: {error.what}; making it from the distribution's packages")
    tar = cache_dir / f"{toolchain.name}-{definition_hash(toolchain)[:12]}.tar"
    started = time.monotonic()
    if not tar.is_file():
        make_root(toolchain, tar, report)
    report(f"{reference}: importing {tar.stat().st_size // 1_000_000} MB")
    digest = engine.import_tar(tar, reference, image_changes(toolchain))
    tar.unlink(missing_ok=True)
    report(f"{reference}: ready after {time.monotonic() - started:.0f} s, {digest[:19]}")
    return digest


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds the lock of a file; ``waiting`` is called where another harness has it."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _remove_half_made(cache_dir: Path, toolchain: Toolchain) -> None:
    # The lock is held, so whoever made these is gone.
    for path in cache_dir.glob(f"{toolchain.name}-*.new*"):
        _remove(path)


def _remove(path: Path) -> None:
    # Never into what a half-made root may still have mounted: /dev is the machine's own.
    subprocess.run(["rm", "-rf", "--one-file-system", "--", str(path)], capture_output=True)


# --- the pull road


def registry_answers(host: str, port: int, seconds: float = REGISTRY_SECONDS) -> bool:
    """True when a connection to ``host`` succeeds within ``seconds``, the name's lookup included."""
    reached = threading.Event()

    def reach() -> None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=seconds):
            reached.set()

    if not host:
        return False
    # A resolver without an answer can take far longer than any timeout given to it.
    thread = threading.Thread(target=reach, daemon=True)
    thread.start()
    thread.join(seconds)
    return reached.is_set()


def pull_reference(toolchain: Toolchain, registry: str | None = None) -> str:
    """The base image's name, at ``registry`` where one is given and the name says none of its own."""
    reference = toolchain.pull or ""
    first = reference.split("/", maxsplit=1)[0]
    if registry is None or ("/" in reference and ("." in first or ":" in first or first == "localhost")):
        return reference
    return f"{registry.rstrip('/')}/{reference}"


def _pulled(engine: DockerEngine, toolchain: Toolchain, reference: str, report: Report, registry: str | None) -> str:
    """The base image with the packages added. Raises InfrastructureError where that cannot be had, or completed."""
    if toolchain.pull is None:
        raise InfrastructureError("it has no base image to pull")
    base = pull_reference(toolchain, registry)
    if engine.image(base) is None:
        host, port = engine.registry(base)
        if not registry_answers(host, port):
            raise InfrastructureError(
                f"no image registry can be reached at {host}:{port}" if registry else "no image registry can be reached"
            )
        report(f"{reference}: pulling {base}")
        engine.pull(base, report)
    report(f"{reference}: adding {len(toolchain.packages)} packages to {base}")
    output = _Tail()
    code = engine.run_and_commit(
        base, completion_script(toolchain), reference, image_changes(toolchain), MAKE_SECONDS, output
    )
    if code != 0:
        raise InfrastructureError(f"{base} could not be completed ({crash(code) or output.last()})")
    digest = engine.image(reference)
    if digest is None:
        raise InfrastructureError(f"{base} was completed but {reference} is not here")
    return digest


def crash(code: int) -> str:
    """What to say of an old system's exit code; "" where it says nothing by itself."""
    # glibc before 2.14 calls into a page that today's host kernels do not map any more.
    if code in (139, -11):
        return "its programs crash: systems before Debian 8 need a host kernel booted with vsyscall=emulate"
    return ""


def completion_script(toolchain: Toolchain, source: Callable[[Toolchain], PackageSource] = package_source) -> str:
    """Shell script that turns a distribution's base image into the toolchain's, from the machine's own mirror.

    A machine without a mirror of that suite leaves the one that the base image came with; so does a suite that no
    mirror carries any more. Settings are handed to apt with -o, which every apt takes, known or not.
    """
    lines = []
    found = None
    if not toolchain.pull_only:
        with contextlib.suppress(InfrastructureError):
            found = source(toolchain)
    if found is not None and found.suite == toolchain.suite:
        entries = "\n".join(found.lines(needs_sources(toolchain)))
        lines += ["rm -f /etc/apt/sources.list.d/*", f"printf '%s\\n' {shlex.quote(entries)} > /etc/apt/sources.list"]
        if found.encrypted() and _CA_BUNDLE.is_file():
            bundle = shlex.quote(_CA_BUNDLE.read_text())
            lines += [f"mkdir -p {_CA_BUNDLE.parent}", f"printf '%s' {bundle} > {_CA_BUNDLE}"]
    elif needs_sources(toolchain):
        lines.append(
            r"sed -i -e 's/^Types: deb$/Types: deb deb-src/' -e '/^deb /{p;s/^deb /deb-src /}'"
            " $(ls /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null)"
        )
    settings = " ".join(f"-o {setting}" for setting in ("APT::Install-Recommends=false", *toolchain.apt_options))
    lines.append(f"apt-get {settings} -q update")
    lines.append(f"apt-get {settings} -q -y install " + " ".join(toolchain.packages))
    if toolchain.script:
        lines.append(f"/bin/sh -ec {shlex.quote(toolchain.script)}")
    return "\n".join([*lines, "apt-get clean", _REMOVE_LEFTOVERS]) + "\n"


# --- made from packages


def mmdebstrap_command(
    toolchain: Toolchain, source: PackageSource, target: str, script: str, root: bool, bundle: bool
) -> list[str]:
    """Argument vector of mmdebstrap: ``target`` is the tar to write, ``script`` a file on the host.

    ``root``: this process may use chroot itself, else user namespaces do. ``bundle``: the machine's certificates are
    lent to the new root while the script runs.
    """
    command = [
        "mmdebstrap",
        f"--mode={'root' if root else 'unshare'}",
        "--variant=minbase",
        "--format=tar",
        # It would clean up with apt, whose configuration is in the new root's /tmp: should a script have emptied that,
        # it is this machine's package lists that are removed. The last hook does without apt.
        "--skip=cleanup/apt",
        f"--include={','.join(toolchain.packages)}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=force-unsafe-io",  # a half-written root is thrown away anyhow
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
    ]
    if bundle:
        command += [
            f'--customize-hook=mkdir -p "$1{_CA_BUNDLE.parent}"',
            f"--customize-hook=upload {_CA_BUNDLE} {_CA_BUNDLE}",
        ]
    if toolchain.script:
        command += [
            f"--customize-hook=upload {shlex.quote(script)} /harness-script",
            '--customize-hook=chroot "$1" /bin/sh -e /harness-script',
            '--customize-hook=rm -f "$1/harness-script"',
        ]
    if bundle:
        command.append(f'--customize-hook=rm -f "$1{_CA_BUNDLE}"')
    in_root = " ".join(f'"$1"{path}' for path in _LEFTOVERS)
    # An image is for any machine: nothing of this one's mirror stays in it.
    command.append(f'--customize-hook=rm -rf {in_root} && : > "$1/etc/apt/sources.list"')
    return [*command, source.suite, target, *source.lines(needs_sources(toolchain))]


def make_root(toolchain: Toolchain, tar: Path, report: Report, times: int | None = None) -> None:
    """Writes the toolchain's root file system to ``tar``: beside it first, so that it is there whole or not at all.

    With ``times`` (seconds since the epoch) nothing in it is younger, and equal packages make equal archives. Raises
    InfrastructureError with mmdebstrap's own last words.
    """
    if shutil.which("mmdebstrap") is None:
        raise InfrastructureError("mmdebstrap is not installed", remedy="install it (make setup does)")
    source = package_source(toolchain)
    if source.note:
        report(source.note)
    report(f"{toolchain.name}: making the image from {source.suite} packages: {toolchain.summary or 'compiler'}")
    bundle = bool(toolchain.script) and source.encrypted() and _CA_BUNDLE.is_file()
    log = tar.with_suffix(".log")
    folder = Path(tempfile.mkdtemp(prefix=f"{tar.stem}.new.", dir=tar.parent))
    try:
        script, new = folder / "script", folder / "root.tar"
        script.write_text(toolchain.script)
        script.chmod(0o644)
        command = mmdebstrap_command(toolchain, source, str(new), str(script), os.getuid() == 0, bundle)
        code = _run_logged(command, log, folder, times)
        if code != 0:
            raise InfrastructureError(
                f"the image of {toolchain.name} cannot be made: {_last_words(log)}",
                where=str(log),
                remedy="see that file; is the package mirror reachable (apt-get update)?",
            )
        new.replace(tar)
        log.unlink(missing_ok=True)
    finally:
        _remove(folder)


def _run_logged(command: Sequence[str], log: Path, folder: Path, times: int | None) -> int:
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    if times is not None:
        environment["SOURCE_DATE_EPOCH"] = str(times)
    if os.getuid() == 0:
        environment["TMPDIR"] = str(folder)  # not in /tmp, which may be small or in memory
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,  # an interrupt reaches this process only, which then stops it in its own way
            preexec_fn=dies_with_this_process(signal.SIGTERM),  # noqa: PLW1509 - it takes no lock
        )
        try:
            return process.wait(MAKE_SECONDS)
        except subprocess.TimeoutExpired:
            return 124
        finally:
            if process.poll() is None:
                _stop_group(process)


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    # mmdebstrap unmounts and removes its root when it is asked to stop; only then is it killed.
    for how, seconds in ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E: ")]
    # mmdebstrap's own error follows the one of the program that failed.
    return "; ".join(dict.fromkeys(errors[:1] + lines[-1:]))[:400] if lines else "it said nothing"


class _Tail:
    """Keeps the end of an output."""

    def __init__(self) -> None:
        self._data = b""

    def __call__(self, data: bytes) -> None:
        self._data = (self._data + data)[-8192:]

    def last(self) -> str:
        """Its last line."""
        lines = self._data.decode("utf-8", "replace").split("\n")
        return next((" ".join(line.split())[:200] for line in reversed(lines) if line.strip()), "no output")
