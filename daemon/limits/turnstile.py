"""One at a time for each key; who comes `ahead` goes before all others that wait.

It waits, as the pool does: what it guards is one call to a neighbour. Only keys that are held take memory.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field

Place = asyncio.Future[None]


@define(eq=False)
class Turnstile:
    _lines: dict[str, deque[Place]] = field(factory=dict, init=False)  # who waits, of each key that is held

    @asynccontextmanager
    async def turn(self, key: str, *, ahead: bool = False, patience: float | None = None) -> AsyncIterator[None]:
        """Nobody else has the key inside the block. TimeoutError after `patience` seconds; None waits for ever."""
        await self._enter(key, ahead=ahead, patience=patience)
        try:
            yield
        finally:
            self._leave(key)

    async def _enter(self, key: str, *, ahead: bool, patience: float | None) -> None:
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = deque()
            return
        place: Place = asyncio.get_running_loop().create_future()
        if ahead:
            line.appendleft(place)
        else:
            line.append(place)
        try:
            async with asyncio.timeout(patience):
                await place
        except BaseException:
            self._give_up(key, line, place)
            raise

    def _give_up(self, key: str, line: deque[Place], place: Place) -> None:
        if not place.cancelled():  # its turn came before it could know
            self._leave(key)
        elif place in line:
            line.remove(place)

    def _leave(self, key: str) -> None:
        line = self._lines[key]
        while line:
            place = line.popleft()
            if not place.done():  # else its caller was cancelled and does not know yet
                place.set_result(None)
                return
        del self._lines[key]
