import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.workflow import Memory, Role, Said
from daemon.errors import (
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.fastgpt import wire_request
from tests.net.fastgpt.asking import (
    KEY,
    QUESTION,
    STREAM_HEAD,
    WORKFLOW,
    Answering,
    Asked,
    Neighbour,
    fastgpt,
    hangs,
    neighbour,
    says,
    streams,
    workflow,
    wrapped,
)
from tests.net.fastgpt.wires import (
    ASKED,
    CHAT,
    DONE,
    HEARTBEAT,
    ROWS,
    SAID,
    STOP,
    WORDS,
    completion,
    details,
    event,
    word,
)
from tests.net.loopback import Visit, free_port

SOON = timedelta(seconds=0.1)
BUSY = {"code": 504001, "statusText": "chatIsGenerating", "message": "busy", "data": None}
DUPLICATE = {"code": 500, "statusText": "error", "message": "Chat dataId already exists: turn-1", "data": None}
LIMITED = {"code": 429, "statusText": "error", "message": "Rate limit. Try again in 41 seconds.", "data": None}
LOST_PAGE = b"<!DOCTYPE html><html>This page could not be found.</html>"


def record(data_id: str, text: str, who: str = "AI") -> dict[str, Any]:
    return {"dataId": data_id, "obj": who, "value": [{"type": "text", "text": {"content": text}}]}


async def refusal(answer: Answering, **changes: Any) -> RemoteError:
    async with neighbour(answer) as here, fastgpt() as assistant:
        with pytest.raises(RemoteError) as refused:
            await assistant.run(workflow(here, **changes), QUESTION)
    return refused.value


async def test_a_streamed_answer_is_whole() -> None:
    async with neighbour(streams(HEARTBEAT, WORDS, STOP, details(), DONE)) as here, fastgpt() as assistant:
        answer = await assistant.run(workflow(here), QUESTION)

    assert answer.text == SAID
    assert answer.usage.points_micro == 969_900
    assert len(answer.nodes) == 4
    assert not answer.recovered


async def test_a_plain_answer_is_whole() -> None:
    async with neighbour(says(completion(responseData=ROWS))) as here, fastgpt() as assistant:
        answer = await assistant.run(workflow(here, stream=False), QUESTION)

    assert answer.text == SAID
    assert answer.usage.points_micro == 969_900


async def test_a_stream_that_was_answered_whole_is_understood() -> None:
    async with neighbour(says(completion())) as here, fastgpt() as assistant:
        assert (await assistant.run(workflow(here), QUESTION)).text == SAID


async def test_chinese_arrives_whole_however_its_bytes_are_split() -> None:
    raw = word("您好，可以在三十天内退货。") + STOP + DONE
    async with neighbour(streams(*[raw[n : n + 1] for n in range(len(raw))])) as here, fastgpt() as assistant:
        answer = await assistant.run(workflow(here), QUESTION)

    assert answer.text == "您好，可以在三十天内退货。"


async def test_what_is_sent_when_the_service_remembers() -> None:
    question = evolve(QUESTION, messages=(Said(role=Role.USER, text="before"), *QUESTION.messages), variables={"b": 2})
    async with neighbour(streams(WORDS, DONE)) as here, fastgpt() as assistant:
        await assistant.run(workflow(here, variables={"a": 1, "b": 1}, system_prompt="Be kind."), question)

    (asked,) = here.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/chat/completions")
    assert f"Authorization: Bearer {KEY}" in asked.head
    assert asked.body == {
        "appId": "6a10c0ffee0000000000a001",
        "chatId": "c-1001",
        "responseChatItemId": "turn-1",
        "customUid": "visitor-77",
        "stream": True,
        "detail": True,
        "variables": {"a": 1, "b": 2},
        "messages": [{"role": "user", "content": ASKED}],
    }


def test_what_is_sent_when_the_daemon_remembers() -> None:
    ours = evolve(WORKFLOW, memory=Memory.DAEMON, app_id=None, stream=False)
    before = (Said(role=Role.SYSTEM, text="Be kind."), Said(role=Role.ASSISTANT, text="Hello."))
    question = evolve(QUESTION, conversation=None, messages=(*before, *QUESTION.messages))

    body = wire_request.run(ours, question, "turn-1")

    assert "chatId" not in body  # with one FastGPT would read the last message alone
    assert "appId" not in body
    assert body["stream"] is False
    assert body["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": ASKED},
    ]


