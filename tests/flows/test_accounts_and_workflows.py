"""What operators set up through the API: accounts, their callbacks, the workflows that answer."""

from pathlib import Path

from tests.flows.house import APP_ID, BOT, House, house

ACCOUNTS = "/api/v1/integrations/gewe/accounts"
WORKFLOWS = "/api/v1/workflows"


def account(h: House, **changes: object) -> dict[str, object]:
    return {"app_id": "wx_second", "name": "Second", "token": h.gewe.token, "base_url": h.gewe.base_url} | changes


async def test_accounts_of_one_gewe_token_share_one_callback(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        sibling = await h.api.post(ACCOUNTS, account(h))
        stranger = await h.api.post(ACCOUNTS, account(h, app_id="wx_third", token="another-token-0123456789"))
        assert sibling["callback_url"] is None
        assert stranger["callback_url"] not in (None, h.callback_url)


async def test_a_token_is_never_shown_again(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        shown = await h.api.get(f"{ACCOUNTS}/{h.account_id}")
        assert shown["token"] == "…" + h.gewe.token[-4:]
        assert "callback_url" not in shown


async def test_a_change_needs_the_version_that_was_read(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        body = account(h, app_id=APP_ID, name="New name", wxid=BOT, workflow_id=h.workflow_id)
        path = f"{ACCOUNTS}/{h.account_id}"
        assert (await h.api.call("PUT", path, body, **{"If-Match": '"7"'}))[0] == 412
        status, changed = await h.api.call("PUT", path, body, **{"If-Match": '"1"'})
        assert (status, changed["name"], changed["version"]) == (200, "New name", 2)


async def test_a_device_belongs_to_one_account(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        status, problem = await h.api.call("POST", ACCOUNTS, account(h, app_id=APP_ID))
        assert (status, problem["code"]) == (409, "account.app_id_taken")


async def test_an_account_wants_a_workflow_that_exists(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        status, problem = await h.api.call("POST", ACCOUNTS, account(h, workflow_id="no-such"))
        assert (status, problem["errors"][0]["field"]) == (400, "workflow_id")


async def test_a_new_callback_secret_works_at_once_and_the_old_one_for_another_day(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        rotated = await h.api.post(f"{ACCOUNTS}/{h.account_id}/callback-key")
        await h.writes("旧地址")
        h.gewe.callbacks.point(h.gewe.token, h.bridge.url + rotated["callback_url"])
        await h.writes("新地址", wxid="wxid_other")
        assert await h.replies() == ["收到：旧地址"]
        assert await h.replies(to="wxid_other") == ["收到：新地址"]


async def test_a_suspended_account_keeps_its_messages_and_sends_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        body = account(h, app_id=APP_ID, wxid=BOT, workflow_id=h.workflow_id, suspended=True)
        await h.api.call("PUT", f"{ACCOUNTS}/{h.account_id}", body)
        await h.writes("有人吗")
        sending = {"account_id": h.account_id, "to": "wxid_x", "content": "你好"}
        status, problem = await h.api.call("POST", "/api/v1/integrations/gewe/messages", sending)
        assert (status, problem["code"]) == (409, "account.not_sending")
        conversation = (await h.api.get("/api/v1/integrations/conversations"))["data"][0]["id"]
        history = await h.api.get(f"/api/v1/integrations/conversations/{conversation}/history")
        assert [(line["text"], line["reason"]) for line in history["data"]] == [("有人吗", "suspended")]


async def test_an_account_with_conversations_is_not_removed(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("你好")
        status, problem = await h.api.call("DELETE", f"{ACCOUNTS}/{h.account_id}")
        assert (status, problem["code"]) == (409, "account.has_conversations")
        second = await h.api.post(ACCOUNTS, account(h))
        assert (await h.api.call("DELETE", f"{ACCOUNTS}/{second['id']}"))[0] == 204


async def test_a_workflow_in_use_is_not_removed(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        status, problem = await h.api.call("DELETE", f"{WORKFLOWS}/{h.workflow_id}")
        assert (status, problem["code"]) == (409, "workflow.in_use")
        assert "Shop" in problem["detail"]


async def test_fallbacks_may_not_form_a_circle(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        second = {"name": "Second", "base_url": h.fastgpt.base_url, "key": "k", "check": False}
        second["fallback_id"] = h.workflow_id
        added = await h.api.post(WORKFLOWS, second)
        first = {"name": "First", "base_url": h.fastgpt.base_url, "fallback_id": added["id"]}
        status, problem = await h.api.call("PUT", f"{WORKFLOWS}/{h.workflow_id}", first)
        assert (status, problem["errors"][0]["field"]) == (400, "fallback_id")


async def test_a_workflow_is_seen_in_both_views_and_its_key_in_none(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        for path in (WORKFLOWS, "/api/v1/integrations/fastgpt/workflows"):
            page = await h.api.get(path)
            assert [(row["id"], row["name"]) for row in page["data"]] == [(h.workflow_id, "Sales")]
            assert page["data"][0]["key"].startswith("…")


async def test_a_changed_workflow_answers_the_next_question(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("一")
        await h.replies()
        change = {
            "name": "Sales",
            "base_url": h.fastgpt.base_url,
            "app_id": "6a10c0ffee0000000000a001",
            "stream": False,
        }
        await h.api.call("PUT", f"{WORKFLOWS}/{h.workflow_id}", change)
        await h.writes("二")
        await h.replies(2)
        asked = [entry.body["stream"] for entry in h.fastgpt.ledger.of("*/chat/completions")]
        assert asked == [True, False]
