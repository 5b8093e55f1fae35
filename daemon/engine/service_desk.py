"""What people do with a workflow at its service: check it, look through its chats, rate and stop answers."""

from collections.abc import Mapping

import structlog
from attrs import define, evolve

from daemon.domain.access import Actor
from daemon.domain.chat import Chat, ChatRecord
from daemon.domain.checkup import Finding
from daemon.domain.job import JobId
from daemon.domain.turn import Feedback, Turn, TurnState
from daemon.domain.workflow import Provider, Workflow
from daemon.engine.jobs import Jobs
from daemon.engine.ports import ServiceDesk
from daemon.engine.turn_steps import LANE
from daemon.engine.workflows import WorkflowDraft, Workflows
from daemon.errors import Conflict, Forbidden, NotFound
from daemon.store import audit, jobs, turns, workflows
from daemon.store.database import Database
from daemon.store.tx import Tx

log = structlog.get_logger()

PRAISE, COMPLAINT = "yes", "no"  # what a bare thumb says where no words were given


@define
class WorkflowDesk:
    db: Database
    workflows: Workflows
    desks: Mapping[Provider, ServiceDesk]
    jobs: Jobs

    async def check_draft(self, draft: WorkflowDraft) -> tuple[Finding, ...]:
        """Whether its address, key and app are right. Spends no points. Invalid where the draft itself is not right."""
        workflow = await self.workflows.drafted(draft)
        return await self.desks[workflow.provider].check(workflow, run=False, name="")

    async def check(self, workflow_id: str, *, run: bool, name: str) -> tuple[Finding, ...]:
        """`run`: a real question too, which costs points; `name`, unused before, is its chat's."""
        workflow = await self.workflows.get(workflow_id)
        findings = await self.desks[workflow.provider].check(workflow, run=run, name=name)
        log.info("workflow.checked", workflow=workflow_id, steps={one.step.value: one.found for one in findings})
        return findings

    async def chats(self, workflow_id: str, *, offset: int, limit: int) -> tuple[list[Chat], int]:
        workflow, desk = await self._at(workflow_id)
        return await desk.chats(workflow, offset=offset, limit=limit)

    async def records(self, workflow_id: str, chat: str, *, offset: int, limit: int) -> tuple[list[ChatRecord], int]:
        workflow, desk = await self._at(workflow_id)
        return await desk.records(workflow, chat, offset=offset, limit=limit)

    async def forget(self, workflow_id: str, chat: str, *, by: Actor) -> None:
        """For good, at the service."""
        workflow, desk = await self._at(workflow_id)
        await desk.forget(workflow, chat)
        await self.db.write(audit.record, by, "chat.forgotten", f"workflow:{workflow_id}", detail={"chat": chat})

    async def turn(self, turn_id: str) -> Turn:
        return await self.db.read(_turn, turn_id)

    async def rate(self, turn_id: str, feedback: Feedback, *, words: str, by: Actor) -> Turn:
        """Told to the service first: what it does not know of was not rated."""
        turn = await self.turn(turn_id)
        if turn.workflow_id is None or turn.chat is None or turn.record is None:
            raise Conflict("turn.no_record")
        workflow, desk = await self._at(turn.workflow_id)
        good = feedback is Feedback.GOOD
        told = words or (PRAISE if good else COMPLAINT)
        await desk.rate(workflow, turn.chat, turn.record, good=told if good else None, bad=None if good else told)
        await self.db.write(_rate, turn_id, feedback, by=by)
        return evolve(turn, feedback=feedback)

    async def stop(self, turn_id: str, *, by: Actor) -> Turn:
        """Its question is not answered any more; a run under way is told to stop."""
        job_id = await self.db.read(_job_of, turn_id)
        await self.jobs.cancel(job_id, by=by)
        log.info("turn.stopped", turn=turn_id, by=by.id)
        return await self.turn(turn_id)

    async def _at(self, workflow_id: str) -> tuple[Workflow, ServiceDesk]:
        workflow = await self.workflows.get(workflow_id)
        return workflow, self.desks[workflow.provider]

    async def only(self, by: Actor, *, provider: Provider | None = None) -> str:
        """The one workflow there is, of that provider or of any; NotFound where somebody has to say which."""
        found, total = await self.workflows.page(provider=provider, before=None, limit=2)
        if total != 1:
            raise NotFound("workflow.name_one", count=total)
        await self.admit(found[0].id, by)
        return found[0].id

    async def admit(self, workflow_id: str, by: Actor) -> None:
        """Forbidden to whoever is limited to accounts of which none is answered by it."""
        if by.accounts is not None and not await self.db.read(workflows.serves, workflow_id, by.accounts):
            raise Forbidden("auth.workflow")


def _turn(tx: Tx, turn_id: str) -> Turn:
    turn = turns.get(tx, turn_id)
    if turn is None:
        raise NotFound("turn.not_found", id=turn_id)
    return turn


def _rate(tx: Tx, turn_id: str, feedback: Feedback, *, by: Actor) -> None:
    turns.rate(tx, turn_id, feedback)
    audit.record(tx, by, "turn.rated", f"turn:{turn_id}", detail={"feedback": feedback})


def _job_of(tx: Tx, turn_id: str) -> JobId:
    """The open job of the turn's conversation: it has one turn at a time."""
    turn = _turn(tx, turn_id)
    job = jobs.open_twin(tx, LANE, turn.conversation_id)
    if turn.state is not TurnState.ASKING or job is None:
        raise Conflict("turn.over", state=turn.state)
    return JobId(job["id"])
