"""Secrets of AI services, at a service that says back all that it is sent, in every shape of an answer."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field

from daemon.codec import encode
from tests.faults.living import Living
from tests.net.loopback import Loopback, Visit, loopback

PASSWORD = "canaryPASSWORD0123456789abcdef0123"
VALUE = "canaryVALUE0123456789abcdef01234567"
PASSPHRASE = "canaryPASSPHRASE0123456789abcdef01"
SIGNING = base64.b64encode(b"canary of a signing key, 36 bytes...").decode()
API_KEY = "canaryAPIKEY0123456789abcdef0123456"
MODEL_KEY = "sk-canaryMODELKEY0123456789abcdef01"
WAYS = {
    "basic": {"kind": "basic", "name": "ann", "secret": PASSWORD},
    "header": {"kind": "header", "name": "X-Key", "secret": VALUE},
    "jwt": {"kind": "jwt", "secret": PASSPHRASE},
}
STATUSES = ("200 OK", "400 Bad", "401 No", "500 Oh")
HOOKS = "/api/v1/webhooks"


@define
class Echo:
    """`canaries` grows by what only this service was told: tokens that are made for each call."""

    here: Loopback
    canaries: set[str] = field(factory=lambda: {PASSWORD, VALUE, PASSPHRASE, SIGNING, API_KEY, MODEL_KEY}, init=False)


@asynccontextmanager
async def echoing() -> AsyncIterator[Echo]:
    async def say(visit: Visit) -> None:
        head = (await visit.request()).decode().partition("\r\n\r\n")[0]
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        echo.canaries.add(headers.get("authorization", VALUE).rpartition(" ")[2])
        status = next((one for one in STATUSES if f"/{one[:3]}" in first), STATUSES[-1])
        said = {"message": f"no: {headers}", "error": {"message": f"no: {headers}", "headers": headers}}
        await visit.answer(encode(said), status, "Content-Type: application/json\r\nConnection: close\r\n")

    async with loopback(say) as here:
        echo = Echo(here)
        yield echo


async def services_say_it_back(daemon: Living, echo: Echo) -> None:
    """What callers are told of it is looked through here; what is kept of it, where everything else is."""
    told = []
    for status in (one[:3] for one in STATUSES):
        for kind, auth in WAYS.items():
            task = f"{kind}{status}"
            hook = {
                "task_type": task,
                "url": f"{echo.here.url}/webhook/{status}",
                "auth": auth,
                "signing_keys": [f"whsec_{SIGNING}"],
                "api": {"url": echo.here.url, "key": API_KEY, "workflow_id": "w1"},
            }
            added = await daemon.call("POST", HOOKS, hook)
            assert added[0] == 201, added
            asked = {"task_type": task, "sessionId": "s1", "chatInput": "ping"}
            answered = await daemon.call("POST", "/api/ai/webhook/", asked)
            assert (answered[0] == 200) == (status == "200"), answered
            told += [added, answered, await daemon.call("POST", f"{HOOKS}/{added[1]['id']}/test", {})]
        model = {"provider": "openai", "base_url": f"{echo.here.url}/{status}", "key": MODEL_KEY, "model": "m"}
        made = await daemon.call("POST", "/api/v1/workflows", model | {"name": f"M{status}", "check": False})
        assert made[0] == 201, made
        body = {"model": made[1]["id"], "messages": [{"role": "user", "content": "ping"}]}
        told += [made, await daemon.call("POST", "/v1/chat/completions", body)]
    told += [await daemon.call("GET", f"{HOOKS}{more}") for more in ("", "/calls", "/stats")]
    assert len(echo.canaries) > 6
    assert [canary[:18] for canary in echo.canaries if any(canary in f"{one}" for one in told)] == []
