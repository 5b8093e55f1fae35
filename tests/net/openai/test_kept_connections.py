"""Models are far away: a connection is used again, also where that may leave a call's outcome unknown."""

import pytest
from attrs import evolve

from daemon.codec import encode
from daemon.domain.workflow import Answer
from daemon.errors import OutcomeUnknown
from daemon.net.openai.client import OpenAi
from daemon.net.outbound import Outbound, open_outbound
from daemon.secret import Redactor
from tests.net.loopback import Visit, loopback
from tests.net.openai.asking import QUESTION, WORKFLOW

SAID = encode({"choices": [{"message": {"role": "assistant", "content": "三十天"}, "finish_reason": "stop"}]})
JSON = "Content-Type: application/json\r\n"


async def ask(outbound: Outbound, url: str) -> Answer:
    return await OpenAi(outbound).run(evolve(WORKFLOW, base_url=url, stream=False), QUESTION)


async def answers_all(visit: Visit) -> None:
    while not visit.reader.at_eof():
        await visit.request()
        await visit.answer(SAID, headers=JSON)


async def answers_one_and_leaves_with_the_next(visit: Visit) -> None:
    await visit.request()
    await visit.answer(SAID, headers=JSON)
    await visit.request()


async def test_the_next_question_goes_over_the_connection_that_the_last_one_left() -> None:
    async with loopback(answers_all) as server, open_outbound(Redactor()) as outbound:
        for _ in range(3):
            assert (await ask(outbound, server.url)).text == "三十天"
        assert server.visits == 1


async def test_a_kept_connection_that_dies_with_a_question_leaves_its_outcome_unknown() -> None:
    async with loopback(answers_one_and_leaves_with_the_next) as server, open_outbound(Redactor()) as outbound:
        await ask(outbound, server.url)
        with pytest.raises(OutcomeUnknown):
            await ask(outbound, server.url)
        assert server.visits == 1
        assert (await ask(outbound, server.url)).text == "三十天"
        assert server.visits == 2
