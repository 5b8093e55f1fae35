"""The units of work of a turn: it is scheduled, begun, skipped, answered or given up, each in one transaction."""

from datetime import datetime, timedelta

from attrs import frozen

from daemon.codec import decode, encode
from daemon.domain.account import Account, OnFailure
from daemon.domain.conversation import Conversation, Kept
from daemon.domain.job import Job, NewJob, OnConflict
from daemon.domain.message import AccountId, ConversationId, Wxid
from daemon.domain.outgoing import Text
from daemon.domain.pause import OpenPause
from daemon.domain.send import NewSend, SendOrigin
from daemon.domain.turn import Degraded, Turn, TurnState
from daemon.domain.workflow import Answer, Question, Workflow
from daemon.engine.asking import Answered
from daemon.engine.conversations import hand_over, why_silent
from daemon.engine.outbox import enqueue
from daemon.engine.pauses import begun
from daemon.engine.questions import Asked, brought, compose, left_to_wait, said_by
from daemon.engine.split import split
from daemon.engine.workflows import tell_degraded, tell_unheard
from daemon.errors import QiaodError
from daemon.store import conversations, due, jobs, messages, pauses, turns
from daemon.store.messages import Pending
from daemon.store.tx import Tx

LANE = "turn"
AWAITED = "turn.media"  # why a turn waits whose pictures and files are not here yet
MOST_EXPIRED = 20  # pauses that one turn clears away


@frozen(kw_only=True)
class Args:
    conversation_id: ConversationId
    account_id: AccountId


@frozen(kw_only=True)
class Reply:
    """How a reply goes out."""

    most_bytes: int  # of one WeChat message
    lives: timedelta  # a reply that is older is worse than none


def due_at(first: datetime, now: datetime, *, window: timedelta, most: timedelta) -> datetime:
    """When a turn begins: after a silence of `window`, and never later than `most` after its first message. Pure."""
    return min(now + window, first + most)


def schedule(tx: Tx, account: Account, conversation_id: ConversationId, *, request_id: str | None) -> None:
    """One unit with the message that waits: the conversation's turn begins when its window closes."""
    window, most = account.policy.merge_window, account.policy.merge_most
    further = max(most - window, timedelta())  # the turn that waits was to begin one window after its first message
    if due.postpone(tx, lane=LANE, unique_key=conversation_id, until=tx.now + window, most=further):
        return
    first = messages.first_pending(tx, conversation_id) or tx.now
    _ = jobs.add(
        tx,
        NewJob(
            lane=LANE,
            key=conversation_id,
            args=encode(Args(conversation_id=conversation_id, account_id=account.id)),
            due_at=due_at(first, tx.now, window=window, most=most),
            unique_key=conversation_id,
            on_conflict=OnConflict.RERUN,
            request_id=request_id,
        ),
    )


@frozen
class NotYet:
    """What came with the messages is still being fetched."""

    left: timedelta


def begin(tx: Tx, account: Account, job: Job, *, media_wait: timedelta) -> Asked | NotYet | None:
    """The turn that waits here, begun if it is new; None where there is nothing to answer, or not by us."""
    conversation_id = decode(job.args, Args).conversation_id
    conversation = conversations.get(tx, conversation_id)
    if conversation is None:
        return None
    turn = turns.open_turn(tx, conversation_id)
    if silent := why_silent(account, conversation, now=tx.now):
        _skip(tx, turn, conversation, silent)
        return None
    waiting = messages.pending(tx, conversation_id, turn_id=turn.id if turn else None)
    if turn is None and (left := left_to_wait(waiting, tx.now, media_wait)):
        return NotYet(left)
    if turn is None and waiting:
        turn = _open(tx, account, conversation, waiting, request_id=job.request_id or waiting[-1].request_id)
    if turn is None:
        return None
    jobs.park(tx, job.id, parked=True)  # for a seat
    pause, said = _paused(tx, conversation_id, waiting)
    return Asked(
        job_id=job.id,
        turn=turn,
        conversation=conversation,
        speaker=waiting[-1].sender if waiting else conversation.peer,
        nickname=waiting[-1].nickname if waiting else None,
        earlier=tuple(turns.dialogue(tx, conversation_id, before=turn.created_at, limit=account.policy.history)),
        media=brought(waiting),
        chat=turn.id if pause is not None and not said else pauses.chat_of(tx, conversation_id),
        pause=pause if said else None,
        said=said,
    )


