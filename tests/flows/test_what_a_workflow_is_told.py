"""What reaches the AI service besides the question."""

from pathlib import Path

from tests.flows.house import house


async def test_the_system_prompt_goes_first_and_once(tmp_path: Path) -> None:
    async with house(tmp_path, workflow={"system_prompt": "Be brief."}) as h:
        await h.writes("几点开门?")
        await h.replies()
        told = h.fastgpt.ledger.of("*/chat/completions")[-1].body["messages"]
        assert [(m["role"], m["content"]) for m in told] == [("system", "Be brief."), ("user", "几点开门?")]
