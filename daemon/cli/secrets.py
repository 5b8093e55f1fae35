"""`qiaod secrets`: which master key seals the secrets at rest, and giving it a successor."""

import json
import time
from pathlib import Path
from typing import Any

import click

from daemon.cli.client import Client
from daemon.cli.options import config_option, json_option, settings_of

_ROUTE = "/api/v1/secrets"
LOOK_EVERY = 0.2  # seconds


@click.group()
def secrets() -> None:
    """The tokens and keys that the store holds, sealed with the master key.

    The master key is the systemd credential `master-key`, else the key file, else $QIAOD_MASTER_KEY. Back it up apart
    from the store: without it no backup can be used.
    """


@secrets.command()
@config_option
@json_option
def status(config: Path | None, as_json: bool) -> None:
    """Which key seals, and whether everything is sealed with it."""
    _tell(Client.of(settings_of(config).unix_socket).call("GET", _ROUTE), as_json)


@secrets.command()
@config_option
@json_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def rotate(config: Path | None, as_json: bool, yes: bool) -> None:
    """Replace the master key while the daemon works.

    A key file is replaced by the daemon itself; the old key stays beside it as `<id>.old-key`, because backups made
    before want it: delete it when the last of them is gone. Where the key is a credential or in the environment, put
    the new one in its place and the old one beside it (`master-key-old`, $QIAOD_MASTER_KEY_OLD) and restart: the
    daemon seals everything anew by itself. API keys stay valid, and the audit log stays verifiable.
    """
    client = Client.of(settings_of(config).unix_socket)
    if not yes:
        click.confirm("Replace the master key? Back up the new one afterwards", abort=True, err=True)
    found = client.call("POST", f"{_ROUTE}/rotate")
    while found["left"]:
        click.echo(f"{found['values'] - found['left']} of {found['values']} sealed anew", err=True)
        time.sleep(LOOK_EVERY)
        found = client.call("GET", _ROUTE)
    _tell(found, as_json)


def _tell(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    done = found["values"] - found["left"]
    click.echo(f"master key {found['key_id']} ({found['source']}): {done} of {found['values']} values sealed with it")
    if found["lost"]:
        click.echo(f"  {found['lost']} want a key that was not given, and cannot be read", err=True)
    for key in found["old_keys"]:
        click.echo(f"  {key} is kept for backups made before")
