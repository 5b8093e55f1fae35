"""`qiaod audit`: who did what, and whether the log of it is whole."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.client import Client
from daemon.cli.options import config_option, json_option, settings_of
from daemon.clock import SystemClock
from daemon.errors import Invalid, NotFound

if TYPE_CHECKING:
    from daemon.engine.audit import Verdict

_ROUTE = "/api/v1/audit"
PART = 5000  # rows looked through at once


@click.group()
def audit() -> None:
    """Read the audit log, and check that nobody changed it.

    Every row is chained to the one before with a key that only this installation has. The daemon also tells the
    journal the head of the chain each hour (`audit.head`): compare it where you suspect that the whole file was put
    back from an older copy.
    """


@audit.command(name="list")
@config_option
@json_option
@click.option("--actor", help="Only what this one did: key:<id>, uid:<n>, system.")
@click.option("--action", help="Only this, or what begins with it: key, key.revoked, …")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
def list_(config: Path | None, as_json: bool, actor: str | None, action: str | None, limit: int) -> None:
    """What was done, newest first."""
    from urllib.parse import urlencode

    wanted = {"limit": limit} | {name: value for name, value in (("actor", actor), ("action", action)) if value}
    rows = Client.of(settings_of(config).unix_socket).call("GET", f"{_ROUTE}?{urlencode(wanted)}")["data"]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        told = " ".join(f"{name}={value}" for name, value in row["detail"].items())
        click.echo(f"{row['seq']:>7}  {row['at']}  {row['actor']:<16} {row['action']:<24} {row['target']}  {told}")


@audit.command()
@config_option
@json_option
@click.option("--file", type=click.Path(path_type=Path), help="A store or a backup; the daemon is not asked.")
def verify(config: Path | None, as_json: bool, file: Path | None) -> None:
    """Check the whole log; names the first row that is wrong, and ends with 65 then.

    With --file it works without a daemon, on the store of a stopped one or on a backup, and writes nothing; the master
    key is needed, and for a backup from before a rotation the older one beside it.
    """
    settings = settings_of(config)
    if file is None:
        found = Client.of(settings.unix_socket).call("POST", f"{_ROUTE}/verify")
    else:
        found = _shown(_verify_file(file, settings.master_key_file))
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else _sentence(found), err=not as_json)
    if not found["whole"]:
        raise Invalid("audit.broken", seq=found["broken"]["seq"], why=found["broken"]["why"])


def _sentence(found: dict[str, Any]) -> str:
    state = "is whole" if found["whole"] else "IS BROKEN"
    return f"The audit log {state}: {found['rows']} good rows from number {found['first']}, head {found['head']}."


def _shown(verdict: "Verdict") -> dict[str, Any]:
    broken = verdict.broken
    return {
        "whole": broken is None,
        "rows": verdict.rows,
        "first": verdict.first,
        "head": verdict.head,
        "broken": None if broken is None else {"seq": broken.seq, "why": broken.why},
    }


def _verify_file(file: Path, key_file: Path) -> "Verdict":
    """Reads only: not even the file's own bookkeeping is touched, nor anything beside it."""
    from daemon.engine.audit import Verdict
    from daemon.ids import Ids
    from daemon.master_key import find_master_key, vault_of
    from daemon.secret import Redactor
    from daemon.store import audit as log
    from daemon.store import secrets
    from daemon.store.examine import examined
    from daemon.store.tx import Tx

    if not file.exists():
        raise NotFound("cli.no_store", path=file)
    clock = SystemClock()
    vault = vault_of(find_master_key(key_file, os.environ, may_create=False), Redactor())
    with examined(file) as connection:
        tx = Tx(connection, Ids(clock), clock.now())
        tx.audit_key = bytes.fromhex(secrets.root(tx, vault, "audit") or "")
        first = log.start(tx)
        walked = log.Walked(last=first)
        while not walked.ended and walked.broken is None:
            walked = log.walk(tx, walked.last, PART)
    return Verdict(
        rows=walked.last.seq - first.seq, first=first.seq + 1, head=walked.last.hash.hex(), broken=walked.broken
    )
