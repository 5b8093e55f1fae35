"""Every kind of message leaves through the API, and what was sent can be taken back."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from daemon.sim.faults import Fault, Kind
from tests.flows.house import ANN, APP_ID, House, house

SENDS = "/api/v1/integrations/gewe/messages"
PICTURE = "http://127.0.0.1:9/cat.jpg"  # nothing listens there
COVER = "https://shop.example/cover.jpg"  # not fetched: no address of this machine
BODIES: dict[str, tuple[str, dict[str, Any]]] = {
    "text": ("postText", {"type": "text", "content": "你好"}),
    "link": (
        "postLink",
        {
            "type": "link",
            "title": "Tea",
            "description": "Green",
            "url": "https://shop.example/tea",
            "thumb_url": "https://shop.example/tea.jpg",
        },
    ),
    "card": ("postNameCard", {"type": "card", "wxid": "wxid_other", "nickname": "Bob"}),
    "app": ("postAppMsg", {"type": "app", "appmsg": "<appmsg><title>Hi</title><type>5</type></appmsg>"}),
    "emoji": ("postEmoji", {"type": "emoji", "md5": "4cc7540a85b5b6cf4ba14e9f4ae08b7c", "size": 102357}),
    "mini_program": (
        "postMiniApp",
        {
            "type": "mini_program",
            "app_id": "wx1234567890abcdef",
            "owner": "gh_1234567890ab@app",
            "title": "Order",
            "cover_url": "https://shop.example/cover.jpg",
            "path": "pages/index",
            "name": "Shop",
        },
    ),
}


async def queue(h: House, **body: Any) -> str:
    queued = await h.api.post(SENDS, {"account_id": h.account_id, "to": ANN} | body, status=202)
    return str(queued["id"])


async def became(h: House, send: str, *states: str) -> dict[str, Any]:
    async with asyncio.timeout(15):
        while True:
            found: dict[str, Any] = await h.api.get(f"{SENDS}/{send}")
            if found["state"] in states:
                return found
            await asyncio.sleep(0.05)  # the API has a rate limit of its own


async def test_each_kind_is_sent_as_what_it_is(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        for kind, (method, body) in BODIES.items():
            sent = await became(h, await queue(h, **body), "sent", "failed", "unknown", "waiting")
            assert (sent["state"], sent["type"]) == ("sent", kind), sent
            asked = [entry.path.rpartition("/")[2] for entry in h.gewe.ledger.of(f"*/message/{method}")]
            assert asked == [method]
        link = (await h.api.get(f"{SENDS}?limit=10"))["data"][-2]
        assert (link["content"], link["details"]["url"]) == ("Tea", "https://shop.example/tea")


async def test_a_received_message_is_quoted(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("几点开门？")
        await h.replies()
        conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]["id"]
        lines = (await h.api.get(f"/api/v1/integrations/conversations/{conversation}/history"))["data"]
        question = next(line for line in lines if line["text"] == "几点开门？")
        sent = await became(h, await queue(h, type="quote", content="九点", message_id=question["id"]), "sent")
        assert (sent["details"]["quoted"], sent["details"]["sender"]) == ("几点开门？", ANN)
        elsewhere = {
            "account_id": h.account_id,
            "to": "wxid_x",
            "type": "quote",
            "content": "?",
            "message_id": question["id"],
        }
        status, problem = await h.api.call("POST", SENDS, elsewhere)
        assert (status, problem["errors"][0]["field"]) == (400, "message_id")


async def test_a_received_picture_is_sent_on(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        delivery = await h.gewe.wechat.sample(APP_ID, "E5")
        assert delivery.accepted
        conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]["id"]
        lines = (await h.api.get(f"/api/v1/integrations/conversations/{conversation}/history"))["data"]
        picture = next(line for line in lines if line["kind"] == "image")
        await became(h, await queue(h, type="forward", message_id=picture["id"]), "sent")
        (entry,) = h.gewe.ledger.of("*/message/forwardImage")
        assert "<img" in entry.body["xml"]


async def test_one_who_has_had_enough_holds_up_nobody_else(tmp_path: Path) -> None:
    async with house(tmp_path, pace={"person_per_minute": 2}) as h:
        for word in ("一", "二", "三"):
            await queue(h, content=word)
        await queue(h, to="wxid_bob", content="四")
        assert await h.replies(to="wxid_bob") == ["四"]
        assert await h.replies() == ["一"]
        rows = (await h.api.get(SENDS))["data"]
        left = {row["content"] for row in rows if row["state"] in {"queued", "waiting"}}
        assert left == {"二", "三"}


async def received(h: House, sample: str, kind: str) -> str:
    """The id of the contract's sample, received."""
    assert (await h.gewe.wechat.sample(APP_ID, sample)).accepted
    lines = []
    for conversation in (await h.api.get("/api/v1/integrations/conversations"))["data"]:
        lines += (await h.api.get(f"/api/v1/integrations/conversations/{conversation['id']}/history"))["data"]
    return next(str(line["id"]) for line in lines if line["kind"] == kind)


