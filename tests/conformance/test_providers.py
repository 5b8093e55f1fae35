"""One suite over every provider, each through its real client against its simulator over real HTTP.

A case that a provider cannot have is listed in `suite.CANNOT` with the reason, and is not run for it.
"""

import asyncio
from datetime import timedelta
from email.utils import format_datetime

import pytest
from attrs import evolve

from daemon.codec import encode_text
from daemon.domain.workflow import Attachment, AttachmentKind, Handover, Memory, Role
from daemon.engine.handover import Unmarked, judged
from daemon.errors import (
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.sim.faults import Kind
from tests.conformance.subject import ASKED, QUESTION, THEN, Play, Subject, told, within

USUAL = Play()
LONG = 30.0  # seconds: what is given up or cancelled in a test would take so long
PROMPT = 2.0  # seconds that giving up may take on a busy machine
PICTURE = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="
MARK = "[[HANDOFF]]"
PAGE = "<html><head><title>Welcome</title></head><body>It works!</body></html>"
LATER = "<html><head><title>429 Too Many Requests</title></head></html>"  # as a gateway before the service says it
ENDLESS = 24 * 1024 * 1024  # bytes: more than any answer is allowed


async def test_it_answers(it: Subject) -> None:
    assert (await it.ask()).text == USUAL.text
    assert (await it.ask(it.plain)).text == USUAL.text


async def test_it_is_asked_what_was_asked(it: Subject) -> None:
    it.play(Play(text="“{question}”"))

    assert (await it.ask(text='又是"引号"和\n换行')).text == '“又是"引号"和\n换行”'


async def test_its_text_is_heard_as_it_comes_and_is_the_whole(it: Subject) -> None:
    answer, texts, _ = await it.heard()

    assert len(texts) > 1
    assert all(texts)
    assert "".join(texts) == answer.text == USUAL.text


async def test_a_plain_answer_is_not_heard_before_it_is_there(it: Subject) -> None:
    answer, texts, _ = await it.heard(it.plain)

    assert answer.text == USUAL.text
    assert "".join(texts) in ("", USUAL.text)


async def test_answers_side_by_side_are_not_mixed(it: Subject) -> None:
    it.play(Play(text="“{question}”"))
    questions = [f"第{number}问" for number in range(20)]

    answers = await asyncio.gather(
        *(it.ask(text=text, turn_id=f"{QUESTION.turn_id[:-4]}{number:04x}") for number, text in enumerate(questions))
    )

    assert [answer.text for answer in answers] == [f"“{text}”" for text in questions]


async def test_its_steps_are_told_with_their_time(it: Subject) -> None:
    for ours in (it.workflow, it.plain):
        answer = await it.ask(ours)

        assert answer.nodes
        assert all(node.name and node.kind and node.seconds >= 0 and not node.failed for node in answer.nodes)


async def test_its_steps_are_told_as_they_begin(it: Subject) -> None:
    answer, _, steps = await it.heard()

    assert steps
    assert {step.name for step in steps} <= {node.name for node in answer.nodes}


async def test_what_it_used_is_told(it: Subject) -> None:
    for ours in (it.workflow, it.plain):
        usage = (await it.ask(ours)).usage

        assert usage.known
        assert (usage.input_tokens, usage.output_tokens) == USUAL.tokens


async def test_what_was_said_before_is_sent_in_its_order(it: Subject) -> None:
    lines = told((Role.USER, "第一句"), (Role.ASSISTANT, "第二句"), (Role.USER, ASKED))

    await it.ask(messages=lines)

    (asked,) = it.asked
    assert ASKED in asked
    assert asked.index("第一句") < asked.index("第二句")


async def test_its_system_prompt_is_sent_before_what_was_said(it: Subject) -> None:
    await it.ask(messages=told((Role.SYSTEM, "请用一句话回答"), (Role.USER, "第一句"), (Role.USER, ASKED)))

    (asked,) = it.asked
    assert asked.index("请用一句话回答") < asked.index("第一句")


async def test_a_picture_goes_with_the_question(it: Subject) -> None:
    picture = Attachment(kind=AttachmentKind.IMAGE, url=PICTURE, name="a.gif")

    answer = await it.ask(messages=told((Role.USER, ASKED), picture=picture))

    assert answer.text
    assert PICTURE in it.asked[0]


async def test_what_it_set_is_told(it: Subject) -> None:
    it.play(Play(fields={"needHumanTransfer": True, "lang": "zh"}))

    answer = await it.ask(it.plain)

    assert answer.variables["needHumanTransfer"] is True
    assert answer.variables["lang"] == "zh"


async def test_a_variable_asks_for_a_person(it: Subject) -> None:
    for ours in (it.workflow, it.plain):
        ours = evolve(ours, handover=Handover(variable="needHumanTransfer"))
        it.play(USUAL)
        usual = judged(ours, await it.ask(ours))
        it.play(Play(fields={"needHumanTransfer": True}))

        assert not usual.needs_person
        assert judged(ours, await it.ask(ours)).needs_person


async def test_a_step_that_classifies_asks_for_a_person(it: Subject) -> None:
    ours = evolve(it.workflow, handover=Handover(category="投诉"))
    it.play(Play(category="售前"))
    usual = judged(ours, await it.ask(ours))
    it.play(Play(category="投诉"))

    assert not usual.needs_person
    assert judged(ours, await it.ask(ours)).needs_person


async def test_a_mark_in_its_text_asks_for_a_person_and_is_not_shown(it: Subject) -> None:
    ours = evolve(it.workflow, handover=Handover(mark=MARK))
    usual = judged(ours, await it.ask(ours))
    it.play(Play(text=f"请稍等。{MARK}"))
    shown = list[str]()
    ear = Unmarked(MARK, shown.append)

    answer = judged(ours, await it.assistant.run(ours, QUESTION, on_text=ear.on_text))
    ear.end()

    assert not usual.needs_person
    assert answer.needs_person
    assert "".join(shown) == answer.text == "请稍等。"


async def test_it_asks_back_with_its_options(it: Subject) -> None:
    it.play(Play(options=("退货", "换货")))

    answer = await it.ask(conversation="c-1001")

    assert answer.pause is not None
    assert [option.label for option in answer.pause.fields[0].options] == ["退货", "换货"]


async def test_a_bad_request_is_refused_for_good(it: Subject) -> None:
    it.answers(it.bad_request, status=it.bad_status)

    with pytest.raises(RemoteRefused) as refused:
        await it.ask()

    assert not isinstance(refused.value, RemoteUnauthorized)


async def test_a_credential_it_does_not_know_is_told_from_other_refusals(it: Subject) -> None:
    for ours in (it.stranger, evolve(it.stranger, stream=False)):
        with pytest.raises(RemoteUnauthorized):
            await it.ask(ours)


async def test_what_is_not_there_is_refused(it: Subject) -> None:
    with pytest.raises(RemoteRefused) as refused:
        await it.ask(it.missing)

    assert not isinstance(refused.value, RemoteUnauthorized)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_service_that_fails_may_be_asked_later(it: Subject, status: int) -> None:
    it.answers("<html>down</html>", status=status, kind="text/html")

    with pytest.raises((OutcomeUnknown, RemoteUnavailable)):
        await it.ask()


async def test_a_run_that_fails_is_an_error_and_no_answer(it: Subject) -> None:
    it.play(Play(fails=True))
    for ours in (it.workflow, it.plain):
        with pytest.raises(RemoteError):
            await it.ask(ours)


async def test_a_run_that_fails_in_the_middle_is_an_error_and_no_answer(it: Subject) -> None:
    it.play(Play(breaks=True))

    with pytest.raises(RemoteError):
        await it.ask()


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.GATEWAY, Kind.RESET])
async def test_where_it_may_have_run_nobody_says_that_it_did_not(it: Subject, kind: Kind) -> None:
    it.suffers(kind)

    with pytest.raises(OutcomeUnknown):
        await it.ask()


