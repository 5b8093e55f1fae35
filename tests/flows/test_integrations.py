"""The seed's routes of the integrations, through the whole daemon: overview, health, statistics, test, repair."""

from pathlib import Path
from typing import Any

from attrs import evolve

from daemon.sim.faults import Fault, Kind
from daemon.sim.gewe import GeweSetup
from tests.flows.house import APP_ID, BOT, House, house

PATH = "/api/v1/integrations"
OVERVIEW_FIELDS = {"gewe_status", "fastgpt_status", "total_integrations", "active_integrations", "last_sync"}
STATUS_FIELDS = {"service_name", "healthy", "response_time", "last_check", "stats"}
STATS_FIELDS = {"total_requests", "success_rate", "average_response_time"}


async def online(there: House) -> None:
    """A message that is answered: the account is known to be online, and both services were called."""
    await there.writes("你好")
    await there.replies()
    await there.settled(f"{PATH}/gewe/accounts", "state", {"online"})


async def test_the_overview_has_the_fields_of_the_seed_and_true_figures(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await online(there)
        found = await there.api.get(f"{PATH}/overview")
        assert set(found) == OVERVIEW_FIELDS
        gewe, fastgpt = found["gewe_status"], found["fastgpt_status"]
        assert set(gewe) == set(fastgpt) == STATUS_FIELDS
        assert set(gewe["stats"]) == STATS_FIELDS
        assert set(fastgpt["stats"]) == STATS_FIELDS | {"total_tokens", "total_cost"}
        assert (gewe["service_name"], fastgpt["service_name"]) == ("GeWe", "FastGPT")
        assert gewe["healthy"]
        assert fastgpt["healthy"]
        assert (found["total_integrations"], found["active_integrations"], found["last_sync"]) == (2, 2, None)
        assert gewe["stats"]["total_requests"] >= 1
        assert fastgpt["stats"]["total_requests"] >= 1
        assert fastgpt["stats"]["total_tokens"] > 0


async def test_health_names_the_account_that_fails_and_what_to_do(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await online(there)
        await there.gewe.wechat.drop(APP_ID)
        found = await there.api.get(f"{PATH}/gewe/health")
        (account,) = found["accounts"]
        assert (found["healthy"], account["healthy"], account["code"]) == (False, False, "gewe.check_login")
        assert "qiaod gewe login" in account["message"]
        assert (await there.api.get(f"{PATH}/fastgpt/health"))["healthy"]


async def test_statistics_tell_calls_sends_and_pace(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await online(there)
        gewe = await there.api.get(f"{PATH}/gewe/stats?hours=1")
        assert gewe["messages_received"] == 1
        assert gewe["messages_sent"]["sent"] == 1
        assert gewe["total_requests"] == gewe["successful_requests"] + gewe["failed_requests"]
        assert [limit["account_id"] for limit in gewe["rate_limits"]] == [there.account_id]
        fastgpt = await there.api.get(f"{PATH}/fastgpt/stats")
        assert fastgpt["degraded"]["no"] == 1
        assert fastgpt["max_concurrent_requests"] == 10
        assert fastgpt["total_points"] > 0


async def steps_of(there: House, service: str, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    found = await there.api.post(f"{PATH}/{service}/test", body)
    return found, {step["step"]: step["found"] for step in found["steps"]}


async def test_trying_gewe_out_goes_through_to_a_real_message(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await online(there)
        found, steps = await steps_of(there, "gewe", {"send": True})
        assert found["success"], found
        assert steps == dict.fromkeys(("connect", "token", "device", "login", "callback", "send"), "ok")
        assert await there.replies(1, to="filehelper")


async def test_trying_gewe_out_says_which_step_failed(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        there.gewe.faults.add(Fault(kind=Kind.ERROR, name="bad-token", path="*/checkOnline", times=1))
        found, steps = await steps_of(there, "gewe", {})
        assert (found["success"], found["failed_step"]) == (False, "token")
        assert steps == {"connect": "ok", "token": "failed", "device": "skipped", "login": "skipped", "callback": "ok"}
        assert "token" in found["message"]
        there.gewe.faults.add(Fault(kind=Kind.DROP, path="*/checkOnline", times=1))
        found, steps = await steps_of(there, "gewe", {"account_id": there.account_id})
        assert (found["failed_step"], steps["token"]) == ("connect", "skipped")


async def test_trying_fastgpt_out_runs_a_real_question(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        found, steps = await steps_of(there, "fastgpt", {})
        assert found["success"], found
        assert steps["run"] == "ok"
        assert found["target"] == there.workflow_id
        there.fastgpt.faults.add(Fault(kind=Kind.ERROR, name="unknown-key", times=5))
        found, steps = await steps_of(there, "fastgpt", {"workflow_id": there.workflow_id})
        assert (found["success"], found["failed_step"]) == (False, "key")


async def test_a_restart_says_what_it_did_and_is_in_the_audit_log(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await online(there)
        found = await there.api.post(f"{PATH}/services/restart", {"service": "all"})
        done = {(action["service"], action["action"]): action["count"] for action in found["actions"]}
        assert done["gewe", "breakers_closed"] == done["fastgpt", "breakers_closed"] == 1
        assert done["fastgpt", "cache_cleared"] == 1
        assert done["gewe", "accounts_read"] == 1
        (entry,) = (await there.api.get("/api/v1/audit?action=service"))["data"]
        assert (entry["action"], entry["target"]) == ("service.restarted", "service:all")


async def test_a_sync_finds_what_changed_behind_our_back_and_repairs_it(tmp_path: Path) -> None:
    async with house(tmp_path) as there:
        await online(there)
        clean = await there.api.post(f"{PATH}/services/sync")
        assert (clean["success"], clean["looked_at"], clean["differences"]) == (True, 2, [])
        await there.gewe.wechat.drop(APP_ID, tell=False)  # and no callback tells of it
        found = await there.api.post(f"{PATH}/services/sync")
        (difference,) = found["differences"]
        assert difference == {
            "service": "gewe",
            "object": f"account:{there.account_id}",
            "field": "state",
            "ours": "online",
            "theirs": "offline",
            "repaired": True,
        }
        (account,) = (await there.api.get(f"{PATH}/gewe/accounts"))["data"]
        assert account["state"] != "online"
        assert (await there.api.get(f"{PATH}/overview"))["last_sync"] == found["synced_at"]


async def test_a_sync_learns_who_the_account_is(tmp_path: Path) -> None:
    other, wxid = "wx_demoAppId000000000002", "wxid_bot000000000002"
    gewe = GeweSetup(accounts={APP_ID: BOT, other: wxid})
    async with house(tmp_path, gewe=gewe) as there:
        new = {"app_id": other, "name": "Second", "base_url": there.gewe.base_url, "token": there.gewe.token}
        added = await there.api.post(f"{PATH}/gewe/accounts", new)
        found = await there.api.post(f"{PATH}/services/sync")
        learnt = [one for one in found["differences"] if one["field"] == "wxid"]
        assert [(one["object"], one["theirs"], one["repaired"]) for one in learnt] == [
            (f"account:{added['id']}", wxid, True)
        ]
        assert (await there.api.get(f"{PATH}/gewe/accounts/{added['id']}"))["wxid"] == wxid


async def test_alerts_have_the_shape_of_the_seed(tmp_path: Path) -> None:
    async with house(tmp_path, policy={"on_failure": "sentence", "failure_text": "稍后回复您"}) as there:
        there.fastgpt.faults.add(Fault(kind=Kind.ERROR, name="unknown-key", times=50))
        await there.writes("在吗")
        await there.replies()
        found = await there.api.get(f"{PATH}/monitoring/alerts?service_name=FastGPT")
        assert set(found) == {"data", "total", "next_cursor", "filters"}
        (alert,) = found["data"]
        seed = {"alert_id", "service_name", "alert_type", "severity", "title", "message", "timestamp", "resolved"}
        assert seed | {"metadata"} <= set(alert)
        assert (alert["service_name"], alert["resolved"]) == ("FastGPT", False)
        assert alert["title"] != alert["metadata"]["code"] + ".title"
        (told,) = [n for n in (await there.api.get("/api/v1/notifications"))["data"] if n["id"] == alert["alert_id"]]
        assert told["read_at"] is None
        read = await there.api.post(f"/api/v1/notifications/{told['id']}/read")
        assert read["read_at"] is not None
        unread = (await there.api.get("/api/v1/notifications?unread=true"))["data"]
        assert told["id"] not in [one["id"] for one in unread]


async def test_a_key_of_one_account_sees_its_own_figures_and_workflows_alone(tmp_path: Path) -> None:
    other = "wx_demoAppId000000000002"
    gewe = GeweSetup(accounts={APP_ID: BOT, other: "wxid_bot000000000002"})
    async with house(tmp_path, gewe=gewe) as there:
        await online(there)
        new = {"app_id": other, "name": "Second", "base_url": there.gewe.base_url, "token": there.gewe.token}
        second = (await there.api.post(f"{PATH}/gewe/accounts", new))["id"]
        seen: dict[str, list[Any]] = {}
        for account_id in (there.account_id, second):
            key = {"name": "scoped", "role": "viewer", "accounts": [account_id]}
            api = evolve(there.api, key=(await there.api.post("/api/v1/keys", key))["key"])
            stats = await api.get(f"{PATH}/gewe/stats")
            workflows = (await api.get(f"{PATH}/fastgpt/health"))["workflows"]
            accounts = (await api.get(f"{PATH}/gewe/health"))["accounts"]
            spent = (await api.get(f"{PATH}/fastgpt/stats"))["total_points"]
            seen[account_id] = [
                stats["messages_received"],
                [limit["account_id"] for limit in stats["rate_limits"]],
                [one["id"] for one in accounts],
                [one["id"] for one in workflows],
                spent > 0,
            ]
        assert seen[there.account_id] == [1, [there.account_id], [there.account_id], [there.workflow_id], True]
        assert seen[second] == [0, [second], [second], [], False]
