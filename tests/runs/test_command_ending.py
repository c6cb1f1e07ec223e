"""What becomes of a cell whose stressor is a command, as a table; and of the request for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.image_file import load_image_recipe
from harness.config.kernel_files import load_era
from harness.model.cell import Cell, Ending, Outcome
from harness.model.command import CommandResult, Visit
from harness.model.errors import UserError
from harness.model.guest import Accelerator, GuestEnd, GuestResult, GuestSpec
from harness.model.tree import Tree
from harness.runs.command_ending import command_ending, command_proof
from harness.runs.guest_shell import parse_target
from harness.runs.image_checks import check_image_fits, command_stressor, requested_command
from harness.runs.request import RunRequest
from harness.stressors.stress_ng import bogo_operations

REPOSITORY = Path(__file__).resolve().parents[2]
METRICS = """\
stress-ng: info:  [87] setting to a 5 second run per stressor
stress-ng: info:  [87] dispatching hogs: 2 vm, 1 fork
stress-ng: metrc: [87] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s
stress-ng: metrc: [87]                           (secs)    (secs)    (secs)   (real time) (usr+sys time)
stress-ng: metrc: [87] vm                17920      5.02      7.30      2.24      3569.72        1878.41
stress-ng: metrc: [87] fork                 {}      5.00      0.30      2.24       569.72         878.41
stress-ng: info:  [87] successful run completed in 5.05s
"""
GOOD = CommandResult(Visit.ENDED, 0)
UNKNOWN_KEY = CommandResult(Visit.REFUSED, detail="it shows another host key")
OFF, LIMIT = GuestEnd.POWER_OFF, GuestEnd.WALL_LIMIT


@pytest.mark.parametrize(
    ("end", "command", "output", "outcome", "reason"),
    [
        (OFF, GOOD, "", Outcome.PASS, "the command exited with 0"),
        (OFF, GOOD, METRICS.format(12), Outcome.PASS, "stress-ng.vm +17920, stress-ng.fork +12"),
        (OFF, GOOD, METRICS.format(0), Outcome.DID_NOT_EXERCISE, "stress-ng.fork +0: stress-ng did no operation"),
        (OFF, replace(GOOD, status=2, last_line="no such option"), "", Outcome.DID_NOT_EXERCISE,
         "the command exited with 2: no such option"),
        (OFF, replace(GOOD, status=2), METRICS.format(12), Outcome.DID_NOT_EXERCISE, "the command exited with 2"),
        (OFF, replace(GOOD, status=None), "", Outcome.DID_NOT_EXERCISE, "the command was killed by a signal"),
        (OFF, CommandResult(Visit.RUNNING), "", Outcome.DID_NOT_EXERCISE, "switched off before the command ended"),
        (OFF, UNKNOWN_KEY, "", Outcome.HARNESS_FAILURE, "no ssh login: it shows another host key"),
        (LIMIT, UNKNOWN_KEY, "", Outcome.HARNESS_FAILURE, "no ssh login: it shows another host key"),
        (LIMIT, CommandResult(Visit.RUNNING), "", Outcome.TIMED_OUT, "told"),
        (LIMIT, GOOD, "", Outcome.TIMED_OUT, "exited with 0, but the guest was told"),
        (LIMIT, CommandResult(Visit.OUTSIDE, detail="no banner"), "", Outcome.DID_NOT_EXERCISE,
         "not started: no ssh login: no banner; the kernel went on"),
        (LIMIT, CommandResult(Visit.LOST, detail="EOF"), "", Outcome.DID_NOT_EXERCISE, "session was lost: EOF"),
    ],
)  # fmt: skip
def test_a_guest_that_ended_in_order(
    end: GuestEnd, command: CommandResult, output: str, outcome: Outcome, reason: str
) -> None:
    result = GuestResult(end, 9.0, 3.0, "", "", "told")
    ending = command_ending(result, command, command_proof(command, output))
    assert ending is not None
    assert (ending.outcome, reason in ending.reason) == (outcome, True), ending


@pytest.mark.parametrize(
    "end", [GuestEnd.HUNG, GuestEnd.CRASHED, GuestEnd.RESET, GuestEnd.FLOODED, GuestEnd.QEMU_FAILED]
)
@pytest.mark.parametrize("visit", Visit)
def test_a_guest_that_died_speaks_for_itself(end: GuestEnd, visit: Visit) -> None:
    command = CommandResult(visit, 0 if visit is Visit.ENDED else None)
    ending: Ending | None = command_ending(
        GuestResult(end, 9.0, 3.0, "", ""), command, command_proof(command, METRICS.format(1))
    )
    assert ending is None


def test_a_limit_before_user_space_is_the_guests_own() -> None:
    command = CommandResult(Visit.OUTSIDE)
    assert command_ending(GuestResult(LIMIT, 9.0, None, "", ""), command, command_proof(command, "")) is None


def test_metrics_of_a_hostile_command_are_bounded() -> None:
    line = "stress-ng: metrc: [1] s{} 5 1.00 1.00 1.00 9.00 9.00\n"
    assert len(bogo_operations("".join(line.format(number) for number in range(5000)))) == 500
    assert bogo_operations(line.format("x").replace(" 5 ", f" {'9' * 30} ")) == {}
    assert bogo_operations(line.format("-a") + line.format("a") * 2) == {"stress-ng.sa": 10, "stress-ng.s-a": 5}


def test_the_key_of_a_cell_knows_command_and_image() -> None:
    cell = Cell("k", "d", "t", 0, "debian:true", 5, 1, 0, GuestSpec(), "", "a", Accelerator.TCG, "true", "i")
    keys = {cell.key, replace(cell, command="false").key, replace(cell, disk_digest="j").key}
    assert len(keys) == 3


def test_a_request_of_before_is_still_the_same() -> None:
    assert RunRequest("demo").digest == replace(RunRequest("demo"), image=None).digest
    assert RunRequest("demo", image="debian", ssh_command="true").digest != RunRequest("demo").digest


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (RunRequest("x", ssh_command="true"), "--ssh-command needs guests with a server for it; add --image debian"),
        (RunRequest("x", image="debian"), "--image debian alone runs nothing"),
        (RunRequest("x", image="debian", ssh_command=" "), "--ssh-command is empty"),
        (RunRequest("x", image="debian", ssh_command="a\x1b[2J"), "--ssh-command has control characters"),
        (RunRequest("x", image="debian", ssh_command="a" * 5000), "more than 4096 characters"),
        (RunRequest("x", image="debian", ssh_command="true", stressors=("memcg",)), "leave --stressor out"),
        (RunRequest("x", image="debian", ssh_command="true", swap_mib=64), "no swap area; leave --swap out"),
    ],
)
def test_half_a_request(request_: RunRequest, told: str) -> None:
    with pytest.raises(UserError) as error:
        requested_command(request_)
    assert told in str(error.value)


def test_a_command_is_called_after_its_program() -> None:
    assert command_stressor("debian", "/usr/bin/stress-ng --vm 2").name == "debian:stress-ng"
    assert command_stressor("debian", "$(id)").name == "debian:id"
    assert command_stressor("debian", "'$'").name == "debian:command"


@pytest.mark.parametrize("version", ["2.5.31-bk", "2.6.9", "3.1", "3.2-rc1"])
def test_old_kernels_do_not_run_it(version: str) -> None:
    recipe = load_image_recipe(REPOSITORY / "vm-images/debian/image.yaml")
    era = load_era(REPOSITORY / "configs/eras/v6.yaml")
    told = f"--image debian: kernels of v{version} do not run Debian 12's programs: needs 3.2 or newer"
    with pytest.raises(UserError, match=told):
        check_image_fits(recipe, Tree(f"v{version}", version, None, ()), era)
    with pytest.raises(UserError, match="are of i386, its programs of x86_64"):
        check_image_fits(recipe, Tree("x", "6.1", None, ()), replace(era, arch="i386"))
    check_image_fits(recipe, Tree("x", "3.2", None, ()), era)


def test_targets_of_a_shell() -> None:
    assert parse_target("linux-6.1") == ("linux-6.1", "", 0)
    assert parse_target("linux-6.1@rcu-page-counts:5") == ("linux-6.1", "rcu-page-counts", 5)
    assert parse_target("linux-6.1@series/own:0") == ("linux-6.1", "series/own", 0)
    for text in ("", "@x:1", "linux-6.1@x", "linux-6.1@x:", "linux-6.1@:3", "linux-6.1@x:-1"):
        with pytest.raises(UserError, match="neither TREE nor TREE@SERIES:K"):
            parse_target(text)
