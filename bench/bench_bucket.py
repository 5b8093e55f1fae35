"""One acquire out of 10,000 keyed buckets, against as many limiters of aiolimiter."""

import gc
import time
from collections.abc import Iterator
from random import Random

import uvloop
from aiolimiter import AsyncLimiter

from bench.report import Figure, compare, main
from daemon.clock import SystemClock
from daemon.limits.keyed import KeyedBuckets

KEYS = 10_000
ACQUIRES = 300_000
PLENTY = 1_000_000.0  # tokens: every acquire is granted at once, by both


def run() -> Iterator[Figure]:
    yield compare("bucket", "acquire", unit="1/s", ours=_ours, baseline="aiolimiter", theirs=_theirs, goal=">=2")


def _ours() -> float:
    buckets = KeyedBuckets(PLENTY, PLENTY, SystemClock())
    keys = _keys()
    started = _start()
    for key in keys:
        if buckets.take(key):
            raise RuntimeError("the bench ran into the limit")
    return ACQUIRES / (time.perf_counter() - started)


def _theirs() -> float:
    return uvloop.run(_aiolimiter())


async def _aiolimiter() -> float:
    limiters: dict[str, AsyncLimiter] = {}
    keys = _keys()
    started = _start()
    for key in keys:
        limiter = limiters.get(key)
        if limiter is None:
            limiter = limiters[key] = AsyncLimiter(PLENTY, 1.0)
        await limiter.acquire()
    return ACQUIRES / (time.perf_counter() - started)


def _keys() -> list[str]:
    """The same keys for both, in an order that no cache foresees."""
    names = [f"account-{number}" for number in range(KEYS)]
    return Random(7).choices(names, k=ACQUIRES)


def _start() -> float:
    gc.collect()
    return time.perf_counter()


if __name__ == "__main__":
    main(run)
