"""`qiaod status`: what the running daemon says of itself."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from daemon.cli.client import Client
from daemon.cli.options import config_option, json_option, settings_of


@click.command()
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> None:
    """Ask the running daemon how it is.

    Over its Unix socket, as whoever you are there (see [access] in the settings). Ends with 69 when no daemon answers.
    """
    document = Client.of(settings_of(config).unix_socket).call("GET", "/api/v1/status")
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        for line in lines(document):
            click.echo(line)


def lines(document: object, indent: int = 0) -> Iterator[str]:
    """Any JSON, for a person: names before values, what belongs together indented."""
    margin = "  " * indent
    if isinstance(document, dict):
        width = max((len(str(name)) for name in document), default=0)
        for name, value in document.items():
            if isinstance(value, dict | list) and value:
                yield f"{margin}{name}"
                yield from lines(value, indent + 1)
            else:
                yield f"{margin}{name:<{width}}  {_plain(value)}"
    elif isinstance(document, list):
        for value in document:
            yield from [f"{margin}-", *lines(value, indent + 1)] if isinstance(value, dict) else [f"{margin}{value}"]
    else:
        yield f"{margin}{_plain(document)}"


def _plain(value: object) -> str:
    return "-" if value in (None, [], {}) else str(value)
