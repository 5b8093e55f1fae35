"""Canaries on every path that tells of a failure: none of them in the log, the answers of the API or the files."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from attrs import frozen

from daemon.codec import encode, parse
from daemon.sim.fastgpt import DEMO_APP, FastGptSetup, FastGptSimulator, fastgpt_simulator
from daemon.sim.faults import Fault, Kind
from daemon.sim.gewe import GeweSetup, GeweSimulator, gewe_simulator
from daemon.sim.gewe_callbacks import Knobs
from tests.faults.living import ACCOUNTS, APP_ID, BOT, Living, caller, living
from tests.faults.strangers import said_to

TOKEN = "canaryTOKEN0123456789abcdef0123456789"
WRONG_TOKEN = "canaryWRONGTOKEN0123456789abcdef012345"
KEY = "fastgpt-canaryKEY0123456789abcdef01234"
TEXT = "金丝雀在矿井里 canaryTEXT"
ANN = "wxid_friend00000001"
SENDS = "/api/v1/integrations/gewe/messages"
CONVERSATIONS = "/api/v1/integrations/conversations"
LISTS = (ACCOUNTS, SENDS, CONVERSATIONS, "/api/v1/workflows", "/api/v1/status", "/metrics")

pytestmark = pytest.mark.torture


@frozen(kw_only=True)
class Mine:
    """The process, its neighbours, and the secret of its callback path."""

    daemon: Living
    gewe: GeweSimulator
    fastgpt: FastGptSimulator
    path: str
    account: dict[str, Any]

    @property
    def callback_secret(self) -> str:
        return self.path.rpartition("/")[2]

    def canaries(self) -> set[str]:
        return {TOKEN, WRONG_TOKEN, KEY, self.callback_secret}

    async def ended(self, path: str, field: str, wanted: set[str], number: int = 1) -> None:
        async with asyncio.timeout(15):
            while True:
                rows = (await self.daemon.call("GET", path))[1]["data"]
                if sum(row[field] in wanted for row in rows) >= number:
                    return
                await asyncio.sleep(0.05)


@asynccontextmanager
async def mine(folder: Path, *, bug: str = "", more: dict[str, str] | None = None) -> AsyncIterator[Mine]:
    setup = GeweSetup(accounts={APP_ID: BOT}, tokens=(TOKEN,), knobs=Knobs(token_in_body=True))
    keys = FastGptSetup(keys={KEY: DEMO_APP.id})
    environ = {"QIAOD_LOG_LEVEL": "debug", "QIAOD_JOBS_ATTEMPTS": "2"} | (more or {})
    living_there = living(folder / "s", bug=bug, environ=environ)
    async with gewe_simulator(setup) as gewe, fastgpt_simulator(keys) as fastgpt, living_there as daemon:
        (held,) = (await daemon.call("GET", ACCOUNTS))[1]["data"]
        workflow = {"name": "Sales", "base_url": fastgpt.base_url, "key": KEY, "app_id": DEMO_APP.id}
        workflow_id = (await daemon.call("POST", "/api/v1/workflows", workflow))[1]["id"]
        account = {"app_id": APP_ID, "wxid": BOT, "name": "Shop", "base_url": gewe.base_url, "token": TOKEN}
        account |= {"workflow_id": workflow_id, "id": held["id"]}
        path = urlsplit(daemon.callback_url).path
        gewe.callbacks.point(TOKEN, daemon.callback_url)
        it = Mine(daemon=daemon, gewe=gewe, fastgpt=fastgpt, path=path, account=account)
        await change(it)
        yield it


async def change(it: Mine, **changes: Any) -> None:
    body = {name: value for name, value in (it.account | changes).items() if name != "id"}
    status, document = await it.daemon.call("PUT", f"{ACCOUNTS}/{it.account['id']}", body)
    assert status == 200, document


async def everything_goes_wrong(it: Mine) -> None:
    """Each way in which a secret could get into words."""
    said = f"bad request: Authorization: Bearer {KEY} for {TEXT}"
    for name in ("upstream", "bad-input", "unknown-key"):
        it.fastgpt.faults.add(Fault(kind=Kind.ERROR, name=name, message=said, times=1))
    it.fastgpt.faults.add(Fault(kind=Kind.STATUS, status=400, body=said, times=1))
    for number in range(3):
        await it.gewe.wechat.person_writes(APP_ID, f"wxid_friend{number:08}", TEXT)
    await it.ended(CONVERSATIONS, "peer", {f"wxid_friend{number:08}" for number in range(3)}, 3)
    it.gewe.faults.add(
        Fault(kind=Kind.ERROR, name="form-b", path="*/postText", message=f"token={TOKEN} {TEXT}", times=1)
    )
    await send(it)
    await change(it, token=WRONG_TOKEN)
    await send(it)
    await it.ended(SENDS, "error", {"gewe.unauthorized"})
    await change(it)
    await strange_callbacks(it)
    await strange_requests(it)


async def strange_callbacks(it: Mine) -> None:
    """GeWe may put its token into what it sends."""
    device = {"Appid": APP_ID, "Wxid": BOT, "token": TOKEN}
    async with caller() as http:
        for body in (
            encode(device | {"TypeName": "Whatever", "Data": {"text": TEXT}}),
            of_device(encode(parse(it.daemon.message(TEXT)[1]) | {"token": TOKEN}), "wx_somebodyElse"),
            encode({"TypeName": "AddMsg", "token": TOKEN}),
            encode(device)[:-3],
            encode({"testMsg": TEXT, "token": TOKEN}),
        ):
            async with http.post(it.daemon.callback_url, data=body) as answer:
                await answer.read()


async def strange_requests(it: Mine) -> None:
    secret = it.callback_secret
    async with caller() as http:
        for path in (f"{it.path}/", f"{it.path}x", f"/{secret}", f"/healthz?key={secret}", f"{it.path}?a={TOKEN}"):
            async with http.post(it.daemon.url + path, data=encode({"token": TOKEN, "text": TEXT})) as answer:
                await answer.read()
        async with http.get(it.daemon.callback_url) as answer:
            await answer.read()
    for raw in (f"POST {it.path} HTTP/1.1\r\nHost: {TOKEN}\r\n\r\n", f"GET {it.path}\x00 {KEY}\r\n\r\n"):
        await said_to(it.daemon.url, raw.encode())
    await it.daemon.call("POST", ACCOUNTS, {"token": TOKEN, "name": 5, "app_id": {"a": KEY}})
    await it.daemon.call("POST", "/api/v1/workflows", {"key": KEY, "base_url": f"http://{KEY}@127.0.0.1/"})


async def send(it: Mine) -> None:
    body = {"account_id": it.account["id"], "to": ANN, "content": TEXT}
    assert (await it.daemon.call("POST", SENDS, body))[0] == 202


async def answers(it: Mine) -> AsyncIterator[str]:
    for path in LISTS:
        yield str((await it.daemon.call("GET", path))[1]) if path != "/metrics" else ""
    for row in (await it.daemon.call("GET", CONVERSATIONS))[1]["data"]:
        yield str((await it.daemon.call("GET", f"{CONVERSATIONS}/{row['id']}/turns"))[1])
        yield str((await it.daemon.call("GET", f"{CONVERSATIONS}/{row['id']}/history"))[1])


def files(state: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(state.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes()


def found(canaries: set[str], where: dict[str, str]) -> list[str]:
    return [f"{canary[:18]} in {name}" for name, text in where.items() for canary in canaries if canary in text]


async def test_no_secret_and_no_message_text_is_logged_shown_or_stored_in_plain(tmp_path: Path) -> None:
    async with mine(tmp_path) as it:
        await everything_goes_wrong(it)
        shown = {f"answer {number}": text for number, text in enumerate([text async for text in answers(it)])}
        running = {name: raw.decode("latin-1") for name, raw in files(it.daemon.state)}
        await it.daemon.stop()
        log = {f"log: {line[:300]}": line for line in it.daemon.lines}
        stored = {name: raw.decode("latin-1") for name, raw in files(it.daemon.state)}
        assert {"turn.failed", "send.failed", "callback.unknown_account"} <= {event(line) for line in it.daemon.lines}
        assert "***" in str(shown)  # the token was echoed, and masked
        assert found(it.canaries() | {TEXT, "canaryTEXT"}, log) == []
        assert found(it.canaries(), shown) == []
        assert found(it.canaries(), running | stored) == []
        assert "canaryTEXT" in "".join(running.values())  # so that something would be found: texts are plain


def event(line: str) -> str:
    return str(parse(line.encode())["event"])


async def test_a_daemon_whose_redactor_is_blind_is_found_out(tmp_path: Path) -> None:
    async with mine(tmp_path, bug="blind_redactor") as it:
        await change(it, token=WRONG_TOKEN)
        await send(it)
        await it.ended(SENDS, "error", {"gewe.unauthorized"})
        shown = str((await it.daemon.call("GET", SENDS))[1])
        assert found({WRONG_TOKEN}, {"answer": shown})


def anonymous(answer: aiohttp.ClientResponse, raw: bytes) -> tuple[int, dict[str, str], str]:
    """An answer without what differs between any two of them."""
    request_id = answer.headers["X-Request-ID"]
    headers = {name: value for name, value in answer.headers.items() if name not in {"Date", "X-Request-ID"}}
    return answer.status, dict(sorted(headers.items())), raw.decode().replace(request_id, "…")


async def asked(http: aiohttp.ClientSession, method: str, url: str, body: bytes) -> tuple[int, dict[str, str], str]:
    async with http.request(method, url, data=body, headers={"Content-Type": "application/json"}) as answer:
        return anonymous(answer, await answer.read())


async def refusals(daemon: Living) -> dict[str, tuple[int, dict[str, str], str]]:
    """What a forger gets, and what anybody gets who asks for what is not there."""
    url, secret = daemon.callback_url, daemon.callback_url.rpartition("/")[2]
    wrong = {
        "another secret": url.replace(secret, "A" * len(secret)),
        "half a secret": url[:-5],
        "a longer secret": url + "A",
        "a secret in capitals": url.replace(secret, secret.swapcase()),
        "no secret": url.removesuffix(secret),
        "another path": daemon.url + "/nothing/here",
    }
    message = daemon.message("假的")[1]
    async with caller() as http:
        answers = {name: await asked(http, "POST", address, message) for name, address in wrong.items()}
        foreign = of_device(message, "wx_somebodyElse000000001")
        answers["another device"] = await asked(http, "POST", url, foreign)
    return answers


def of_device(message: bytes, app_id: str) -> bytes:
    return message.replace(APP_ID.encode(), app_id.encode())


async def test_a_forged_callback_is_answered_like_a_path_that_is_not_there_and_leaves_no_row(tmp_path: Path) -> None:
    async with living(tmp_path / "s") as daemon:
        answers = await refusals(daemon)
        assert {name: answer[0] for name, answer in answers.items()} == dict.fromkeys(answers, 404)
        assert len({str(answer) for answer in answers.values()}) == 1, answers
        assert (await daemon.call("GET", CONVERSATIONS))[1]["data"] == []
        async with caller() as http:
            assert (await daemon.post(http)).status == 200
        assert len((await daemon.call("GET", CONVERSATIONS))[1]["data"]) == 1


async def test_another_method_says_nothing_of_the_secret(tmp_path: Path) -> None:
    async with living(tmp_path / "s") as daemon, caller() as http:
        right, wrong = daemon.callback_url, daemon.callback_url[:-5] + "AAAAA"
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            assert await asked(http, method, right, b"") == await asked(http, method, wrong, b"")


async def test_a_refusal_that_tells_a_wrong_secret_apart_is_found_out(tmp_path: Path) -> None:
    async with living(tmp_path / "s", bug="telling_refusal") as daemon:
        answers = await refusals(daemon)
        assert len({str(answer) for answer in answers.values()}) > 1
