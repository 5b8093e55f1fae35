"""`qiaod demo`: the daemon between a simulated WeChat and simulated AI services, in a temporary directory."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--once", is_flag=True, help="End with the story; exit 0 only if all of it came about exactly once.")
@click.option("--port", default=0, show_default="a free one", help="Where the API listens, on 127.0.0.1.")
def demo(once: bool, port: int) -> None:
    """Show the daemon at work, with nothing to set up.

    People of a simulated WeChat ask questions, send a picture and want to be friends; FastGPT, n8n and a plain model
    answer them; a quota runs out, a person takes over, one message goes to many. A website's visitor and a program made
    for OpenAI ask too, a workflow is tried out, a webhook is called, and the bill is drawn. Each step is told as the
    daemon's own API knows it.
    Everything is real but the neighbours: HTTP, store, limits, API. Its state is deleted at the end.
    """
    import uvloop

    from daemon.cli.demo_story import tell
    from daemon.cli.main import language

    with tempfile.TemporaryDirectory(prefix="qiaod-demo-") as folder:
        story = tell(Path(folder), port=port, once=once, language=language(os.environ))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            sys.exit(runner.run(story))
