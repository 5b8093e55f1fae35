"""Long-running coroutines with a beginning and an end."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running_all(coroutines: Mapping[str, Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Run them, by name, beside the block: leaving the block ends them, and the crash of one ends all and the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(coroutine, name=name) for name, coroutine in coroutines.items()]
        yield
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def running(coroutine: Coroutine[Any, Any, None], name: str) -> AsyncIterator[asyncio.Task[None]]:
    """Run it beside the block: leaving the block ends it, and its crash ends the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(coroutine, name=name)
        yield task
        task.cancel()