async def test_where_nobody_listens_nothing_was_done(it: Subject, unused_tcp_port: int) -> None:
    with pytest.raises(RemoteUnavailable):
        await it.ask(it.elsewhere(f"http://127.0.0.1:{unused_tcp_port}"))


async def test_an_answer_that_never_begins_is_given_up_in_time(it: Subject) -> None:
    it.suffers(Kind.HANG)
    for ours in (it.workflow, it.plain):
        async with asyncio.timeout(0.3 + PROMPT):
            with pytest.raises(OutcomeUnknown):
                await it.ask(within(ours, 0.3))


async def test_an_answer_that_stops_in_the_middle_is_given_up_in_time(it: Subject) -> None:
    it.play(Play(chunk_delay_s=0.2))
    async with asyncio.timeout(0.5 + PROMPT):
        with pytest.raises(it.mislaid):
            await it.ask(within(it.workflow, 0.5))


async def test_a_limit_says_in_how_many_seconds(it: Subject) -> None:
    it.answers(LATER, status=429, kind="text/html", **{"Retry-After": "7"})

    with pytest.raises(RemoteLimited) as limited:
        await it.ask()

    assert limited.value.retry_after == timedelta(seconds=7)


async def test_a_limit_says_until_when(it: Subject) -> None:
    until, now = format_datetime(THEN + timedelta(seconds=90), usegmt=True), format_datetime(THEN, usegmt=True)
    it.answers(LATER, status=429, kind="text/html", **{"Retry-After": until, "Date": now})

    with pytest.raises(RemoteLimited) as limited:
        await it.ask()

    assert limited.value.retry_after == timedelta(seconds=90)


