"""A turn: the waiting messages of a conversation become one question, a workflow answers, the reply is queued."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog
from attrs import define, frozen

from daemon.codec import decode, encode
from daemon.domain.account import Account, OnFailure
from daemon.domain.conversation import Conversation, Kept
from daemon.domain.job import Job, NewJob, OnConflict
from daemon.domain.message import AccountId, ConversationId, Wxid
from daemon.domain.send import NewSend, SendOrigin
from daemon.domain.turn import Turn, TurnState
from daemon.domain.workflow import Answer, Memory, Provider, Question, Workflow
from daemon.engine.accounts import Accounts
from daemon.engine.conversations import why_silent
from daemon.engine.jobs import Done, Failed, Result, Snooze
from daemon.engine.outbox import CREDENTIAL, enqueue
from daemon.engine.ports import Assistant
from daemon.engine.questions import Asked, compose, question
from daemon.engine.split import split
from daemon.engine.workflows import Workflows
from daemon.errors import (
    NotFound,
    QiaodError,
    RemoteError,
    RemoteLimited,
    RemoteRefused,
    RemoteUnauthorized,
    Unavailable,
    Waitable,
)
from daemon.limits.breaker import Breaker, Breakers
from daemon.limits.pool import Pool
from daemon.limits.retry import Retry
from daemon.store import conversations, due, jobs, messages, turns
from daemon.store.database import Database
from daemon.store.messages import Pending
from daemon.store.tx import Tx

log = structlog.get_logger()

LANE = "turn"
LIMITED_PAUSE = timedelta(seconds=10)  # where a service says "too often" and not how long


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
    first = messages.first_pending(tx, conversation_id) or tx.now
    begins = due_at(first, tx.now, window=account.policy.merge_window, most=account.policy.merge_most)
    added = jobs.add(
        tx,
        NewJob(
            lane=LANE,
            key=conversation_id,
            args=encode(Args(conversation_id=conversation_id, account_id=account.id)),
            due_at=begins,
            unique_key=conversation_id,
            on_conflict=OnConflict.RERUN,
            request_id=request_id,
        ),
    )
    if not added.created:
        due.postpone(tx, lane=LANE, unique_key=conversation_id, until=begins)


@define
class Turns:
    """The handler of the lane `turn`. Its jobs' key is the conversation: one question at a time, in order."""

    db: Database
    accounts: Accounts
    workflows: Workflows
    assistants: Mapping[Provider, Assistant]
    pool: Pool
    breakers: Breakers
    retry: Retry  # its age is how long a question is worth answering
    reply: Reply
    clean: Callable[[str], str]  # a message's text as a question: without the @name that called us

    async def __call__(self, job: Job) -> Result:
        args = decode(job.args, Args)
        try:
            account = self.accounts.get(args.account_id)
        except NotFound:
            return Done()  # removed with its conversations
        asked = await self.db.write(_begin, account, args.conversation_id, self.clean, request_id=job.request_id)
        if asked is None:
            return Done()
        if asked.too_late(self.db.clock.now(), self.retry.age):
            return self._give_up(account, asked, QiaodError(asked.turn.error or "turn.too_late"))
        return await self._ask_each(account, asked, attempt=job.attempts)

    async def _ask_each(self, account: Account, asked: Asked, *, attempt: int) -> Result:
        """Ask the workflow, then its fallbacks, until one answers or the last may be asked again later."""
        assert account.workflow_id is not None  # an account without one begins no turn
        try:
            chain = await self.workflows.chain(account.workflow_id)
        except NotFound as gone:
            return self._give_up(account, asked, gone)
        outcome: Result | QiaodError = QiaodError("turn.no_workflow")
        for workflow in chain:
            outcome = await self._ask(account, workflow, asked, attempt)
            if isinstance(outcome, Done | Failed) or (isinstance(outcome, Snooze) and workflow is chain[-1]):
                return outcome
        assert isinstance(outcome, QiaodError)
        return self._give_up(account, asked, outcome)

    async def _ask(self, account: Account, workflow: Workflow, asked: Asked, attempt: int) -> Result | QiaodError:
        """One workflow: its answer, a wait, another attempt; or the error with which it is out of the question."""
        try:
            answer = await self._run(account, workflow, asked)
        except RemoteLimited as limit:
            return self._later(asked, limit, limit.retry_after or LIMITED_PAUSE)
        except Waitable as busy:  # our own pool or breaker: nobody was asked
            return self._later(asked, busy, busy.retry_after)
        except RemoteRefused as refusal:
            return refusal
        except RemoteError as error:
            delay = self.retry.next(attempt, asked.turn.created_at, self.db.clock.now(), None)
            if delay is None:
                return error
            return Failed(error.code, retry_after=delay, work=partial(_trouble, turn=asked.turn, error=error))
        log.info("turn.answered", turn=asked.turn.id, workflow=workflow.id, points_micro=answer.usage.points_micro)
        account = self.accounts.get(account.id)  # as it is by now
        return Done(partial(_finish, account=account, asked=asked, answer=answer, reply=self.reply))

    async def _run(self, account: Account, workflow: Workflow, asked: Asked) -> Answer:
        """Within a seat of the pool, and only where the breaker lets it pass; what happened is told to the breaker."""
        breaker = self._breaker(workflow)
        async with self.pool.seat(account.id):
            if wait := breaker.before():
                raise _barred(workflow, breaker, wait)
            await self.db.write(turns.attempt, asked.turn.id, workflow.id)
            try:
                answer = await self._called(workflow, asked)
            except RemoteUnauthorized:
                breaker.force_open(CREDENTIAL)
                raise
            except (RemoteRefused, RemoteLimited):
                breaker.succeeded()  # it is there, and speaks
                raise
            except RemoteError:
                breaker.failed()
                raise
            breaker.succeeded()
            return answer

    async def _called(self, workflow: Workflow, asked: Asked) -> Answer:
        """The answer of an earlier call whose connection was lost, if there is one; else of a new call."""
        assistant = self.assistants[workflow.provider]
        asking = question(asked, workflow, request_id=asked.turn.request_id)
        if asked.turn.workflow_id == workflow.id and workflow.memory is Memory.SERVICE:
            answer = await assistant.recover(workflow, asking)
            if answer is not None:
                return answer
        return await assistant.run(workflow, asking)

    def _later(self, asked: Asked, error: QiaodError, delay: timedelta) -> Snooze:
        return Snooze(delay, partial(_trouble, turn=asked.turn, error=error), error.code)

    def _give_up(self, account: Account, asked: Asked, error: QiaodError) -> Done:
        log.warning("turn.failed", turn=asked.turn.id, conversation=asked.conversation.id, code=error.code)
        return Done(partial(_fail, account=account, asked=asked, error=error, reply=self.reply))

    def _breaker(self, workflow: Workflow) -> Breaker:
        return self.breakers.get(workflow.provider, f"{workflow.id}/{workflow.version}")  # a new key is a new chance