@pytest.mark.parametrize("endpoint", ["v1", "v2"])
@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://cloud.fastgpt.cn/api", "https://cloud.fastgpt.cn/api"),
        ("https://cloud.fastgpt.cn/api/", "https://cloud.fastgpt.cn/api"),
        ("https://cloud.fastgpt.cn/api/v1", "https://cloud.fastgpt.cn/api"),
        ("https://cloud.fastgpt.cn/api/v2/", "https://cloud.fastgpt.cn/api"),
        ("http://10.0.0.2:3000", "http://10.0.0.2:3000/api"),
        ("http://10.0.0.2:3000/", "http://10.0.0.2:3000/api"),
        ("https://example.org/chat", "https://example.org/chat/api"),
    ],
)
def test_the_address_may_be_given_in_any_form(given: str, base: str, endpoint: str) -> None:
    address = wire_request.completions(evolve(WORKFLOW, base_url=given, endpoint=endpoint))

    assert address == f"{base}/{endpoint}/chat/completions"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (says({"code": 514, "statusText": "unAuthApiKey"}, "500 Oops"), RemoteUnauthorized, "fastgpt.unauthorized"),
        (says({"code": 403, "statusText": "unAuthorization"}, "403 No"), RemoteUnauthorized, "fastgpt.unauthorized"),
        (says(LIMITED, "500 Oops"), RemoteLimited, "fastgpt.limited"),
        (says(LIMITED, "429 Too Many Requests"), RemoteLimited, "fastgpt.limited"),
        (says(BUSY, "500 Oops"), RemoteLimited, "fastgpt.busy"),
        (says({"code": 500, "message": "app is empty"}, "500 Oops"), RemoteRefused, "fastgpt.no_app"),
        (says({"code": 500, "message": "fetch failed"}, "500 Oops"), RemoteUnavailable, "fastgpt.upstream"),
        (says(LOST_PAGE, "404 Not Found", "text/html"), RemoteRefused, "fastgpt.wrong_address"),
        (says(b"<html>", "503 Unavailable", "text/html"), RemoteUnavailable, "fastgpt.unavailable"),
        (says(b"<html>", "504 Gateway Time-out", "text/html"), OutcomeUnknown, "remote.gateway"),
        (says(b"<html>log in</html>", "200 OK", "text/html"), RemoteNonsense, "fastgpt.not_an_answer"),
        (says(b"\x00\x01{]<not json>\xff", "200 OK"), RemoteNonsense, "fastgpt.not_an_answer"),
        (says(completion("")), RemoteNonsense, "fastgpt.empty"),
    ],
)
async def test_each_refusal_is_an_error_of_its_own(
    answer: Answering, kind: type[RemoteError], code: str, stream: bool
) -> None:
    error = await refusal(answer, stream=stream)

    assert (type(error), error.code) == (kind, code)


PLAIN_HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"  # before the run there is no type yet
KNOWN = event("error", {"code": 500004, "statusText": "aiPointsNotEnough", "message": "", "data": None})


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (streams(KNOWN, head=PLAIN_HEAD), RemoteRefused, "fastgpt.no_points"),
        (streams(KNOWN), RemoteRefused, "fastgpt.no_points"),
        (streams(WORDS, event("error", {"message": "fetch failed"})), RemoteUnavailable, "fastgpt.upstream"),
        (streams(WORDS, event("error", "not JSON")), RemoteUnavailable, "fastgpt.upstream"),
        (streams(WORDS), RemoteUnavailable, "fastgpt.cut"),
        (streams(WORDS, STOP, details()), RemoteUnavailable, "fastgpt.cut"),
        (streams(), RemoteUnavailable, "fastgpt.cut"),
        (streams(WORDS, DONE[:-5]), RemoteUnavailable, "fastgpt.cut"),
        (streams(STOP, DONE), RemoteNonsense, "fastgpt.empty"),
        (
            streams(b"5\r\ndata:", head=STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")),
            RemoteUnavailable,
            "fastgpt.cut",
        ),
    ],
)
async def test_a_stream_that_does_not_end_well_is_no_answer(
    answer: Answering, kind: type[RemoteError], code: str
) -> None:
    error = await refusal(answer)

    assert (type(error), error.code) == (kind, code)


async def test_a_service_that_is_not_there_did_nothing() -> None:
    async with fastgpt() as assistant:
        with pytest.raises(RemoteUnavailable) as lost:
            await assistant.run(evolve(WORKFLOW, base_url=f"http://127.0.0.1:{free_port()}"), QUESTION)

    assert lost.value.code == "remote.no_connection"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_that_does_not_come_in_time_is_unknown(stream: bool) -> None:
    holder: list[Neighbour] = []
    async with neighbour(hangs(holder)) as here, fastgpt() as assistant:
        holder.append(here)
        with pytest.raises(OutcomeUnknown) as late:
            await assistant.run(workflow(here, stream=stream, timeout=SOON), QUESTION)
        await asyncio.wait_for(here.gone.wait(), 5)

    assert late.value.code == "remote.timeout"


