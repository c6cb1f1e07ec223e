"""The distribution mirror this machine is configured with; no mirror is ever named anywhere else."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.model.errors import InfrastructureError

_FORMAT = "$(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)"
# Suffixes of a release's own pockets, which carry over to another release of the same distribution.
_POCKETS = ("", "-updates", "-security")


@dataclass(frozen=True, slots=True)
class MirrorEntry:
    """One distribution entry of apt's configuration."""

    origin: str
    uri: str
    codename: str
    components: tuple[str, ...]

    def line(self, kind: str = "deb") -> str:
        """As a one-line entry of a sources.list; ``kind`` is deb or deb-src."""
        # The distribution's keyring also holds the keys of its other releases; apt's own trusted keys may not.
        keyring = Path("/usr/share/keyrings") / f"{self.origin.lower()}-archive-keyring.gpg"
        options = f" [signed-by={keyring}]" if keyring.is_file() else ""
        return f"{kind}{options} {self.uri} {self.codename} {' '.join(self.components)}"


def parse_index_targets(text: str, origins: Iterable[str]) -> tuple[MirrorEntry, ...]:
    """Entries of the wanted origins in the output of ``apt-get indextargets``, components joined, order kept."""
    wanted = set(origins)
    found: dict[tuple[str, str, str], list[str]] = {}
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) == 4 and fields[0] in wanted:
            origin, uri, codename, component = fields
            components = found.setdefault((origin, uri, codename), [])
            if component not in components:
                components.append(component)
    return tuple(MirrorEntry(o, u, c, tuple(many)) for (o, u, c), many in found.items())


def for_suite(entries: Iterable[MirrorEntry], suite: str, host: str) -> tuple[MirrorEntry, ...]:
    """The entries of release ``suite`` on the mirrors that the release ``host`` is configured with."""
    translated = []
    for entry in entries:
        pocket = entry.codename.removeprefix(host)
        if entry.codename.startswith(host) and pocket in _POCKETS:
            translated.append(replace(entry, codename=suite + pocket))
    return tuple(translated)


def host_release() -> tuple[str, str]:
    """(distribution id such as "debian", release codename such as "bookworm") from os-release(5)."""
    values = {}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with Path(path).open(encoding="utf-8") as handle:
                for line in handle:
                    key, _, value = line.strip().partition("=")
                    values[key] = value.strip("\"'")
            break
        except OSError:
            continue
    return values.get("ID", ""), values.get("VERSION_CODENAME", "")


def _apt_get(*arguments: str) -> str:
    try:
        done = subprocess.run(["apt-get", *arguments], capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrastructureError(f"apt-get cannot be run: {error}") from error
    if done.returncode != 0:
        told = (done.stderr.splitlines() or ["it said nothing"])[0]
        raise InfrastructureError(f"apt-get failed: {told[:300]}", remedy="mend apt's configuration")
    return done.stdout


def _apt_index_targets(*options: str) -> str:
    return _apt_get(*options, "indextargets", "Created-By: Packages", "--format", _FORMAT)


def machine_mirror(suite: str | None = None) -> tuple[MirrorEntry, ...]:
    """Entries for ``suite`` (default: this machine's own release) on the machine's own mirror.

    Raises InfrastructureError where apt is missing, is not configured, or the machine's distribution is not the one
    that has that suite.
    """
    distribution, codename = host_release()
    origin = {"debian": "Debian", "ubuntu": "Ubuntu"}.get(distribution)
    if origin is None:
        raise InfrastructureError(
            f"this machine runs {distribution or 'an unknown system'}, not Debian or Ubuntu",
            remedy="use a source that is not a distribution package",
        )
    entries = for_suite(parse_index_targets(_apt_index_targets(), [origin]), codename, codename)
    if not entries:
        # Which release an entry is of stands in its package lists: without them, fetch some of our own.
        with tempfile.TemporaryDirectory(prefix="harness-apt-") as lists:
            options = (f"-oDir::State::Lists={lists}", "-oAPT::Sandbox::User=")
            _apt_get(*options, "-qq", "update")
            entries = for_suite(parse_index_targets(_apt_index_targets(*options), [origin]), codename, codename)
    if not entries:
        raise InfrastructureError(f"apt has no entry for {codename}", remedy="mend /etc/apt/sources.list")
    if suite is None or suite == codename:
        return entries
    if origin == "Ubuntu":
        raise InfrastructureError(f"the machine's mirror is Ubuntu's and has no suite {suite}")
    return for_suite(entries, suite, codename)
