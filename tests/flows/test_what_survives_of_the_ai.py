"""A batch outlives the daemon: the next start goes on with what is left, and asks nothing twice."""

import asyncio
from pathlib import Path

import aiohttp

from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, fastgpt_simulator
from daemon.sim.fastgpt_script import Script
from tests.flows.house import Api, quick, running_daemon
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
