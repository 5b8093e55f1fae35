"""Name servers fall silent: callbacks are taken as before, and whoever can be found is asked without a delay."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from daemon.errors import RemoteRefused
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY
from tests.flows.house import APP_ID, House, house
from tests.net.loopback import loopback
from tests.net.nameserver import NameServer, Zone, name_server

CHAT, WORKFLOWS = "/api/v1/integrations/fastgpt/chat", "/api/v1/workflows"
SILENT = 8
HERE = Zone(addresses=["127.0.0.1"])


def asking(names: NameServer) -> dict[str, Any]:
    return {"servers": (names.address,), "timeout": timedelta(seconds=2)}


async def workflow(h: House, host: str) -> str:
    """One whose FastGPT is at a name."""
    base_url = h.fastgpt.base_url.replace("127.0.0.1", host)
    body = {"name": host, "base_url": base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id, "check": False}
    added: str = (await h.api.post(WORKFLOWS, body))["id"]
    return added


async def ask(h: House, workflow_id: str) -> tuple[int, Any]:
    return await h.api.call("POST", CHAT, {"workflow_id": workflow_id, "message": "在吗"})


async def test_while_eight_names_are_silent_messages_are_taken_and_other_services_asked(tmp_path: Path) -> None:
    silent = {f"silent{number}": Zone(silent=True) for number in range(SILENT)}
    async with name_server(fastgpt=HERE, **silent) as names, house(tmp_path, dns=asking(names)) as h:
        healthy = await workflow(h, "fastgpt.example")
        lost = [await workflow(h, f"silent{number}.example") for number in range(SILENT)]
        waiting = [asyncio.create_task(ask(h, one)) for one in lost]
        await names.until_asked(SILENT)

        loop = asyncio.get_running_loop()
        began = loop.time()
        await h.writes("你好")
        status, told = await ask(h, healthy)
        took = loop.time() - began

        assert (status, told["text"]) == (200, "收到：在吗")
        assert await h.replies() == ["收到：你好"]
        assert took < 1.0
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_service_that_was_found_before_is_asked_while_no_name_server_answers(tmp_path: Path) -> None:
    async with name_server(fastgpt=HERE) as names, house(tmp_path, dns=asking(names)) as h:
        healthy = await workflow(h, "fastgpt.example")
        assert (await ask(h, healthy))[0] == 200
        names.zones = {"fastgpt.example": Zone(silent=True)}

        assert [(await ask(h, healthy))[0] for _ in range(3)] == [200] * 3


async def test_what_may_not_be_called_is_audited_once_and_then_counted(tmp_path: Path) -> None:
    async with house(tmp_path, targets={"allow": ()}) as h:
        engine = h.bridge.engine
        account = engine.accounts.get(h.account_id)
        for _ in range(3):
            with pytest.raises(RemoteRefused) as caught:
                async with engine.gewe.media.fetch(account, "http://127.0.0.1:1/token", most_bytes=100):
                    pass
            assert caught.value.code == "targets.port"
        await h.bridge.door.book.look()

        rows = (await h.api.get("/api/v1/audit?action=target.refused"))["data"]
        assert [row["detail"] for row in reversed(rows)] == [
            {"code": "targets.port", "target": "127.0.0.1:1"},
            {"code": "targets.port", "target": "127.0.0.1:1", "more": 2},
        ]
        assert {row["outcome"] for row in rows} == {"refused"}


async def test_a_target_that_is_listed_meanwhile_needs_no_restart(tmp_path: Path) -> None:
    async with house(tmp_path, targets={"allow": ()}) as h, loopback(lambda visit: visit.answer(b"listed")) as inside:
        account, media = h.bridge.engine.accounts.get(h.account_id), h.bridge.engine.gewe.media
        entry = inside.url.removeprefix("http://")
        await h.bridge.apply(evolve(h.settings, targets=evolve(h.settings.targets, allow=(entry,))))
        async with media.fetch(account, inside.url, most_bytes=100) as found:
            assert b"".join([piece async for piece in found]) == b"listed"


async def test_the_accounts_own_gateway_may_be_inside_and_nothing_beside_it(tmp_path: Path) -> None:
    async with house(tmp_path, targets={"allow": ()}) as h, loopback(lambda visit: visit.answer(b"inside")) as inside:
        account, media = h.bridge.engine.accounts.get(h.account_id), h.bridge.engine.gewe.media
        async with media.fetch(
            account, h.gewe.media.publish(APP_ID, b"a picture", hosted=True), most_bytes=100
        ) as found:
            assert b"".join([piece async for piece in found]) == b"a picture"
        with pytest.raises(RemoteRefused):
            async with media.fetch(account, inside.url, most_bytes=100):
                pass

    assert inside.visits == 0
