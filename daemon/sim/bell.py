"""A bell: those who wait for a condition look again each time it is rung."""

import asyncio
from collections.abc import Callable

from attrs import define, field


@define(eq=False)
class Bell:
    _waiting: list[asyncio.Future[None]] = field(factory=list, init=False)

    def ring(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(self, holds: Callable[[], bool], *, timeout: float) -> None:
        """Return once it holds; TimeoutError when it does not in `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not holds():
                future = asyncio.get_running_loop().create_future()
                self._waiting.append(future)
                await future
