"""docs/verbs.md from the verbs' own help:  python -m harness.cli.help_page > docs/verbs.md"""

from __future__ import annotations

from collections.abc import Iterator

import click

from harness.cli.main import cli


def _pages(command: click.Command, words: tuple[str, ...], parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, info_name=words[-1], parent=parent, terminal_width=100, max_content_width=100)
    context.help_option_names = ["-h", "--help"]
    title = " ".join(words)
    yield f"{'#' * min(len(words) + 1, 3)} {title}\n\n```\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _pages(found, (*words, name), context)


def help_page() -> str:
    """Every verb's help as one Markdown page."""
    head = "# Verbs\n\nMade from the command line's own help (`python -m harness.cli.help_page`).\n"
    return "\n".join([head, *_pages(cli, ("harness",), None)])


if __name__ == "__main__":
    print(help_page(), end="")
