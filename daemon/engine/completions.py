"""Completions as clients of plain models ask for them: all that was said comes with the question, and is not kept.

A model is a workflow, by its id or by its name.
"""

import re
from functools import partial
from typing import Any

import structlog
from attrs import define, field, frozen

from daemon.domain.access import Actor
from daemon.domain.cost import Scopes, key_of
from daemon.domain.workflow import Question, Said, Workflow
from daemon.engine.asking import Answered, Asking, Inquiry, Lost, Outcome
from daemon.engine.chatting import Told
from daemon.engine.follower import Follower
from daemon.engine.pressure import Pressure
from daemon.engine.questions import told_all
from daemon.errors import Invalid, NotFound
from daemon.ids import Ids
from daemon.store import workflows
from daemon.store.database import Database

log = structlog.get_logger()

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@frozen(kw_only=True)
class Prompt:
    workflow_id: str
    messages: tuple[Said, ...]  # oldest first; the last is what is asked
    user: str | None = None  # as the service should know them; None: by the caller's id
    variables: dict[str, Any] = field(factory=dict)


@define
class Completions:
    db: Database
    asking: Asking
    pressure: Pressure
    ids: Ids

    async def model(self, name: str, *, by: Actor) -> Workflow:
        """The workflow with this id, else with this name. NotFound also where `by` may not ask it; Invalid where
        several have the name."""
        workflow_id = name if _ID.fullmatch(name) else await self._named(name, by)
        if by.accounts is not None and not await self.db.read(workflows.serves, workflow_id, by.accounts):
            raise NotFound("completion.no_model", model=name)
        try:
            return await self.asking.workflows.get(workflow_id)
        except NotFound:
            raise NotFound("completion.no_model", model=name) from None

    async def models(self, *, by: Actor, limit: int) -> list[Workflow]:
        """Those that `by` may ask, newest first."""
        found, _ = await self.asking.workflows.page(provider=None, account_ids=by.accounts, before=None, limit=limit)
        return found

    async def complete(self, prompt: Prompt, *, by: Actor, follower: Follower | None = None) -> Told:
        """The answer, also one that was cut short or held back: `Answer.finish` says so. `follower` hears it while it
        is made. Raises what `Asking.answer` does."""
        self.pressure.admit_work()
        clock = self.db.clock
        began, name = clock.monotonic(), self.ids.new()
        inquiry = Inquiry(
            name=name,
            workflow_id=prompt.workflow_id,
            seat=by.id,
            last=True,
            started=clock.now(),
            question=partial(_question, prompt=prompt, name=name, by=by),
            scopes=Scopes(key_id=key_of(by.id)),
            follower=follower,
        )
        answered = _known(await self.asking.ask(inquiry))
        asks = answered.answer.pause
        return Told(
            answer=answered.answer,
            workflow_id=answered.workflow.id,
            degraded=not answered.first,
            asks=asks.fields[0] if asks else None,
            seconds=clock.monotonic() - began,
        )

    async def _named(self, name: str, by: Actor) -> str:
        if by.accounts is None:
            found = await self.asking.workflows.named(name)
        else:
            found = await self.db.read(workflows.named, name, account_ids=by.accounts)
        if not found:
            raise NotFound("completion.no_model", model=name)
        if len(found) > 1:
            raise Invalid("completion.shared_name", model=name)
        return found[0]


def _known(outcome: Outcome) -> Answered:
    """What clients of plain models expect: whatever the model said, and why it ended there."""
    if isinstance(outcome, Answered):
        return outcome
    if isinstance(outcome, Lost) and outcome.unfinished is not None:
        return outcome.unfinished
    raise outcome.error


def _question(workflow: Workflow, *, prompt: Prompt, name: str, by: Actor) -> Question:
    """Told in no chat of the service's, whoever remembers otherwise: the caller says what was said before."""
    return Question(
        turn_id=name,
        conversation=None,
        user=prompt.user or by.id,
        messages=told_all(workflow, prompt.messages),
        variables={**workflow.variables, **prompt.variables},
        request_id=by.request_id,
    )
