"""The whole daemon held against its own document."""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth

from daemon.clock import SystemClock
from daemon.codec import parse
from daemon.domain.access import Role
from daemon.limits.keyed import KeyedBuckets
from daemon.net.server.ratelimit import PER_SECOND, RateLimits
from tests.flows.house import quick, running_daemon
from tests.net.server.contract import EXAMPLES, Told, beside, hold

KEYS = 30  # each may make a burst of 30 requests: more than there are cases
MAKE = {"name": "contract", "role": "admin"}
OTHERS = [role for role in Role if role is not Role.ADMIN]
REVOKING = "/api/v1/keys/{key_id}"  # would take the others their keys
STRANGERS = (ignored_auth,)  # are told 429 after a few requests, and here there are many


async def serve(folder: Path, ready: threading.Event, done: asyncio.Event, told: Told) -> None:
    settings = quick(folder)
    async with running_daemon(settings) as bridge:
        by_socket = aiohttp.UnixConnector(str(settings.unix_socket))
        async with aiohttp.ClientSession("http://localhost", connector=by_socket) as http:
            told["url"] = bridge.url
            told["document"] = parse(await (await http.get("/openapi.json")).read())
            made = [parse(await (await http.post("/api/v1/keys", json=MAKE)).read()) for _ in range(KEYS)]
            others = [parse(await (await http.post("/api/v1/keys", json=MAKE | {"role": r})).read()) for r in OTHERS]
        bridge.door.limits = RateLimits({name: KeyedBuckets(1e6, 1e6, SystemClock()) for name in PER_SECOND})
        told["keys"] = [one["key"] for one in made]
        told["others"] = {one["role"]: one["key"] for one in others}
        ready.set()
        await done.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with beside(partial(serve, tmp_path_factory.mktemp("contract"))) as told:
        yield told


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_documented(served: Told, mode: GenerationMode) -> None:
    assert hold(served, mode, without=(REVOKING,), unchecked=STRANGERS) > 30


def test_so_it_is_for_every_role(served: Told) -> None:
    others = served | {"keys": list(served["others"].values())}
    one = max(1, EXAMPLES // 4)
    held = hold(others, GenerationMode.POSITIVE, unchecked=STRANGERS, examples=one, callers=len(OTHERS))
    assert held > 30
