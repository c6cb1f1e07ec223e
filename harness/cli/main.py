"""The command line: finds the verb's module, runs it, turns errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module

import click

from harness import __version__
from harness.model.errors import HarnessError
from harness.model.plain_text import clean

# Verb -> module; loaded when it is called, so that a cheap verb starts at once.
VERBS = {
    "run": "run",
    "series": "series",
    "tree": "tree",
    "config": "config",
    "era": "era",
    "stress": "stress",
    "toolchain": "toolchain",
    "show": "show",
    "runs": "show",
    "findings": "findings",
    "report": "report",
    "compare": "compare",
    "bisect": "bisect",
    "nightly": "nightly",
    "repro": "repro",
    "parse": "parse",
    "shell": "shell",
    "doctor": "doctor",
    "clean": "clean",
}
INTERRUPTED = 130  # the shell's convention for SIGINT
PIPE_CLOSED = 141  # and for SIGPIPE


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = VERBS.get(cmd_name)
        if module is None:
            return None
        command = getattr(import_module(f"harness.cli.{module}"), f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from harness.config.yaml_file import nearest

        if args and not args[0].startswith("-") and args[0] not in VERBS:
            ctx.fail(f"no verb {args[0]!r}; {nearest(args[0], VERBS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Replay a kernel patch series on pinned trees: build, boot, stress, and say which patch changed what.

    Exit codes: 0 nothing worse than the baseline, 1 something is, 2 your mistake, 3 the harness or the machine
    failed, 4 not enough evidence.
    """


def main() -> None:
    """Entry point of the ``harness`` command."""
    code: object
    try:
        # Not cli.main(): it would take interrupts and closed pipes for its own.
        with cli.make_context("harness", sys.argv[1:]) as context:
            code = cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        code = ended.exit_code
    except click.ClickException as error:
        told = error.format_message().rstrip(".")
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "harness"
        remedy = "" if ";" in told else f"; {command} --help tells more"
        print(f"harness: {clean(told)}{remedy}", file=sys.stderr)
        code = 2
    except HarnessError as error:
        print(f"harness: {clean(str(error))}", file=sys.stderr)
        code = error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        print("harness: interrupted; the same command continues where it stopped", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) went away: not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except Exception as error:
        if os.environ.get("HARNESS_DEBUG"):
            traceback.print_exc()
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = clean(f"{type(error).__name__}: {error}")
        print(f"harness: internal error at {where.filename}:{where.lineno}: {text}; HARNESS_DEBUG=1 shows the trace",
              file=sys.stderr)  # fmt: skip
        code = 3
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
