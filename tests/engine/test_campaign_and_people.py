"""A campaign keeps out of conversations that a person holds, and follows what people do with its messages."""

from datetime import timedelta

import pytest

from daemon.domain.access import SYSTEM
from daemon.domain.campaign import CampaignState, RecipientState
from daemon.domain.job import JobState
from daemon.domain.send import Send, SendState
from daemon.engine.campaign_jobs import LANE
from daemon.engine.campaign_steps import LOOK_AT_HELD
from daemon.engine.campaigns import _MOVES
from daemon.engine.outbox import why_over
from daemon.engine.sends import Verdict, _repeat, _settle
from daemon.store import conversations, job_desk, recipients, sends
from tests.engine.samples import account
from tests.engine.test_campaign_steps import GAP, MORNING, Stage, to

LIVES = timedelta(hours=1)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def hold(stage: Stage, number: int, lasting: timedelta) -> None:
    conversation = conversations.touch(stage.tx, account().id, to(number))
    conversations.hold(stage.tx, conversation.id, until=stage.tx.now + lasting, by="phone")


def states(stage: Stage) -> list[tuple[RecipientState, str | None]]:
    rows = recipients.page(stage.tx, stage.campaign_id, state=None, after=0, limit=100)
    return [(row.state, row.reason) for row in rows]


def latest(stage: Stage) -> Send:
    return sends.page(stage.tx, scope=None, state=None, before=None, limit=1)[0]


def test_whom_a_person_answers_waits_while_later_ones_go_on(stage: Stage) -> None:
    stage.begin(3)
    hold(stage, 0, timedelta(minutes=30))
    assert stage.run(4) == ["你好 No. 1", "你好 No. 2"]
    assert (states(stage)[0], stage.campaign.state) == ((RecipientState.WAITING, None), CampaignState.RUNNING)
    assert stage.look() == LOOK_AT_HELD
    stage.pass_by(timedelta(minutes=31))
    assert stage.run() == ["你好 No. 0"]
    assert (stage.counts, stage.campaign.state) == ({RecipientState.SENT: 3}, CampaignState.DONE)


def test_who_is_held_until_the_end_is_skipped_and_told_apart_from_the_others(stage: Stage) -> None:
    stage.begin(4, expires_at=MORNING + 1.5 * GAP)
    hold(stage, 0, timedelta(days=1))
    stage.run()
    skipped = RecipientState.SKIPPED
    assert [one for one in states(stage) if one[0] is skipped] == [
        (skipped, "campaign.held"),
        (skipped, "campaign.expired"),
    ]
    assert stage.campaign.state is CampaignState.DONE


def test_a_person_who_comes_while_the_message_waits_is_quicker_and_its_recipient_waits_again(stage: Stage) -> None:
    stage.begin(1)
    stage.look()
    hold(stage, 0, timedelta(minutes=5))
    send = latest(stage)
    conversation = conversations.get(stage.tx, send.conversation_id)
    assert why_over(send, account(), conversation, now=stage.tx.now) == (SendState.CANCELLED, "send.overtaken")
    sends.end(stage.tx, send.id, SendState.CANCELLED, error="send.overtaken")
    stage.look()
    assert states(stage) == [(RecipientState.WAITING, None)]
    stage.pass_by(timedelta(minutes=6))
    assert stage.run() == ["你好 No. 0"]
    assert stage.counts == {RecipientState.SENT: 1}


def test_what_has_begun_to_go_is_not_begun_again(stage: Stage) -> None:
    stage.begin(1)
    stage.look()
    first = latest(stage)
    sends.start(stage.tx, first.id)
    sends.end(stage.tx, first.id, SendState.CANCELLED, error="send.overtaken")
    stage.tx.run("UPDATE sends SET state = 'sent' WHERE id = $1", first.id)
    stage.tx.run(
        """
        INSERT INTO sends (id, account_id, conversation_id, peer, text, mentions, origin, batch, part, parts, state,
                           error, expires_ms, created_ms, actor, kind, parcel)
        SELECT 'part-2', account_id, conversation_id, peer, text, mentions, origin, batch, 2, 2, 'cancelled',
               'send.overtaken', expires_ms, created_ms, actor, kind, parcel FROM sends WHERE id = $1
        """,
        first.id,
    )
    assert stage.run() == []
    assert states(stage) == [(RecipientState.CANCELLED, "send.overtaken")]


def test_a_message_that_a_person_sends_again_is_its_recipients(stage: Stage) -> None:
    stage.begin(1)
    stage.run(state=SendState.FAILED)
    assert (stage.counts, stage.campaign.state) == ({RecipientState.FAILED: 1}, CampaignState.DONE)
    stage.tx.run("UPDATE jobs SET state = 'done' WHERE lane = $1", LANE)
    again = _repeat(stage.tx, latest(stage).id, by=SYSTEM, lives=LIVES)
    assert stage.counts == {RecipientState.QUEUED: 1}
    (job,) = (job for job in job_desk.page(stage.tx, lane=LANE, limit=10) if job.state is JobState.READY)
    assert job.key == stage.campaign_id
    assert stage.run() == [again.text]
    assert (stage.counts, stage.campaign.state) == ({RecipientState.SENT: 1}, CampaignState.DONE)


def test_one_that_fails_again_says_so_and_one_that_arrived_has_arrived(stage: Stage) -> None:
    stage.begin(1)
    stage.run(state=SendState.UNKNOWN)
    lost = latest(stage)
    _repeat(stage.tx, lost.id, by=SYSTEM, lives=LIVES)
    stage.run(state=SendState.FAILED)
    assert stage.counts == {RecipientState.FAILED: 1}
    second = _repeat(stage.tx, latest(stage).id, by=SYSTEM, lives=LIVES)
    stage.run()
    third = _repeat(stage.tx, lost.id, by=SYSTEM, lives=LIVES)
    stage.run(state=SendState.FAILED)
    assert (second.batch, third.batch, stage.counts) == (lost.batch, lost.batch, {RecipientState.SENT: 1})


def test_a_settled_one_is_seen(stage: Stage) -> None:
    stage.begin(1)
    stage.run(state=SendState.UNKNOWN)
    _settle(stage.tx, latest(stage).id, Verdict.SENT, by=SYSTEM)
    assert stage.counts == {RecipientState.SENT: 1}


def test_a_stopped_one_does_not_bring_the_held_back(stage: Stage) -> None:
    stage.begin(2)
    hold(stage, 0, timedelta(minutes=30))
    stage.look()
    _MOVES[CampaignState.STOPPED](stage.tx, stage.campaign_id, by=SYSTEM)
    stage.pass_by(timedelta(hours=1))
    assert stage.run() == []
    assert stage.counts == {RecipientState.CANCELLED: 2}
