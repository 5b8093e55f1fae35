"""The rows of the call log that no unit of work of its own writes: answers from the cache, gathered for a second.

A crash loses what was gathered since, at most a second of it; calls that went out are written where they are settled.
"""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import timedelta

import structlog
from attrs import define, field

from daemon.domain.call_log import CallEntry
from daemon.errors import StoreUnavailable
from daemon.store import webhook_calls
from daemon.store.database import Database

log = structlog.get_logger()

FLUSH_EVERY = timedelta(seconds=1)
FLUSH_AT = 500  # rows, written at once without waiting for the second
AT_ONCE = 500  # in one unit of work: some 10 ms
MOST_WAITING = 20_000  # for a store that takes nothing; the oldest are lost past that


@define
class CallBook:
    db: Database
    _waiting: deque[CallEntry] = field(factory=deque, init=False)
    _full: asyncio.Event = field(factory=asyncio.Event, init=False)
    _lost: int = field(default=0, init=False)

    def add(self, entry: CallEntry) -> None:
        self._waiting.append(entry)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1
        if len(self._waiting) >= FLUSH_AT:
            self._full.set()

    async def flush(self) -> None:
        """Write down what was gathered; what the store does not take stays for the next time."""
        self._full.clear()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                await self.db.write(webhook_calls.add, batch)
            except StoreUnavailable as error:
                log.debug("webhook.log_postponed", code=error.code)
                self._waiting.extendleft(reversed(batch))
                return
        if self._lost:
            log.warning("webhook.log_lost", rows=self._lost)
            self._lost = 0

    async def run(self) -> None:
        """Write down what is gathered, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_EVERY.total_seconds()):
                    await self._full.wait()
            await self.flush()
