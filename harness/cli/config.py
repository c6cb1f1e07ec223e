"""harness config: what fragments become in a tree, and what an option was in every kernel."""

from __future__ import annotations

import json
import sys

import click

from harness.cli.output import print_rows
from harness.config.yaml_file import nearest
from harness.model.errors import UserError
from harness.model.plain_text import clean
from harness.reports.config import config_object, history_object, history_rows, need_words, needs_of
from harness.reports.terminal import listener_for
from harness.runs.configuring import ConfiguredTree, configure_tree
from harness.runs.workshop import Workshop


@click.group("config")
def config_command() -> None:
    """Requested, obtained and dropped options of a tree; the history of an option."""


@config_command.command("show")
@click.argument("tree")
@click.option("--series", metavar="SERIES", help="Its fragments, its requirements and its stressors.")
@click.option("--fragment", "fragments", multiple=True, metavar="NAME|FILE",
              help="This fragment (may be repeated), after the series' own.")  # fmt: skip
@click.option("--all", "show_all", is_flag=True, help="What was obtained as asked for, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/configuration-truth.md).")
def show_config(tree: str, series: str | None, fragments: tuple[str, ...], show_all: bool, as_json: bool) -> int:
    """Configure TREE in its container, build nothing, and say what became of every request: obtained, there without an
    option, or dropped and why; what was asked for beside; and which stressors lack an option. Without --series and
    --fragment: the fragments that an imported series gets.
    """
    with listener_for(sys.stderr) as listener:
        workshop = Workshop(listener)
        catalogue = workshop.catalogue
        catalogue.tree(tree)
        spec = catalogue.series(series) if series else None
        names = [*(spec.kconfig if spec else ()), *fragments]
        chosen = [catalogue.fragment(name) for name in names] or catalogue.usual_fragments()
        done = configure_tree(workshop, tree, chosen, spec)
    told = config_object(done.translation, done.config, done.fragments)
    if as_json:
        click.echo(json.dumps(_whole_object(done, told)))
    else:
        _show(done, told, show_all)
    return 0


def _whole_object(done: ConfiguredTree, told: dict[str, object]) -> dict[str, object]:
    return {
        "tree": done.tree.name,
        "version": done.tree.version,
        "era": done.era.name,
        "arch": done.era.arch,
        "dialect": done.era.dialect.value,
        "fragments": [fragment.name for fragment in done.fragments],
        **told,
        "series_lacks": dict(done.series_lacks),
        "stressors": {name: dict(lacks) for name, lacks in done.lacks},
    }


def _show(done: ConfiguredTree, told: dict[str, object], show_all: bool) -> None:
    rows = _dicts(told["requests"])
    by_state = {state: [row for row in rows if row["state"] == state] for state in ("obtained", "always", "dropped")}
    history = {option.today for option in done.config.dropped if option.kind.by_history}
    absent = [row for row in by_state["dropped"] if row["option"] in history]
    mendable = [row for row in by_state["dropped"] if row["option"] not in history]
    click.echo(
        f"{done.tree.name} (Linux {done.tree.version}, {done.era.arch}, era {done.era.name}, {done.era.dialect}): "
        f"{len(rows)} requested by {', '.join(fragment.name for fragment in done.fragments)}; "
        f"{len(by_state['obtained'])} obtained, {len(by_state['always'])} there without an option, "
        f"{len(absent)} no option of this kernel, {len(mendable)} dropped"
    )
    renamed = [row for row in by_state["obtained"] if row["name"] not in ("", row["option"])]
    added = _dicts(told["added"])
    if mendable:
        _table("dropped", ("option", "wanted", "got", "reason"), [
            (_named(row), row["wanted"], row["got"], row["reason"]) for row in mendable
        ])  # fmt: skip
    if absent:
        _table("no option of this kernel", ("option", "wanted", "reason"), [
            (row["option"], row["wanted"], row["reason"]) for row in absent
        ])  # fmt: skip
    if by_state["always"]:
        _table("there without an option", ("option", "wanted", "reason"), [
            (row["option"], row["wanted"], row["reason"]) for row in by_state["always"]
        ])  # fmt: skip
    if renamed:
        _table("obtained under another name", ("option", "name here", "got"), [
            (row["option"], row["name"], row["got"]) for row in renamed
        ])  # fmt: skip
    if added:
        _table("asked for beside", ("name", "value", "got", "for", "reason"), [
            (row["name"], row["value"], row["got"], row["wanted_by"], row["dropped"] or row["reason"]) for row in added
        ])  # fmt: skip
    if era := _dicts(told["added_by_era"]):
        _table(f"asked for by era {done.era.name}", ("name", "value", "got"), [
            (row["name"], row["value"], row["got"]) for row in era
        ])  # fmt: skip
    if show_all:
        _table("obtained as asked for", ("option", "got"), [
            (row["option"], row["got"]) for row in by_state["obtained"] if row not in renamed
        ])  # fmt: skip
    click.echo()
    for option, reason in done.series_lacks:
        click.echo(f"the series requires CONFIG_{clean(option)}: {clean(reason)}")
    for name, lacks in done.lacks:
        needs = "; ".join(f"needs CONFIG_{clean(option)}: {clean(reason)}" for option, reason in lacks)
        click.echo(f"stressor {name}: {'blocked, ' + needs if needs else 'has all its options'}")


def _dicts(value: object) -> list[dict[str, str]]:
    assert isinstance(value, list)
    return value


def _named(row: dict[str, str]) -> str:
    return row["option"] if row["name"] in ("", row["option"]) else f"{row['option']} (here {row['name']})"


def _table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    click.echo(f"\n{title}")
    print_rows(header, [tuple(map(clean, row)) for row in rows])


@config_command.command("explain")
@click.argument("option")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/configuration-truth.md).")
def explain_option(option: str, as_json: bool) -> int:
    """The history of OPTION (with or without CONFIG_, today's name or one it had): what it was in which kernels, and
    what else it needs asked for there.
    """
    with listener_for(sys.stderr) as listener:
        table = Workshop(listener).catalogue.option_table()
    name = option.strip().upper().removeprefix("CONFIG_")
    history = table.named(name)
    if history is None:
        raise UserError(
            f"no history is known of option {option!r}, so every kernel is taken to call it that",
            remedy=nearest(name, table.names()) if table.names() else "configs/kconfig/history.yaml has them",
        )
    if as_json:
        click.echo(json.dumps(history_object(table, history)))
        return 0
    if history.option != name:
        click.echo(f"CONFIG_{name} is CONFIG_{history.option} today")
    print_rows(("arch", "kernels", "what it is", "name", "remark"), history_rows(table, history))
    for need in needs_of(table, history):
        click.echo(need_words(table, need))
    return 0
