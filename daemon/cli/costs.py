"""`qiaod costs`: what was spent, as the running daemon has it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from daemon.cli.client import Client
from daemon.cli.options import config_option, json_option, settings_of
from daemon.domain.cost import plain
from daemon.store.ledger_desk import GroupBy

_HEADINGS = ("", "calls", "tokens", "points", "cost", "reserved", "unpriced")


@click.command()
@click.option(
    "--by", default=GroupBy.WORKFLOW.value, type=click.Choice([by.value for by in GroupBy]), help="What to sum up by."
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day, in UTC; else the last 31 days.")
@config_option
@json_option
def costs(by: str, since: datetime | None, config: Path | None, as_json: bool) -> None:
    """What was spent, the dearest first.

    Over the daemon's Unix socket, as whoever you are there. Ends with 69 when no daemon answers.
    """
    wanted = {"group_by": by} | ({"since": since.replace(tzinfo=UTC).isoformat()} if since else {})
    route = f"/api/v1/costs/summary?{urlencode(wanted)}"
    document = Client.of(settings_of(config).unix_socket).call("GET", route)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    rows = [_HEADINGS, *(_cells(group["key"] or "-", group) for group in document["groups"])]
    rows.append(_cells(f"total, {document['currency']}", document["total"]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for name, *numbers in rows:
        shown = [f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True)]
        click.echo("  ".join([f"{name:<{widths[0]}}", *shown]))


def _cells(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    tokens = found["input_tokens"] + found["output_tokens"] + found["embedding_tokens"]
    money = (found["points_micro"], found["cost_micro"], found["reserved_micro"])
    points, cost, reserved = (plain(amount) for amount in money)
    return name, str(found["calls"]), str(tokens), points, cost, reserved, str(found["unpriced"])
