"""The chat API: a user of the caller's naming talks with a workflow, in a conversation that is kept.

An answer is given only once it and what it answers are committed, so it is in the history whatever happens next. What
was not answered is not kept: its caller asks again.
"""

from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from attrs import define, evolve, field, frozen

from daemon.domain.access import Actor
from daemon.domain.dialogue import Dialogue, Excerpt, Line, opens_to
from daemon.domain.workflow import Attachment, Role, Said
from daemon.engine.chatting import Chatting, Talk, Thread, Told
from daemon.engine.dialogue_shelf import Shelf
from daemon.engine.follower import Follower
from daemon.errors import Forbidden, RateLimited
from daemon.ids import Ids
from daemon.limits.turnstile import Turnstile
from daemon.store import pauses
from daemon.store.tx import Tx

log = structlog.get_logger()

PATIENCE = timedelta(seconds=60)  # for what is asked before in the same conversation
COME_BACK = timedelta(seconds=5)


@frozen(kw_only=True)
class Remark:
    """What a user says in a conversation."""

    dialogue_id: str  # the caller's own name of it; the first who writes in it has it
    user_id: str
    message: str
    workflow_id: str
    variables: dict[str, Any] = field(factory=dict)
    attachments: tuple[Attachment, ...] = ()  # asked with it, and not kept


@frozen(kw_only=True)
class Replied:
    """What comes back: `question` and `answer` as they are kept, and how it came to be."""

    question: Line
    answer: Line
    told: Told


@define
class Dialogues:
    chatting: Chatting
    shelf: Shelf
    ids: Ids
    workflow_id: str = ""  # for who names none; "": the only one there is
    history: int = 20  # lines that go with a question
    _turns: Turnstile = field(factory=Turnstile, init=False)

    async def say(self, remark: Remark, *, by: Actor, follower: Follower | None = None) -> Replied:
        """The answer, kept. One at a time in a conversation: the next waits, and is RateLimited after PATIENCE.

        Forbidden in another's conversation; where nobody answers, the errors of `Asking.answer`.
        """
        began = self.shelf.db.clock.now()
        async with AsyncExitStack() as stack:
            turn = self._turns.turn(remark.dialogue_id, patience=PATIENCE.total_seconds())
            try:
                await stack.enter_async_context(turn)
            except TimeoutError:
                raise RateLimited("dialogue.busy", retry_after=COME_BACK) from None
            return await self._said(remark, began, by, follower)

    async def history_of(self, dialogue_id: str, user_id: str, *, before: str | None, limit: int, by: Actor) -> Excerpt:
        """The latest lines before that one, oldest first. Of a conversation that is not there: none."""
        if await self._admitted(dialogue_id, user_id, by) is None:
            return Excerpt(lines=(), more=False)
        return await self.shelf.excerpt(dialogue_id, before=before, limit=limit)

    async def forget(self, dialogue_id: str, user_id: str, *, by: Actor) -> None:
        """For good. It need not be there."""
        dialogue = await self._admitted(dialogue_id, user_id, by, surely=True)
        if dialogue is not None:
            await self.shelf.forget(dialogue, by=by)
            log.info("dialogue.forgotten", dialogue=dialogue_id, by=by.id)

    async def _admitted(self, dialogue_id: str, user_id: str, by: Actor, *, surely: bool = False) -> Dialogue | None:
        dialogue = await self.shelf.find(dialogue_id, surely=surely)
        if dialogue is not None and not opens_to(dialogue, user_id, by):
            raise Forbidden("dialogue.not_yours")
        return dialogue

    async def _said(self, remark: Remark, began: datetime, by: Actor, follower: Follower | None) -> Replied:
        known = await self._admitted(remark.dialogue_id, remark.user_id, by)
        dialogue = known or self._new(remark, began, by)
        earlier = await self._earlier(dialogue) if known else ()
        talk = Talk(
            workflow_id=remark.workflow_id,
            message=remark.message,
            variables=remark.variables,
            attachments=remark.attachments,
            thread=Thread(chat=dialogue.chat, user=remark.user_id, earlier=earlier),
        )
        told = await self.chatting.say(talk, by=by, follower=follower)
        keep = partial(_keep, shelf=self.shelf, dialogue=dialogue, known=known is not None, remark=remark)
        return await self.shelf.db.settle(keep, told=told, began=began, by=by)

    def _new(self, remark: Remark, now: datetime, by: Actor) -> Dialogue:
        chat = _chat(self.ids.new())  # another one after it was forgotten
        return Dialogue(id=remark.dialogue_id, user_id=remark.user_id, made_by=by.id, chat=chat, created_at=now)

    async def _earlier(self, dialogue: Dialogue) -> tuple[Said, ...]:
        if not self.history:
            return ()
        excerpt = await self.shelf.excerpt(dialogue.id, before=None, limit=self.history)
        return tuple(
            Said(role=Role.USER if line.is_user else Role.ASSISTANT, text=line.content) for line in excerpt.lines
        )


def _keep(
    tx: Tx, *, shelf: Shelf, dialogue: Dialogue, known: bool, remark: Remark, told: Told, began: datetime, by: Actor
) -> Replied:
    """What was said and what was answered, in one. Forbidden where it has turned out meanwhile to be another's.

    What was forgotten since it was `known` begins anew, in a chat that remembers nothing of it.
    """
    if known and not shelf.knows(tx, dialogue.id):
        pauses.remove(tx, dialogue.chat)
        dialogue = evolve(dialogue, made_by=by.id, chat=_chat(tx.new_id()), created_at=began)
    question = Line(
        id=tx.new_id(),
        dialogue_id=dialogue.id,
        content=remark.message,
        is_user=True,
        workflow_id=None,
        created_at=began,
    )
    answer = evolve(
        question,
        id=tx.new_id(),
        content=told.answer.text,
        is_user=False,
        workflow_id=told.workflow_id,
        created_at=tx.now,
    )
    if not opens_to(shelf.keep(tx, dialogue, question, answer, request_id=by.request_id), remark.user_id, by):
        raise Forbidden("dialogue.not_yours")
    return Replied(question=question, answer=answer, told=told)


def _chat(name: str) -> str:
    return f"dlg-{name}"
