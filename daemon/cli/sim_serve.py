"""Serves a simulator from the command line until it is told to stop."""

import asyncio
import signal
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import click


class Served(Protocol):
    url: str


async def serve(simulator: AbstractAsyncContextManager[Served]) -> None:
    """Its URL is the first line printed; SIGTERM or Ctrl-C ends it."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        async with simulator as served:
            click.echo(served.url)
            await stop.wait()
    except OSError as error:
        raise click.ClickException(f"cannot listen there: {error}") from error
