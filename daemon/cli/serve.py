"""`qiaod serve`: run the daemon until it is told to stop."""

import os
import sys
from pathlib import Path

import click

from daemon import __version__
from daemon.cli.options import config_option, file_of
from daemon.settings import load


@click.command()
@config_option
def serve(config: Path | None) -> None:
    """Run the daemon.

    \b
    Signals:
      SIGTERM, SIGINT  finish what is being sent and answered, then stop; a second one stops at once
      SIGHUP           read the settings again
      SIGQUIT          write to the log where every task waits
    """
    path = file_of(config, os.environ)
    settings = load(path, os.environ)

    from daemon.bridge import open_bridge
    from daemon.main import Bridge, run

    def ready(bridge: Bridge) -> None:
        if sys.stdout.isatty():
            click.echo(f"qiaod {__version__} on {bridge.url} and {settings.unix_socket}")
            click.echo(f"  settings  {path or 'defaults'}\n  state     {settings.daemon.state_dir}")
            click.echo("  a key     qiaod keys create NAME --role admin\n  stop      Ctrl-C")

    sys.exit(run(settings, lambda: load(path, os.environ), open_bridge, os.environ, ready))