def _paused(tx: Tx, conversation_id: ConversationId, waiting: list[Pending]) -> tuple[OpenPause | None, str]:
    """The question that waits here, and what was said to it: nothing where only others spoke."""
    pauses.expire(tx, limit=MOST_EXPIRED)
    pause = pauses.get(tx, conversation_id)
    if pause is not None and pause.expires_at <= tx.now:
        pauses.abandon(tx, conversation_id)
        pause = None
    return pause, said_by(waiting, pause.speaker) if pause else ""


def _open(
    tx: Tx,
    account: Account,
    conversation: Conversation,
    waiting: list[Pending],
    *,
    request_id: str | None,
) -> Turn | None:
    turn_id = turns.begin(
        tx,
        account_id=account.id,
        conversation_id=conversation.id,
        question=compose(waiting),
        request_id=request_id,
    )
    messages.join_turn(tx, [message.id for message in waiting], turn_id)
    return turns.get(tx, turn_id)


def _skip(tx: Tx, turn: Turn | None, conversation: Conversation, reason: Kept) -> None:
    messages.keep(tx, conversation.id, turn_id=None, reason=reason)
    if turn is not None:
        messages.keep(tx, conversation.id, turn_id=turn.id, reason=reason)
        turns.end(tx, turn, TurnState.SKIPPED, error=reason)


def dismiss(tx: Tx, job: Job) -> None:
    """Its job was cancelled: what waits here is not answered."""
    conversation = conversations.get(tx, decode(job.args, Args).conversation_id)
    if conversation is not None:
        _skip(tx, turns.open_turn(tx, conversation.id), conversation, Kept.CANCELLED)


def ask(tx: Tx, workflow: Workflow, question: Question, *, asked: Asked) -> None:
    """The question is put now: durable, so that a lost answer can be looked up, and a crash is held against it."""
    turns.attempt(tx, asked.turn.id, workflow_id=workflow.id, chat=question.conversation)
    jobs.park(tx, asked.job_id, parked=False)


def trouble(tx: Tx, *, turn: Turn, error: QiaodError) -> None:
    turns.trouble(tx, turn.id, error=error.code, detail=str(error))


def finish(tx: Tx, *, account: Account, asked: Asked, answered: Answered, reply: Reply) -> None:
    """The answer is there. Whether it goes out is asked once more: a person may have taken over meanwhile."""
    answer = answered.answer
    degraded = Degraded.NO if answered.first else Degraded.FALLBACK
    if asked.pause is not None:
        pauses.remove(tx, asked.conversation.id)
    if answer.pause is not None and not _kept_open(tx, asked, answered):
        tell_unheard(tx, answered.workflow)
    if not _kept_silent(tx, account, asked, answer=answer):
        messages.answer(tx, asked.conversation.id, asked.turn.id)
        turns.end(tx, asked.turn, TurnState.ANSWERED, answer=answer, degraded=degraded)
        _say(tx, account, asked, answer.text, reply)
        if answer.needs_person:
            pauses.abandon(tx, asked.conversation.id)
            hand_over(tx, account, asked.conversation, answered.workflow)
    tell_degraded(tx, account.workflow_id, answered.instead.code if answered.instead else None)
    _go_on(tx, account, asked)


