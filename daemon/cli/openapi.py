"""`qiaod openapi`: the document of the API, without a running daemon."""

import json

import click

from daemon import __version__


@click.command()
def openapi() -> None:
    """Print the OpenAPI 3.1 document of the API, as JSON.

    The same one the daemon answers with on /openapi.json.
    """
    from daemon.face import TABLES
    from daemon.net.server.app import in_order
    from daemon.net.server.openapi import document

    click.echo(json.dumps(document(in_order(TABLES), version=__version__), ensure_ascii=False, indent=2))
