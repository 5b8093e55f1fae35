"""What the tests of both SDKs ask, and how they make the daemon refuse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from daemon.clock import SystemClock
from daemon.domain.workflow import Provider
from daemon.limits.keyed import KeyedBuckets
from daemon.net.server.ratelimit import PER_SECOND, RateLimits
from tests.flows.house import House

PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
NONE_LEFT = {"name": "none left", "scope": "global", "period": "day", "measure": "calls", "cap_micro": 1}


def asked(text: Any = "在吗", **more: Any) -> dict[str, Any]:
    return {"model": "Sales", "messages": [{"role": "user", "content": text}], **more}


def pictured(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": PIXEL}}]


def base(h: House) -> str:
    return h.api.url + "/v1"


def limit(h: House, *, rate: float, burst: float) -> None:
    h.bridge.door.limits = RateLimits({name: KeyedBuckets(rate, burst, SystemClock()) for name in PER_SECOND})


@asynccontextmanager
async def spent(h: House) -> AsyncIterator[None]:
    """With a quota that is used up."""
    quota = await h.api.post("/api/v1/quotas", NONE_LEFT)
    yield
    assert (await h.api.call("DELETE", f"/api/v1/quotas/{quota['id']}"))[0] == 204


def told_to_service(h: House) -> list[tuple[str, Any]]:
    """The messages of the last question: role and content."""
    return [(said["role"], said["content"]) for said in h.fastgpt.ledger.of("*/chat/completions")[-1].body["messages"]]


async def seats_are_free(h: House) -> None:
    async with asyncio.timeout(5):
        while h.bridge.engine.pools[Provider.FASTGPT].in_flight:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
