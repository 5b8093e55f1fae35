"""What waits for an AI outlives the daemon, also where it is killed: pauses, and batches item by item."""

import asyncio
import shutil
from pathlib import Path

import aiohttp
from attrs import evolve

from daemon.settings import Settings
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, fastgpt_simulator
from daemon.sim.fastgpt_script import Script
from tests.flows.house import Api, house, quick, running_daemon
from tests.flows.test_a_workflow_asks_back import ASKED, SELECT
from tests.flows.test_the_api_asks_workflows import FASTGPT, WORKFLOWS


async def test_a_batch_goes_on_after_a_restart_and_asks_nothing_twice(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with fastgpt_simulator() as sim, aiohttp.ClientSession() as http:
        sim.play(Script(delay_s=0.1))
        async with running_daemon(settings) as bridge:
            assert bridge.first_key is not None
            key = bridge.first_key.reveal()
            api = Api(http, bridge.url, key)
            workflow = {"name": "Sales", "base_url": sim.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
            workflow_id = (await api.post(WORKFLOWS, workflow))["id"]
            body = {"workflow_id": workflow_id, "messages": [{"message": f"问题{n}"} for n in range(30)]}
            batch = (await api.post(FASTGPT + "/batch", body))["batch_id"]
            await sim.ledger.wait_for("*/chat/completions")
        asked_before = len(sim.ledger.of("*/chat/completions"))
        async with running_daemon(settings) as bridge:
            api = Api(http, bridge.url, key)
            await sim.ledger.wait_for("*/chat/completions", 30)
            async with asyncio.timeout(10):
                while (await api.get(f"{FASTGPT}/batch/{batch}"))["state"] != "done":  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            items = (await api.get(f"{FASTGPT}/batch/{batch}/items"))["data"]
        assert 0 < asked_before < 30
        assert [item["answer"] for item in items] == [f"收到：问题{n}" for n in range(30)]
        assert len(sim.ledger.of("*/chat/completions")) == 30


def as_killed_now(settings: Settings, folder: Path) -> Settings:
    """Settings of a daemon that finds what the other would leave if it were killed at this moment."""
    folder.mkdir()
    for name in ("qiaod.db", "qiaod.db-wal"):
        shutil.copyfile(settings.daemon.state_dir / name, folder / name)
    return evolve(settings, daemon=evolve(settings.daemon, state_dir=folder))


async def test_a_question_is_answered_after_the_daemon_was_killed(tmp_path: Path) -> None:
    async with house(tmp_path / "first", workflow={"memory": "service"}) as h:
        h.fastgpt.play(Script(interactive=SELECT, answer="好的：{question}"), times=2)
        await h.writes("我要退货")
        assert await h.replies() == [ASKED]
        await h.settled("/api/v1/integrations/gewe/messages", "state", {"sent"})
        left = as_killed_now(h.settings, tmp_path / "second")
        async with running_daemon(left) as bridge:
            h.gewe.callbacks.point(h.gewe.token, h.callback_url.replace(h.bridge.url, bridge.url))
            await h.writes("2")
            assert await h.replies(2) == [ASKED, "好的：换货"]
            first, second = [entry.body for entry in h.fastgpt.ledger.of("*/chat/completions")]
            assert second["chatId"] == first["chatId"]


async def test_a_batch_goes_on_after_a_crash_and_no_result_is_lost_or_doubled(tmp_path: Path) -> None:
    async with house(tmp_path / "first", workflow={"memory": "service"}) as h:
        h.fastgpt.play(Script(delay_s=0.05, points=0.5))
        body = {"workflow_id": h.workflow_id, "messages": [{"message": f"问题{n}"} for n in range(24)]}
        path = f"{FASTGPT}/batch/{(await h.api.post(FASTGPT + '/batch', body))['batch_id']}"
        await h.fastgpt.ledger.wait_for("*/chat/completions", 12)
        left = as_killed_now(h.settings, tmp_path / "second")
        await h.settled(FASTGPT + "/batch", "state", {"done"})  # at the service all goes on for a while
        asked = len(h.fastgpt.ledger.of("*/chat/completions"))
        async with running_daemon(left) as bridge:
            api = Api(h.api.http, bridge.url, h.api.key)
            assert (await api.get(path))["state"] == "running"
            async with asyncio.timeout(10):
                while (await api.get(path))["state"] != "done":  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            shown, items = await api.get(path), (await api.get(path + "/items"))["data"]
        assert [item["answer"] for item in items] == [f"收到：问题{n}" for n in range(24)]
        assert (shown["done"], shown["usage"]["points_micro"]) == (24, 24 * 500_000)
        run_anew = len(h.fastgpt.ledger.of("*/chat/completions")) - asked
        names = [entry.ids["dataId"] for entry in h.fastgpt.ledger.of("*/chat/completions") if "dataId" in entry.ids]
        assert len(set(names)) == 24  # what a lost attempt had answered was looked up, and no item ran as another
        assert run_anew < 24