@pytest.mark.parametrize(
    ("patience", "said"), [("first_byte", b""), ("idle", STREAM_HEAD + WORDS), ("idle", STREAM_HEAD)]
)
async def test_a_stream_that_falls_silent_is_given_up(patience: str, said: bytes) -> None:
    holder: list[Neighbour] = []
    async with neighbour(hangs(holder, said)) as here, fastgpt(**{patience: SOON}) as assistant:
        holder.append(here)
        with pytest.raises(OutcomeUnknown) as late:
            await assistant.run(workflow(here), QUESTION)
        await asyncio.wait_for(here.gone.wait(), 5)

    assert late.value.code == "remote.timeout"


async def test_a_connection_left_open_after_the_end_costs_no_answer() -> None:
    holder: list[Neighbour] = []
    async with neighbour(hangs(holder, STREAM_HEAD, WORDS, DONE, details())) as here, fastgpt(tail=SOON) as assistant:
        holder.append(here)
        answer = await assistant.run(workflow(here), QUESTION)

    assert answer.text == SAID
    assert answer.usage.points_micro == 969_900


async def test_an_answer_whose_details_were_cut_off_is_an_answer_of_unknown_cost() -> None:
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    said = WORDS + DONE + details()[:100]
    cut = streams(f"{len(said):x}\r\n".encode() + said + b"\r\n", head=head)
    async with neighbour(cut) as here, fastgpt() as assistant:
        answer = await assistant.run(workflow(here), QUESTION)

    assert answer.text == SAID
    assert not answer.usage.known


async def cancelled(here: Neighbour, **changes: Any) -> None:
    """Ask, and go away once the question has arrived."""
    async with fastgpt() as assistant:
        asking = asyncio.create_task(assistant.run(workflow(here, **changes), QUESTION))
        await asyncio.wait_for(here.heard.get(), 5)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(here.gone.wait(), 5)


async def test_a_run_of_v2_that_nobody_waits_for_is_stopped() -> None:
    holder: list[Neighbour] = []
    async with neighbour(hangs(holder, STREAM_HEAD, WORDS), wrapped({"success": True})) as here:
        holder.append(here)
        await cancelled(here, endpoint="v2")

        stop = here.asked[1]
        assert (stop.method, stop.path) == ("POST", "/api/v2/chat/stop")
        assert stop.body == {"appId": "6a10c0ffee0000000000a001", "chatId": "c-1001"}


@pytest.mark.parametrize("changes", [{"endpoint": "v1"}, {"endpoint": "v2", "app_id": None}])
async def test_other_runs_end_with_their_connection(changes: dict[str, Any]) -> None:
    holder: list[Neighbour] = []
    async with neighbour(hangs(holder, STREAM_HEAD, WORDS)) as here:
        holder.append(here)
        await cancelled(here, **changes)

        assert len(here.asked) == 1


async def test_a_stop_that_fails_does_not_hold_up_the_end() -> None:
    holder: list[Neighbour] = []
    async with neighbour(hangs(holder, STREAM_HEAD, WORDS), says({"code": 500}, "500 Oops")) as here:
        holder.append(here)
        await cancelled(here, endpoint="v2")


async def test_a_lost_answer_is_found_by_its_name() -> None:
    records = wrapped({"list": [record("turn-1", ASKED, "Human"), record("turn-0", "old"), record("turn-1", SAID)]})
    async with neighbour(records, wrapped(ROWS)) as here, fastgpt() as assistant:
        answer = await assistant.recover(workflow(here), QUESTION)

    assert answer is not None
    assert (answer.text, answer.recovered, answer.usage.points_micro) == (SAID, True, 969_900)
    looked, detailed = here.asked
    assert looked.path == "/api/core/chat/record/getPaginationRecords"
    assert looked.body["chatId"] == "c-1001"
    assert detailed.path.startswith("/api/core/chat/record/getResData?")
    assert "dataId=turn-1" in detailed.path


async def test_the_answer_of_the_last_attempt_is_the_one_that_counts() -> None:
    records = wrapped({"list": [record("turn-1", "You can"), record("turn-1-2", SAID), record("turn-2", "other")]})
    async with neighbour(records, wrapped(ROWS)) as here, fastgpt() as assistant:
        answer = await assistant.recover(workflow(here), QUESTION)

    assert answer is not None
    assert answer.text == SAID
    assert "dataId=turn-1-2" in here.asked[1].path


