"""Answers kept in memory for a while, and one flight for equal calls that come at the same time.

A flight is a task of its own: who waits for it may go, the first who came included, and the others get their answer.
What a flight fails with all of them are told, and nothing is kept of it.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.codec import canonical

T = TypeVar("T")

MOST_ENTRIES = 100_000  # however small they are: each costs some hundred bytes beside itself
OVERHEAD = 500  # bytes of an entry beside its answer
LARGEST_SHARE = 8  # no answer takes more than this part of the room: it would drive out all others

Digest = bytes


@frozen(kw_only=True)
class Kept(Generic[T]):
    """An answer, whose it is, and until when it holds (monotonic)."""

    value: T
    owner: str
    until: float
    size: int


@frozen(kw_only=True)
class Wanted(Generic[T]):
    """An answer that a flight may bring. Of `owner`, paid for by `by`."""

    key: Digest
    owner: str
    by: str
    ttl: timedelta
    fly: Callable[[], Awaitable[T]]
    size: Callable[[T], int | None]  # in bytes; None for what is not to be kept


@define
class Counts:
    """Of one owner, since the start."""

    hits: int = 0
    misses: int = 0
    shared: int = 0  # waited for another's flight
    bypassed: int = 0
    evicted: int = 0  # for want of room
    entries: int = 0
    bytes: int = 0

    @property
    def hit_rate(self) -> float | None:
        asked = self.hits + self.misses + self.shared
        return (self.hits + self.shared) / asked if asked else None


@define(eq=False)
class _Flight(Generic[T]):
    task: "asyncio.Task[T]"
    owner: str
    by: str
    keep: bool = True  # False: the owner's answers were thrown away meanwhile, or a newer one is under way


@define
class AnswerCache(Generic[T]):
    """`most_bytes` for all owners together; who was asked for longest ago goes first."""

    clock: Clock
    most_bytes: int
    bytes: int = field(default=0, init=False)
    _kept: "OrderedDict[Digest, Kept[T]]" = field(factory=OrderedDict, init=False)
    _flights: "dict[Digest, _Flight[T]]" = field(factory=dict, init=False)
    _tasks: "set[asyncio.Task[T]]" = field(factory=set, init=False)  # those of a cleared owner too
    _counts: dict[str, Counts] = field(factory=dict, init=False)

    def __len__(self) -> int:
        return len(self._kept)

    def counts(self, owner: str) -> Counts:
        return self._counts.setdefault(owner, Counts())

    def find(self, key: Digest, owner: str) -> T | None:
        """The answer, if it still holds. That it was asked for is counted where it is there."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self.clock.monotonic() >= kept.until:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        self.counts(owner).hits += 1
        return kept.value

    def airborne(self, key: Digest) -> str | None:
        """Whose flight it is that whoever asks now shares; None: there is none."""
        flight = self._flights.get(key)
        return None if flight is None else flight.by

    async def share(self, wanted: Wanted[T]) -> tuple[T, bool]:
        """The answer of the flight under way, or of a new one; and whether it was another's."""
        flight = self._flights.get(wanted.key)
        if flight is not None:
            self.counts(wanted.owner).shared += 1
            return await asyncio.shield(flight.task), True
        self.counts(wanted.owner).misses += 1
        return await asyncio.shield(self._begin(wanted).task), False

    async def renew(self, wanted: Wanted[T]) -> T:
        """The answer of a new flight, whatever is kept or in the air. Of those that end later none replaces it."""
        earlier = self._flights.pop(wanted.key, None)
        if earlier is not None:
            earlier.keep = False
        self.counts(wanted.owner).bypassed += 1
        return await asyncio.shield(self._begin(wanted).task)

    def put(self, key: Digest, owner: str, ttl: timedelta, value: T, size: int) -> bool:
        """Whether there is room for it."""
        self._drop(key)
        size += OVERHEAD
        if size * LARGEST_SHARE > self.most_bytes:
            return False
        until = self.clock.monotonic() + ttl.total_seconds()
        self._kept[key] = Kept(value=value, owner=owner, until=until, size=size)
        self._book(owner, 1, size)
        while self.bytes > self.most_bytes or len(self._kept) > MOST_ENTRIES:
            oldest = next(iter(self._kept))
            self.counts(self._kept[oldest].owner).evicted += 1
            self._drop(oldest)
        return True

    def clear(self, owner: str) -> int:
        """Forget all answers of one owner, those that are still to come included; how many were kept."""
        for key in [key for key, flight in self._flights.items() if flight.owner == owner]:
            self._flights.pop(key).keep = False
        old = [key for key, kept in self._kept.items() if kept.owner == owner]
        for key in old:
            self._drop(key)
        return len(old)

    def forget(self, owner: str) -> None:
        """It is gone, and its figures with it."""
        self.clear(owner)
        self._counts.pop(owner, None)

    async def aclose(self) -> None:
        """What is in the air is ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, wanted: Wanted[T]) -> "_Flight[T]":
        key, owner = wanted.key, wanted.owner
        flight = _Flight(asyncio.create_task(_carried(wanted.fly), name="answer.flight"), owner, wanted.by)

        def landed(task: "asyncio.Task[T]") -> None:
            self._tasks.discard(task)
            if self._flights.get(key) is flight:
                del self._flights[key]
            if task.cancelled() or task.exception() is not None:  # asked for, so that it counts as seen
                return
            room = wanted.size(task.result())
            if flight.keep and room is not None:
                self.put(key, owner, wanted.ttl, task.result(), room)

        flight.task.add_done_callback(landed)
        self._tasks.add(flight.task)
        self._flights[key] = flight
        return flight

    def _drop(self, key: Digest) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._book(kept.owner, -1, -kept.size)

    def _book(self, owner: str, entries: int, size: int) -> None:
        counts = self.counts(owner)
        counts.entries += entries
        counts.bytes += size
        self.bytes += size


async def _carried(fly: Callable[[], Awaitable[T]]) -> T:
    return await fly()


def digest(*parts: object) -> Digest:
    """Names a call by all that its answer may depend on. The order of an object's fields does not count."""
    return hashlib.blake2b(canonical(parts), digest_size=20).digest()
