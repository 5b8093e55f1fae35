"""What people send: fetched at the safe pace, kept within a budget, shown, and given to the workflow."""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from attrs import evolve

from daemon.domain.media import MediaState
from daemon.sim.faults import Fault, Kind
from daemon.sim.gewe import DEMO_ACCOUNTS, GeweSetup
from daemon.sim.gewe_media import MediaKnobs
from daemon.sim.pictures import jpeg, pdf
from tests.flows.house import ANN, APP_ID, ROOM, House, house, running_daemon

MEDIA = "/api/v1/integrations/gewe/media"
PICTURE = jpeg(64, 48)


async def unhurried(h: House) -> None:
    """No pause between two fetches."""
    body = {"per_hour": 1000, "per_day": 1000, "gap_low_seconds": 0, "gap_high_seconds": 0, "beyond_safe": True}
    path = f"/api/v1/integrations/gewe/accounts/{h.account_id}/budgets/media.download"
    assert (await h.api.call("PUT", path, body))[0] == 200


async def media(h: House, state: str, number: int = 1) -> list[dict[str, Any]]:
    return await h.settled(MEDIA, "state", {state}, number=number)


async def fetched(h: House, path: str, **headers: str) -> tuple[int, Any, bytes]:
    headers["Authorization"] = f"Bearer {h.api.key}"
    async with h.api.http.get(h.api.url + path, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


def asked(h: House) -> Any:
    return h.fastgpt.ledger.of("*/chat/completions")[-1].body["messages"][-1]["content"]


def folder(h: House) -> Path:
    return h.settings.received


async def test_a_picture_goes_to_the_workflow_as_it_is_and_is_answered(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.gewe.wechat.person_sends_image(APP_ID, ANN, data=PICTURE)
        assert await h.replies()
        inline = f"data:image/jpeg;base64,{base64.b64encode(PICTURE).decode()}"
        assert asked(h) == [
            {"type": "text", "text": "[图片]"},
            {"type": "image_url", "image_url": {"url": inline}},
        ]
        (row,) = await media(h, "ready")
        assert (row["kind"], row["media_type"], row["size"]) == ("image", "image/jpeg", len(PICTURE))
        (line,) = [
            line
            for line in (await h.api.get(f"/api/v1/integrations/conversations/{row['conversation_id']}/history"))[
                "data"
            ]
            if line["kind"] == "image"
        ]
        assert (line["id"], line["media"], line["state"]) == (row["message_id"], "ready", "answered")


async def test_a_question_and_its_picture_are_asked_together(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.media.knobs = MediaKnobs(download_s=0.3)
        await h.gewe.wechat.person_sends_image(APP_ID, ANN, data=PICTURE)
        await h.writes("这是什么")
        assert len(await h.replies()) == 1
        text, picture = asked(h)
        assert (text["text"], picture["type"]) == ("[图片]\n这是什么", "image_url")


async def test_a_file_goes_by_its_address_and_is_saved_under_its_own_name(tmp_path: Path) -> None:
    whole = pdf("price list")
    async with house(tmp_path) as h:
        await h.gewe.wechat.person_sends_file(APP_ID, ANN, data=whole, title="../报价\u202e单.pdf")
        await h.replies()
        _text, file = asked(h)
        assert (file["type"], file["url"].startswith(h.gewe.url)) == ("file_url", True)
        (row,) = await media(h, "ready")
        assert row["name"] == "../报价单.pdf"
        path = f"{MEDIA}/{row['message_id']}/content"
        status, headers, content = await fetched(h, path)
        assert (status, content, headers["Content-Type"]) == (200, whole, "application/pdf")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Disposition"].endswith("filename*=UTF-8''%E6%8A%A5%E4%BB%B7%E5%8D%95.pdf")
        assert headers["Content-Disposition"].startswith("attachment;")
        assert (await fetched(h, path, **{"If-None-Match": headers["ETag"]}))[0] == 304
        status, part, piece = await fetched(h, path, Range="bytes=5-9")
        assert (status, piece, part["Content-Range"]) == (206, whole[5:10], f"bytes 5-9/{len(whole)}")
        assert (await fetched(h, path, Range="bytes=-4"))[2] == whole[-4:]
        assert (await fetched(h, path, Range="bytes=999999-"))[0] == 416
        async with h.api.http.head(h.api.url + path, headers={"Authorization": f"Bearer {h.api.key}"}) as head:
            assert (head.status, head.headers["Content-Length"], await head.read()) == (200, str(len(whole)), b"")
        assert (await fetched(h, path))[2] == whole  # nothing of the HEAD is left on the connection
        assert {file.name for file in folder(h).iterdir()}.isdisjoint({row["name"], "报价单.pdf"})


async def test_a_picture_that_is_gone_is_said_to_be_missing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unhurried(h)
        h.gewe.media.knobs = MediaKnobs(gone=True)
        await h.gewe.wechat.person_sends_image(APP_ID, ANN)
        await h.replies()
        assert asked(h) == "[图片]（未能接收）"
        (row,) = await media(h, "failed")
        assert row["error"] == "gewe.media_gone"
        h.gewe.media.knobs = MediaKnobs()
        assert (await fetched(h, f"{MEDIA}/{row['message_id']}/content"))[0] == 409
        await h.api.post(f"{MEDIA}/{row['message_id']}/fetch", status=202)
        (again,) = await media(h, "ready")
        assert again["error"] is None


async def test_a_question_waits_only_so_long(tmp_path: Path) -> None:
    async with house(tmp_path, media={"wait": timedelta(milliseconds=200)}) as h:
        h.gewe.media.knobs = MediaKnobs(download_s=1)
        await h.gewe.wechat.person_sends_image(APP_ID, ANN)
        await h.replies()
        assert asked(h) == "[图片]（未能接收）"


async def test_voices_and_pictures_of_rooms_are_kept_and_no_question(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await unhurried(h)
        await h.gewe.wechat.person_sends_image(APP_ID, ANN, room=ROOM)
        await h.gewe.wechat.person_sends_voice(APP_ID, ANN)
        (row,) = await media(h, "ready")
        assert (row["kind"], row["media_type"]) == ("voice", "audio/silk")
        assert (await h.api.get(MEDIA))["total"] == 1
        assert not h.fastgpt.ledger.of("*/chat/completions")
        conversations = (await h.api.get("/api/v1/integrations/conversations"))["data"]
        (room,) = [one for one in conversations if one["peer"] == ROOM]
        lines = (await h.api.get(f"/api/v1/integrations/conversations/{room['id']}/history"))["data"]
        assert [(line["media"], line["reason"]) for line in lines] == [(None, "not_text")]
        await h.api.post(f"{MEDIA}/{lines[0]['id']}/fetch", status=202)
        await media(h, "ready", 2)


async def test_with_everything_switched_off_nothing_is_fetched(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"media": {"fetch": []}}) as h:
        await h.gewe.wechat.person_sends_image(APP_ID, ANN)
        await h.writes("在吗")
        await h.replies()
        assert asked(h) == "在吗"
        assert (await h.api.get(MEDIA))["total"] == 0


async def test_the_oldest_go_when_the_budget_is_spent(tmp_path: Path) -> None:
    big = PICTURE + bytes(400_000)
    async with house(tmp_path, media={"keep_mb": 1}, policy={"media": {"read": False}}) as h:
        await unhurried(h)
        for number in range(1, 5):
            await h.gewe.wechat.person_sends_image(APP_ID, ANN, data=big)
            await h.settled(MEDIA, "state", {"ready", "dropped"}, number=number)
        rows = (await h.api.get(MEDIA))["data"]
        assert [row["state"] for row in rows] == ["ready", "ready", "dropped", "dropped"]
        await h.settled("/api/v1/jobs?lane=media", "state", {"done"}, number=4)  # files go right after their rows
        assert sum(file.stat().st_size for file in folder(h).iterdir()) == 2 * len(big)


async def test_one_that_is_too_large_is_not_kept(tmp_path: Path) -> None:
    async with house(tmp_path, media={"most_mb": 1}, policy={"media": {"read": False}}) as h:
        await h.gewe.wechat.person_sends_image(APP_ID, ANN, data=PICTURE + bytes(1_100_000))
        (row,) = await media(h, "failed")
        assert row["error"] == "gewe.media_too_large"
        assert list(folder(h).iterdir()) == []


async def test_a_disk_that_takes_nothing_keeps_it_waiting(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"media": {"read": False}}) as h:
        folder(h).rmdir()
        folder(h).write_bytes(b"")  # in the way of the folder
        await h.gewe.wechat.person_sends_image(APP_ID, ANN)
        (row,) = await h.settled(MEDIA, "error", {"media.disk"})
        assert row["state"] == "waiting"
        assert (await h.api.call("GET", "/readyz"))[0] == 200


async def test_a_store_that_is_down_is_tried_again_without_asking_gewe_twice(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"media": {"read": False}}) as h:
        h.gewe.faults.add(Fault(kind=Kind.STATUS, path="/download/*", times=2, status=503))
        await h.gewe.wechat.person_sends_image(APP_ID, ANN)
        await media(h, "ready")
        assert len(h.gewe.ledger.of("*/message/downloadImage")) == 1


async def test_a_store_that_stays_down_is_given_up(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.gewe.faults.add(Fault(kind=Kind.STATUS, path="/download/*", status=503))
        await h.gewe.wechat.person_sends_image(APP_ID, ANN)
        (row,) = await media(h, "failed")
        assert row["error"] == "gewe.media_store_down"
        await h.replies()
        assert asked(h) == "[图片]（未能接收）"


async def test_a_restart_puts_right_what_a_crash_left(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"media": {"read": False}}) as h:
        await unhurried(h)
        for _ in range(2):
            await h.gewe.wechat.person_sends_image(APP_ID, ANN)
        rows = await media(h, "ready", 2)
        settings, key = h.settings, h.api.key
    first, _second = sorted(settings.received.iterdir())
    first.unlink()
    (settings.received / "0199-left").write_bytes(b"renamed, and its row was never written")
    (settings.received / "0199-left.part").write_bytes(b"half")
    async with aiohttp.ClientSession() as http, running_daemon(evolve(settings)) as bridge:
        answer = await http.get(bridge.url + MEDIA, headers={"Authorization": f"Bearer {key}"})
        states = [(row["state"], row["error"]) for row in (await answer.json())["data"]]
    assert sorted(states, key=str) == [("dropped", "media.file_gone"), ("ready", None)]
    assert len(rows) == 2
    assert len(list(settings.received.iterdir())) == 1


async def test_the_second_waits_for_the_safe_pause(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"media": {"read": False}}) as h:
        for _ in range(3):
            await h.gewe.wechat.person_sends_image(APP_ID, ANN)
        await media(h, "ready")
        jobs = await h.settled("/api/v1/jobs?lane=media", "last_error", {"media.pace"})
        assert len(jobs) == 1
        assert (await h.api.get(f"{MEDIA}?state=waiting"))["total"] == 2
        assert len(h.gewe.ledger.of("*/message/downloadImage")) == 1