async def test_a_received_link_and_a_mini_program_are_sent_on(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        link = await received(h, "E10", "link")
        await became(h, await queue(h, type="forward", message_id=link), "sent")
        (entry,) = h.gewe.ledger.of("*/message/forwardUrl")
        assert entry.body["xml"].startswith("<")
        program = await received(h, "E13", "mini_program")
        await became(h, await queue(h, type="forward", message_id=program, cover_url=COVER), "sent")
        (entry,) = h.gewe.ledger.of("*/message/forwardMiniApp")
        assert (entry.body["coverImgUrl"], "weappinfo" in entry.body["xml"]) == (COVER, True)
        to = {"account_id": h.account_id, "to": ANN, "type": "forward"}
        for body in ({"message_id": program}, {"message_id": link, "cover_url": COVER}):
            status, problem = await h.api.call("POST", SENDS, to | body)
            assert (status, problem["errors"][0]["field"]) == (400, "cover_url")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"type": "image"}, "url"),
        ({"type": "video", "url": PICTURE, "thumb_url": PICTURE}, "seconds"),
        ({"type": "text", "content": "x", "url": PICTURE}, "url"),
        ({"type": "emoji", "md5": "4cc7540a85b5b6cf4ba14e9f4ae08b7c", "size": 1, "content": "x"}, "content"),
        ({"type": "quote", "content": "x"}, "message_id"),
        ({"type": "quote", "content": "x", "message_id": "a", "wechat_id": "b"}, "wechat_id"),
        ({"type": "forward", "message_id": "no-such"}, "message_id"),
        ({"type": "app", "appmsg": "<msg><appmsg></appmsg></msg>"}, "appmsg"),
        ({"type": "gif"}, "type"),
        ({}, "content"),
    ],
)
async def test_a_field_that_is_missing_or_too_much_is_named(served: House, body: dict[str, Any], field: str) -> None:
    status, problem = await served.api.call("POST", SENDS, {"account_id": served.account_id, "to": ANN} | body)
    assert (status, [error["field"] for error in problem["errors"]]) == (400, [field])


@pytest.fixture
async def served(tmp_path: Path) -> Any:
    async with house(tmp_path) as h:
        yield h


def text(**more: Any) -> dict[str, Any]:
    return {"type": "link", **BODIES["link"][1], **more}


async def test_what_was_just_sent_is_taken_back(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        send = await queue(h, **text())
        await became(h, send, "sent")
        taken = await h.api.post(f"{SENDS}/{send}/revoke")
        assert taken["state"] == "revoked"
        assert len(h.gewe.ledger.of("*/message/revokeMsg")) == 1
        status, problem = await h.api.call("POST", f"{SENDS}/{send}/revoke")
        assert (status, problem["code"]) == (409, "send.not_sent")


async def test_what_gewe_did_not_name_fully_is_not_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        send = await queue(h, **BODIES["emoji"][1])
        await became(h, send, "sent")
        status, problem = await h.api.call("POST", f"{SENDS}/{send}/revoke")
        assert (status, problem["code"]) == (409, "send.revoke_ids")


async def test_a_refused_revoke_leaves_the_message_sent(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        send = await queue(h, **text())
        await became(h, send, "sent")
        h.gewe.faults.add(Fault(kind=Kind.ERROR, path="*/message/revokeMsg", name="form-a", times=1))
        status, problem = await h.api.call("POST", f"{SENDS}/{send}/revoke")
        assert status in {409, 502}
        found = await h.api.get(f"{SENDS}/{send}")
        assert (found["state"], found["revoke"], found["error"]) == ("sent", None, None)
        assert problem["detail"]


async def test_a_revoke_whose_answer_is_lost_is_unknown_and_not_tried_again(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        send = await queue(h, **text())
        await became(h, send, "sent")
        h.gewe.faults.add(Fault(kind=Kind.DROP, path="*/message/revokeMsg", times=1))
        assert (await h.api.call("POST", f"{SENDS}/{send}/revoke"))[0] == 504
        found = await h.api.get(f"{SENDS}/{send}")
        assert (found["state"], found["revoke"], found["error"]) == ("sent", "unknown", "send.revoke_unknown")
        status, problem = await h.api.call("POST", f"{SENDS}/{send}/revoke")
        assert (status, problem["code"]) == (409, "send.revoke_begun")
        assert len(h.gewe.ledger.of("*/message/revokeMsg")) == 1
