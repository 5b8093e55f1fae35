"""`qiaod gewe`: the WeChat accounts behind GeWe, logged in from the terminal."""

import io
import json
import os
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import segno
from attrs import define

from daemon.cli.client import Client, Refused
from daemon.cli.main import language
from daemon.cli.options import config_option, json_option, settings_of
from daemon.clock import SystemClock
from daemon.errors import NotFound, QiaodError
from daemon.exits import TRY_AGAIN, UNAVAILABLE
from daemon.texts import render

_ACCOUNTS = "/api/v1/integrations/gewe/accounts"
_WEBHOOK = "/api/v1/integrations/gewe/webhook"
_COLUMNS = ("id", "name", "state", "state_reason", "wxid", "app_id", "online_since")
_POLL = 5.0  # seconds, as GeWe's documents have it
_STUMBLES = 3  # answers of GeWe that make no sense and are passed over
_LONGEST = timedelta(minutes=5)  # a login takes one; a code lives for two


class NotLoggedIn(QiaodError):
    exit_code = TRY_AGAIN


@click.group()
def gewe() -> None:
    """Log WeChat accounts in and out, and have GeWe deliver here.

    An account is named by its id, its GeWe app id, its wxid or its name. The first day with one:

    \b
      qiaod gewe accounts                      which there are, and how they are
      qiaod gewe login Shop --region 320000    a QR code to scan with that account's phone
      qiaod gewe webhook Shop                  have GeWe deliver its messages here

    After a drop the daemon logs an account in again by itself where WeChat allows it, and raises an alert where it
    wants a person: then `qiaod gewe login` does it, on the same device as before.
    """


@gewe.command()
@config_option
@json_option
def accounts(config: Path | None, as_json: bool) -> None:
    """Every account and its state."""
    rows = _client(config).every(_ACCOUNTS)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    cells = [_COLUMNS, *(tuple(str(row.get(name) or "-") for name in _COLUMNS) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_COLUMNS))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@gewe.command()
@config_option
@json_option
@click.argument("account")
@click.option("--push", is_flag=True, help="Ask on the phone instead; only where it was logged in here before.")
@click.option("--region", help="Code of the province the phone is in, such as 320000. [default: as last time]")
@click.option("--proxy", envvar="QIAOD_LOGIN_PROXY", help="socks5://user:password@host:port [default: as last time]")
@click.option("--every", type=float, default=_POLL, hidden=True)
def login(
    config: Path | None, as_json: bool, account: str, push: bool, region: str | None, proxy: str | None, every: float
) -> None:
    """Log ACCOUNT in: shows a QR code, and waits until somebody has scanned and confirmed it.

    Scan it with the phone of that very account, in the province of --region. Where WeChat asks for a security code, it
    is asked for here; where it wants a second QR code scanned, that is shown too. With --json each step is a line of
    JSON. Ends with 75 when the code expired or the phone said no: begin again.
    """
    client = _client(config)
    found = _named(client, account)
    body = {"method": "push" if push else "qr", "region": region, "proxy": proxy}
    begun = client.call("POST", f"{_ACCOUNTS}/{found['id']}/login", body)
    talk = _Talk(as_json, str(found["name"]))
    talk.shows(begun)
    _Login(client, found, talk, every).follow()


@gewe.command()
@config_option
@json_option
@click.argument("account")
@click.option("--yes", is_flag=True, help="Do not ask.")
def logout(config: Path | None, as_json: bool, account: str, yes: bool) -> None:
    """Log ACCOUNT out. Nothing is sent or received for it until it is logged in again, with a scan."""
    client = _client(config)
    found = _named(client, account)
    if not yes:
        click.confirm(_say("cli.gewe.logout_sure", name=found["name"]), abort=True, err=True)
    _end(client.call("POST", f"{_ACCOUNTS}/{found['id']}/logout"), as_json)


@gewe.command()
@config_option
@json_option
@click.argument("account")
def reconnect(config: Path | None, as_json: bool, account: str) -> None:
    """Take up ACCOUNT's login again, while its phone still shows the iPad as logged in. No scan is needed."""
    client = _client(config)
    found = _named(client, account)
    _end(client.call("POST", f"{_ACCOUNTS}/{found['id']}/reconnect"), as_json)


