"""Accounts come to life through the API: a login by QR code, the callback set at GeWe, a repair by ourselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from daemon.engine.account_moves import LOGIN_LANE
from daemon.sim.gewe_accounts import State
from daemon.sim.server import serving
from daemon.store import due
from tests.flows.house import APP_ID, House, house

ACCOUNTS = "/api/v1/integrations/gewe/accounts"
WEBHOOK = "/api/v1/integrations/gewe/webhook"


@asynccontextmanager
async def elsewhere() -> AsyncIterator[str]:
    """Somebody who says yes to everything, as a login page before us would."""

    async def yes(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.add_routes([web.post("/{path:.*}", yes)])
    async with serving(app, "127.0.0.1", 0) as url:
        yield url


async def new_account(here: House, **fields: Any) -> str:
    body = {"name": "Second", "token": here.gewe.token, "base_url": here.gewe.base_url} | fields
    added = await here.api.post(ACCOUNTS, body)
    assert (added["app_id"], added["online_since"], added["relogin"]) == (None, None, True)
    return str(added["id"])


async def test_an_account_is_added_without_a_device_and_logged_in_by_qr_code(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        account = await new_account(here)
        begun = await here.api.post(f"{ACCOUNTS}/{account}/login", {"region": "320000"})
        assert begun["state"] == "qr_pending"
        assert begun["qr_content"].endswith(begun["uuid"])
        assert begun["qr_image"].startswith("data:image/")
        check = await here.api.post(f"{ACCOUNTS}/{account}/check-login", {})
        assert check["step"] == "waiting"
        here.gewe.accounts.confirm(begun["app_id"], wxid="wxid_second000000001")
        check = await here.api.post(f"{ACCOUNTS}/{account}/check-login", {})
        assert (check["step"], check["account"]["state"]) == ("done", "online")
        shown = await here.api.get(f"{ACCOUNTS}/{account}")
        assert (shown["app_id"], shown["wxid"]) == (begun["app_id"], "wxid_second000000001")
        assert shown["online_since"] is not None


async def test_what_gewe_says_and_what_we_see_stand_side_by_side(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.writes("在吗")
        await here.replies()
        shown = await here.api.get(f"{ACCOUNTS}/{here.account_id}/online")
        assert (shown["online"], shown["state"]) == (True, "online")
        here.gewe.accounts.get(APP_ID).state = State.OFFLINE
        shown = await here.api.get(f"{ACCOUNTS}/{here.account_id}/online")
        assert (shown["online"], shown["state"]) == (False, "online")


async def test_logout_and_a_login_that_nobody_began(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        out = await here.api.post(f"{ACCOUNTS}/{here.account_id}/logout", {})
        assert out["state"] == "logged_out"
        status, refused = await here.api.call("POST", f"{ACCOUNTS}/{here.account_id}/check-login", {})
        assert (status, refused["code"]) == (409, "account.no_login")


async def test_an_account_that_drops_is_repaired_by_the_daemon(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.writes("在吗")
        await here.replies()
        await here.gewe.wechat.drop(APP_ID)
        await here.settled(ACCOUNTS, "state", {"offline"})
        await here.bridge.engine.db.write(due.hasten, lane=LOGIN_LANE, key=here.account_id)
        await here.settled(ACCOUNTS, "state", {"online"})
        assert here.gewe.accounts.get(APP_ID).online


async def test_a_canary_finds_out_what_gewe_does_not_know_and_a_person_is_called(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.writes("在吗")
        await here.replies()
        here.gewe.accounts.get(APP_ID).false_online = True
        engine = here.bridge.engine
        engine.watch.canary_after = timedelta(microseconds=1)
        await engine.watch.look()
        rows = await here.settled(ACCOUNTS, "state", {"offline"})
        assert rows[0]["state_reason"] == "gewe.offline"
        await engine.db.write(due.hasten, lane=LOGIN_LANE, key=here.account_id)
        await here.settled(ACCOUNTS, "state", {"qr_pending"})
        assert len(here.gewe.ledger.of("*/login/logout")) == 1
        told = (await here.api.get("/api/v1/notifications"))["data"]
        assert any("Shop" in str(row) and "qiaod gewe login" in str(row) for row in told)


async def test_the_webhook_is_set_at_gewe_and_its_packet_waited_for(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        done = await here.api.post(WEBHOOK, {"account_id": here.account_id, "url": here.bridge.url})
        assert done["success"] is True
        assert done["webhook_url"].startswith(here.bridge.url + WEBHOOK + "/callback/")
        assert here.gewe.callbacks.url(here.gewe.token) == done["webhook_url"] != here.callback_url
        await here.writes("在吗")
        assert await here.replies()
        here.gewe.callbacks.point(here.gewe.token, here.callback_url)
        await here.writes("还在吗")


async def test_a_webhook_without_an_address_says_what_to_set(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        status, refused = await here.api.call("POST", WEBHOOK, {"account_id": here.account_id})
        assert (status, refused["code"]) == (409, "webhook.no_public_url")
        assert "public_url" in refused["detail"]


async def test_an_address_that_gewe_cannot_reach_is_told_and_the_one_before_stays(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        body = {"account_id": here.account_id, "url": "http://127.0.0.1:9"}
        status, refused = await here.api.call("POST", WEBHOOK, body)
        assert (status, refused["code"]) == (502, "webhook.unreachable")
        assert "127.0.0.1:9" in refused["detail"]
        assert "/callback/" not in refused["detail"]
        await here.writes("在吗")


async def test_an_address_that_gewe_takes_without_coming_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    async with house(tmp_path) as here, elsewhere() as url:
        here.bridge.engine.callback_urls.patience *= 0.01
        status, refused = await here.api.call("POST", WEBHOOK, {"account_id": here.account_id, "url": url})
        assert (status, refused["code"]) == (502, "webhook.silent")
        assert "firewall" in refused["detail"]


@pytest.mark.parametrize(("allow", "status"), [((), 404), (("127.0.0.0/8",), 200), (("192.0.2.0/24",), 404)])
async def test_the_path_without_a_secret_is_for_listed_addresses(
    tmp_path: Path, allow: tuple[str, ...], status: int
) -> None:
    async with house(tmp_path, pace={"callback_allow": allow}) as here, aiohttp.ClientSession() as http:
        here.gewe.callbacks.point(here.gewe.token, here.bridge.url + WEBHOOK + "/callback")
        delivery = await here.gewe.wechat.person_writes(APP_ID, "wxid_friend00000001", "在吗")
        assert delivery.status == status
        async with http.post(here.bridge.url + WEBHOOK + "/callback", json={"testMsg": "x"}) as probed:
            assert probed.status == status


async def test_every_step_is_in_the_audit_log_without_a_secret(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.api.post(f"{ACCOUNTS}/{here.account_id}/callback-key", {})
        body = {"name": "Shop", "base_url": here.gewe.base_url, "suspended": True}
        status, _ = await here.api.call("PUT", f"{ACCOUNTS}/{here.account_id}", body)
        assert status == 200
        rows = (await here.api.get(f"/api/v1/audit?target=account:{here.account_id}"))["data"]
        assert [row["action"] for row in rows] == [
            "account.suspended",
            "account.changed",
            "callback_key.rotated",
            "account.added",
        ]
        assert rows[1]["detail"]["fields"] == ["workflow_id"]
        assert rows[0]["actor"].startswith("key:")
        assert here.gewe.token not in str(rows)