def _kept_open(tx: Tx, asked: Asked, answered: Answered) -> bool:
    """Whether what it asks can be answered: in its chat. Where that is not known, a reply is a question of its own."""
    answer, question = answered.answer, answered.question
    chat = question.conversation or answer.chat
    if answer.pause is None or not chat:
        return False
    pause = begun(
        answer.pause,
        conversation=asked.conversation.id,
        workflow_id=answered.workflow.id,
        chat=chat,
        record=question.resumes or answer.record,
        speaker=asked.speaker,
        now=tx.now,
    )
    pauses.save(tx, pause)
    return True


def _kept_silent(tx: Tx, account: Account, asked: Asked, *, answer: Answer) -> bool:
    """Whether nothing may be said any more; then the turn has ended so, and what its answer asks is not waited for."""
    conversation = conversations.get(tx, asked.conversation.id)
    silent = None if conversation is None else why_silent(account, conversation, now=tx.now)
    if silent is None:
        return False
    messages.keep(tx, asked.conversation.id, turn_id=asked.turn.id, reason=silent)
    turns.end(tx, asked.turn, TurnState.SKIPPED, answer=answer, error=silent)
    pauses.abandon(tx, asked.conversation.id)
    return True


def converse(tx: Tx, *, account: Account, asked: Asked, pause: OpenPause | None, text: str, reply: Reply) -> None:
    """A reply to a pause that no workflow needs to see: it is asked on, or again, or (None) it is over."""
    if pause is not None:
        pauses.save(tx, pause)
    else:
        pauses.abandon(tx, asked.conversation.id)
    answer = Answer(text=text)
    if not _kept_silent(tx, account, asked, answer=answer):
        messages.answer(tx, asked.conversation.id, asked.turn.id)
        turns.end(tx, asked.turn, TurnState.ANSWERED, answer=answer)
        _say(tx, account, asked, text, reply)
    _go_on(tx, account, asked)


def fail(tx: Tx, *, account: Account, asked: Asked, code: str, detail: str, reply: Reply) -> None:
    """Nobody answers. What the person gets is the account's choice: a sentence, or silence."""
    said = account.policy.on_failure is OnFailure.SENTENCE and bool(account.policy.failure_text)
    messages.keep(tx, asked.conversation.id, turn_id=asked.turn.id, reason=Kept.FAILED)
    degraded = Degraded.SENTENCE if said else Degraded.SILENCE
    turns.end(tx, asked.turn, TurnState.FAILED, error=code, detail=detail, degraded=degraded)
    if asked.pause is not None:
        pauses.abandon(tx, asked.conversation.id)
    if said:
        _say(tx, account, asked, account.policy.failure_text, reply)
    tell_degraded(tx, account.workflow_id, code)
    _go_on(tx, account, asked)


def _go_on(tx: Tx, account: Account, asked: Asked) -> None:
    """What was said while the turn waited for another attempt found its job ready, and is in no turn yet."""
    conversation_id = asked.conversation.id
    left = messages.first_pending(tx, conversation_id) is not None
    if left and jobs.open_twin(tx, LANE, conversation_id) is None:
        schedule(tx, account, conversation_id, request_id=None)


def _say(tx: Tx, account: Account, asked: Asked, text: str, reply: Reply) -> None:
    """Queue the reply, if any, in pieces that WeChat takes; in a room it names the person it answers."""
    if not text:
        return
    mentions: tuple[Wxid, ...] = ()
    if asked.conversation.peer != asked.speaker and asked.nickname:
        mentions, text = (asked.speaker,), f"@{asked.nickname}\u2005{text}"
    pieces = split(text, reply.most_bytes)
    batch = tx.new_id()
    for part, piece in enumerate(pieces, start=1):
        enqueue(
            tx,
            NewSend(
                account_id=account.id,
                conversation_id=asked.conversation.id,
                to=asked.conversation.peer,
                parcel=Text(text=piece, mentions=mentions if part == 1 else ()),
                origin=SendOrigin.REPLY,
                turn_id=asked.turn.id,
                batch=batch,
                part=part,
                parts=len(pieces),
                expires_at=tx.now + reply.lives,
                request_id=asked.turn.request_id,
            ),
        )