@gewe.command()
@config_option
@json_option
@click.argument("account")
@click.option("--url", help="Where GeWe reaches this daemon, without the path. [default: http.public_url]")
def webhook(config: Path | None, as_json: bool, account: str, url: str | None) -> None:
    """Have GeWe deliver ACCOUNT's messages here, and wait until it has tried the address.

    All accounts of one GeWe token share it. The secret in the path is new each time, and shown once; the one before is
    honoured for another day.
    """
    client = _client(config)
    found = _named(client, account)
    done = client.call("POST", _WEBHOOK, {"account_id": found["id"], "url": url})
    if as_json:
        click.echo(json.dumps(done, ensure_ascii=False))
        return
    click.echo(done["webhook_url"])
    click.echo(done["message"], err=True)


@define
class _Talk:
    """What the person, or the program, at the terminal is told of a login."""

    as_json: bool
    name: str
    last: str = ""

    def shows(self, begun: Mapping[str, Any]) -> None:
        if self.as_json:
            click.echo(json.dumps(begun, ensure_ascii=False))
        elif begun["qr_content"]:
            click.echo(_say("cli.gewe.scan", name=self.name), err=True)
            click.echo(drawn(begun["qr_content"]))
        else:
            click.echo(_say("cli.gewe.push", name=self.name), err=True)

    def step(self, check: Mapping[str, Any]) -> None:
        """Each step once; a step that lasts gets a dot each time."""
        step = str(check["step"])
        if self.as_json:
            click.echo(json.dumps(check, ensure_ascii=False))
        elif step == self.last:
            click.echo(".", nl=False, err=True)
        elif step in {"waiting", "scanned"}:
            click.echo(("\n" if self.last else "") + _say(f"cli.gewe.{step}"), nl=False, err=True)
        self.last = step

    def verify(self, url: str) -> None:
        if not self.as_json:
            click.echo("\n" + _say("cli.gewe.verify"), err=True)
            click.echo(drawn(url))

    def code(self) -> str:
        """The security code, typed in."""
        return str(click.prompt("\n" + _say("cli.gewe.code"), err=True)).strip()

    def done(self, account: Mapping[str, Any]) -> None:
        if not self.as_json:
            click.echo("\n" + _say("cli.gewe.done", name=self.name, wxid=account["wxid"] or "-"))


@define
class _Login:
    """Asks how far the login has come until it is over."""

    client: Client
    account: Mapping[str, Any]
    talk: _Talk
    every: float
    _verified: str = ""
    _stumbles: int = 0

    def follow(self) -> None:
        clock, code = SystemClock(), None
        until = clock.monotonic() + _LONGEST.total_seconds()
        while clock.monotonic() < until:
            check = self._asked(code)
            if check is None:
                time.sleep(self.every)
                continue
            self.talk.step(check)
            if check["verify_url"] and check["verify_url"] != self._verified:
                self._verified = check["verify_url"]
                self.talk.verify(self._verified)
            match check["step"]:
                case "done":
                    self.talk.done(check["account"])
                    return
                case "expired" | "cancelled" as step:
                    raise NotLoggedIn(f"cli.gewe.{step}", name=self.account["name"])
                case "code_needed":
                    code = self.talk.code()
                    continue
            time.sleep(self.every)
        raise NotLoggedIn("cli.gewe.expired", name=self.account["name"])

    def _asked(self, code: str | None) -> Mapping[str, Any] | None:
        """None where GeWe stumbled: the code on the screen is still good."""
        try:
            route = f"{_ACCOUNTS}/{self.account['id']}/check-login"
            check: Mapping[str, Any] = self.client.call("POST", route, {"code": code})
        except Refused as error:
            self._stumbles += 1
            if error.exit_code != UNAVAILABLE or self._stumbles > _STUMBLES:
                raise
            return None
        return check


def drawn(content: str) -> str:
    """A QR code of half-block characters, to be read off a terminal."""
    out = io.StringIO()
    segno.make_qr(content).terminal(out=out, border=2, compact=True)
    return out.getvalue()


def _client(config: Path | None) -> Client:
    return Client.of(settings_of(config).unix_socket)


def _named(client: Client, name: str) -> dict[str, Any]:
    """The account with this id, app id or wxid; else the only one of this name."""
    rows = client.every(_ACCOUNTS)
    exact = [row for row in rows if name in {row["id"], row["app_id"], row["wxid"]}]
    found = exact or [row for row in rows if row["name"] == name]
    if not found:
        raise NotFound("cli.gewe.no_account", name=name, known=", ".join(str(row["name"]) for row in rows) or "-")
    if len(found) > 1:
        raise NotFound("cli.gewe.several_accounts", name=name, ids=", ".join(str(row["id"]) for row in found))
    return found[0]


def _end(account: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(account, ensure_ascii=False))
    else:
        click.echo(_say("cli.gewe.state", name=account["name"], state=account["state"]))


def _say(code: str, **facts: object) -> str:
    return render(code, language(os.environ), facts)
