"""A turn: the waiting messages of a conversation become one question, a workflow answers, the reply is queued."""

from datetime import timedelta
from functools import partial

import structlog
from attrs import define, evolve

from daemon.codec import decode
from daemon.domain.account import Account
from daemon.domain.cost import Scopes
from daemon.domain.job import Job
from daemon.domain.workflow import Question, Workflow
from daemon.engine import pauses
from daemon.engine.accounts import Accounts
from daemon.engine.asking import Again, Answered, Asking, Inquiry, Later, Lost, Outcome
from daemon.engine.jobs import Done, Failed, Result, Snooze
from daemon.engine.media import Media
from daemon.engine.pauses import Resume
from daemon.engine.pressure import Pressure
from daemon.engine.questions import Asked, question
from daemon.engine.turn_steps import AWAITED, Args, NotYet, Reply, ask, begin, converse, fail, finish, trouble
from daemon.errors import NotFound
from daemon.store.database import Database

log = structlog.get_logger()

LOOK_AGAIN = timedelta(seconds=1)  # whether the pictures are here: one that arrives between two looks wakes us


@define
class Turns:
    """The handler of the lane `turn`. Its jobs' key is the conversation: one question at a time, in order."""

    db: Database
    accounts: Accounts
    asking: Asking
    reply: Reply
    pressure: Pressure
    media: Media

    async def __call__(self, job: Job) -> Result:
        args = decode(job.args, Args)
        try:
            account = self.accounts.get(args.account_id)
        except NotFound:
            return Done()  # removed with its conversations
        self.pressure.admit_work()
        asked = await self.db.write(begin, account, job, media_wait=self.media.terms.wait)
        if asked is None:
            return Done()
        if isinstance(asked, NotYet):
            return Snooze(min(asked.left, LOOK_AGAIN), reason=AWAITED)
        if asked.too_late(self.db.clock.now(), self.asking.retry.age):
            return self._give_up(account, asked, asked.turn.error or "turn.too_late", asked.turn.detail or "")
        if asked.pause is None:
            asked = evolve(asked, attachments=await self.media.attachments(asked.media))
            return await self._asked(account, asked, attempt=job.attempts)
        step = pauses.reply(asked.pause, asked.said)
        if isinstance(step, Resume):
            return await self._asked(account, evolve(asked, content=step.content), attempt=job.attempts)
        pause = step.pause if isinstance(step, pauses.AskNext) else None
        log.info("turn.asked_back", turn=asked.turn.id, over=pause is None)
        return Done(partial(converse, account=account, asked=asked, pause=pause, text=step.text, reply=self.reply))

    async def _asked(self, account: Account, asked: Asked, *, attempt: int) -> Result:
        assert account.workflow_id is not None  # an account without one begins no turn
        turn = asked.turn

        def told(workflow: Workflow) -> Question:
            return question(asked, workflow, request_id=turn.request_id)

        outcome = await self.asking.ask(
            Inquiry(
                name=turn.id,
                workflow_id=asked.pause.workflow_id if asked.pause else account.workflow_id,
                only=asked.pause is not None,
                seat=account.id,
                attempt=attempt,
                failed_before=turn.attempts > 0 and turn.error is not None,
                started=turn.created_at,
                question=told,
                begin=partial(ask, asked=asked),
                scopes=Scopes(account_id=account.id, contact=asked.speaker),
                lost=turn.workflow_id,
            )
        )
        return self._ended(account, asked, outcome)

    def _ended(self, account: Account, asked: Asked, outcome: Outcome) -> Result:
        match outcome:
            case Answered():
                account = self.accounts.get(account.id)  # as it is by now
                return Done(partial(finish, account=account, asked=asked, answered=outcome, reply=self.reply))
            case Later(delay, error):
                return Snooze(delay, partial(trouble, turn=asked.turn, error=error), error.code)
            case Again(delay, error):
                work = partial(trouble, turn=asked.turn, error=error)
                return Failed(error.code, retry_after=delay, work=work)
            case Lost(error):
                return self._give_up(account, asked, error.code, str(error))

    def _give_up(self, account: Account, asked: Asked, code: str, detail: str) -> Done:
        log.warning("turn.failed", turn=asked.turn.id, conversation=asked.conversation.id, code=code)
        return Done(partial(fail, account=account, asked=asked, code=code, detail=detail, reply=self.reply))
