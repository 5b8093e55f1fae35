"""A question to a workflow through the API, answered while the caller waits; nothing of it goes to WeChat.

With a conversation of the caller's own naming the service remembers what was said, and a workflow that asks back is
answered by the next message of that conversation. In a thread, which somebody else here keeps, it is as for WeChat:
either the service remembers, or it is told what was said before.
"""

import hashlib
from functools import partial
from typing import Any

import structlog
from attrs import define, field, frozen

from daemon.domain.access import Actor
from daemon.domain.cost import Scopes, key_of
from daemon.domain.pause import Field, OpenPause
from daemon.domain.workflow import Answer, Attachment, Memory, Question, Role, Said, Workflow
from daemon.engine import pauses as replies
from daemon.engine.asking import Answered, Asking, Inquiry
from daemon.engine.follower import Follower
from daemon.engine.pauses import AskNext, Resume
from daemon.engine.pressure import Pressure
from daemon.engine.questions import alone
from daemon.store import pauses
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()


@frozen(kw_only=True)
class Thread:
    """A conversation whose lines are kept here, by whoever hands it over."""

    chat: str  # its name at a service that remembers, and that of what is waited for in it
    user: str  # as the service should know them
    earlier: tuple[Said, ...]  # oldest first


@frozen(kw_only=True)
class Talk:
    """What a caller says to a workflow."""

    workflow_id: str
    message: str
    conversation_id: str | None = None  # None: nothing is remembered
    variables: dict[str, Any] = field(factory=dict)
    attachments: tuple[Attachment, ...] = ()
    thread: Thread | None = None  # in place of a conversation of the caller's naming

    @property
    def goes_on(self) -> bool:
        """Whether what comes back may be answered."""
        return self.conversation_id is not None or self.thread is not None


@frozen(kw_only=True)
class Told:
    """What comes back. `answer` has no nodes where no workflow was asked: a reply to a pause that did not fit."""

    answer: Answer
    workflow_id: str
    degraded: bool
    asks: Field | None  # what the workflow wants to know before it goes on
    seconds: float


@frozen(kw_only=True)
class _Place:
    """Where a talk goes on."""

    name: str  # of this question
    key: str  # of its conversation here
    chat: str
    pause: OpenPause | None


@define
class Chatting:
    db: Database
    asking: Asking
    pressure: Pressure

    async def say(self, talk: Talk, *, by: Actor, follower: Follower | None = None) -> Told:
        """What comes back; `follower` hears what a workflow says while it says it."""
        self.pressure.admit_work()
        began = self.db.clock.monotonic()
        place = await self.db.write(_place, talk, by)
        if place.pause is None:
            return await self._asked(talk, place, self._inquiry(talk, place, talk.message, by, follower), began)
        step = replies.reply(place.pause, talk.message)
        if isinstance(step, Resume):
            return await self._asked(talk, place, self._inquiry(talk, place, step.content, by, follower), began)
        pause = step.pause if isinstance(step, AskNext) else None
        await self.db.write(_keep, place.key, pause)
        return Told(
            answer=Answer(text=step.text),
            workflow_id=place.pause.workflow_id,
            degraded=False,
            asks=pause.current if pause else None,
            seconds=self.db.clock.monotonic() - began,
        )

    async def _asked(self, talk: Talk, place: _Place, inquiry: Inquiry, began: float) -> Told:
        answered = await self.asking.answer(inquiry)
        await self.db.settle(_finish, talk, place, answered)
        asks = answered.answer.pause
        return Told(
            answer=answered.answer,
            workflow_id=answered.workflow.id,
            degraded=not answered.first,
            asks=asks.fields[0] if asks else None,
            seconds=self.db.clock.monotonic() - began,
        )

    def _inquiry(self, talk: Talk, place: _Place, content: str, by: Actor, follower: Follower | None) -> Inquiry:
        return Inquiry(
            name=place.name,
            workflow_id=place.pause.workflow_id if place.pause else talk.workflow_id,
            only=place.pause is not None,
            seat=by.id,
            last=True,
            started=self.db.clock.now(),
            question=partial(_question, talk=talk, place=place, content=content, by=by),
            scopes=Scopes(key_id=key_of(by.id)),
            follower=follower,
        )


def _question(workflow: Workflow, *, talk: Talk, place: _Place, content: str, by: Actor) -> Question:
    """In a conversation of the caller's naming the service remembers, whoever does so for WeChat: we keep none here."""
    said = Said(role=Role.USER, text=content, attachments=() if place.pause else talk.attachments)
    named = talk.conversation_id is not None and workflow.provider.remembers
    remembered = named or workflow.memory is Memory.SERVICE or place.pause is not None
    earlier = talk.thread.earlier if talk.thread else ()
    return Question(
        turn_id=place.name,
        conversation=place.chat if remembered else None,
        user=talk.thread.user if talk.thread else by.id,
        messages=(said,) if remembered else alone(workflow, said, earlier),
        variables={**workflow.variables, **talk.variables},
        request_id=by.request_id,
        resumes=place.pause.record if place.pause else None,
    )


def _place(tx: Tx, talk: Talk, by: Actor) -> _Place:
    name = tx.new_id()
    if not talk.goes_on:
        return _Place(name=name, key=name, chat=name, pause=None)
    whose = f"{by.id}\n{talk.workflow_id}\n{talk.conversation_id}"
    named = "api-" + hashlib.sha256(whose.encode()).hexdigest()[:40]  # two callers' names never meet
    key = talk.thread.chat if talk.thread else named
    pause = pauses.get(tx, key)
    if pause is not None and pause.expires_at <= tx.now:
        pauses.abandon(tx, key)
        pause = None
    return _Place(name=name, key=key, chat=pauses.chat_of(tx, key), pause=pause)


def _keep(tx: Tx, key: str, pause: OpenPause | None) -> None:
    if pause is None:
        pauses.abandon(tx, key)
    else:
        pauses.save(tx, pause)


def _finish(tx: Tx, talk: Talk, place: _Place, answered: Answered) -> None:
    """What it asks is waited for where the caller has named a conversation to answer in."""
    pauses.remove(tx, place.key)
    answer, question = answered.answer, answered.question
    if answer.pause is None or question.conversation is None or not talk.goes_on:
        return
    opened = replies.begun(
        answer.pause,
        conversation=place.key,
        workflow_id=answered.workflow.id,
        chat=question.conversation,
        record=question.resumes or answer.record,
        speaker=question.user,
        now=tx.now,
    )
    pauses.save(tx, opened)
