"""The command `qiaod`. Each subcommand is imported when it is called: `qiaod --help` loads nothing of the daemon."""

import os
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from daemon import __version__

COMMANDS = {  # name: module, what it does; in the order of a first day with it
    "demo": ("daemon.cli.demo", "Try everything on this machine, with simulated WeChat and AI."),
    "check": ("daemon.cli.check", "Find every mistake in the settings."),
    "serve": ("daemon.cli.serve", "Run the daemon."),
    "status": ("daemon.cli.status", "Ask the running daemon how it is."),
    "chat": ("daemon.cli.chat", "Talk with a workflow from the terminal, in a test session."),
    "gewe": ("daemon.cli.gewe", "Log WeChat accounts in and out, and have GeWe deliver here."),
    "keys": ("daemon.cli.keys", "List, make, rotate and revoke API keys."),
    "secrets": ("daemon.cli.secrets", "Which master key seals the secrets, and replacing it."),
    "costs": ("daemon.cli.costs", "What was spent, by workflow, account, day and more."),
    "audit": ("daemon.cli.audit", "Who did what, and whether the log of it is whole."),
    "backup": ("daemon.cli.backup", "Copy the store to a file, while the daemon runs."),
    "restore": ("daemon.cli.backup", "Put a backup in the place of the store."),
    "openapi": ("daemon.cli.openapi", "Print the OpenAPI document of the API."),
    "sim": ("daemon.cli.sim", "Run simulators of GeWe, FastGPT, n8n and a model, with faults on demand."),
    "completion": ("daemon.cli.completion", "Print the completion script for your shell."),
}


class Commands(click.Group):
    """Knows its subcommands by name, and loads one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature, here and below
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            ctx.exit(explain(error, language(os.environ)))


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="qiaod", message="%(prog)s %(version)s")
def cli() -> None:
    """The bridge between WeChat, AI workflows and the people who run them.

    \b
    First steps:
      qiaod demo                                  everything simulated, nothing to set up
      qiaod check --config /etc/qiaod/qiaod.toml  are the settings right?
      qiaod serve --config /etc/qiaod/qiaod.toml  run it; systemd does the same
      qiaod keys create ops --role admin          a key for the API

    \b
    Settings are read from --config, else $QIAOD_CONFIG, else ~/.config/qiaod/qiaod.toml, else
    /etc/qiaod/qiaod.toml, else the defaults; QIAOD_SECTION_KEY overrides a single one.

    \b
    Exit codes: 0 done, 1 failure, 2 wrong usage, 65 wrong input, 66 no such thing, 69 the daemon or
    a service does not answer, 70 a fault of ours, 73 cannot create, 75 try again, 77 not allowed,
    78 wrong settings.
    """


def language(environ: Mapping[str, str]) -> str:
    """Of the person at the terminal, as the C library decides it."""
    named = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "zh" if named.lower().startswith("zh") else "en"


def explain(error: Exception, tongue: str) -> int:
    """Say on stderr what went wrong and what to do; the exit code."""
    from daemon.errors import Invalid, QiaodError
    from daemon.exits import INTERNAL, exit_code
    from daemon.settings_read import BadSettings

    code = exit_code(error)
    if isinstance(error, BadSettings):
        for mistake in error.mistakes:
            click.echo(f"{mistake.where}: {mistake.text(tongue)}", err=True)
    elif isinstance(error, QiaodError):
        click.echo(f"qiaod: {error.text(tongue)}", err=True)
        for problem in error.problems if isinstance(error, Invalid) else ():
            click.echo(f"  {problem.field}: {problem.message}", err=True)
    elif code == INTERNAL:
        traceback.print_exception(error)
    else:
        click.echo(f"qiaod: {error}", err=True)
    return int(getattr(error, "exit_code", code))


def main() -> None:
    cli.main(args=sys.argv[1:], prog_name="qiaod")
