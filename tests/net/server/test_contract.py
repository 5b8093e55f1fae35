"""The server held against its own document by schemathesis: every answer as documented, none a crash."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.core.result import Ok

from daemon.clock import SystemClock
from daemon.codec import parse
from daemon.domain.access import Role
from daemon.limits.keyed import KeyedBuckets
from daemon.net.server.lockout import Lockout
from daemon.net.server.ratelimit import PER_SECOND, RateLimits
from tests.net.server import zoo
from tests.net.server.served import serving_routes
from tests.net.server.test_routes import cages

EXAMPLES = 4  # an operation and a mode: seconds here, thousands when somebody asks for them


async def serve(folder: Path, ready: threading.Event, done: asyncio.Event, told: dict[str, Any]) -> None:
    async with serving_routes(folder, zoo.routes, services=cages) as api:
        clock = SystemClock()
        api.door.limits = RateLimits({name: KeyedBuckets(1e6, 1e6, clock) for name in PER_SECOND})
        api.door.addresses = Lockout(clock, 10**9, timedelta(1), timedelta(1), timedelta(1))
        api.app[zoo.GATE].set()
        told["url"] = api.url
        told["document"] = parse((await api.get("/openapi.json")).body)
        told["key"] = (await api.key(Role.ADMIN)).reveal()
        ready.set()
        await done.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server on a thread of its own: schemathesis waits for its answers."""
    ready, told, loop = threading.Event(), dict[str, Any](), asyncio.new_event_loop()
    done = asyncio.Event()
    folder = tmp_path_factory.mktemp("contract")
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(folder, ready, done, told),))
    thread.start()
    assert ready.wait(10)
    yield told
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_documented(served: dict[str, Any], mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(served["document"])
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.path in ("/crash", "/flood"):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate(
                base_url=served["url"],
                headers={"Authorization": f"Bearer {served['key']}"},
                excluded_checks=[positive_data_acceptance],  # a date may be of the right form and long past
            )

        with suppress(Unsatisfiable):  # what takes nothing cannot be given anything wrong
            holds()