async def test_never_more_than_two_are_fetched_at_once(tmp_path: Path) -> None:
    apps = {**DEMO_ACCOUNTS, **{f"wx_app{number}": f"wxid_bot{number}" for number in range(4)}}
    slow = MediaKnobs(download_s=0.1)
    async with house(tmp_path, gewe=GeweSetup(accounts=apps, media=slow), policy={"media": {"read": False}}) as h:
        for app_id, wxid in apps.items():
            body = {"app_id": app_id, "wxid": wxid, "name": app_id, "token": h.gewe.token, "base_url": h.gewe.base_url}
            if app_id != APP_ID:
                await h.api.post("/api/v1/integrations/gewe/accounts", body)
        for app_id in apps:
            await h.gewe.wechat.person_sends_image(app_id, ANN)
        most, media_of = 0, h.bridge.engine.media
        async with asyncio.timeout(10):
            while (await media_of.page(scope=None, kind=None, state=MediaState.READY, before=None, limit=1))[1] < 5:
                most = max(most, h.gewe.media.under_way)
                await asyncio.sleep(0.01)
        assert most == 2
        assert len(h.gewe.ledger.of("*/message/downloadImage")) == len(apps)  # none was refused, none asked for twice


async def test_what_the_self_hosted_product_cannot_fetch_fails_by_name(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"media": {"fetch": ["voice", "video", "file"]}}) as h:
        path = f"/api/v1/integrations/gewe/accounts/{h.account_id}"
        account = await h.api.get(path)
        kept = ("app_id", "wxid", "name", "base_url", "workflow_id", "policy")
        changed = {name: account[name] for name in kept} | {"product": "self_hosted"}
        assert (await h.api.call("PUT", path, changed))[0] == 200
        await h.gewe.wechat.person_sends_voice(APP_ID, ANN)
        await h.gewe.wechat.person_sends_video(APP_ID, ANN)
        await h.gewe.wechat.person_sends_file(APP_ID, ANN)
        rows = await media(h, "failed", 3)
        assert {row["error"] for row in rows} == {"gewe.not_supported"}
        await h.replies()
        assert asked(h) == "[文件] 报价单.pdf（未能接收）"