async def test_an_answer_that_is_cut_off_is_no_answer(it: Subject) -> None:
    it.play(Play(cut=True))

    with pytest.raises(it.mislaid):
        await it.ask()


async def test_half_of_a_plain_answer_is_no_answer(it: Subject) -> None:
    it.suffers(Kind.HALF)

    with pytest.raises(it.mislaid):
        await it.ask(it.plain)


async def test_a_lost_answer_is_found_and_nothing_runs_twice(it: Subject) -> None:
    it.suffers(Kind.GATEWAY, times=1)
    chat, ours = "c-1001", evolve(it.workflow, memory=Memory.SERVICE)
    with pytest.raises(OutcomeUnknown):
        await it.ask(ours, conversation=chat)

    found = await it.assistant.recover(ours, evolve(QUESTION, conversation=chat))

    assert found is not None
    assert (found.text, found.recovered) == (USUAL.text, True)
    assert len(it.asked) == 1


async def test_an_answer_that_was_never_given_is_not_found(it: Subject) -> None:
    await it.ask(turn_id=f"{QUESTION.turn_id[:-1]}f", conversation="c-1001")

    assert await it.assistant.recover(it.workflow, evolve(QUESTION, conversation="c-1001")) is None


async def test_a_page_instead_of_an_answer_is_nonsense(it: Subject) -> None:
    it.answers(PAGE, kind="text/html")
    for ours in (it.workflow, it.plain):
        with pytest.raises(RemoteNonsense):
            await it.ask(ours)


async def test_broken_json_is_nonsense(it: Subject) -> None:
    it.suffers(Kind.NONSENSE)
    for ours in (it.workflow, it.plain):
        with pytest.raises(RemoteNonsense):
            await it.ask(ours)


async def test_an_empty_answer_is_no_answer(it: Subject) -> None:
    it.answers("")
    for ours in (it.workflow, it.plain):
        with pytest.raises((RemoteNonsense, OutcomeUnknown)):
            await it.ask(ours)


async def test_json_of_another_shape_is_nonsense(it: Subject) -> None:
    it.answers(it.misshapen)
    for ours in (it.workflow, it.plain):
        with pytest.raises(RemoteNonsense):
            await it.ask(ours)


async def test_an_endless_answer_is_read_only_so_far(it: Subject) -> None:
    it.answers(encode_text({"output": "x" * ENDLESS}))

    with pytest.raises(RemoteError):
        await it.ask(it.plain)


async def test_an_endless_stream_is_read_only_so_far(it: Subject) -> None:
    it.answers(it.line * (ENDLESS // len(it.line)), kind=it.line_type)

    with pytest.raises(RemoteError):
        await it.ask()


@pytest.mark.parametrize("play", [Play(delay_s=LONG), Play(chunk_delay_s=LONG)], ids=["before", "between"])
async def test_a_call_that_is_cancelled_ends_within_a_second(it: Subject, play: Play) -> None:
    it.play(play)
    asking = asyncio.create_task(it.ask())
    await it.ledger.wait_for(it.asks)

    asking.cancel()
    async with asyncio.timeout(1.0):
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_a_call_that_is_cancelled_leaves_no_connection_and_no_task(it: Subject) -> None:
    it.suffers(Kind.HANG)
    before = asyncio.all_tasks()
    asking = asyncio.create_task(it.ask())
    await it.ledger.wait_for(it.asks)

    asking.cancel()
    async with asyncio.timeout(1.0):
        with pytest.raises(asyncio.CancelledError):
            await asking

    assert not [task for task in asyncio.all_tasks() - before if "daemon/net" in str(task.get_coro())]
    await it.ledger.wait_for(it.asks, ended=True)  # the service sees that nobody listens


@pytest.mark.parametrize(("status", "kind"), [(400, "application/json"), (401, "text/plain"), (500, "text/html")])
async def test_a_credential_that_is_echoed_is_in_no_error(it: Subject, status: int, kind: str) -> None:
    it.answers(f'"no: {it.secret}"', status=status, kind=kind)

    with pytest.raises(RemoteError) as failed:
        await it.ask(it.plain)

    assert it.secret not in _shown(failed.value)


async def test_a_credential_that_is_echoed_as_nonsense_is_in_no_error(it: Subject) -> None:
    it.answers(f'{{"choices": "no: {it.secret}"')

    with pytest.raises(RemoteError) as failed:
        await it.ask(it.plain)

    assert it.secret not in _shown(failed.value)


def _shown(error: RemoteError) -> str:
    return f"{error} {error.detail} {error.facts} {error!r}"
