"""What a workflow is asked, from the messages that wait and what was said before."""

from datetime import timedelta
from typing import Any

from daemon.domain.conversation import Author
from daemon.domain.job import JobId
from daemon.domain.message import MessageId, Wxid
from daemon.domain.turn import Turn, TurnState
from daemon.domain.workflow import Memory, Provider, Role, Usage, Workflow
from daemon.engine.questions import MOST_HISTORY, Asked, compose, question
from daemon.engine.turn_steps import due_at
from daemon.secret import Secret
from daemon.store.messages import Pending
from daemon.store.turns import Earlier
from tests.engine.samples import ANN, NOW, conversation


def waiting(text: str, *, sender: str = ANN, nickname: str | None = None) -> Pending:
    return Pending(
        id=MessageId(text),
        sender=Wxid(sender),
        nickname=nickname,
        text=text,
        sent_at=NOW,
        sequence=0,
        received_at=NOW,
        request_id=None,
    )


def workflow(**changes: Any) -> Workflow:
    fields: dict[str, Any] = {
        "id": "workflow",
        "name": "Sales",
        "provider": Provider.FASTGPT,
        "base_url": "http://127.0.0.1:9",
        "key": Secret("fastgpt-key"),
        "app_id": None,
        "endpoint": "v1",
        "stream": True,
        "memory": Memory.DAEMON,
        "system_prompt": None,
        "variables": {},
        "timeout": timedelta(seconds=60),
        "fallback_id": None,
        "created_at": NOW,
        "updated_at": NOW,
        "version": 1,
    }
    return Workflow(**(fields | changes))


def asked(*earlier: Earlier) -> Asked:
    turn = Turn(
        id="turn",
        conversation_id=conversation().id,
        account_id=conversation().account_id,
        workflow_id=None,
        state=TurnState.ASKING,
        question="现在多少钱?",
        answer=None,
        error=None,
        detail=None,
        nodes=(),
        usage=Usage(),
        attempts=0,
        seconds=None,
        request_id="request-1",
        created_at=NOW,
        ended_at=None,
    )
    return Asked(
        job_id=JobId("job"), turn=turn, conversation=conversation(), speaker=ANN, nickname=None, earlier=earlier
    )


def said(*earlier: Earlier, **changes: Any) -> list[tuple[Role, str]]:
    asking = question(asked(*earlier), workflow(**changes), request_id=None)
    return [(line.role, line.text) for line in asking.messages]


def test_half_sentences_of_one_person_are_joined_without_names() -> None:
    assert compose([waiting("你好"), waiting("请问")]) == "你好\n请问"


def test_where_several_speak_each_line_names_its_speaker() -> None:
    lines = [waiting("一", nickname="Ann"), waiting("二", sender="wxid_b")]
    assert compose(lines) == "Ann: 一\nwxid_b: 二"


def test_the_name_that_called_us_is_not_part_of_the_question() -> None:
    assert compose([waiting("@Bot\u2005 几点开会")]) == "几点开会"


def test_the_history_goes_before_the_question_with_a_persons_words_on_our_side() -> None:
    earlier = (
        Earlier(author=Author.PEER, text="在吗"),
        Earlier(author=Author.ASSISTANT, text="在的"),
        Earlier(author=Author.PERSON, text="我是店长"),
    )
    assert said(*earlier, system_prompt="Be brief.") == [
        (Role.SYSTEM, "Be brief."),
        (Role.USER, "在吗"),
        (Role.ASSISTANT, "在的"),
        (Role.ASSISTANT, "我是店长"),
        (Role.USER, "现在多少钱?"),
    ]


def test_a_service_that_remembers_is_told_only_what_is_new() -> None:
    earlier = Earlier(author=Author.PEER, text="在吗")
    assert said(earlier, memory=Memory.SERVICE, system_prompt="Be brief.") == [(Role.USER, "现在多少钱?")]


def test_of_a_long_history_the_latest_lines_are_given() -> None:
    earlier = [Earlier(author=Author.PEER, text=str(n) * (MOST_HISTORY // 2)) for n in range(3)]
    assert [text[0] for _, text in said(*earlier)] == ["1", "2", "现"]


def test_a_turn_begins_after_a_silence_and_never_later_than_its_most() -> None:
    window, most = timedelta(seconds=2), timedelta(seconds=5)
    assert due_at(NOW, NOW, window=window, most=most) == NOW + window
    assert due_at(NOW - timedelta(seconds=4), NOW, window=window, most=most) == NOW + timedelta(seconds=1)


def test_a_question_is_too_late_once_it_is_older_than_it_is_worth() -> None:
    assert not asked().too_late(NOW + timedelta(minutes=30), timedelta(minutes=30))
    assert asked().too_late(NOW + timedelta(minutes=31), timedelta(minutes=30))