def _barred(workflow: Workflow, breaker: Breaker, wait: timedelta) -> QiaodError:
    if breaker.reason == CREDENTIAL:
        return RemoteUnauthorized(f"{workflow.provider}.unauthorized", service=workflow.provider)
    return Unavailable("turn.breaker_open", retry_after=wait)


def _begin(
    tx: Tx, account: Account, conversation_id: ConversationId, clean: Callable[[str], str], *, request_id: str | None
) -> Asked | None:
    """The turn that waits here, begun if it is new; None where there is nothing to answer, or not by us."""
    conversation = conversations.get(tx, conversation_id)
    if conversation is None:
        return None
    turn = turns.open_turn(tx, conversation_id)
    if silent := why_silent(account, conversation, now=tx.now):
        _skip(tx, turn, conversation, silent)
        return None
    waiting = messages.pending(tx, conversation_id, turn_id=turn.id if turn else None)
    if turn is None and waiting:
        turn = _open(tx, account, conversation, waiting, clean, request_id=request_id)
    if turn is None:
        return None
    return Asked(
        turn=turn,
        conversation=conversation,
        speaker=waiting[-1].sender if waiting else conversation.peer,
        nickname=waiting[-1].nickname if waiting else None,
        earlier=tuple(turns.dialogue(tx, conversation_id, before=turn.created_at, limit=account.policy.history)),
    )


def _open(
    tx: Tx,
    account: Account,
    conversation: Conversation,
    waiting: list[Pending],
    clean: Callable[[str], str],
    *,
    request_id: str | None,
) -> Turn | None:
    turn_id = turns.begin(
        tx,
        account_id=account.id,
        conversation_id=conversation.id,
        question=compose(waiting, clean),
        request_id=request_id,
    )
    messages.join_turn(tx, [message.id for message in waiting], turn_id)
    return turns.get(tx, turn_id)


def _skip(tx: Tx, turn: Turn | None, conversation: Conversation, reason: Kept) -> None:
    messages.keep(tx, conversation.id, turn_id=None, reason=reason)
    if turn is not None:
        messages.keep(tx, conversation.id, turn_id=turn.id, reason=reason)
        turns.end(tx, turn, TurnState.SKIPPED, error=reason)


def _trouble(tx: Tx, *, turn: Turn, error: QiaodError) -> None:
    turns.trouble(tx, turn.id, error=error.code, detail=str(error))


def _finish(tx: Tx, *, account: Account, asked: Asked, answer: Answer, reply: Reply) -> None:
    """The answer is there. Whether it goes out is asked once more: a person may have taken over meanwhile."""
    conversation = conversations.get(tx, asked.conversation.id)
    silent = None if conversation is None else why_silent(account, conversation, now=tx.now)
    if silent is not None:
        messages.keep(tx, asked.conversation.id, turn_id=asked.turn.id, reason=silent)
        turns.end(tx, asked.turn, TurnState.SKIPPED, answer=answer, error=silent)
        return
    messages.answer(tx, asked.conversation.id, asked.turn.id)
    turns.end(tx, asked.turn, TurnState.ANSWERED, answer=answer)
    _say(tx, account, asked, answer.text, reply)


def _fail(tx: Tx, *, account: Account, asked: Asked, error: QiaodError, reply: Reply) -> None:
    """Nobody answers. What the person gets is the account's choice: a sentence, or silence."""
    messages.keep(tx, asked.conversation.id, turn_id=asked.turn.id, reason=Kept.FAILED)
    turns.end(tx, asked.turn, TurnState.FAILED, error=error.code, detail=str(error))
    if account.policy.on_failure is OnFailure.SENTENCE and account.policy.failure_text:
        _say(tx, account, asked, account.policy.failure_text, reply)


def _say(tx: Tx, account: Account, asked: Asked, text: str, reply: Reply) -> None:
    """Queue the reply in pieces that WeChat takes; in a room it names the person it answers."""
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
                text=piece,
                mentions=mentions if part == 1 else (),
                origin=SendOrigin.REPLY,
                turn_id=asked.turn.id,
                batch=batch,
                part=part,
                parts=len(pieces),
                expires_at=tx.now + reply.lives,
                request_id=asked.turn.request_id,
            ),
        )
