"""`qiaod check`: every mistake in the settings at once."""

import json
import os
import sys
from pathlib import Path

import click

from daemon.cli.main import language
from daemon.cli.options import config_option, file_of, json_option
from daemon.exits import CONFIGURATION
from daemon.settings import Settings, load
from daemon.settings_read import BadSettings


@click.command()
@config_option
@json_option
@click.option("--quiet", is_flag=True, help="Say nothing when all is right.")
def check(config: Path | None, as_json: bool, quiet: bool) -> None:
    """Find every mistake in the settings.

    Reads the file and the QIAOD_* variables as `qiaod serve` would, and changes nothing. Each mistake is told with its
    file, line and key, and the way out. Ends with 78 when there is any.
    """
    path = file_of(config, os.environ)
    try:
        settings = load(path, os.environ)
    except BadSettings as error:
        if as_json:
            _tell_json(path, error)
            sys.exit(CONFIGURATION)
        raise
    if as_json:
        _tell_json(path, None)
    elif not quiet:
        _tell(path, settings)


def _tell_json(path: Path | None, error: BadSettings | None) -> None:
    tongue = language(os.environ)
    mistakes = [
        {"source": m.source, "line": m.line, "key": m.key, "code": m.code, "message": m.text(tongue)}
        for m in (error.mistakes if error else ())
    ]
    click.echo(json.dumps({"ok": not mistakes, "file": path and str(path), "mistakes": mistakes}, ensure_ascii=False))


def _tell(path: Path | None, settings: Settings) -> None:
    click.echo(f"{path or 'defaults'}: no mistakes")
    click.echo(f"  state       {settings.daemon.state_dir}")
    click.echo(f"  API         http://{settings.http.listen}")
    click.echo(f"  local API   {settings.unix_socket}")
    click.echo(f"  callbacks   {settings.http.public_url or 'set http.public_url, so that GeWe can reach the daemon'}")
    click.echo(f"  backups     {settings.backups}")