async def test_older_versions_are_asked_by_their_own_paths() -> None:
    lost = says(LOST_PAGE, "404 Not Found", "text/html")
    records = wrapped({"list": [record("turn-1", SAID)]})
    async with neighbour(lost, records, lost, wrapped(ROWS)) as here, fastgpt() as assistant:
        answer = await assistant.recover(workflow(here), QUESTION)

    assert answer is not None
    assert [asked.path.partition("?")[0] for asked in here.asked][1::2] == [
        "/api/core/chat/getPaginationRecords",
        "/api/core/chat/getResData",
    ]


@pytest.mark.parametrize(
    "answers",
    [
        [wrapped({"list": [], "total": 0})],
        [wrapped(None)],
        [wrapped({"list": [record("turn-1", "")]})],
        [wrapped({"list": [record("turn-1", "You can")]}), wrapped([{**CHAT, "finishReason": "close"}])],
        [says({"code": 504000, "statusText": "unAuthChat"}, "500 Oops")],
        [says(LOST_PAGE, "404 Not Found", "text/html")],
    ],
    ids=["no record", "no list", "empty text", "a run that was cut short", "no such chat", "no such endpoint"],
)
async def test_what_was_never_answered_is_not_found(answers: list[Answering]) -> None:
    async with neighbour(*answers) as here, fastgpt() as assistant:
        assert await assistant.recover(workflow(here), QUESTION) is None


async def test_an_answer_is_found_also_where_its_details_are_gone() -> None:
    async with neighbour(wrapped({"list": [record("turn-1", SAID)]}), wrapped([])) as here, fastgpt() as assistant:
        answer = await assistant.recover(workflow(here), QUESTION)

    assert answer is not None
    assert not answer.usage.known


async def test_a_chat_that_cannot_be_named_is_not_looked_into() -> None:
    async with neighbour(wrapped({})) as here, fastgpt() as assistant:
        assert await assistant.recover(workflow(here, app_id=None), QUESTION) is None
        assert here.asked == []


async def test_a_look_up_with_a_bad_key_says_so() -> None:
    async with neighbour(says({"code": 514, "statusText": "unAuthApiKey"}, "500 Oops")) as here, fastgpt() as assistant:
        with pytest.raises(RemoteUnauthorized):
            await assistant.recover(workflow(here), QUESTION)


async def test_a_question_that_was_answered_before_gets_that_answer() -> None:
    again = streams(event("error", DUPLICATE), head=PLAIN_HEAD)
    answers = [again, wrapped({"list": [record("turn-1", SAID)]}), wrapped(ROWS)]
    async with neighbour(*answers) as here, fastgpt() as assistant:
        answer = await assistant.run(workflow(here), QUESTION)

    assert (answer.text, answer.recovered) == (SAID, True)


async def test_a_name_taken_by_a_run_that_broke_off_is_left_for_another() -> None:
    nothing = wrapped({"list": [record("turn-1", "")]})
    refused = says(DUPLICATE, "500 Oops")
    async with neighbour(refused, nothing, says(completion())) as here, fastgpt() as assistant:
        answer = await assistant.run(workflow(here, stream=False), QUESTION)

    assert (answer.text, answer.recovered) == (SAID, False)
    assert here.asked[-1].body["responseChatItemId"] == "turn-1-2"


async def test_names_do_not_run_out_for_ever() -> None:
    async def refuses(visit: Visit, asked: Asked) -> None:
        run = asked.path.endswith("completions")
        await (says(DUPLICATE, "500 Oops") if run else wrapped({"list": []}))(visit, asked)

    async with neighbour(refuses) as here, fastgpt() as assistant:
        with pytest.raises(RemoteUnavailable) as cut:
            await assistant.run(workflow(here), QUESTION)

    assert cut.value.code == "fastgpt.cut"
    assert [a.body["responseChatItemId"] for a in here.asked if a.path.endswith("completions")] == [
        "turn-1",
        "turn-1-2",
        "turn-1-3",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        says({"code": 500, "statusText": "error", "message": f"bad key {KEY}"}, "500 Oops"),
        says(f"who is {KEY}?".encode(), "404 Not Found", "text/html"),
        streams(event("error", {"message": f"upstream said: {KEY}"})),
        says(completion("", responseData=[{"id": "1", "error": f"upstream said: {KEY}"}])),
    ],
)
async def test_the_key_is_in_no_error(answer: Answering) -> None:
    error = await refusal(answer)

    assert "***" in error.detail
    assert KEY not in f"{error.detail} {error!r} {error} {error.facts}"


async def test_the_key_is_not_shown_with_the_assistant() -> None:
    async with neighbour(streams(WORDS, DONE)) as here, fastgpt() as assistant:
        await assistant.run(workflow(here), QUESTION)
        with suppress(RemoteError):
            await assistant.recover(workflow(here), QUESTION)

        assert KEY not in repr(assistant)
