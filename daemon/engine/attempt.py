"""One attempt at a job: its handler runs until it ends or is cut off, and whatever it does becomes an outcome."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog
from attrs import define, field, frozen

from daemon.domain.job import Job
from daemon.engine.lifecycle import (
    Cancelled,
    Failed,
    Handler,
    Interrupted,
    Outcome,
    Result,
    Snooze,
    TimedOut,
)
from daemon.engine.timers import Timers
from daemon.errors import (
    OutcomeUnknown,
    QiaodError,
    RateLimited,
    RemoteLimited,
    RemoteNonsense,
    RemoteUnavailable,
    Unavailable,
)
from daemon.limits.retry import Retry
from daemon.store.tx import Tx

log = structlog.get_logger()

UNSAID = timedelta(seconds=15)  # where a service limits us and does not say for how long: most limits are by the minute


@frozen(kw_only=True)
class Lane:
    """What has the work of one kind done: by whom, how much at once, and how often."""

    name: str
    handler: Handler
    concurrency: int
    retry: Retry
    timeout: timedelta  # of one attempt: then the handler is cancelled, and the job released once its task has ended
    dismiss: Callable[[Tx, Job], None] | None = None  # the rest of a cancelled job's end, in the same transaction
    bury: Callable[[Tx, Job], None] | None = None  # the same of one that died; its `last_error` says of what


@define(eq=False)
class Attempt:
    """Runs in a task of its own. `cut_off` ends it early: a result that still comes counts, an error does not."""

    job: Job
    lane: Lane
    cut: Interrupted | TimedOut | Cancelled | None = None
    _task: asyncio.Task[object] | None = field(default=None, init=False)  # while the handler runs
    _over: bool = field(default=False, init=False)

    def cut_off(self, why: Interrupted | TimedOut | Cancelled) -> None:
        """The first reason stays; one that comes after the handler's end comes too late."""
        if self.cut is not None or self._over:
            return
        self.cut = why
        if self._task is not None:
            self._task.cancel()

    async def run(self, timers: Timers) -> Outcome:
        early = self.cut
        if early is not None:  # before it began
            return early
        self._task = task = asyncio.current_task()
        assert task is not None
        alarm = timers.call_later(self.lane.timeout.total_seconds(), partial(self.cut_off, TimedOut(self.lane.timeout)))
        try:
            return await self._handled()
        except asyncio.CancelledError as error:
            if self.cut is None and task.cancelling():
                raise  # not by us: the loop is closing
            return self.cut or self._crashed(error)
        except BaseException as error:  # also SystemExit and its like: no handler ends the daemon
            return self.cut or self._failure(error)
        finally:
            self._over, self._task = True, None
            timers.cancel(alarm)
            while self.cut is not None and task.cancelling():
                task.uncancel()  # the end is still to be written

    async def _handled(self) -> Result:
        # For all the rest of this task: the line that says how the attempt ended belongs to the request too.
        request = {} if self.job.request_id is None else {"request_id": self.job.request_id}
        structlog.contextvars.bind_contextvars(job=self.job.id, **request)
        result: object = await self.lane.handler(self.job)
        if not isinstance(result, Result):
            raise TypeError(f"the handler of lane {self.lane.name} returned {type(result).__name__}")
        return result

    def _failure(self, error: BaseException) -> Result:
        return failure(error) if isinstance(error, QiaodError) else self._crashed(error)

    def _crashed(self, error: BaseException) -> Failed:
        log.error("job.crashed", job=self.job.id, lane=self.lane.name, exc_info=error)
        return crash(error)


def failure(error: QiaodError) -> Result:
    """What a handler's error says about its job."""
    match error:
        case RateLimited() | Unavailable():
            return Snooze(error.retry_after, reason=error.code)
        case RemoteLimited():
            return Snooze(UNSAID if error.retry_after is None else error.retry_after, reason=error.code)
        case RemoteUnavailable() | RemoteNonsense() | OutcomeUnknown():
            return Failed(f"{error.code}: {error}")
        case _:
            return Failed(f"{error.code}: {error}", final=True)


def crash(error: BaseException) -> Failed:
    """A bug, perhaps of this moment only. Its text stays in the log, where secrets are taken out."""
    return Failed(f"job.crashed: {type(error).__name__}")
