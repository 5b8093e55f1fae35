"""`qiaod serve`: run the daemon until it is told to stop."""

import gc
import linecache
import os
import sys
from functools import partial
from pathlib import Path

import click

from daemon import __version__
from daemon.cli.options import config_option, file_of
from daemon.secret import Secret
from daemon.settings import Settings, load

DRAFTS = 5_000  # objects between two looks of the garbage collector while we are imported
NEVER = 1_000_000


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

    # Importing makes a thousand classes, and each leaves its first draft: 6 MB if nobody cleared up, and a fifth of a
    # start if the collector looked at the older ones too. `main.settle` ends this.
    gc.set_threshold(DRAFTS, NEVER, NEVER)
    from daemon.bridge import open_bridge
    from daemon.main import Bridge, run

    linecache.clearcache()  # attrs left the text of each method it wrote, for debuggers: 3 MB for what comes now

    def ready(bridge: Bridge) -> None:
        if sys.stdout.isatty():
            click.echo(welcome(bridge.url, settings, path, bridge.first_key))

    # In a service nobody would see a first key; root and the daemon's own user are known on the Unix socket anyway.
    opening = partial(open_bridge, greet=sys.stdout.isatty())
    sys.exit(run(settings, lambda: load(path, os.environ), opening, os.environ, ready))


def welcome(url: str, settings: Settings, path: Path | None, first_key: Secret | None) -> str:
    """What a person at the terminal wants to know first."""
    facts = {
        "API": f"{url}  (reference: {url}/docs)",
        "local API": settings.unix_socket,
        "settings": path or "defaults",
        "state": settings.daemon.state_dir,
        "first key": first_key and f"{first_key.reveal()}  (admin; not shown again)",
        "another": "qiaod keys create NAME --role viewer",
        "stop": "Ctrl-C",
    }
    return "\n".join([f"qiaod {__version__}", *(f"  {name:<10} {fact}" for name, fact in facts.items() if fact)])
