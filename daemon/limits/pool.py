"""A bounded number of seats, for calls that may only run so many at once; waiting callers of different keys take turns.

The one limit that waits: what it guards is short work in memory. It holds no timer, a caller waits on a future until
a seat is handed to it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from attrs import define, field
from attrs.validators import ge

from daemon.errors import RateLimited, Unavailable

Lane = deque[asyncio.Future[None]]


@define
class Pool:
    """`seats` at once; `queue` more may wait, a key's in order, the keys in turn."""

    seats: int = field(validator=ge(1))
    queue: int = field(validator=ge(0))
    retry_after: timedelta = timedelta(seconds=5)  # for whom the queue has no place: about one AI answer
    in_flight: int = field(default=0, init=False)
    waiting: int = field(default=0, init=False)
    _lanes: dict[str, Lane] = field(factory=dict, init=False)  # no lane is empty
    _turns: deque[str] = field(factory=deque, init=False)  # the keys of `_lanes`, the next one first
    _closed: bool = field(default=False, init=False)

    @asynccontextmanager
    async def seat(self, key: str) -> AsyncIterator[None]:
        """Hold a seat inside the block. Raises RateLimited when the queue is full, Unavailable when closed."""
        await self._enter(key)
        try:
            yield
        finally:
            self._leave()

    def resize(self, seats: int) -> None:
        """More seats are given out at once; fewer take effect as holders leave."""
        self.seats = seats
        self._hand_out()

    def close(self) -> None:
        """Refuse those who wait and those who come; who has a seat keeps it."""
        self._closed = True
        for lane in self._lanes.values():
            for place in lane:
                if not place.done():
                    place.set_exception(self._refusal())
        self._lanes.clear()
        self._turns.clear()
        self.waiting = 0

    async def _enter(self, key: str) -> None:
        if self._closed:
            raise self._refusal()
        if self.in_flight < self.seats:  # then nobody waits: seats are handed out as they come free
            self.in_flight += 1
            return
        if self.waiting >= self.queue:
            raise RateLimited("pool.full", retry_after=self.retry_after)
        place = self._queue_up(key)
        try:
            await place
        except asyncio.CancelledError:
            self._give_up(key, place)
            raise

    def _queue_up(self, key: str) -> asyncio.Future[None]:
        if key not in self._lanes:
            self._lanes[key] = deque()
            self._turns.append(key)
        place = asyncio.get_running_loop().create_future()
        self._lanes[key].append(place)
        self.waiting += 1
        return place

    def _give_up(self, key: str, place: asyncio.Future[None]) -> None:
        """The caller was cancelled: while it waited, or after its place was settled and before it could know."""
        if place.cancelled():
            self._drop(key, place)
        elif place.exception() is None:
            self._leave()

    def _drop(self, key: str, place: asyncio.Future[None]) -> None:
        lane = self._lanes.get(key, deque())
        if place in lane:  # else its turn came, or the pool was closed, after the cancelling
            lane.remove(place)
            self.waiting -= 1
            if not lane:
                del self._lanes[key]
                self._turns.remove(key)

    def _leave(self) -> None:
        self.in_flight -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._turns and self.in_flight < self.seats:
            key = self._turns.popleft()
            lane = self._lanes[key]
            place = lane.popleft()
            self.waiting -= 1
            if lane:
                self._turns.append(key)
            else:
                del self._lanes[key]
            if not place.done():  # else its caller was cancelled and does not know yet
                self.in_flight += 1
                place.set_result(None)

    def _refusal(self) -> Unavailable:
        return Unavailable("pool.closed", retry_after=self.retry_after)
