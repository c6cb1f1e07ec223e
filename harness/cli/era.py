"""harness era: what kernels of a time share, and whether they still build and boot."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence

import click

from harness.cli.output import print_rows
from harness.config.yaml_file import nearest
from harness.model.era import CompilerFlags, Era
from harness.model.era_check import EraRow, EraState
from harness.model.errors import UserError
from harness.model.plain_text import clean
from harness.model.tree import Fixup
from harness.model.version import KernelVersion
from harness.reports.era_table import era_json, era_markdown, era_table
from harness.reports.tables import show
from harness.reports.terminal import listener_for
from harness.runs.era_check import TRIES, check_eras
from harness.runs.workshop import Workshop

FIRST = KernelVersion((0,))


@click.group("era")
def era_command() -> None:
    """List eras, show what one does to its kernels, and check that pinned trees build and boot."""


@era_command.command("list")
def list_eras() -> int:
    """Every era: its versions, how its kernels are built and booted, and the trees that belong to it."""
    with listener_for(sys.stderr) as listener:
        catalogue = Workshop(listener).catalogue
        eras = [catalogue.era(name) for name in catalogue.era_names()]
        trees = {name: catalogue.era_of(catalogue.tree(name)).name for name in catalogue.tree_names()}
    rows = [
        (
            era.name,
            str(era.versions),
            era.arch,
            era.toolchain,
            f"{era.dialect}{', in tree' if era.in_tree else ''}",
            era.root.value,
            ", ".join(tree for tree, name in trees.items() if name == era.name),
        )
        for era in sorted(eras, key=lambda era: era.versions.since or FIRST)
    ]
    print_rows(("era", "kernels", "arch", "toolchain", "configured by", "root", "trees"), rows)
    return 0


@era_command.command("show")
@click.argument("name")
def show_era(name: str) -> int:
    """Show the era NAME, or a tree's era with the fix-ups that this tree gets, each with its reason."""
    with listener_for(sys.stderr) as listener:
        catalogue = Workshop(listener).catalogue
        tree = catalogue.tree(name) if name in catalogue.tree_names() else None
        if tree is None and name not in catalogue.era_names():
            known = {*catalogue.era_names(), *catalogue.tree_names()}
            raise UserError(f"no era and no tree {name!r}", remedy=nearest(name, known))
        era = catalogue.era_of(tree) if tree else catalogue.era(name)
        toolchain = catalogue.toolchain(era.toolchain)
        fixups = catalogue.fixups(tree.kernel_version, era, toolchain) if tree else ()
        _show(era)
        _show_fixups(fixups)
        tools = ", ".join(f"{tool} {version}" for tool, version in toolchain.tools)
        click.echo(f"{'its tools':14} {tools or 'not said'}")
    return 0


def _show(era: Era) -> None:
    facts = (
        ("era", era.name),
        ("kernels", str(era.versions)),
        ("summary", era.summary),
        ("arch", era.arch),
        ("configured by", era.dialect.value + (", in a copy of the tree" if era.in_tree else "")),
        ("image", era.image),
        ("root", era.root.value),
        ("QEMU", " ".join((f"-machine {era.machine} -cpu {era.cpu}", *era.qemu_args))),
        ("kernel words", " ".join(era.boot_args)),
        ("make", " ".join(f"{name}={value!r}" for name, value in era.make_vars)),
        ("compiler flags", "; ".join(_told(cc) for cc in era.cc_flags)),
        ("expects", ", ".join(f"{tool} {version}" for tool, version in era.expects)),
        ("toolchain", era.toolchain),
        ("file", era.where),
    )
    for name, value in facts:
        if value:
            click.echo(f"{name:14} {clean(value)}")


def _told(cc: CompilerFlags) -> str:
    return cc.flags + (f" with {cc.tool} {cc.tool_versions}" if cc.tool else "")


def _show_fixups(fixups: Sequence[Fixup]) -> None:
    for fixup in fixups:
        told = f"{fixup.name}: {fixup.file}, kernels {fixup.versions}: {fixup.reason}"
        click.echo(textwrap.fill(clean(told), 110, initial_indent=f"{'fix-up':14} ", subsequent_indent=" " * 15))


@era_command.command("check")
@click.argument("names", nargs=-1, metavar="[TREE...]")
@click.option("--tries", default=TRIES, show_default=True, type=click.IntRange(1, 100), help="Boots until one is good.")
@click.option("--format", "form", type=click.Choice(["table", "md", "json"]), default="table", show_default=True)
def check_command(names: tuple[str, ...], tries: int, form: str) -> int:
    """Build the baseline of each TREE (default: all) in its container and boot it to init with 4 processors.

    Exit code 0 where every tree that can be had holds; 1 where a kernel does not build, boot or come up whole; 3 where
    the harness failed or no tree can be had. What the newest guest of a tree said is kept in results/era-check/TREE.
    """
    rows: list[EraRow] = []
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        chosen = list(dict.fromkeys(names)) or workshop.catalogue.tree_names()
        for row in check_eras(workshop, chosen, tries):
            rows.append(row)
            if row.state is not EraState.HOLDS:
                workshop.notice(f"{row.tree} {row.state}: {row.reason}")
    if form == "table":
        show(sys.stdout, era_table(rows))
    else:
        click.echo(era_markdown(rows) if form == "md" else era_json(rows), nl=form == "json")
    return exit_code(rows)


def exit_code(rows: list[EraRow]) -> int:
    """As in docs/exit-codes.md."""
    states = {row.state for row in rows}
    if EraState.FAILS in states:
        return 1
    return 3 if EraState.HARNESS_FAILED in states or states == {EraState.UNREACHABLE} else 0
