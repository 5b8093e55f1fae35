"""What reaches the AI service besides the question."""

from pathlib import Path

import pytest

from daemon.sim.fastgpt import FastGptSetup
from daemon.sim.fastgpt_script import Script
from tests.flows.house import house

PROFILES = ("legacy", "4.14.7", "current")


async def test_the_system_prompt_goes_first_and_once(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"system_prompt": "Be brief."}) as h:
        await h.writes("几点开门?")
        await h.replies()
        told = h.fastgpt.ledger.of("*/chat/completions")[-1].body["messages"]
        assert [(m["role"], m["content"]) for m in told] == [("system", "Be brief."), ("user", "几点开门?")]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("memory", ["daemon", "service"])
async def test_the_model_sees_what_was_said_before_whoever_remembers(tmp_path: Path, profile: str, memory: str) -> None:
    async with house(tmp_path, workflow={"memory": memory}, fastgpt=FastGptSetup(profile=profile)) as h:
        h.fastgpt.play(Script(answer="九点"), times=1)
        h.fastgpt.play(Script(answer="{earlier}"))
        await h.writes("几点开门?")
        await h.replies()
        await h.settled("/api/v1/integrations/gewe/messages", "state", {"sent"})
        await h.writes("几点关门?")
        assert (await h.replies(2))[-1] == "几点开门? / 九点"
        bodies = [entry.body for entry in h.fastgpt.ledger.of("*/chat/completions")]
        assert [len(body["messages"]) for body in bodies] == ([1, 3] if memory == "daemon" else [1, 1])
        assert [("chatId" in body) for body in bodies] == [memory == "service"] * 2


async def test_a_batch_and_a_lone_message_carry_the_prompt_where_the_daemon_remembers(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"system_prompt": "Be brief."}) as h:
        h.fastgpt.play(Script(answer="{earlier}"))
        fastgpt, asked = "/api/v1/integrations/fastgpt", {"workflow_id": h.workflow_id}
        assert (await h.api.post(f"{fastgpt}/chat", asked | {"message": "在吗"}))["text"] == "Be brief."
        batch = await h.api.post(f"{fastgpt}/batch", asked | {"messages": [{"message": "好吗"}]})
        await h.settled(f"{fastgpt}/batch", "state", {"done"})
        (item,) = (await h.api.get(f"{fastgpt}/batch/{batch['batch_id']}/items"))["data"]
        assert item["answer"] == "Be brief."
