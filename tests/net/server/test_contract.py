"""The server's framework held against its own document."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from schemathesis import GenerationMode

from daemon.clock import SystemClock
from daemon.codec import parse
from daemon.domain.access import Role
from daemon.limits.keyed import KeyedBuckets
from daemon.net.server.lockout import Lockout
from daemon.net.server.ratelimit import PER_SECOND, RateLimits
from tests.net.server import zoo
from tests.net.server.contract import Told, beside, hold
from tests.net.server.served import serving_routes
from tests.net.server.test_routes import cages


async def serve(folder: Path, ready: threading.Event, done: asyncio.Event, told: Told) -> None:
    async with serving_routes(folder, zoo.routes, services=cages) as api:
        clock = SystemClock()
        api.door.limits = RateLimits({name: KeyedBuckets(1e6, 1e6, clock) for name in PER_SECOND})
        api.door.addresses = Lockout(clock, 10**9, timedelta(1), timedelta(1), timedelta(1))
        api.app[zoo.GATE].set()
        told["url"] = api.url
        told["document"] = parse((await api.get("/openapi.json")).body)
        told["keys"] = [(await api.key(Role.ADMIN)).reveal()]
        ready.set()
        await done.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with beside(partial(serve, tmp_path_factory.mktemp("contract"))) as told:
        yield told


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_documented(served: Told, mode: GenerationMode) -> None:
    assert hold(served, mode, without=("/crash", "/flood")) > 10
