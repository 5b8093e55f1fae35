"""Long-running coroutines with a beginning and an end."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(coroutine: Coroutine[Any, Any, None], name: str) -> AsyncIterator[asyncio.Task[None]]:
    """Run it beside the block: leaving the block ends it, and its crash ends the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(coroutine, name=name)
        yield task
        task.cancel()
