"""`qiaod chat`: any workflow talked with from the terminal, in a test session of its own."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from attrs import define
from click.shell_completion import CompletionItem

from daemon.cli.chat_screen import Screen, aside, say, tidy
from daemon.cli.chat_session import Session
from daemon.cli.client import Client
from daemon.cli.main import explain, language
from daemon.cli.options import config_option, json_option, settings_of
from daemon.errors import Invalid, NotFound, QiaodError

_WORKFLOWS = "/api/v1/workflows"
_MOST = 1 << 20  # characters of a message on stdin; the daemon takes fewer
_PROMPT = "> "


def _variables(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    try:
        return _named_values(values)
    except Invalid as error:
        raise click.BadParameter(error.text(language(os.environ)), context, parameter) from None


def _names(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem]:
    """For the shell, which is told nothing where no daemon answers."""
    try:
        rows = Client.of(settings_of(context.params.get("config")).unix_socket).every(_WORKFLOWS)
    except QiaodError:
        return []
    return [CompletionItem(tidy(one["name"])) for one in rows if one["name"].startswith(begun)]


@click.command()
@config_option
@json_option
@click.argument("workflow", required=False, shell_complete=_names)
@click.option("--once", metavar="MESSAGE", help="Say this, show the answer, and end.")
@click.option(
    "--var",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_variables,
    help="What the workflow gets beside each message; a VALUE that is JSON is taken as such. May be repeated.",
)
@click.option("--nodes/--no-nodes", default=True, show_default=True, help="Show what each node of it did.")
def chat(
    config: Path | None,
    as_json: bool,
    workflow: str | None,
    once: str | None,
    variables: dict[str, Any],
    nodes: bool,
) -> None:
    """Talk with WORKFLOW, named by its id or its name; left out, it is chosen from a list.

    \b
      qiaod chat Sales                      a dialogue, until Ctrl-D
      qiaod chat Sales --once "几点开门"     one question; the answer alone is on stdout
      qiaod chat Sales < question.txt       the same, from a file
      qiaod chat Sales --var vip=true --json --once hi | jq .usage

    The text is shown as it comes, then each node with its time and what it made, the use and what it would cost.
    It all happens in a test session (docs/workflow-test.md): nothing of it reaches conversations, quotas, costs or
    statistics here, and the session is removed at the end. The AI service runs the workflow for real, and bills it.

    \b
    In a dialogue:
      Ctrl-C               stop the answer           Ctrl-D, /quit   end
      /vars NAME=VALUE …   set variables, show them  /clear          forget what was said
      /nodes               show nodes, or do not     //…             a message that begins with a slash

    With --json each answer is a line: the message with its nodes, and the usage. Exit codes: 0 answered, 66 no such
    workflow, 69 the workflow failed or no daemon is there.
    """
    client = Client.of(settings_of(config).unix_socket)
    typed = sys.stdin.isatty()
    message = once if once is not None or typed else sys.stdin.read(_MOST).removesuffix("\n")
    if message is not None and not message.strip():
        raise Invalid("cli.chat.nothing")
    found = _chosen(client.every(_WORKFLOWS), workflow, typed=typed and once is None)
    screen = Screen(as_json, nodes)
    with Session.of(client, found, variables) as session:
        if message is not None:
            screen.follow(session.say(message))
        else:
            Dialogue(session, screen).run()


@define
class Dialogue:
    """With a person at a terminal, who reads the answer and goes on."""

    session: Session
    screen: Screen

    def run(self) -> None:
        import readline  # noqa: F401  # gives `input` its editing and its history, which nothing writes to a file

        workflow = self.session.workflow
        aside(say("begun", name=tidy(workflow["name"]), provider=workflow["provider"]))
        while True:
            try:
                line = input(_PROMPT).strip()
                if line == "/quit":
                    return
                if line:
                    self._take(line)
            except EOFError:
                click.echo(err=True)
                return
            except KeyboardInterrupt:
                click.echo(err=True)
                self.screen.notice("leave")

    def _take(self, line: str) -> None:
        """What fails is told, and the dialogue goes on."""
        try:
            if line.startswith("/") and not line.startswith("//"):
                self._obey(line)
            else:
                self.screen.follow(self.session.say(line.removeprefix("/")))
        except KeyboardInterrupt:
            self.screen.stopped()
        except QiaodError as error:
            explain(error, language(os.environ))

    def _obey(self, line: str) -> None:
        name, *words = line.split()
        commands: Mapping[str, Callable[[tuple[str, ...]], None]] = {
            "/clear": self._clear,
            "/nodes": self._nodes,
            "/vars": self._vars,
            "/help": self._help,
        }
        commands.get(name, self._help)(tuple(words))

    def _clear(self, _: tuple[str, ...]) -> None:
        self.session.clear()
        self.screen.notice("cleared")

    def _nodes(self, _: tuple[str, ...]) -> None:
        self.screen.nodes = not self.screen.nodes
        self.screen.notice("nodes_on" if self.screen.nodes else "nodes_off")

    def _vars(self, words: tuple[str, ...]) -> None:
        if words:
            self.session.set_variables(_named_values(words))
        aside(json.dumps(self.session.variables, ensure_ascii=False))

    def _help(self, _: tuple[str, ...]) -> None:
        aside(say("help"))


def _named_values(words: tuple[str, ...]) -> dict[str, Any]:
    """`vip=true count=3 name=王`: JSON where it is that, else a text. Invalid where a word has no name."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise Invalid("cli.chat.variable", word=word)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _chosen(workflows: list[dict[str, Any]], named: str | None, *, typed: bool) -> dict[str, Any]:
    """The one with this id; else the only one of this name; with nothing named the only one, or one from a list."""
    if named is None:
        if typed and len(workflows) > 1:
            return _picked(workflows)
        found = workflows
    else:
        found = [one for one in workflows if one["id"] == named.lower()]
        found = found or [one for one in workflows if one["name"] == named]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{tidy(one['name'])} ({one['id']})" for one in found or workflows) or "-"
    code = "several" if len(found) > 1 else "no_workflow"
    raise NotFound(f"cli.chat.{code}", name=named or "", known=known)


def _picked(workflows: list[dict[str, Any]]) -> dict[str, Any]:
    for number, one in enumerate(workflows, 1):
        click.echo(f"{number:>3}  {tidy(one['name'])} ({one['provider']})", err=True)
    number = click.prompt(say("which"), type=click.IntRange(1, len(workflows)), err=True)
    return workflows[number - 1]
