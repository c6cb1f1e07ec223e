"""Whether a request for guests with a disk image can be met, and the stressor that a command is. Pure."""

from __future__ import annotations

import re

from harness.model.cell import Stressor
from harness.model.disk_image import ImageRecipe
from harness.model.era import Era
from harness.model.errors import UserError
from harness.model.tree import Tree
from harness.runs.request import RunRequest

COMMAND_SECONDS = 600  # what a command may take where nothing is said
MAX_COMMAND = 4096


def command_stressor(image: str, command: str) -> Stressor:
    """The stressor that a command is, called after its program. Raises UserError for what is no command."""
    if not command.strip():
        raise UserError("--ssh-command is empty", remedy="give the command that is to run in the guest")
    if len(command) > MAX_COMMAND or any(ord(letter) < 32 and letter not in "\t\n" for letter in command):
        raise UserError(f"--ssh-command has control characters, or more than {MAX_COMMAND} characters")
    program = re.sub(r"[^A-Za-z0-9_.+-]", "", command.split(maxsplit=1)[0].rpartition("/")[2])[:30] or "command"
    return Stressor(f"{image}:{program}", "command", command, (), (), (), COMMAND_SECONDS)


def check_image_fits(recipe: ImageRecipe, tree: Tree, era: Era) -> None:
    """Raises UserError for a tree whose kernels do not run the image's programs."""
    remedy = "name newer trees with --tree"
    if tree.kernel_version not in recipe.versions:
        raise UserError(
            f"--image {recipe.name}: kernels of {tree.name} do not run {recipe.programs}: needs "
            f"{recipe.versions.since} or newer",
            remedy=remedy,
        )
    if era.arch != recipe.arch:
        raise UserError(
            f"--image {recipe.name}: kernels of {tree.name} are of {era.arch}, its programs of {recipe.arch}",
            remedy=remedy,
        )


def requested_command(request: RunRequest) -> Stressor | None:
    """The command that is the request's only stressor; None where it asks for no disk image. Raises UserError for half
    of such a request."""
    if request.image is None and request.ssh_command is None:
        return None
    if request.image is None:
        raise UserError("--ssh-command needs guests with a server for it", remedy="add --image debian")
    if request.ssh_command is None:
        raise UserError(
            f"--image {request.image} alone runs nothing: its guests have no stressors", remedy="add --ssh-command"
        )
    if request.stressors:
        raise UserError("--ssh-command is the run's only stressor", remedy="leave --stressor out, or --image")
    if request.swap_mib:
        raise UserError(f"a guest of --image {request.image} has no swap area", remedy="leave --swap out")
    return command_stressor(request.image, request.ssh_command)
