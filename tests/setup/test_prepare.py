"""setup/prepare on made-up machines: a PATH of fake programs, a checkout with a small lock."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]

#: What a machine with everything offers; also what set-up itself calls. Fakes come before them on PATH.
COMMANDS = "dockerd git iptables make mke2fs mmdebstrap newuidmap qemu-system-x86_64 xz".split()
SYSTEM = "awk cat cut date dirname env find flock grep head id ls mktemp mv printf readlink rm sed sh sha256sum".split()
SYSTEM += "sleep sort tail tr uname".split()


@dataclass
class Machine:
    """A PATH of one directory, an os-release, apt's and dpkg's state, and a log of the calls of apt-get and dpkg."""

    top: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def bin(self) -> Path:
        return self.top / "bin"

    @property
    def calls(self) -> list[str]:
        log = self.top / "calls"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def venv(self) -> Path:
        return self.top / "checkout/.venv"

    def program(self, name: str, script: str = "exit 0") -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\ncalled() {{ echo "$*" >>"{self.top}/calls"; }}\n{script}\n')
        path.chmod(0o755)

    def without(self, *names: str) -> None:
        for name in names:
            (self.bin / name).unlink()

    def prepare(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", self.top / "checkout/setup/prepare", *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )


#: A python3 whose venv has the shape that set-up asks for, and whose pip only notes its arguments.
FAKE_PYTHON = """
case "$1 ${2:-}" in
"-c "*) echo "$0" ;;
"-V "*) echo "Python 3.11.9" ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && called venv ;;
"-m pip") called "pip $*"; [ ! -e "$TOP/slow-pip" ] || sleep 20
    case "$*" in *" -e "*) echo >"${0%/*}/harness"; chmod +x "${0%/*}/harness" ;; esac
    [ ! -e "$TOP/broken-pip" ] || { echo "no wheel to be had"; exit 1; } ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A complete Debian 12, root on it, whose checkout has not been set up."""
    made = Machine(tmp_path)
    made.bin.mkdir()
    for name in [*SYSTEM, "mkdir", "cp", "chmod", "touch"]:
        (made.bin / name).symlink_to(str(shutil.which(name)))
    for name in COMMANDS:
        made.program(name)
    made.program("id", "echo 0")
    made.program("python3", FAKE_PYTHON)
    made.program("dpkg-query")
    made.program("dpkg", 'called "dpkg $*"')
    made.program("apt-get", 'called "apt-get $*"')
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/main_Packages").touch()
    (tmp_path / "dpkg/updates").mkdir(parents=True)
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    checkout = tmp_path / "checkout"
    shutil.copytree(CHECKOUT / "setup", checkout / "setup")
    (checkout / "requirements.lock").write_text("# pins\nrich==15.0.0\n")
    (checkout / "pyproject.toml").write_text("[project]\n")
    certificates = tmp_path / "certificates"
    certificates.touch()
    packages = checkout / "setup/packages.txt"
    packages.write_text(packages.read_text().replace("/etc/ssl/certs/ca-certificates.crt", str(certificates)))
    made.env = {
        "PATH": str(made.bin),
        "HOME": str(tmp_path),
        "TOP": str(tmp_path),
        "HARNESS_OS_RELEASE": str(tmp_path / "os-release"),
        "HARNESS_APT_LISTS": str(tmp_path / "lists"),
        "HARNESS_DPKG_DIR": str(tmp_path / "dpkg"),
        "HARNESS_DOCKER_SOCKET": str(tmp_path / "docker.sock"),
        # Nothing of the real machine is to count as a program of the made-up one.
        "HARNESS_SYSTEM_PATH": str(made.bin),
    }
    return made


def test_a_complete_machine_needs_no_apt_and_a_second_call_does_nothing(machine: Machine) -> None:
    first = machine.prepare()
    assert first.returncode == 0, first.stderr
    assert "making a virtual environment" in first.stdout
    assert not [call for call in machine.calls if call.startswith(("apt-get", "dpkg"))]
    calls = machine.calls
    second = machine.prepare()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.calls == calls


def test_missing_names_packages_and_not_commands(machine: Machine) -> None:
    machine.without("qemu-system-x86_64", "xz")
    assert machine.prepare("--missing").stdout == "xz-utils qemu-system-x86\n"
    assert machine.calls == []


def test_docker_client_alone_is_no_engine(machine: Machine) -> None:
    machine.without("dockerd")
    machine.program("docker")
    assert machine.prepare("--missing").stdout == "docker.io\n"


def test_dockerd_needs_iptables(machine: Machine) -> None:
    machine.without("iptables")
    assert machine.prepare("--missing").stdout == "iptables\n"


@pytest.mark.parametrize("engine", ["environment", "socket"])
def test_another_engine_keeps_docker_io_away(machine: Machine, engine: str) -> None:
    machine.without("dockerd", "iptables")
    with socket.socket(socket.AF_UNIX) as listening:
        if engine == "socket":
            # Relative: a socket's path is limited to 108 bytes, which pytest's directories may exceed.
            before = Path.cwd()
            os.chdir(machine.top)
            try:
                listening.bind("docker.sock")
            finally:
                os.chdir(before)
        else:
            machine.env["DOCKER_HOST"] = "unix:///elsewhere.sock"
        assert machine.prepare("--missing").stdout == "\n"


def test_a_package_that_dpkg_left_half_done_is_missing(machine: Machine) -> None:
    machine.program("dpkg-query", "echo ' docker.io install ok unpacked '; echo ' git deinstall ok config-files '")
    assert machine.prepare("--missing").stdout == "docker.io\n"


def test_user_needs_uidmap_and_root_does_not(machine: Machine) -> None:
    machine.without("newuidmap")
    assert machine.prepare("--missing").stdout == "\n"
    machine.program("id", "echo 1000")
    assert machine.prepare("--missing").stdout == "uidmap\n"


@pytest.mark.parametrize(
    ("release", "names"),
    [
        ("ID=ubuntu\nVERSION_ID=22.04\n", "python3.11 python3.11-venv"),
        ("ID=ubuntu\nVERSION_ID=24.04\n", "python3-venv"),
        ("ID=debian\n", "python3-venv"),
    ],
)
def test_names_follow_the_distribution(machine: Machine, release: str, names: str) -> None:
    (machine.top / "os-release").write_text(release)
    machine.program("python3", "exit 1")
    assert machine.prepare("--missing").stdout == names + "\n"


INSTALLS_QEMU = """
called "apt-get $*"
case "$*" in *install*qemu-system-x86*) cp "$TOP/bin/git" "$TOP/bin/qemu-system-x86_64" ;; esac
"""


def test_root_installs_what_is_missing_by_name(machine: Machine) -> None:
    machine.without("qemu-system-x86_64")
    machine.program("apt-get", INSTALLS_QEMU)
    done = machine.prepare()
    assert done.returncode == 0, done.stderr
    assert "installing the distribution's packages: qemu-system-x86\n" in done.stdout
    installs = [call for call in machine.calls if " install " in call and call.startswith("apt-get")]
    assert len(installs) == 1
    assert "--no-install-recommends qemu-system-x86" in installs[0]
    assert not [call for call in machine.calls if "update" in call]


def test_lists_are_renewed_when_there_are_none(machine: Machine) -> None:
    (machine.top / "lists/main_Packages").unlink()
    machine.without("qemu-system-x86_64")
    machine.program("apt-get", INSTALLS_QEMU)
    assert machine.prepare().returncode == 0
    assert [call.split()[-1] for call in machine.calls if call.startswith("apt-get")] == ["update", "qemu-system-x86"]


def test_failed_installation_is_tried_with_new_lists_then_shown_whole(machine: Machine) -> None:
    machine.without("qemu-system-x86_64")
    machine.program("apt-get", 'called "apt-get $*"; case "$*" in *install*) echo "E: no disk left"; exit 100 ;; esac')
    done = machine.prepare()
    assert done.returncode == 3
    assert done.stderr.count("E: no disk left") == 2
    assert "could not install: qemu-system-x86" in done.stderr.splitlines()[-1]
    assert len([call for call in machine.calls if "update" in call]) == 1


@pytest.mark.parametrize("sign", ["audit", "updates"])
def test_interrupted_dpkg_is_finished_first(machine: Machine, sign: str) -> None:
    machine.without("qemu-system-x86_64")
    machine.program("apt-get", INSTALLS_QEMU)
    if sign == "audit":
        machine.program("dpkg", 'called "dpkg $*"; [ "$1" != --audit ] || echo "half installed: containerd"')
    else:
        (machine.top / "dpkg/updates/0001").touch()
    done = machine.prepare()
    assert "dpkg --configure -a" in done.stdout
    configure = next(i for i, call in enumerate(machine.calls) if "--configure -a" in call)
    install = next(i for i, call in enumerate(machine.calls) if " install " in call)
    assert configure < install


def test_without_rights_the_packages_and_the_command_are_printed(machine: Machine) -> None:
    machine.without("qemu-system-x86_64", "mmdebstrap")
    machine.program("id", "echo 1000")
    machine.program("sudo", 'called "sudo $*"; exit 1')
    done = machine.prepare()
    assert done.returncode == 3
    assert "apt-get install --no-install-recommends mmdebstrap qemu-system-x86\n" in done.stderr
    assert machine.calls == ["sudo -n true"]
    assert not machine.venv.exists()


def test_sudo_without_a_password_installs(machine: Machine) -> None:
    machine.without("qemu-system-x86_64")
    machine.program("id", "echo 1000")
    machine.program("sudo", '[ "$1" != -n ] || shift; "$@"')
    machine.program("apt-get", INSTALLS_QEMU)
    machine.program("true")
    done = machine.prepare()
    assert done.returncode == 0, done.stderr


def test_old_python_is_told_with_the_remedy(machine: Machine) -> None:
    machine.program("python3", '[ "$1" = -V ] || exit 1; echo "Python 3.10.12"')
    done = machine.prepare()
    assert done.returncode == 3
    assert "Python 3.10.12" in done.stderr
    assert "make setup PYTHON=" in done.stderr


def test_failed_pip_is_shown_whole_and_not_stamped(machine: Machine) -> None:
    (machine.top / "broken-pip").touch()
    done = machine.prepare()
    assert done.returncode == 3
    assert "no wheel to be had" in done.stderr
    (machine.top / "broken-pip").unlink()
    again = machine.prepare()
    assert again.returncode == 0
    assert "removing the unfinished" in again.stdout


def change_pins(machine: Machine) -> None:
    (machine.top / "checkout/requirements.lock").write_text("rich==15.0.1\n")


def lose_stamp(machine: Machine) -> None:
    (machine.venv / "installed-lock").unlink()


def lose_interpreter(machine: Machine) -> None:
    (machine.venv / "bin/python").unlink()


@pytest.mark.parametrize("damage", [change_pins, lose_stamp, lose_interpreter])
def test_outdated_or_damaged_environment_is_made_anew(machine: Machine, damage: Callable[[Machine], None]) -> None:
    assert machine.prepare().returncode == 0
    damage(machine)
    (machine.venv / "left-over").touch()
    assert machine.prepare().returncode == 0
    assert machine.calls.count("venv") == 2
    assert not (machine.venv / "left-over").exists()


def test_changed_project_file_reinstalls_the_project_only(machine: Machine) -> None:
    assert machine.prepare().returncode == 0
    (machine.top / "checkout/pyproject.toml").write_text("[project]\nversion = '2'\n")
    assert machine.prepare().returncode == 0
    assert machine.calls.count("venv") == 1
    assert len([call for call in machine.calls if " -e " in call]) == 2


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGKILL])
def test_set_up_that_is_interrupted_is_done_again(machine: Machine, blow: signal.Signals) -> None:
    (machine.top / "slow-pip").touch()
    process = subprocess.Popen(
        ["/bin/sh", machine.top / "checkout/setup/prepare"],
        env=machine.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 10
    while not any(call.startswith("pip") for call in machine.calls):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, blow)  # as Ctrl-C at the terminal does: every process of the group
    status = process.wait(timeout=10)
    assert status == (130 if blow == signal.SIGINT else -signal.SIGKILL)
    (machine.top / "slow-pip").unlink()
    again = machine.prepare()
    assert again.returncode == 0, again.stderr
    assert machine.calls.count("venv") == 2


def test_second_set_up_waits_for_the_first(machine: Machine) -> None:
    holder = subprocess.Popen(["flock", machine.top / "checkout", "sleep", "1"])
    time.sleep(0.3)
    done = machine.prepare()
    assert holder.wait() == 0
    assert done.returncode == 0
    assert "waiting for it" in done.stdout


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become nobody")
def test_nobody_is_told_what_to_ask_for() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as public:  # pytest's own directories are closed to others
        top = Path(public)
        top.chmod(0o755)
        shutil.copytree(CHECKOUT / "setup", top / "setup")
        (top / "requirements.lock").touch()
        (top / "pyproject.toml").touch()
        (top / "setup/packages.txt").write_text("surely-absent  command:surely-absent  nothing\n")
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", top / "setup/prepare"],
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 3
    assert "surely-absent" in done.stderr


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", name)[0]).lower()

    lines = (CHECKOUT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all("==" in pin for pin in pins)
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    assert {plain(name) for name in wanted} <= {plain(pin) for pin in pins}


def test_scripts_are_shellcheck_clean() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck on this machine")
    scripts = [CHECKOUT / "setup" / name for name in ("prepare", "enter", "lock")]
    done = subprocess.run(["shellcheck", "-x", *scripts, CHECKOUT / ".ci/run"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
