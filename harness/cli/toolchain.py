"""harness toolchain: the compilers' images."""

from __future__ import annotations

import sys

import click

from harness.cli.output import print_rows
from harness.model.era import Toolchain
from harness.model.errors import InfrastructureError
from harness.model.plain_text import clean
from harness.reports.terminal import listener_for
from harness.runs.toolchains import ToolchainState, toolchain_states, verify_toolchain
from harness.runs.workshop import Workshop


@click.group("toolchain")
def toolchain_command() -> None:
    """List, build and verify the images that kernels are compiled in."""


@toolchain_command.command("list")
def list_toolchains() -> int:
    """Every toolchain: its tools, whether its image is here, digest, size, and the eras that build with it."""
    with listener_for(sys.stderr) as listener:
        states = toolchain_states(Workshop(listener))
    header = ("name", "suite", "tools", "image", "MiB", "eras", "summary")
    print_rows(header, [_row(state) for state in states])
    if states and states[-1].unknown:
        click.echo(f"what is here cannot be told: {clean(states[-1].unknown)}", err=True)
    return 0


@toolchain_command.command("show")
@click.argument("name")
def show_toolchain(name: str) -> int:
    """One toolchain: what it is made of and what has been found in it."""
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        (state,) = toolchain_states(workshop, [name])
        trees = [
            tree
            for tree in workshop.catalogue.tree_names()
            if workshop.catalogue.era_of(workshop.catalogue.tree(tree)).name in state.eras
        ]
    toolchain = state.toolchain
    made = "packages of the machine's mirror (mmdebstrap)"
    facts = (
        ("toolchain", toolchain.name),
        ("summary", toolchain.summary),
        ("defined in", toolchain.where),
        ("suite", toolchain.suite),
        ("image", _image(state)),
        ("size", f"{state.size >> 20} MiB" if state.size is not None else ""),
        ("comes from", f"{toolchain.pull} only" if toolchain.pull_only else f"{toolchain.pull}, else {made}"),
        ("packages", " ".join(toolchain.packages)),
        ("script", f"{len(toolchain.script.splitlines())} lines" if toolchain.script else ""),
        ("make", " ".join(f"{variable}={value}" for variable, value in toolchain.make_vars)),
        ("tools", _tools(toolchain)),
        ("eras", " ".join(state.eras)),
        ("trees", " ".join(trees)),
        ("note", toolchain.note),
    )
    for key, value in facts:
        if value:
            click.echo(f"{key:11}{clean(value)}")
    return 0


@toolchain_command.command("build")
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option("--again", is_flag=True, help="Make an image that is here anew: another digest, so other builds.")
def build_toolchains(names: tuple[str, ...], again: bool) -> int:
    """Pull or make images and verify them; all toolchains but those that only a registry has, unless named."""
    worst = 0
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        chosen = [workshop.catalogue.toolchain(name) for name in names or workshop.catalogue.toolchain_names()]
        for toolchain in chosen:
            if toolchain.pull_only and not names:
                click.echo(f"{toolchain.name}: from {toolchain.pull} only; name it to have it pulled")
                continue
            try:
                image = workshop.image(toolchain, again)
                click.echo(f"{toolchain.name}: {image.reference} {image.digest}")
            except InfrastructureError as error:
                if len(chosen) == 1:
                    raise
                click.echo(f"harness: {clean(str(error))}", err=True)
                worst = error.exit_code
    return worst


@toolchain_command.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME...]")
def verify_toolchains(names: tuple[str, ...]) -> int:
    """Compile probes in images (all that are here, unless named) and compare their tools with what is declared.

    Exit code 3 where an image fails.
    """
    worst = 0
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        chosen = [state for state in toolchain_states(workshop, names) if names or state.image is not None]
        if not chosen:
            raise InfrastructureError("no image is here to be verified", remedy="harness toolchain build NAME")
        for state in chosen:
            name = state.toolchain.name
            try:
                found = verify_toolchain(workshop, state.toolchain)
            except InfrastructureError as error:
                click.echo(f"{name}: FAILED: {clean(str(error))}")
                worst = error.exit_code
                continue
            good = not found.failures and not found.other_tools
            click.echo(f"{name}: {'good' if good else 'FAILED'}, {found.image.reference} {found.image.digest}")
            for probe in found.probes:
                click.echo(f"  {'ok' if probe.passed else 'FAILED':6}  probe {probe.name}" + _detail(probe.detail))
            for tool in found.tools:
                declared = "" if tool.agrees else f", declared {tool.declared} in {state.toolchain.where}"
                told = tool.found or "silent"
                click.echo(f"  {'ok' if tool.agrees else 'FAILED':6}  {tool.tool} {told}{clean(declared)}")
            worst = worst if good else InfrastructureError.exit_code
    return worst


def _row(state: ToolchainState) -> tuple[str, ...]:
    toolchain = state.toolchain
    size = f"{state.size >> 20}" if state.size is not None else ""
    eras = " ".join(state.eras)
    return (toolchain.name, toolchain.suite, _tools(toolchain), _image(state), size, eras, toolchain.summary)


def _image(state: ToolchainState) -> str:
    if state.image is not None:
        return state.image.digest.removeprefix("sha256:")[:12]
    if state.unknown:
        return "unknown"
    return "not here (registry only)" if state.toolchain.pull_only else "not here"


def _tools(toolchain: Toolchain) -> str:
    return " ".join(f"{tool} {version}" for tool, version in toolchain.tools)


def _detail(text: str) -> str:
    return f": {clean(text)}" if text else ""
