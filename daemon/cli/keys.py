"""`qiaod keys`: API keys, through the running daemon, or straight in the store where none runs."""

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from daemon.cli.client import Client
from daemon.cli.options import config_option, json_option, settings_of
from daemon.clock import SystemClock, rfc3339
from daemon.errors import NotFound
from daemon.settings import Settings
from daemon.settings_sections import ROLES

_ROUTE = "/api/v1/keys"
_COLUMNS = ("id", "role", "name", "accounts", "networks", "created_at", "expires_at", "last_used_at", "revoked_at")
ANY = "any"  # lifts a limit
_RATE = click.IntRange(0, 1000)  # 0: what the role allows


@click.group()
def keys() -> None:
    """List, make, change, rotate and revoke API keys.

    A key's text is shown once, on stdout and alone, so that it can go into a file or a password store:

    \b
      qiaod keys create n8n --role agent --days 90 > n8n.key
    """


@keys.command(name="list")
@config_option
@json_option
def list_(config: Path | None, as_json: bool) -> None:
    """Every key: whose it is, what it may, when it was used. Never its secret."""
    rows = _all(Client.of(settings_of(config).unix_socket))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    cells = [_COLUMNS, *(tuple(_cell(row.get(name)) for name in _COLUMNS) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_COLUMNS))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@keys.command()
@config_option
@json_option
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="What it may do.")
@click.option("--days", type=click.IntRange(1, 365), help="After how many days it expires. [default: never]")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="Where it may be used; may be repeated.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="What it may touch; may be repeated.")
@click.option("--rate", type=_RATE, metavar="N", help="Calls a second, up to 1000. [default: what its role allows]")
@click.option("--offline", is_flag=True, help="Write to the store itself, while no daemon runs.")
def create(
    config: Path | None,
    as_json: bool,
    name: str,
    role: str,
    days: int | None,
    networks: tuple[str, ...],
    accounts: tuple[str, ...],
    rate: int | None,
    offline: bool,
) -> None:
    """Make a key called NAME (for people: whose it is)."""
    settings = settings_of(config)
    expires = None if days is None else SystemClock().now() + timedelta(days=days)
    if offline:
        made = asyncio.run(_create_offline(settings, name, role, days, networks, accounts, rate))
    else:
        body = {
            "name": name,
            "role": role,
            "expires_at": expires and rfc3339(expires),
            "networks": networks,
            "accounts": accounts or None,
            "rate_limit": rate or None,
        }
        made = Client.of(settings.unix_socket).call("POST", _ROUTE, body)
    _show(made, as_json)


@keys.command()
@config_option
@json_option
@click.argument("key_id")
def show(config: Path | None, as_json: bool, key_id: str) -> None:
    """What the key KEY_ID may do, where, until when, and when it was used."""
    _tell(Client.of(settings_of(config).unix_socket).call("GET", f"{_ROUTE}/{key_id}"), as_json)


@keys.command()
@config_option
@json_option
@click.argument("key_id")
@click.option("--name", help="For people: whose it is.")
@click.option("--role", type=click.Choice(ROLES), help="What it may do.")
@click.option("--days", type=click.IntRange(0, 365), help="After how many days from now it expires; 0: never.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="Where it may be used; `any`: anywhere.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="What it may touch; `any`: all.")
@click.option("--rate", type=_RATE, metavar="N", help="Calls a second; 0: what its role allows.")
def change(
    config: Path | None,
    as_json: bool,
    key_id: str,
    name: str | None,
    role: str | None,
    days: int | None,
    networks: tuple[str, ...],
    accounts: tuple[str, ...],
    rate: int | None,
) -> None:
    """Change the key KEY_ID; what is not named stays. Sessions of the console begun with it end."""
    client = Client.of(settings_of(config).unix_socket)
    body = {
        field: value
        for field, value in client.call("GET", f"{_ROUTE}/{key_id}").items()
        if field in ("name", "role", "expires_at", "networks", "accounts", "rate_limit")
    }
    given = {
        "name": name,
        "role": role,
        "networks": [network for network in networks if network != ANY],
        "accounts": [account for account in accounts if account != ANY],
    }
    body |= {field: value for field, value in given.items() if value}
    if ANY in networks:
        body["networks"] = []
    if ANY in accounts:
        body["accounts"] = None
    if rate is not None:
        body["rate_limit"] = rate or None
    if days is not None:
        body["expires_at"] = rfc3339(SystemClock().now() + timedelta(days=days)) if days else None
    _tell(client.call("PUT", f"{_ROUTE}/{key_id}", body), as_json)


@keys.command()
@config_option
@json_option
@click.argument("key_id")
@click.option(
    "--overlap",
    type=click.FloatRange(0, 168),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="For so long the secret before works as well; 0: it is void at once.",
)
def rotate(config: Path | None, as_json: bool, key_id: str, overlap: float) -> None:
    """Give the key KEY_ID another secret."""
    client = Client.of(settings_of(config).unix_socket)
    _show(client.call("POST", f"{_ROUTE}/{key_id}/rotate", {"overlap_hours": overlap}), as_json)


@keys.command()
@config_option
@click.argument("key_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
def revoke(config: Path | None, key_id: str, yes: bool) -> None:
    """Stop the key KEY_ID from working, for good."""
    client = Client.of(settings_of(config).unix_socket)
    if not yes:
        click.confirm(f"Revoke {key_id}? Whoever uses it is refused from now on", abort=True, err=True)
    client.call("DELETE", f"{_ROUTE}/{key_id}")
    click.echo(f"{key_id} is revoked.", err=True)


def _all(client: Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = client.call("GET", f"{_ROUTE}?limit=500{cursor}")
        rows += page["data"]
        if not page["next_cursor"]:
            return rows
        cursor = f"&cursor={page['next_cursor']}"


def _cell(value: Any) -> str:
    return ",".join(value) if isinstance(value, list) and value else str(value or "-")


def _tell(key: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(key, ensure_ascii=False))
        return
    for name, value in key.items():
        click.echo(f"{name:<20} {_cell(value)}")


def _show(made: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    click.echo(made["key"])
    until = f", until {made['expires_at']}" if made["expires_at"] else ""
    click.echo(f"{made['id']} ({made['name']}, {made['role']}{until}). It is not shown again.", err=True)


async def _create_offline(
    settings: Settings,
    name: str,
    role: str,
    days: int | None,
    networks: tuple[str, ...],
    accounts: tuple[str, ...],
    rate: int | None,
) -> dict[str, Any]:
    from daemon.codec import unstructure
    from daemon.domain.access import Actor, Role
    from daemon.engine.access import Access
    from daemon.engine.secrets import unlock
    from daemon.master_key import find_master_key, vault_of
    from daemon.secret import Redactor
    from daemon.store.database import open_database

    if not settings.database.exists():
        raise NotFound("cli.no_store", path=settings.database)
    clock = SystemClock()
    vault = vault_of(find_master_key(settings.master_key_file, os.environ, may_create=False), Redactor())
    async with open_database(settings.database, clock, backups=settings.backups) as db:
        roots = await unlock(db, vault)
        expires = None if days is None else clock.now() + timedelta(days=days)
        access = Access(db, roots.pepper)
        key, text = await access.create(
            name=name,
            role=Role(role),
            expires_at=expires,
            networks=networks,
            accounts=frozenset(accounts) or None,
            rate_limit=rate or None,
            by=Actor(id=f"uid:{os.getuid()}", role=Role.ADMIN, source="cli"),
        )
    return {**unstructure(key), "key": text.reveal()}
